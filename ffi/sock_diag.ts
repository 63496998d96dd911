/**
 * What the kernel itself counts on TCP sockets (sock_diag(7)). In: a network namespace. Out: bytes
 * written and read by the applications, by the socket's inode. It sends one request a call and
 * changes nothing; it opens nothing when imported.
 *
 * A netlink socket belongs to the namespace in which it was made, so the thread enters the other one
 * for that moment only: all calls are synchronous, on one thread, and nothing else runs in between.
 */
import { BpfError } from "./bpf_error.ts";
import { cString, ERRNO_SYMBOL, errnoReader, O_CLOEXEC } from "./libc.ts";

const SYMBOLS = {
  ...ERRNO_SYMBOL,
  open: { parameters: ["buffer", "i32"], result: "i32" },
  close: { parameters: ["i32"], result: "i32" },
  setns: { parameters: ["i32", "i32"], result: "i32" },
  socket: { parameters: ["i32", "i32", "i32"], result: "i32" },
  send: { parameters: ["i32", "buffer", "usize", "i32"], result: "isize" },
  recv: { parameters: ["i32", "buffer", "usize", "i32"], result: "isize" },
} as const;

const CLONE_NEWNET = 0x40000000;
const AF_NETLINK = 16;
const SOCK_RAW = 3;
const SOCK_CLOEXEC = 0o2000000;
const NETLINK_SOCK_DIAG = 4;
const SOCK_DIAG_BY_FAMILY = 20;
const NLM_F_REQUEST = 1;
const NLM_F_DUMP = 0x300;
const NLMSG_ERROR = 2;
const NLMSG_DONE = 3;
const AF_INET = 2;
const AF_INET6 = 10;
const IPPROTO_TCP = 6;
const INET_DIAG_INFO = 2;
const STATE_LISTEN = 10;
const ALL_STATES = 0xffffffff;

/** struct nlmsghdr, struct inet_diag_req_v2, struct inet_diag_msg. */
const HEADER_BYTES = 16;
const REQUEST_BYTES = 56;
const MESSAGE_BYTES = 72;
const ANSWER_BYTES = 64 * 1024;
/** More messages than this are not one namespace's sockets. */
const MAX_ANSWERS = 4096;

/** Bytes that applications wrote to and read from one socket; a SYN may count as one. */
export interface SocketBytes {
  readonly written: number;
  readonly read: number;
}

/** Counts of every TCP socket of one network namespace. */
export interface SockDiag extends Disposable {
  tcp(): Map<number, SocketBytes>;
}

interface LibC {
  readonly symbols: Deno.DynamicLibrary<typeof SYMBOLS>["symbols"];
  errno(): number;
}

/** `namespace` is a file like /proc/PID/ns/net; null is our own. Throws BpfError. */
export function openSockDiag(namespace: string | null): SockDiag {
  const library = Deno.dlopen("libc.so.6", SYMBOLS);
  const libc: LibC = { symbols: library.symbols, errno: errnoReader(library.symbols) };
  try {
    const fd = namespace === null ? openSocket(libc) : inNamespace(libc, namespace, openSocket);
    return {
      tcp: () => new Map([...allSockets(libc, fd, AF_INET), ...allSockets(libc, fd, AF_INET6)]),
      [Symbol.dispose]: () => {
        libc.symbols.close(fd);
        library.close();
      },
    };
  } catch (error) {
    library.close();
    throw error;
  }
}

function inNamespace(libc: LibC, path: string, make: (libc: LibC) => number): number {
  const calls = libc.symbols;
  const ours = calls.open(cString("/proc/thread-self/ns/net"), O_CLOEXEC);
  const theirs = calls.open(cString(path), O_CLOEXEC);
  try {
    if (ours < 0 || theirs < 0) throw failure(libc, `Cannot open ${path}`);
    if (calls.setns(theirs, CLONE_NEWNET) < 0) throw failure(libc, `Cannot enter ${path}`);
    try {
      return make(libc);
    } finally {
      // Entered as root a moment ago: going back cannot be refused.
      calls.setns(ours, CLONE_NEWNET);
    }
  } finally {
    if (ours >= 0) calls.close(ours);
    if (theirs >= 0) calls.close(theirs);
  }
}

