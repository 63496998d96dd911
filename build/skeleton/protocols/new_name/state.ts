/** What is remembered: of a whole trace, and of one connection. It reads no bytes. */
import type { ProtocolOptions } from "../protocol.ts";

/** What the connections of a trace share: caches, statements prepared on a server. Bounded. */
export interface NewNameTrace {
  options: ProtocolOptions;
}

/** One connection's: what earlier messages say of later ones, and a message half read. */
export interface NewNameState {
  options: ProtocolOptions;
  /** So much of a line that has no end yet was looked at, by side. */
  scannedBytes: { request: number; response: number };
}

export function createTrace(options: ProtocolOptions): NewNameTrace {
  return { options };
}

/** TODO: a second parameter, `Inherited | null`, where another protocol hands over to this one. */
export function createState({ options }: NewNameTrace): NewNameState {
  return { options, scannedBytes: { request: 0, response: 0 } };
}

/** TODO: the bytes of whatever the state keeps, lib/wire/weight.ts reckons them. */
export function heldBytes(_state: NewNameState): number {
  return 0;
}
