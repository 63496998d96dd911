/**
 * The PROXY header, versions 1 and 2: what a proxy says of the connection that it passes on, before
 * the first byte of any protocol
 * (https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt, sections 2.1 and 2.2).
 *
 * In: the first bytes of whoever opened a connection. Out: the header's length, and the addresses that
 * it names. It keeps nothing; what stands in additional fields (TLVs) is passed over.
 */
import type { Proxy } from "../record/record.ts";
import { formatAddress } from "../wire/address.ts";
import { latin1, utf8 } from "../wire/text.ts";

/** A header that is there as a whole; `proxy` is null where it names no addresses. */
export interface ProxyHeader {
  readonly length: number;
  readonly proxy: Proxy | null;
}

const CR = 13;
const LF = 10;
/** "PROXY " */
const TEXT = new Uint8Array([0x50, 0x52, 0x4f, 0x58, 0x59, 0x20]);
/** "\r\n\r\n\0\r\nQUIT\n" */
const SIGNATURE = new Uint8Array([13, 10, 13, 10, 0, 13, 10, 0x51, 0x55, 0x49, 0x54, 10]);
/** The longest line of version 1, with its end. */
const MAX_LINE = 107;
/** Version 2: signature, version and command, family and transport, length of the rest. */
const FIXED_BYTES = 16;

const AF_INET = 2, AF_INET6 = 10;
const UNIX_PATH_BYTES = 108;

/** Null: no PROXY header begins here. "unsure": more bytes are needed to tell. */
export function readProxyHeader(bytes: Uint8Array): ProxyHeader | "unsure" | null {
  const first = bytes[0];
  if (first === undefined) return "unsure";
  if (first === TEXT[0]) return readLine(bytes);
  return first === SIGNATURE[0] ? readBinary(bytes) : null;
}

function begins(bytes: Uint8Array, pattern: Uint8Array): boolean {
  const there = Math.min(bytes.length, pattern.length);
  for (let i = 0; i < there; i++) if (bytes[i] !== pattern[i]) return false;
  return true;
}

/** "PROXY" SP ("TCP4" | "TCP6") SP source SP destination SP port SP port CRLF, or "PROXY UNKNOWN" … CRLF. */
function readLine(bytes: Uint8Array): ProxyHeader | "unsure" | null {
  if (!begins(bytes, TEXT)) return null;
  const end = bytes.subarray(0, MAX_LINE).indexOf(LF);
  if (end < 0) return bytes.length < MAX_LINE ? "unsure" : null;
  if (bytes[end - 1] !== CR) return null;
  const length = end + 1;
  const [family, source = "", destination = "", from = "", to = "", ...more] = latin1(
    bytes,
    TEXT.length,
    end - 1,
  ).split(" ");
  if (family === "UNKNOWN") return { length, proxy: null };
  if (family !== "TCP4" && family !== "TCP6") return null;
  const isSound = more.length === 0 && isPort(from) && isPort(to) &&
    isAddress(source, family) && isAddress(destination, family);
  if (!isSound) return null;
  const named = (address: string, port: string): string =>
    family === "TCP4" ? `${address}:${port}` : `[${address.toLowerCase()}]:${port}`;
  return { length, proxy: { source: named(source, from), destination: named(destination, to) } };
}

function isPort(text: string): boolean {
  return /^[0-9]{1,5}$/.test(text) && Number(text) < 65536;
}

function isAddress(text: string, family: "TCP4" | "TCP6"): boolean {
  return family === "TCP4"
    ? /^[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}$/.test(text)
    : text.includes(":") && /^[0-9a-fA-F:.]{2,45}$/.test(text);
}

function readBinary(bytes: Uint8Array): ProxyHeader | "unsure" | null {
  if (!begins(bytes, SIGNATURE)) return null;
  if (bytes.length < FIXED_BYTES) return "unsure";
  const command = bytes[12] as number;
  if (command !== 0x20 && command !== 0x21) return null;
  const length = FIXED_BYTES + u16(bytes, 14);
  if (bytes.length < length) return "unsure";
  // LOCAL: the proxy speaks for itself (a health check).
  return { length, proxy: command === 0x20 ? null : readAddresses(bytes, length) };
}

/** By family (the upper half of byte 13): both addresses, then both ports; or two paths. */
function readAddresses(bytes: Uint8Array, length: number): Proxy | null {
  const family = (bytes[13] as number) >> 4;
  if (family === 3) return readPaths(bytes, length);
  const size = family === 1 ? 4 : family === 2 ? 16 : 0;
  const ports = FIXED_BYTES + 2 * size;
  if (size === 0 || ports + 4 > length) return null;
  const named = (offset: number, port: number): string =>
    formatAddress(size === 4 ? AF_INET : AF_INET6, bytes, offset, u16(bytes, port));
  return {
    source: named(FIXED_BYTES, ports),
    destination: named(FIXED_BYTES + size, ports + 2),
  };
}

function readPaths(bytes: Uint8Array, length: number): Proxy | null {
  if (FIXED_BYTES + 2 * UNIX_PATH_BYTES > length) return null;
  return {
    source: readPath(bytes, FIXED_BYTES),
    destination: readPath(bytes, FIXED_BYTES + UNIX_PATH_BYTES),
  };
}

/** As records name unix sockets; a leading zero is that of an abstract name. */
function readPath(bytes: Uint8Array, at: number): string {
  const isAbstract = bytes[at] === 0 && bytes[at + 1] !== 0;
  const start = isAbstract ? at + 1 : at;
  const limit = at + UNIX_PATH_BYTES;
  const zero = bytes.indexOf(0, start);
  const end = zero < 0 || zero > limit ? limit : zero;
  const name = utf8(bytes, start, end) ?? latin1(bytes, start, end);
  return `unix:${isAbstract ? "@" : ""}${name}`;
}

function u16(bytes: Uint8Array, at: number): number {
  return ((bytes[at] as number) << 8) | (bytes[at + 1] as number);
}
