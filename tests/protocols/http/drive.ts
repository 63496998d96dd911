/**
 * A driver small enough to be seen through, for the tests of the HTTP plug-in.
 *
 * In: steps of a conversation. Out: what the stitcher hands over, and why bytes were invalid.
 */
import assert from "node:assert/strict";
import type {
  IncompleteReason,
  Loss,
  ParseContext,
  Side,
  Stitched,
  Timed,
} from "../../../protocols/protocol.ts";
import { Pairing } from "../../../lib/stitch/pairing.ts";
import { parseContext, stitchContext, timedFrame } from "../../support/contexts.ts";
import { abandon, parseFrame } from "../../../protocols/http/parse.ts";
import { findBoundary } from "../../../protocols/http/probe.ts";
import {
  createState,
  createTrace,
  type HttpState,
  type HttpTrace,
} from "../../../protocols/http/state.ts";
import { stitch } from "../../../protocols/http/stitch.ts";
import type { HttpExchange, HttpFrame } from "../../../protocols/http/types.ts";

/** Bytes that moved, or the number of bytes that were missed. */
export interface Step {
  side: Side;
  bytes: Uint8Array | number;
}

export interface Outcome {
  exchanges: Stitched<HttpExchange>[];
  invalid: string[];
  /** Protocol after a switch; undefined without one. */
  switchTo: string | null | undefined;
  /** Most bytes a side ever had to keep. */
  peakBytes: number;
}

export interface DriveOptions {
  /** That of other connections; else this one is alone. */
  trace?: HttpTrace;
  maxBodyBytes?: number;
  showSecrets?: boolean;
  /** Bytes a piece; whole steps by default. */
  piece?: number;
  midStream?: boolean;
  /** Without it the conversation is closed at its end. */
  open?: boolean;
}

