/** What parsers and stitchers are given, with usual values where a test does not care. */
import type { ParseContext, StitchContext, Timed } from "../../protocols/protocol.ts";
import { Pairing } from "../../lib/stitch/pairing.ts";

export function parseContext<S>(
  given: Pick<ParseContext<S>, "side" | "state"> & Partial<ParseContext<S>>,
): ParseContext<S> {
  return {
    transport: "stream",
    inner: null,
    ended: false,
    gapBytes: 0,
    isFound: false,
    before: [],
    pairing: new Pairing(),
    ...given,
  };
}

export function stitchContext<S>(
  given: Pick<StitchContext<S>, "state"> & Partial<StitchContext<S>>,
): StitchContext<S> {
  return {
    nowNs: 0,
    requestTimeoutNs: 30e9,
    pairing: new Pairing(),
    answering: false,
    ended: null,
    overflow: null,
    allSeen: given.ended === "closed",
    allRequests: false,
    ...given,
  };
}

/** One frame of one byte, moved by process 1 at `startNs`. */
export function timedFrame<F>(frame: F, startNs: number, given: Partial<Timed<F>> = {}): Timed<F> {
  return {
    startNs,
    endNs: startNs,
    bytes: 1,
    pid: 1,
    fd: 3,
    comm: "test",
    frame,
    incomplete: [],
    redacted: [],
    loss: null,
    stream: 0,
    unfoldedBytes: 0,
    heldBytes: 0,
    shown: false,
    ...given,
  };
}
