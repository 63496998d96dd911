/**
 * Finds the protocol that a stream connection speaks.
 *
 * In: both directions' bytes, which stay in their streams until a probe takes them. Out: a protocol and
 * a role, or that none fits. Bytes with which no protocol begins are dropped; the first message found
 * then may not be the connection's first: `midStream`. A PROXY header in front is read and taken off.
 */
import type { IncompleteReason, Started } from "../../protocols/protocol.ts";
import type { BothDirections } from "./both_directions.ts";
import { detect, type Detected, fitsAny, type Head, MAX_MISSES, PROBE_BYTES } from "./detect.ts";
import type { Role, TrackerContext } from "./context.ts";
import type { OneDirection } from "./one_direction.ts";
import type { Start } from "../stitch/pairing.ts";
import { incompleteOfGap } from "../stream/gap.ts";
import { readProxyHeader } from "./proxy_header.ts";
import type { TrackedConnection } from "./subject.ts";

const NO_HEAD: Head = { bytes: new Uint8Array(0), full: false };

/** "hopeless": no more of the connection need be looked at. */
export type Told = Detected<Started> | "unsure" | "hopeless";

export class Prober {
  /** Bytes before the first message were not seen, or not understood. */
  midStream: boolean;
  /** Why they were not seen. */
  unseen: IncompleteReason = "mid_stream";
  /** Operations that no protocol begins with. */
  misses = 0;
  readonly #context: TrackerContext;
  readonly #connection: TrackedConnection;
  readonly #both: BothDirections;
  /** The role of the traced process if the first byte was a request's. */
  #firstSpeaker: Role | null = null;
  /** Nothing was taken off yet, so a PROXY header may come first. */
  #isAtStart = true;

  constructor(
    context: TrackerContext,
    connection: TrackedConnection,
    both: BothDirections,
  ) {
    this.#context = context;
    this.#connection = connection;
    this.#both = both;
    this.midStream = connection.isOld;
  }

  /** Who spoke first, where that was seen. */
  get firstSpeaker(): Role | null {
    return this.midStream ? null : this.#firstSpeaker;
  }

  /** Notes that bytes moved in that direction. */
  spoke(direction: OneDirection): void {
    this.#firstSpeaker ??= direction === this.#both.egress ? "client" : "server";
  }

  /** What was seen of the connection's beginning, for Pairing. */
  get start(): Start {
    if (!this.midStream && this.#connection.isUnopened) {
      this.midStream = true;
      this.unseen = "lost_events";
    }
    if (this.midStream) return "joined";
    // A unix socket that looks fresh may be older all the same: pairing must be careful.
    return this.#connection.isUntold ? "untold" : "seen";
  }

  /** The next bytes are the first of their protocol. */
  handOver(): void {
    this.midStream = false;
    this.unseen = "mid_stream";
  }

  /** From here on the bytes are probed like those of a new connection. */
  startOver(): void {
    this.handOver();
    this.misses = 0;
    this.#firstSpeaker = null;
    this.#isAtStart = true;
    const both = [this.#both.egress, this.#both.ingress].filter(({ stream }) =>
      stream.shownBytes > 0
    );
    const first = both.sort((a, b) => a.stream.frontNs - b.stream.frontNs)[0];
    if (first !== undefined) this.spoke(first);
  }

  /** Looks at both directions' bytes, after that direction's stream grew. */
  look(direction: OneDirection): Told {
    const { plugins } = this.#context;
    const other = this.#both.other(direction);
    // Each turn drops bytes of one direction; four are enough.
    for (let turn = 0; turn < 4; turn++) {
      if (!this.#takeProxyHeader()) return "unsure";
      const found = this.#lookAtOperation(direction) ??
        this.#detect(this.#headOf(this.#both.egress), this.#headOf(this.#both.ingress));
      if (found !== "no") return found;
      const head = this.#headOf(direction);
      if (head.bytes.length === 0) return "unsure";
      this.midStream = true;
      if (!fitsAny(plugins, "stream", head)) {
        if (++this.misses >= MAX_MISSES) return "hopeless";
        if (!dropTo(direction)) return "unsure";
      } else if (other.stream.shownBytes > 0) other.stream.clear();
      else dropTo(direction);
    }
    this.#both.egress.stream.clear();
    this.#both.ingress.stream.clear();
    return "unsure";
  }

  /** What do these first bytes of both directions say? */
  detect(egress: Uint8Array, ingress: Uint8Array): Detected<Started> | "unsure" | "no" {
    return this.#detect(headOf(egress, false), headOf(ingress, false));
  }

  /** Are these first bytes a request, whatever the other direction says? */
  asks(head: Uint8Array): boolean {
    return this.#context.plugins.some(({ transports, probe }) =>
      transports.includes("stream") && probe(head, "request") === "yes"
    );
  }

  /** Takes a PROXY header off; false while more bytes are needed to tell whether there is one. */
  #takeProxyHeader(): boolean {
    if (!this.#isAtStart || this.midStream) return true;
    const { stream } = this.#firstSpeaker === "client" ? this.#both.egress : this.#both.ingress;
    const found = readProxyHeader(stream.view());
    if (found === "unsure" && stream.gapBytes === 0) return false;
    this.#isAtStart = false;
    if (found === null || found === "unsure") return true;
    stream.consume(found.length);
    if (found.proxy !== null) this.#connection.proxyLearnt(found.proxy);
    return true;
  }

  /**
   * Looks at the latest operation alone: on a connection joined in the middle, the bytes before it may
   * be the rest of a message. Null when no message begins there.
   */
  #lookAtOperation(direction: OneDirection): Detected<Started> | null {
    const before = direction.operationStart - direction.stream.position;
    if (!this.midStream || before <= 0 || before >= direction.stream.shownBytes) return null;
    const head = headOf(direction.stream.view().subarray(before), false);
    const found = direction === this.#both.egress
      ? this.#detect(head, NO_HEAD)
      : this.#detect(NO_HEAD, head);
    if (found === "unsure" || found === "no") return null;
    direction.stream.consume(before);
    return found;
  }

  #detect(egress: Head, ingress: Head): Detected<Started> | "unsure" | "no" {
    const { roleHint, localPort, remotePort } = this.#connection;
    const hints = { role: roleHint, localPort, remotePort, firstSpeaker: this.firstSpeaker };
    return detect(this.#context.plugins, "stream", egress, ingress, hints);
  }

  #headOf({ stream }: OneDirection): Head {
    while (stream.shownBytes === 0 && stream.gapBytes > 0) {
      if (!this.#connection.isOld) this.unseen = incompleteOfGap(stream.gapReason);
      stream.passGap();
      this.midStream = true;
    }
    // An ended direction may still be unsure (a short request, then shutdown()): the other may tell.
    return headOf(stream.view(), stream.gapBytes > 0);
  }
}

function headOf(bytes: Uint8Array, isCut: boolean): Head {
  const full = isCut || bytes.length >= PROBE_BYTES;
  return { bytes: full ? bytes.subarray(0, PROBE_BYTES) : bytes, full };
}

/** Drops bytes with which no protocol starts; true when the latest operation is left to look at. */
function dropTo({ operationStart, stream }: OneDirection): boolean {
  const before = operationStart - stream.position;
  if (before > 0 && before < stream.shownBytes) {
    stream.consume(before);
    return true;
  }
  stream.clear();
  return false;
}