function openSocket(libc: LibC): number {
  const fd = libc.symbols.socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
  if (fd < 0) throw failure(libc, "Cannot open a sock_diag socket");
  return fd;
}

function allSockets(libc: LibC, fd: number, family: number): Map<number, SocketBytes> {
  const found = new Map<number, SocketBytes>();
  const request = encodeRequest(family);
  if (libc.symbols.send(fd, request, BigInt(request.length), 0) < 0) {
    throw failure(libc, "Cannot ask sock_diag");
  }
  const answer = new Uint8Array(ANSWER_BYTES);
  for (let i = 0; i < MAX_ANSWERS; i++) {
    const length = Number(libc.symbols.recv(fd, answer, BigInt(answer.length), 0));
    if (length <= 0) throw failure(libc, "Cannot read the answer of sock_diag");
    if (decodeAnswer(answer.subarray(0, length), found)) return found;
  }
  return found;
}

/** Asks for every TCP socket of that family, with struct tcp_info. */
function encodeRequest(family: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(HEADER_BYTES + REQUEST_BYTES);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, bytes.length, true);
  view.setUint16(4, SOCK_DIAG_BY_FAMILY, true);
  view.setUint16(6, NLM_F_REQUEST | NLM_F_DUMP, true);
  view.setUint8(HEADER_BYTES, family);
  view.setUint8(HEADER_BYTES + 1, IPPROTO_TCP);
  view.setUint8(HEADER_BYTES + 2, 1 << (INET_DIAG_INFO - 1));
  view.setUint32(HEADER_BYTES + 4, ALL_STATES, true);
  return bytes;
}

/** Adds the sockets of one datagram of the answer; true when it was the last one. */
export function decodeAnswer(bytes: Uint8Array, into: Map<number, SocketBytes>): boolean {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  for (let at = 0; at + HEADER_BYTES <= bytes.length;) {
    const length = view.getUint32(at, true);
    const type = view.getUint16(at + 4, true);
    if (type === NLMSG_DONE) return true;
    if (type === NLMSG_ERROR) {
      const errno = at + HEADER_BYTES + 4 <= bytes.length
        ? -view.getInt32(at + HEADER_BYTES, true)
        : 0;
      throw new BpfError("Cannot ask sock_diag", errno);
    }
    if (length < HEADER_BYTES || at + length > bytes.length) return true;
    if (type === SOCK_DIAG_BY_FAMILY) decodeSocket(view, at + HEADER_BYTES, at + length, into);
    at += (length + 3) & ~3;
  }
  return false;
}

function decodeSocket(
  view: DataView,
  start: number,
  end: number,
  into: Map<number, SocketBytes>,
): void {
  if (start + MESSAGE_BYTES > end || view.getUint8(start + 1) === STATE_LISTEN) return;
  const inode = view.getUint32(start + 68, true);
  if (inode === 0) return;
  const unread = view.getUint32(start + 56, true);
  const unacked = view.getUint32(start + 60, true);
  for (let at = start + MESSAGE_BYTES; at + 4 <= end;) {
    const length = view.getUint16(at, true);
    if (length < 4 || at + length > end) return;
    // struct tcp_info: tcpi_bytes_acked at 120, tcpi_bytes_received at 128.
    if (view.getUint16(at + 2, true) === INET_DIAG_INFO && length >= 4 + 136) {
      into.set(inode, {
        written: Number(view.getBigUint64(at + 4 + 120, true)) + unacked,
        read: Number(view.getBigUint64(at + 4 + 128, true)) - unread,
      });
      return;
    }
    at += (length + 3) & ~3;
  }
}

function failure(libc: LibC, action: string): BpfError {
  return new BpfError(action, libc.errno());
}
