/**
 * Bodies: the part that is kept, and how it is shown.
 *
 * In: pieces of a body, transfer coding removed. Out: the body's fields of a message. A body of any
 * size is kept up to a bound only; with a content coding the bound is of coded bytes, because only
 * the beginning can be decoded from a beginning.
 */
import type { ProtocolOptions } from "../protocol.ts";
import { codingsOf, decodeContent } from "../../lib/wire/content_coding.ts";
import { base64, utf8, utf8CutBefore } from "../../lib/wire/text.ts";
import type { Head } from "./head.ts";
import { Name } from "./names.ts";
import type { HttpContent } from "./types.ts";
import { withholdForm } from "./withhold.ts";

/** Coded bytes kept of one body. */
const MAX_CODED_BYTES = 1024 * 1024;
/** Decoded bytes of one body; one that unfolds to more is shown in part. */
const MAX_DECODED_BYTES = 8 * 1024 * 1024;

const EMPTY = new Uint8Array(0);
const NO_CODINGS: readonly string[] = [];

export class Body {
  /** True size so far. */
  sizeBytes = 0;
  readonly codings: readonly string[];
  readonly #limit: number;
  #kept: Uint8Array = EMPTY;
  #keptBytes = 0;
  /** What comes now does not follow what is kept. */
  #isBroken = false;

  constructor(head: Head, options: ProtocolOptions) {
    this.codings = bodyCodings(head);
    this.#limit = this.codings.length === 0 || options.maxBodyBytes === 0
      ? options.maxBodyBytes
      : MAX_CODED_BYTES;
  }

  /** More of it would be kept. */
  get wantsMore(): boolean {
    return !this.#isBroken && this.#keptBytes < this.#limit;
  }

  /** The next bytes of the body: [start, end). */
  add(bytes: Uint8Array, start: number, end: number): void {
    this.sizeBytes += end - start;
    if (!this.wantsMore) return;
    const take = Math.min(end - start, this.#limit - this.#keptBytes);
    this.#reserve(take);
    this.#kept.set(bytes.subarray(start, start + take), this.#keptBytes);
    this.#keptBytes += take;
  }

  /** The next `length` bytes are not seen. */
  pass(length: number): void {
    if (length === 0) return;
    this.sizeBytes += length;
    this.#isBroken = true;
  }

  #reserve(more: number): void {
    const need = this.#keptBytes + more;
    if (need <= this.#kept.length) return;
    const grown = new Uint8Array(Math.min(this.#limit, Math.max(need, this.#kept.length * 2)));
    grown.set(this.#kept.subarray(0, this.#keptBytes));
    this.#kept = grown;
  }

  /** Writes the body's fields; the number of its own bytes that are shown, -1 when decoded. */
  show(into: HttpContent, head: Head, options: ProtocolOptions): number {
    return showBody(
      into,
      head,
      options,
      this.codings,
      this.#kept,
      0,
      this.#keptBytes,
      this.sizeBytes,
    );
  }
}

function bodyCodings(head: Head): readonly string[] {
  const isCoded = head.has(Name.CONTENT_ENCODING);
  if (!isCoded && !head.hasTransferEncoding) return NO_CODINGS;
  const codings = isCoded ? codingsOf(head.headers["content-encoding"]) : [];
  if (head.hasTransferEncoding) {
    const transfer = head.headers["transfer-encoding"];
    if (transfer !== "chunked") codings.push(...codingsOf(transfer));
  }
  return codings;
}

/** As Body.show(), of a whole body that lies in [start, end) of `bytes`. */
export function showWhole(
  into: HttpContent,
  head: Head,
  options: ProtocolOptions,
  bytes: Uint8Array,
  start: number,
  end: number,
): number {
  const codings = bodyCodings(head);
  const limit = codings.length === 0 ? options.maxBodyBytes : MAX_CODED_BYTES;
  const shown = Math.min(end, start + limit);
  return showBody(into, head, options, codings, bytes, start, shown, end - start);
}

/** `sizeBytes` of body, of which [start, end) is there. */
function showBody(
  into: HttpContent,
  head: Head,
  options: ProtocolOptions,
  codings: readonly string[],
  bytes: Uint8Array,
  start: number,
  end: number,
  sizeBytes: number,
): number {
  const isWhole = end - start === sizeBytes;
  if (codings.length > 0 && end > start && options.maxBodyBytes > 0) {
    const coded = bytes.subarray(start, end);
    const decoded = decodeContent(codings, coded, isWhole, MAX_DECODED_BYTES);
    if (typeof decoded === "object") {
      into.body_bytes = sizeBytes;
      if (decoded.complete) into.body_decoded_bytes = decoded.bytes.length;
      const { bytes: unfolded, complete } = decoded;
      showText(into, head, options, unfolded, 0, unfolded.length, complete);
      return -1;
    }
    if (decoded === "corrupt") head.note("corrupt_content_coding");
  }
  into.body_bytes = sizeBytes;
  return showText(into, head, options, bytes, start, end, isWhole);
}

function showText(
  into: HttpContent,
  head: Head,
  options: ProtocolOptions,
  bytes: Uint8Array,
  start: number,
  end: number,
  isWhole: boolean,
): number {
  const maxBytes = options.maxBodyBytes;
  const isCut = !isWhole || end - start > maxBytes;
  const cut = Math.min(end, start + maxBytes);
  if (cut > start) {
    const plain = options.showSecrets ? null : withholdForm(head, bytes, start, cut);
    if (plain === null) showBytes(into, bytes, start, cut, isCut);
    else showBytes(into, plain, 0, plain.length, isCut);
  }
  if (isCut) into.body_truncated = true;
  return cut - start;
}

function showBytes(
  into: HttpContent,
  bytes: Uint8Array,
  start: number,
  end: number,
  isCut: boolean,
): void {
  if (end === start) return;
  const text = utf8(bytes, start, isCut ? utf8CutBefore(bytes, start, end) : end);
  if (text !== null) into.body = text;
  else into.body_base64 = base64(bytes, start, end);
}
