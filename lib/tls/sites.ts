/**
 * What to probe where: the vocabulary between what reads files and what attaches probes.
 *
 * Types only. Addresses are file offsets, as uprobes take them.
 */

export type Family = "openssl" | "boringssl" | "gnutls" | "nss" | "go" | "rustls";

/** How a probed function takes its arguments and tells its result. */
export type CallShape =
  /** `int f(SSL *, void *bytes, int size)`: a result above 0 is the count. */
  | "ssl"
  /** `int f(SSL *, void *bytes, size_t size, size_t *moved)`: when above 0, the count is `*moved`. */
  | "ssl_ex"
  /** `int f(SSL *, void *bytes, size_t size, uint64_t flags, size_t *moved)`: OpenSSL's writes from 3.3 on. */
  | "ssl_ex2"
  /** SSL_read_early_data: as ssl_ex, where 1 is success and 2 the end of early data. */
  | "early"
  /**
   * `ssize_t f(session, void *bytes, size_t size)`: a result above 0 is the count. Size and result are
   * 32 bits wide in NSPR.
   */
  | "record"
  /**
   * `(*Conn).Read/Write([]byte) (int, error)`. At the entry: rax connection, rbx bytes, rcx length; at
   * exits: rax count; at both: r14 goroutine. A goroutine whose stack has to grow passes the entry twice.
   */
  | "go"
  /**
   * rustls 0.20 to 0.23; rdi: the connection, the same for both roles.
   * Reads: rsi: of three words the second is the bytes' address, the third their count; all are taken, and
   * there is no result.
   * Writes: rsi: of four words either 0, address, count; or, when the first is not 0, an array of {address,
   * count} and its length, then from and to, a range of the joined bytes. rax: the count of these taken.
   */
  | "rustls";

export interface Site {
  readonly role: "read" | "write";
  /** These bytes come again. */
  readonly isPeek?: boolean;
  readonly shape: CallShape;
  /** File offset of the first instruction. */
  readonly entry: number;
  /** File offsets of every return, where a return probe would break the program (Go); null: a return probe. */
  readonly exits: readonly number[] | null;
  /** "SSL_read"; of an inner function without a symbol, the exported one that calls it. */
  readonly name: string;
  readonly how: "symbol" | "inner" | "pclntab" | "pattern";
}

export interface TlsCode {
  readonly family: Family;
  /** As the code says it: "OpenSSL 3.0.15", "go1.22.3". */
  readonly version?: string;
  /** No byte is seen by two of them, but for peeks. */
  readonly sites: readonly Site[];
}

/** TLS code that cannot be probed, and why. */
export interface Unreadable {
  readonly family: string;
  readonly why: string;
}

/** What a file holds. */
export interface Examined {
  readonly codes: readonly TlsCode[];
  readonly unreadable: readonly Unreadable[];
  /** Lower-case hexadecimal digits. */
  readonly buildId?: string;
}

/** Random access to a file; fewer bytes at its end, never an error for a range. */
export interface FileReader {
  readonly size: number;
  read(offset: number, length: number): Uint8Array;
}
