/**
 * TypeScript's half of bpf/abi.h: the same numbers, and the byte offset of every field.
 * tests/abi_test.ts compares each of them with what the compiler says; nothing else may repeat them.
 */

export const ABI_VERSION = 1;

export const EntryKind = {
  DATA: 1,
  OPEN: 2,
  CLOSE: 3,
  EXIT: 4,
  TICK: 5,
  LOST: 6,
  EOF: 7,
  START: 8,
  BOUND: 9,
} as const;

export const Direction = { EGRESS: 0, INGRESS: 1 } as const;

/** Index is enum operation. */
export const OPERATIONS = [
  "other",
  "read",
  "readv",
  "recvfrom",
  "recvmsg",
  "recvmmsg",
  "write",
  "writev",
  "sendto",
  "sendmsg",
  "sendmmsg",
  "sendfile",
  "splice",
  "io_uring",
  "connect",
  "accept",
  "shutdown",
  "close",
  "tls_read",
  "tls_write",
] as const;

/** Index is enum source; 0 is the socket itself. */
export const SOURCES = [
  "socket",
  "openssl",
  "boringssl",
  "gnutls",
  "nss",
  "go_tls",
  "rustls",
  "node_tls",
] as const;

/** Index is enum cut. */
export const CUTS = [
  "none",
  "snaplen",
  "unreadable",
  "unseen",
  "filtered",
  "abi",
  "passed",
] as const;

export const Cut = {
  NONE: 0,
  SNAPLEN: 1,
  UNREADABLE: 2,
  UNSEEN: 3,
  FILTERED: 4,
  ABI: 5,
  PASSED: 6,
} as const;

export const Flag = {
  TCP_POSITION: 1,
  FRESH: 2,
  CLIENT: 4,
  SERVER: 8,
  DATAGRAM: 16,
  REMOTE_NAMED: 32,
  LAST_CHUNK: 64,
} as const;

export const Family = { UNIX: 1, INET: 2, INET6: 10 } as const;

/** struct entry: bytes, and the offset of each field. */
export const ENTRY_SIZE = 120;
export const Entry = {
  size: 0,
  sequence: 4,
  time_ns: 8,
  conn: 16,
  position: 24,
  pid: 32,
  tid: 36,
  fd: 40,
  total: 44,
  offset: 48,
  length: 52,
  kind: 56,
  direction: 57,
  operation: 58,
  source: 59,
  flags: 60,
  cut: 61,
  family: 62,
  suspect: 63,
  plaintext: 64,
  local_port: 68,
  remote_port: 70,
  comm: 72,
  local: 88,
  remote: 104,
} as const;

/** struct open_names, from the end of its entry's header. */
export const OPEN_NAMES_SIZE = 240;
export const OpenNames = {
  egress_position: 0,
  ingress_position: 8,
  local_length: 16,
  remote_length: 18,
  inode: 20,
  local: 24,
  remote: 132,
} as const;

/** struct close_totals, from the end of its entry's header. */
export const CLOSE_TOTALS_SIZE = 32;
export const CloseTotals = {
  egress_position: 0,
  ingress_position: 8,
  egress_bytes: 16,
  ingress_bytes: 24,
} as const;

export const Mark = { TREE: 1, COMM: 2, TLS: 4, MEMORY: 8, NEVER: 128 } as const;
export const MAX_PORTS = 16;
export const MARKS_PER_VALUE = 64;

/** struct config, the BPF object's .rodata. */
export const CONFIG_SIZE = 68;
export const Config = {
  wanted_marks: 0,
  follow: 4,
  unfiltered: 8,
  snaplen: 12,
  cpus: 16,
  port_count: 20,
  socket_way: 24,
  io_uring: 28,
  tls: 32,
  ports: 36,
} as const;

/** Index is enum counter. */
export const COUNTERS = [
  "data_lost",
  "conn_lost",
  "filtered_port",
  "filtered_bytes",
  "unreadable",
  "state_full",
  "nested",
  "encrypted_bytes",
  "unbound",
  "tls_busy",
  "tls_unpaired",
] as const;

/** Bits of the cookie of a probe on a TLS function, above its source; and what they hold. */
export const TlsCookie = { ROLE: 8, COUNT: 16 } as const;
export const TlsRole = { READ: 0, WRITE: 1, PEEK: 2 } as const;
export const TlsCount = { RESULT: 0, AT_FOURTH: 1, AT_FIFTH: 2 } as const;

export const Verdict = { KEEP: 1, STOP: 2 } as const;

/**
 * A plain-text stream's own id is this plus SocketEvent.plaintext: for verdicts, and the `conn` of its
 * events as long as its socket is not known.
 */
export const PLAINTEXT_IDS = 2 ** 52;

/** struct judgement, a value of the map `verdicts`. */
export const JUDGEMENT_SIZE = 16;
export const Judgement = { verdict: 0, passing: 4, until: 8 } as const;
