/**
 * Runs conversations through the plug-in alone: what the driver does, in its smallest form.
 *
 * In: steps. Out: exchanges as JSON values. Each step takes one millisecond of event time.
 */
import { Pairing } from "../../../lib/stitch/pairing.ts";
import { createState, parseFrame } from "../../../protocols/dns/parse.ts";
import { stitch } from "../../../protocols/dns/stitch.ts";
import type { DnsExchange, DnsFrame } from "../../../protocols/dns/types.ts";
import type { Side, Stitched, Timed } from "../../../protocols/protocol.ts";
import { parseContext, stitchContext, timedFrame } from "../../support/contexts.ts";

export type Step = { side: Side; bytes: Uint8Array };
export const STEP_NS = 1e6;
export const TIMEOUT_NS = 5e9;

export class Conversation {
  readonly state = createState({ maxBodyBytes: 4096, showSecrets: false });
  readonly out: Stitched<DnsExchange>[] = [];
  readonly invalid: string[] = [];
  readonly pairing = new Pairing();
  nowNs = 0;
  private readonly queues: Record<Side, Timed<DnsFrame>[]> = { request: [], response: [] };
  private readonly rest: Record<Side, Uint8Array> = {
    request: new Uint8Array(0),
    response: new Uint8Array(0),
  };

  constructor(private readonly transport: "stream" | "datagram") {}

  run(steps: readonly Step[]): this {
    for (const { side, bytes } of steps) {
      this.nowNs += STEP_NS;
      if (this.transport === "datagram") this.parse(side, bytes);
      else this.rest[side] = this.parse(side, Uint8Array.from([...this.rest[side], ...bytes]));
      this.stitch(null);
    }
    return this;
  }

  stitch(ended: "closed" | "trace_end" | null): this {
    const { state, nowNs, pairing } = this;
    const context = stitchContext({ state, nowNs, pairing, requestTimeoutNs: TIMEOUT_NS, ended });
    this.out.push(...stitch(this.queues.request, this.queues.response, context));
    return this;
  }

  /** The connection ends; all exchanges. */
  end(): Stitched<DnsExchange>[] {
    return this.stitch("closed").out;
  }

  private parse(side: Side, bytes: Uint8Array): Uint8Array {
    const { state, transport } = this;
    const context = parseContext({ side, transport, state, ended: transport === "datagram" });
    while (bytes.length > 0) {
      const result = parseFrame(bytes, context);
      if (result.kind === "invalid") this.invalid.push(result.reason);
      if (result.kind !== "frame") break;
      const incomplete = result.incomplete === undefined ? [] : [result.incomplete];
      const { frame, length } = result;
      this.queues[side].push(timedFrame(frame, this.nowNs, { bytes: length, incomplete }));
      bytes = bytes.subarray(result.length);
    }
    return bytes;
  }
}

/** The exchanges of a whole conversation, and why each is incomplete. */
export function converse(transport: "stream" | "datagram", steps: readonly Step[]): unknown {
  return new Conversation(transport).run(steps).end().map(({ exchange, incomplete }) => ({
    ...exchange,
    incomplete,
  }));
}
