/**
 * What trackers see of their connection: facts that it learns, and what they may ask of it. Types
 * only; connection.ts is the whole.
 */
import type { Inherited, Role, Span } from "../../protocols/protocol.ts";
import type { Proxy } from "../record/record.ts";
import type { ConnLog, LogSubject } from "./conn_log.ts";

/** What one protocol left to the next: on the socket, or in its plain text. */
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
  /** Nobody can tell whether it is older than its first event. */
  readonly isUntold: boolean;
  /** It began while it was traced, and that was lost. */
  readonly isUnopened: boolean;
  /** What a PROXY header said. */
  readonly proxy: Proxy | undefined;
  readonly log: ConnLog | null;
  /** From its first event to its last, and who moved bytes on it last. */
  span(): Span;
  /** The kernel shall go on sending its payload. */
  keep(): void;
  /** A PROXY header named these. */
  proxyLearnt(proxy: Proxy): void;
  /** Its bytes are TLS from here on; what they say is the plain text's business. */
  bequeath(bequest: Bequest): void;
}
