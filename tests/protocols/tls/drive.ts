/** Drives the parser of TLS as a frame driver does, without streams: for its unit tests. */
import { Pairing } from "../../../lib/stitch/pairing.ts";
import type { ParseContext, ParseResult, Side } from "../../../protocols/protocol.ts";
import { TlsState } from "../../../protocols/tls/state.ts";
import type { TlsFrame } from "../../../protocols/tls/types.ts";

export function contextOf(side: Side, state: TlsState = stateOf()): ParseContext<TlsState> {
  return {
    side,
    transport: "stream",
    state,
    inner: null,
    ended: false,
    gapBytes: 0,
    isFound: false,
    before: [],
    pairing: new Pairing(),
  };
}

export function stateOf(maxBodyBytes = 4096): TlsState {
  return new TlsState({ maxBodyBytes, showSecrets: false });
}

export type Result = ParseResult<TlsFrame>;
