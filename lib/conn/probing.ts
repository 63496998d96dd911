/**
 * Looks for the protocol of a stream connection in the first bytes of both directions, and in every
 * later operation while there is none.
 *
 * In: flows that grew. Out: protocol and role, or null for now. What no protocol starts with is
 * dropped from the flows and counted as a miss; what may become a start is kept, at most PROBE_BYTES
 * of it. It starts no session, and never decides by ports alone.
 */
import type { Role, Started } from "../../protocols/protocol.ts";
import type { TrackerContext } from "./context.ts";
import { detect, type Detected, fitsAny, type Head, PROBE_BYTES } from "./detect.ts";
import type { Flow } from "./flow.ts";
import type { TrackedConnection } from "./subject.ts";

/** Operations without a match after which a connection is given up. */
const MAX_MISSES = 64;
/** Each turn drops bytes of one direction, so that there are few. */
const MAX_TURNS = 4;
const NO_HEAD: Head = { bytes: new Uint8Array(0), full: false };

export class Probing {
  /** Bytes before those at hand were not seen, or not understood. */
  isMidStream: boolean;
  /** Operations that no protocol starts with, since the beginning or startOver(). */
  #misses = 0;
  #firstSpeaker: Role | null = null;
  readonly #context: TrackerContext;
  readonly #connection: TrackedConnection;
  readonly #egress: Flow;
  readonly #ingress: Flow;

  constructor(
    context: TrackerContext,
    connection: TrackedConnection,
    egress: Flow,
    ingress: Flow,
  ) {
    this.#context = context;
    this.#connection = connection;
    this.#egress = egress;
    this.#ingress = ingress;
    this.isMidStream = connection.isOld;
  }

  get hasMissed(): boolean {
    return this.#misses > 0;
  }

  /** It was looked for often enough. */
  get isHopeless(): boolean {
    return this.#misses >= MAX_MISSES;
  }

  miss(): void {
    this.#misses++;
  }

  /** Who moves a byte now; the first one counts. */
  speaks(speaker: Role): void {
    this.#firstSpeaker ??= speaker;
  }

  /** Another protocol begins. */
  startOver(): void {
    this.#firstSpeaker = null;
    this.#misses = 0;
  }

  /** `flow` is the one that grew. */
  look(flow: Flow): Detected<Started> | null {
    const other = flow === this.#egress ? this.#ingress : this.#egress;
    for (let turn = 0; turn < MAX_TURNS; turn++) {
      const begun = this.#lookAtOperation(flow);
      if (begun !== null) return begun;
      const found = this.#detect(this.#headOf(this.#egress), this.#headOf(this.#ingress));
      if (found === "unsure") return null;
      if (found !== "no") return found;
      const head = this.#headOf(flow);
      if (head.bytes.length === 0) return null;
      if (!fitsAny(this.#context.plugins, "stream", head)) {
        this.miss();
        if (this.isHopeless || !dropTo(flow)) return null;
      } else if (other.stream.shownBytes > 0) other.stream.clear();
      else dropTo(flow);
      this.isMidStream = true;
    }
    this.clearFlows();
    return null;
  }

  clearFlows(): void {
    this.#egress.stream.clear();
    this.#ingress.stream.clear();
  }

  /**
   * Joined in the middle, what came before may be the rest of a message: looks at the operation alone.
   * Found when a message begins there; what is before it is dropped then.
   */
  #lookAtOperation(flow: Flow): Detected<Started> | null {
    const before = flow.operationStart - flow.stream.position;
    if (!this.isMidStream || before <= 0 || before >= flow.stream.shownBytes) return null;
    const bytes = flow.stream.view().subarray(before, before + PROBE_BYTES);
    const head: Head = { bytes, full: bytes.length === PROBE_BYTES };
    const isEgress = flow === this.#egress;
    const found = isEgress ? this.#detect(head, NO_HEAD) : this.#detect(NO_HEAD, head);
    if (found === "unsure" || found === "no") return null;
    flow.stream.consume(before);
    return found;
  }

  #detect(egress: Head, ingress: Head): Detected<Started> | "unsure" | "no" {
    const connection = this.#connection;
    return detect(this.#context.plugins, "stream", egress, ingress, {
      role: connection.roleHint,
      localPort: connection.localPort,
      remotePort: connection.remotePort,
      firstSpeaker: this.isMidStream ? null : this.#firstSpeaker,
    });
  }

  #headOf(flow: Flow): Head {
    const stream = flow.stream;
    while (stream.shownBytes === 0 && stream.gapBytes > 0) {
      stream.passGap();
      this.isMidStream = true;
    }
    const bytes = stream.view();
    // One that ended unsure still may be told by the other: a short request, then shutdown().
    const full = bytes.length >= PROBE_BYTES || stream.gapBytes > 0;
    return { bytes: full ? bytes.subarray(0, PROBE_BYTES) : bytes, full };
  }
}

/** Drops what no protocol starts with; true when the latest operation is left to look at. */
function dropTo(flow: Flow): boolean {
  const stream = flow.stream;
  const before = flow.operationStart - stream.position;
  if (before > 0 && before < stream.shownBytes) {
    stream.consume(before);
    return true;
  }
  stream.clear();
  return false;
}
