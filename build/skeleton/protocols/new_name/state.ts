/** What the plug-in remembers: for a whole run, and for each connection. It reads no bytes. */
import type { ProtocolOptions } from "../protocol.ts";

/** What the connections of a run share: caches, statements prepared on a server. Bounded. */
export interface NewNameTrace {
  options: ProtocolOptions;
}

/** One connection's: what earlier messages mean for later ones, and a message half read. */
export interface NewNameState {
  options: ProtocolOptions;
  /** By side: bytes of a line without end that were searched for its end already. */
  scannedBytes: { request: number; response: number };
}

export function createTrace(options: ProtocolOptions): NewNameTrace {
  return { options };
}

/** TODO: a second parameter, `Inherited | null`, where another protocol hands over to this one. */
export function createState({ options }: NewNameTrace): NewNameState {
  return { options, scannedBytes: { request: 0, response: 0 } };
}

/** TODO: the bytes of what the state keeps; lib/wire/weight.ts estimates them. */
export function heldBytes(_state: NewNameState): number {
  return 0;
}
