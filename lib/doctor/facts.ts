/**
 * What the doctor knows when it judges: facts of /proc and sock_diag, of the events, and of what the
 * trackers made of them. Types only.
 */
import type { Side } from "../../protocols/protocol.ts";

/** One of the traced processes. */
export interface ProcessFacts {
  readonly pid: number;
  readonly comm: string;
  readonly threads: number;
  /** A 32-bit program: its system calls are not decoded. */
  readonly is32Bit: boolean;
  /** As in /proc/PID/ns: "net:[4026531840]". */
  readonly netNamespace: string;
  /** Files of TLS libraries that it has mapped. */
  readonly tlsLibraries: readonly string[];
  /** Descriptors of io_uring instances. */
  readonly uringFds: readonly number[];
}

/** A descriptor that is a socket. */
export interface SocketFact {
  readonly pid: number;
  readonly fd: number;
  readonly inode: number;
  /** "other": of a family that is not traced (netlink, packet, vsock and the like). */
  readonly family: "tcp" | "udp" | "unix" | "other";
  /** Of unix sockets. */
  readonly type: "stream" | "datagram" | "seqpacket";
  readonly listening: boolean;
  readonly local: string;
  readonly remote: string;
}

/** A descriptor that is no socket. */
export interface FileFact {
  readonly pid: number;
  readonly fd: number;
  /** "/var/log/x", "pipe:[123]", "/dev/null". */
  readonly target: string;
  /** Where it is read or written next; 0 for pipes. */
  readonly position: number;
}

/** Bytes that system calls like read() and write() moved on any descriptor (/proc/PID/io). */
export interface IoBytes {
  readonly read: number;
  readonly written: number;
}

/** State of the processes at one moment. */
export interface Snapshot {
  readonly processes: readonly ProcessFacts[];
  readonly sockets: readonly SocketFact[];
  readonly files: readonly FileFact[];
  readonly io: ReadonlyMap<number, IoBytes>;
  /** By inode, of TCP; null when sock_diag could not be asked. */
  readonly moved: ReadonlyMap<number, IoBytes> | null;
}

/** What was seen of one direction of a connection. */
export interface DirectionFacts {
  /** Stream position of the first byte seen; -1 before that. */
  start: number;
  /** Moved, by the operations' own count. */
  bytes: number;
  /** How many of them came here as payload. */
  payloadBytes: number;
  operations: number;
  /** Its first bytes, as far as their payload came. */
  head: Uint8Array;
  /** How many bytes of `head` can be shown; absent: all, none was taken for a secret. */
  headShown?: number;
}

/** Bytes that were no frame of their protocol: the first ones of each side and reason. */
export interface InvalidFact {
  readonly side: Side;
  readonly reason: string;
  /** Offset in the stream of that side, counted from the first byte seen. */
  readonly position: number;
  /** The bytes that can be shown, and how many cannot. */
  readonly bytes: Uint8Array;
  readonly withheld?: number;
  count: number;
}

/** One connection, from its events and from what its tracker told. */
export interface ConnFacts {
  readonly conn: number;
  readonly pids: Set<number>;
  readonly fds: Set<number>;
  comm: string;
  readonly family: "inet" | "unix";
  readonly isDatagram: boolean;
  local: string;
  remote: string;
  localPort: number;
  remotePort: number;
  /** 0 when not known. */
  inode: number;
  /** The connection had moved nothing before its first event. */
  fresh: boolean;
  readonly egress: DirectionFacts;
  readonly ingress: DirectionFacts;
  /** How often bytes went the other way than those before: at each turn a new message begins. */
  turns: number;
  lastDirection: number;
  /** Bytes not sent here, by the reason (abi.ts CUTS). */
  readonly cut: Map<string, number>;
  /** State of its tracker: "new", "probing", "parsing", "unknown" or "closed". */
  state: string;
  /** Set once decided. */
  protocol: string | null;
  role: "client" | "server" | null;
  /** Protocols that it was taken for at first, and whose parser then refused its bytes. */
  readonly refused: string[];
  tls: boolean;
  readonly frames: { request: number; response: number };
  readonly invalid: InvalidFact[];
  readonly gaps: Map<string, number>;
  resyncs: number;
  records: number;
  /** How many of these records lack one half. */
  withoutRequest: number;
  withoutResponse: number;
  readonly incomplete: Map<string, number>;
  /** Frames that wait for their other half. */
  readonly waiting: { requests: number; responses: number };
}

/** Counts of one system call. */
export interface CallFacts {
  calls: number;
  bytes: number;
}

/** A recording or packet capture that is examined in place of a process. */
export interface SavedFacts {
  readonly path: string;
  readonly format: "recording" | "pcap";
  /** Counters of the replay. */
  readonly counts: Readonly<Record<string, number>>;
  /** Packets that could not be read, in words by kind. */
  readonly notRead: readonly string[];
  /** Why reading stopped before the file's end; null when it did not. */
  readonly failure: string | null;
}

/** What the operator asked for, as a trace would filter it. */
export interface Wanted {
  readonly protocols: ReadonlySet<string> | null;
  readonly ports: readonly number[];
  readonly comm: readonly string[];
  readonly role: "client" | "server" | null;
  readonly fd: number | null;
}

/** All facts together. */
export interface DoctorFacts {
  readonly pid: number;
  readonly follow: boolean;
  readonly way: string;
  readonly seconds: number;
  /** The traced processes had all ended. */
  readonly targetsEnded: boolean;
  readonly ownNetNamespace: string;
  readonly wanted: Wanted;
  readonly before: Snapshot;
  readonly after: Snapshot;
  /** Why sock_diag could not be asked; null when it could. */
  readonly diagFailure: string | null;
  readonly connections: readonly ConnFacts[];
  /** Number of connections beyond those that are kept. */
  readonly uncounted: number;
  readonly calls: ReadonlyMap<string, CallFacts>;
  /** Bytes moved on sockets by calls that /proc/PID/io counts, too. */
  readonly socketIoBytes: number;
  /** Entries lost, by perf buffer. */
  readonly lost: ReadonlyMap<string, number>;
  /** abi.ts COUNTERS. */
  readonly counters: Readonly<Record<string, number>>;
  readonly ringBytes: number;
  /** Null when a process was watched. */
  readonly saved: SavedFacts | null;
}
