/**
 * What trackers see of their connection (connection.ts): facts, and calls that they may make. Types
 * only.
 */
import type { Inherited, Role, Span } from "../../protocols/protocol.ts";
import type { Proxy } from "../record/record.ts";
import type { Handshake } from "./handshake.ts";
import type { ConnLog, LogSubject } from "./conn_log.ts";

/** What one protocol leaves to the next, on the socket or in its plain text. */
export interface Bequest {
  readonly to: string;
  readonly role: Role;
  readonly inherited: Inherited;
}

export interface TrackedConnection extends LogSubject {
  readonly local: string;
  readonly remote: string;
  readonly localPort: number;
  readonly remotePort: number;
  /** connect() or accept() was seen. */
  readonly roleHint: Role | null;
  /** Known to have moved bytes before its first event. */
  readonly isOld: boolean;
  /** Whether it is older than its first event cannot be known. */
  readonly isUntold: boolean;
  /** It began during the trace, but its ENTRY_OPEN was lost. */
  readonly isUnopened: boolean;
  /** Its socket is not known: plain text of a TLS session that uses none itself. */
  readonly isUnbound: boolean;
  /** The addresses that a PROXY header named. */
  readonly proxy: Proxy | undefined;
  readonly log: ConnLog | null;
  readonly handshake: Handshake;
  /** From its first event to its last, and who moved bytes on it last. */
  span(): Span;
  /** Asks the kernel side to go on sending its payload. */
  keep(): void;
  /** Takes the addresses that a PROXY header named. */
  proxyLearnt(proxy: Proxy): void;
  /** The socket's bytes are TLS from here on: `bequest` is for the plain-text stream inside. */
  bequeath(bequest: Bequest): void;
}
