/**
 * A head: what its first line and its fields say, and what they say about the body.
 *
 * In: what read_head.ts reads, piece by piece. Out: the same, with the names of anomalies and of what
 * was withheld. Never looks at bytes.
 */
import type { Side } from "../protocol.ts";
import { weigh } from "../../lib/wire/weight.ts";
import type { Anomaly } from "./anomalies.ts";
import type { HeaderFields } from "./types.ts";

const NOTHING: readonly never[] = [];

/** Estimated memory of a head without its texts. */
const HEAD_BYTES = 256;
/** Estimated memory of remembered fields, in multiples of their bytes. */
const MEMO_FACTOR = 8;

/** A head, and how its body is delimited. */
export class Head {
  readonly side: Side;
  method = "";
  path = "";
  status = 0;
  reason = "";
  version = "1.1";
  headers: HeaderFields;
  trailers: HeaderFields | null = null;
  redacted: readonly string[] = NOTHING;
  anomalies: Anomaly[] | null = null;
  /** Bit 1 << Name.X: the field is there. */
  seen = 0;
  /** Number of fields of unknown names. */
  unusual = 0;
  /** Value of Content-Length; -1 when absent or not usable. */
  contentLength = -1;
  /** The last transfer coding is chunked. */
  isChunked = false;
  hasTransferEncoding = false;
  #heldBytes = 0;

  constructor(side: Side, headers: HeaderFields) {
    this.side = side;
    this.headers = headers;
  }

  note(anomaly: Anomaly): void {
    if (this.anomalies === null) this.anomalies = [anomaly];
    else if (!this.anomalies.includes(anomaly)) this.anomalies.push(anomaly);
  }

  /** Bytes of memory, estimated when first asked for. */
  get heldBytes(): number {
    if (this.#heldBytes === 0) {
      this.#heldBytes = HEAD_BYTES + weigh([this.method, this.path, this.reason, this.headers]);
    }
    return this.#heldBytes;
  }

  has(name: number): boolean {
    return (this.seen & (1 << name)) !== 0;
  }
}

/** The last fields of one side of a connection: on a kept-alive one few of them change. */
export class HeadMemo {
  /** Null when there is nothing to go by. */
  head: Head | null = null;
  /** The head's text behind its first line. */
  fields = "";
  /** Those of the fields alone: a body or trailers may add to the head's own lists. */
  anomalies: readonly Anomaly[] = NOTHING;
  redacted: readonly string[] = NOTHING;

  /** Bytes of memory, a multiple of the text: short fields each take a place in a hash table. */
  get heldBytes(): number {
    return MEMO_FACTOR * this.fields.length;
  }
}
