/**
 * The socket tables of /proc/PID/net. In: their text. Out: sockets by inode. A line that cannot be
 * parsed is skipped.
 */
import { Family } from "../capture/abi.ts";
import { formatAddress } from "../wire/address.ts";
import type { SocketFact } from "./facts.ts";

/** What the tables say of a socket. */
export type TableSocket = Omit<SocketFact, "pid" | "fd" | "inode">;

const TCP_LISTEN = "0A";
/** __SO_ACCEPTCON among the flags of a unix socket. */
const ACCEPTS = 0x10000;
const UNIX_TYPES: Readonly<Record<number, TableSocket["type"]>> = {
  1: "stream",
  2: "datagram",
  5: "seqpacket",
};

/** /proc/PID/net/{tcp,tcp6,udp,udp6}. */
export function parseInetTable(
  text: string,
  family: "tcp" | "udp",
  into: Map<number, TableSocket>,
): void {
  for (const line of text.split("\n").slice(1)) {
    const [, local = "", remote = "", state, , , , , , inode = "0"] = line.trim().split(/\s+/);
    if (!(Number(inode) > 0)) continue;
    into.set(Number(inode), {
      family,
      type: family === "tcp" ? "stream" : "datagram",
      listening: family === "tcp" && state === TCP_LISTEN,
      local: parseEnd(local),
      remote: remote.endsWith(":0000") ? "" : parseEnd(remote),
    });
  }
}

/** /proc/PID/net/unix. */
export function parseUnixTable(text: string, into: Map<number, TableSocket>): void {
  for (const line of text.split("\n").slice(1)) {
    const match = /^\S+ \S+ \S+ ([0-9A-F]+) ([0-9A-F]+) \S+ +(\d+)(?: (.*))?$/.exec(line);
    if (match === null) continue;
    const [, flags = "", type = "", inode = "", path = ""] = match;
    into.set(Number(inode), {
      family: "unix",
      type: UNIX_TYPES[parseInt(type, 16)] ?? "stream",
      listening: (parseInt(flags, 16) & ACCEPTS) !== 0,
      local: `unix:${path}`,
      remote: "",
    });
  }
}

/** "0100007F:1F90" is 127.0.0.1:8080: each group of four bytes is a little-endian number. */
function parseEnd(text: string): string {
  const [hex = "", port = ""] = text.split(":");
  const bytes = new Uint8Array(hex.length / 2);
  for (let i = 0; i < bytes.length; i++) {
    bytes[i ^ 3] = parseInt(hex.slice(2 * i, 2 * i + 2), 16);
  }
  const family = bytes.length === 4 ? Family.INET : Family.INET6;
  return formatAddress(family, bytes, 0, parseInt(port, 16));
}
