/**
 * Runs conversations through the plug-in alone: what the driver does, in its smallest form.
 *
 * In: steps. Out: exchanges as JSON values. Each step takes one millisecond of event time.
 */
import { createState, parseFrame } from "../../../protocols/dns/parse.ts";
import { stitch } from "../../../protocols/dns/stitch.ts";
import type { DnsExchange, DnsFrame } from "../../../protocols/dns/types.ts";
import type { Side, Stitched, Timed } from "../../../protocols/protocol.ts";

export type Step = { side: Side; bytes: Uint8Array };
export const STEP_NS = 1e6;
export const TIMEOUT_NS = 5e9;

export class Conversation {
  readonly state = createState({ maxBodyBytes: 4096, showSecrets: false });
  readonly out: Stitched<DnsExchange>[] = [];
  readonly invalid: string[] = [];
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
    const context = {
      state: this.state,
      nowNs: this.nowNs,
      requestTimeoutNs: TIMEOUT_NS,
      midStream: false,
      ended,
    };
    this.out.push(...stitch(this.queues.request, this.queues.response, context));
    return this;
  }

  /** The connection ends; all exchanges. */
  end(): Stitched<DnsExchange>[] {
    return this.stitch("closed").out;
  }

  private parse(side: Side, bytes: Uint8Array): Uint8Array {
    const { state, transport } = this;
    const context = { side, transport, state, ended: transport === "datagram", gapBytes: 0 };
    while (bytes.length > 0) {
      const result = parseFrame(bytes, context);
      if (result.kind === "invalid") this.invalid.push(result.reason);
      if (result.kind !== "frame") break;
      this.queues[side].push({
        frame: result.frame,
        startNs: this.nowNs,
        endNs: this.nowNs,
        bytes: result.length,
        pid: 1,
        fd: 3,
        comm: "dig",
        incomplete: result.incomplete === undefined ? [] : [result.incomplete],
        redacted: [],
      });
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
