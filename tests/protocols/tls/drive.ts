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

/** A record of that content type; `minor` of its version. */
export function record(type: number, fragment: Uint8Array | number[], minor = 3): Uint8Array {
  return Uint8Array.of(type, 3, minor, fragment.length >> 8, fragment.length & 255, ...fragment);
}

/** A handshake message. */
export function message(kind: number, body: Uint8Array | number[]): Uint8Array {
  return Uint8Array.of(kind, body.length >> 16, body.length >> 8, body.length & 255, ...body);
}

/** Two-byte numbers, one after the other. */
export function words(...values: number[]): number[] {
  return values.flatMap((value) => [value >> 8, value & 255]);
}

/** A vector: its length in so many bytes, then its bytes. */
export function vector(lengthBytes: number, ...bytes: number[]): number[] {
  const size = bytes.length;
  return [...[size >> 16, size >> 8 & 255, size & 255].slice(3 - lengthBytes), ...bytes];
}

export function extension(type: number, ...data: number[]): number[] {
  return [...words(type), ...vector(2, ...data)];
}

export function textBytes(text: string): number[] {
  return [...new TextEncoder().encode(text)];
}