export function encode(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

export function req(text: string): Step {
  return { side: "request", bytes: encode(text) };
}

export function res(text: string): Step {
  return { side: "response", bytes: encode(text) };
}

class Lane {
  bytes: Uint8Array = new Uint8Array(0);
  gapBytes = 0;
  skipLeft = 0;
  begun = false;
  /** When the first of the bytes that are shown came. */
  frontNs = 0;
  startNs = 0;
  unitBytes = 0;
  reasons: IncompleteReason[] = [];
  resyncing = false;
  afterGap = false;
  /** Nothing of it was seen yet, and it is older. */
  isJoining = false;
  readonly queue: Timed<HttpFrame>[] = [];
  readonly context: ParseContext<HttpState>;

  constructor(side: Side, state: HttpState) {
    this.context = parseContext({ side, state });
  }
}

class Drive {
  readonly outcome: Outcome = { exchanges: [], invalid: [], switchTo: undefined, peakBytes: 0 };
  readonly state: HttpState;
  readonly lanes: Record<Side, Lane>;
  readonly pairing: Pairing;
  nowNs = 0;

  constructor(options: DriveOptions) {
    const protocolOptions = {
      maxBodyBytes: options.maxBodyBytes ?? 4096,
      showSecrets: options.showSecrets ?? false,
    };
    this.state = createState(options.trace ?? createTrace(protocolOptions));
    this.pairing = new Pairing(options.midStream === true ? "untold" : "seen");
    this.lanes = {
      request: new Lane("request", this.state),
      response: new Lane("response", this.state),
    };
    for (const lane of [this.lanes.request, this.lanes.response]) {
      lane.resyncing = options.midStream ?? false;
      lane.isJoining = lane.resyncing;
    }
  }

  feed(lane: Lane, bytes: Uint8Array): void {
    this.nowNs += 1000;
    if (lane.bytes.length === 0) lane.frontNs = this.nowNs;
    const passed = Math.min(lane.skipLeft, bytes.length);
    this.pass(lane, passed);
    lane.skipLeft -= passed;
    const joined = new Uint8Array(lane.bytes.length + bytes.length - passed);
    joined.set(lane.bytes);
    joined.set(bytes.subarray(passed), lane.bytes.length);
    lane.bytes = joined;
    this.run(lane);
  }

  gap(lane: Lane, length: number): void {
    this.nowNs += 1000;
    const passed = Math.min(lane.skipLeft, length);
    if (passed > 0) this.note(lane, "gap");
    this.pass(lane, passed);
    lane.skipLeft -= passed;
    lane.gapBytes = length - passed;
    this.run(lane);
  }

  note(lane: Lane, reason: IncompleteReason): void {
    if (!lane.reasons.includes(reason)) lane.reasons.push(reason);
  }

  pass(lane: Lane, length: number): void {
    if (!lane.begun && length > 0) {
      lane.begun = true;
      lane.context.isFound = false;
      lane.startNs = lane.frontNs;
    }
    lane.unitBytes += length;
  }

  take(lane: Lane, length: number): void {
    this.pass(lane, length);
    lane.bytes = lane.bytes.subarray(length);
    lane.frontNs = this.nowNs;
  }

  push(lane: Lane, frame: HttpFrame, redacted: readonly string[] = []): void {
    const { startNs, unitBytes, reasons, afterGap } = lane;
    const { isJoining } = lane;
    const loss: Loss | null = afterGap || isJoining
      ? {
        reason: isJoining ? "mid_stream" : "gap",
        behindRest: false,
        mayBeBoth: false,
        isWhole: !isJoining,
        isJoin: isJoining,
      }
      : null;
    const span = { endNs: this.nowNs, bytes: unitBytes };
    lane.queue.push(timedFrame(frame, startNs, { ...span, incomplete: reasons, redacted, loss }));
    lane.afterGap = false;
    lane.isJoining = false;
    this.endUnit(lane);
  }

  endUnit(lane: Lane): void {
    lane.begun = false;
    lane.unitBytes = 0;
    lane.reasons = [];
  }

  abandon(lane: Lane, reason: IncompleteReason): void {
    if (!lane.begun && lane.bytes.length === 0) return;
    this.take(lane, lane.bytes.length);
    lane.skipLeft = 0;
    this.note(lane, reason);
    const half = abandon(lane.context);
    if (half !== null) this.push(lane, half.frame, half.redacted);
    else this.endUnit(lane);
  }

  startResync(lane: Lane): void {
    lane.resyncing = true;
    lane.afterGap = true;
  }

  run(lane: Lane): void {
    this.outcome.peakBytes = Math.max(this.outcome.peakBytes, lane.bytes.length);
    const { context } = lane;
    for (let turn = 0; this.outcome.switchTo === undefined; turn++) {
      assert.ok(turn < 1e6, "the parser moves on");
      if (lane.skipLeft > 0) {
        if (context.ended) this.abandon(lane, "closed");
        return;
      }
      context.gapBytes = lane.gapBytes;
      if (lane.resyncing) {
        lane.bytes = lane.bytes.subarray(findBoundary(lane.bytes, 0, context));
        lane.resyncing = lane.bytes.length === 0;
        context.isFound = !lane.resyncing;
      }
      const ends = lane.gapBytes > 0 || context.ended;
      if (lane.bytes.length === 0 && !(lane.begun)) {
        if (lane.gapBytes > 0) this.startResync(lane);
        lane.gapBytes = 0;
        return;
      }
      const result = parseFrame(lane.bytes, context);
      switch (result.kind) {
        case "frame":
          assert.ok(result.length <= lane.bytes.length);
          assert.ok(result.length > 0 || lane.begun);
          this.take(lane, result.length);
          this.push(lane, result.frame, result.redacted);
          this.outcome.switchTo = result.next?.to;
          break;
        case "skip":
          this.skip(lane, result.length);
          break;
        case "need_more":
          assert.ok(result.minBytes > lane.bytes.length);
          if (!ends) return;
          this.abandon(lane, context.ended ? "closed" : "gap");
          if (context.ended) return;
          this.startResync(lane);
          break;
        case "invalid": {
          this.outcome.invalid.push(result.reason);
          const half = abandon(context);
          if (half !== null) this.push(lane, half.frame, half.redacted);
          this.endUnit(lane);
          lane.bytes = lane.bytes.subarray(1);
          this.startResync(lane);
          break;
        }
        default:
          assert.fail("HTTP never switches without a frame");
      }
    }
  }

  skip(lane: Lane, length: number): void {
    assert.ok(length > 0);
    const there = Math.min(length, lane.bytes.length);
    this.take(lane, there);
    let left = length - there;
    if (left > 0 && lane.gapBytes > 0) {
      const passed = Math.min(left, lane.gapBytes);
      this.note(lane, "gap");
      this.pass(lane, passed);
      lane.gapBytes -= passed;
      left -= passed;
    }
    lane.skipLeft = left;
  }

  stitch(ended: "closed" | null): void {
    const { request, response } = this.lanes;
    const { state, nowNs, pairing } = this;
    const context = stitchContext({ state, nowNs, pairing, ended });
    this.outcome.exchanges.push(...stitch(request.queue, response.queue, context));
  }
}

/** Runs a conversation; the clock moves 1000 ns a piece. */
export function drive(steps: readonly Step[], options: DriveOptions = {}): Outcome {
  const drive = new Drive(options);
  for (const { side, bytes } of steps) {
    const lane = drive.lanes[side];
    if (typeof bytes === "number") {
      drive.gap(lane, bytes);
      continue;
    }
    const piece = options.piece ?? Math.max(1, bytes.length);
    for (let at = 0; at < bytes.length; at += piece) {
      drive.feed(lane, bytes.subarray(at, at + piece));
      drive.stitch(null);
    }
  }
  if (options.open === true) return drive.outcome;
  for (const lane of [drive.lanes.request, drive.lanes.response]) {
    lane.context.ended = true;
    drive.run(lane);
  }
  drive.stitch("closed");
  return drive.outcome;
}

/** The exchanges as they would be printed. */
export function printed({ exchanges }: Outcome): HttpExchange[] {
  return exchanges.map(({ exchange }) => {
    const { request, response } = JSON.parse(JSON.stringify(exchange));
    if (response !== null) delete response.time_to_first_byte_ns;
    return { request, response };
  });
}

/** As drive(), and the same must come of it byte by byte. */
export function run(name: string, steps: Step[], maxBodyBytes = 4096): HttpExchange[] {
  const whole = printed(drive(steps, { maxBodyBytes }));
  for (const piece of [1, 2, 7]) {
    assert.deepEqual(printed(drive(steps, { maxBodyBytes, piece })), whole, `${name}, by ${piece}`);
  }
  return whole;
}
