/**
 * Bodies: the part that is kept, and how it is shown.
 *
 * In: pieces of a body, transfer coding removed. Out: the body's fields of a message. Only the
 * beginning of a body is kept, up to a bound; with a content coding the bound counts coded bytes, of
 * which the first decoded ones can be made.
 */
import type { ProtocolOptions } from "../protocol.ts";
import { codingsOf, decodeContent } from "../../lib/wire/content_coding.ts";
import { KeptBytes } from "../../lib/wire/kept_bytes.ts";
import { showField, shownNames } from "../../lib/wire/shown.ts";
import type { Head } from "./head.ts";
import { Name } from "./names.ts";
import type { HttpContent } from "./types.ts";
import { withholdForm } from "./withhold.ts";

/** Coded bytes kept of one body. */
const MAX_CODED_BYTES = 1024 * 1024;
/** Memory for each byte that is kept, measured with thousands of bodies: the allocator leaves gaps. */
const ALLOCATED = 1.5;

const NAMES = shownNames("body");
const NO_CODINGS: readonly string[] = [];

export class Body {
  /** True size so far. */
  sizeBytes = 0;
  readonly codings: readonly string[];
  readonly #kept: KeptBytes;
  /** Bytes after those kept were not seen: what comes now cannot be joined to them. */
  #isBroken = false;

  constructor(head: Head, options: ProtocolOptions) {
    this.codings = bodyCodings(head);
    this.#kept = new KeptBytes(
      this.codings.length === 0 || options.maxBodyBytes === 0
        ? options.maxBodyBytes
        : MAX_CODED_BYTES,
    );
  }

  /** Would more bytes be kept? */
  get wantsMore(): boolean {
    return !this.#isBroken && !this.#kept.isFull;
  }

  /** Bytes of memory. */
  get heldBytes(): number {
    return ALLOCATED * this.#kept.heldBytes;
  }

  /** Adds the next bytes of the body: [start, end) of `bytes`. */
  add(bytes: Uint8Array, start: number, end: number): void {
    this.sizeBytes += end - start;
    if (!this.#isBroken) this.#kept.add(bytes, start, end);
  }

  /** Counts the next `length` bytes, which are not seen. */
  pass(length: number): void {
    if (length === 0) return;
    this.sizeBytes += length;
    this.#isBroken = true;
  }

  /** Writes the body's fields and forgets the bytes; how many bytes are shown, -1 when decoded. */
  show(into: HttpContent, head: Head, options: ProtocolOptions): number {
    const { bytes, length } = this.#kept;
    const { codings, sizeBytes } = this;
    const shown = showBody(into, head, options, codings, bytes, 0, length, sizeBytes);
    this.#kept.release();
    return shown;
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

/** Writes the fields of a body of `sizeBytes`, of which [start, end) is there. */
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
    const decoded = decodeContent(codings, coded, isWhole, options.maxBodyBytes);
    if (typeof decoded === "object") {
      into.body_bytes = sizeBytes;
      if (decoded.complete) into.body_decoded_bytes = decoded.decodedBytes;
      const shown = decoded.bytes;
      const isAll = decoded.complete && shown.length === decoded.decodedBytes;
      showText(into, head, options, shown, 0, shown.length, isAll);
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
    if (plain === null) showField(into, NAMES, bytes, start, cut, isCut);
    else if (plain.length > 0) showField(into, NAMES, plain, 0, plain.length, isCut);
  }
  if (isCut) into.body_truncated = true;
  return cut - start;
}
