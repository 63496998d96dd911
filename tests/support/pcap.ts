/**
 * Packet captures made by hand, and what a replay of one says. In: packets as plain values. Out:
 * bytes of capture files; events copied out of a source. For tests only.
 */
import { Direction, EntryKind } from "../../lib/capture/abi.ts";
import type { SocketEvent } from "../../lib/capture/event.ts";
import { openReplay } from "../../lib/capture/replay.ts";
import type { ReplaySource } from "../../lib/capture/replay_source.ts";

export const Tcp = { FIN: 1, SYN: 2, RST: 4, PSH: 8, ACK: 16 } as const;

/** A captured packet, from its link layer on. */
export interface Packet {
  timeNs: number;
  bytes: Uint8Array;
  /** Bytes on the wire, when the snaplen cut it. */
  wireBytes?: number;
}

/** One end of a conversation; an address with ":" is IPv6 and is given as 16 bytes in hex pairs. */
export interface End {
  address: number[];
  port: number;
}

export const client: End = { address: [127, 0, 0, 1], port: 40000 };
export const server: End = { address: [127, 0, 0, 2], port: 8080 };
export const client6: End = { address: [...Array(15).fill(0), 1], port: 40000 };
export const server6: End = { address: [...Array(15).fill(0), 2], port: 8080 };

export function text(value: string): Uint8Array {
  return new TextEncoder().encode(value);
}

export function concat(...parts: (Uint8Array | number[])[]): Uint8Array {
  return concatAll(parts);
}

/** As concat(), for more parts than a call takes arguments. */
export function concatAll(parts: readonly (Uint8Array | number[])[]): Uint8Array {
  const out = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

const be16 = (value: number): number[] => [(value >>> 8) & 255, value & 255];
const be32 = (value: number): number[] => [...be16(value >>> 16), ...be16(value & 65535)];

export interface Segment {
  seq: number;
  ack?: number;
  flags?: number;
  data?: Uint8Array;
}

/** A TCP header with its data. */
export function tcp(from: End, to: End, segment: Segment): Uint8Array {
  const flags = segment.flags ?? Tcp.ACK;
  const head = [
    ...be16(from.port),
    ...be16(to.port),
    ...be32(segment.seq),
    ...be32(segment.ack ?? 0),
    5 << 4,
    flags,
    ...[255, 255, 0, 0, 0, 0],
  ];
  return concat(head, segment.data ?? []);
}

export function udp(from: End, to: End, data: Uint8Array): Uint8Array {
  return concat([...be16(from.port), ...be16(to.port), ...be16(data.length + 8), 0, 0], data);
}

export interface IpOptions {
  id?: number;
  /** In bytes. */
  fragmentOffset?: number;
  moreFragments?: boolean;
  /** IPv4 options, a multiple of 4 bytes. */
  options?: number[];
  /** IPv6 extension headers, and the number of the first of them. */
  extensions?: { first: number; bytes: number[] };
}

/** An IP datagram around `payload`. */
export function ip(
  from: End,
  to: End,
  protocol: number,
  payload: Uint8Array,
  options: IpOptions = {},
): Uint8Array {
  if (from.address.length === 16) {
    const { first = protocol, bytes = [] } = options.extensions ?? {};
    const length = be16(payload.length + bytes.length);
    return concat([0x60, 0, 0, 0, ...length, first, 64], from.address, to.address, bytes, payload);
  }
  const extra = options.options ?? [];
  const fragment = (options.fragmentOffset ?? 0) / 8 | (options.moreFragments ? 0x2000 : 0);
  const head = [
    0x40 | (5 + extra.length / 4),
    0,
    ...be16(20 + extra.length + payload.length),
    ...be16(options.id ?? 0),
    ...be16(fragment),
    ...[64, protocol, 0, 0],
  ];
  return concat(head, from.address, to.address, extra, payload);
}

/** Ethernet around an IP datagram, with the tags given as their ethertypes. */
export function ethernet(datagram: Uint8Array, tags: number[] = []): Uint8Array {
  const type = (datagram[0] ?? 0) >>> 4 === 6 ? 0x86dd : 0x0800;
  const tagBytes = tags.flatMap((tag) => [...be16(tag), 0, 7]);
  return concat(Array(12).fill(2), tagBytes, be16(type), datagram);
}

/** A segment in Ethernet. */
export function segment(timeNs: number, from: End, to: End, value: Segment): Packet {
  return { timeNs, bytes: ethernet(ip(from, to, 6, tcp(from, to, value))) };
}

export interface FileOptions {
  linkType?: number;
  bigEndian?: boolean;
  nanos?: boolean;
  snaplen?: number;
  /** Unix time of timeNs 0. */
  seconds?: number;
}

/** A pcap file. */
export function pcapFile(packets: readonly Packet[], options: FileOptions = {}): Uint8Array {
  const little = options.bigEndian !== true;
  const head = new DataView(new ArrayBuffer(24));
  head.setUint32(0, options.nanos === true ? 0xa1b23c4d : 0xa1b2c3d4, little);
  head.setUint16(4, 2, little);
  head.setUint16(6, 4, little);
  head.setUint32(16, options.snaplen ?? 262144, little);
  head.setUint32(20, options.linkType ?? 1, little);
  const parts: Uint8Array[] = [new Uint8Array(head.buffer)];
  for (const packet of packets) {
    const bytes = packet.bytes.subarray(0, options.snaplen ?? packet.bytes.length);
    const view = new DataView(new ArrayBuffer(16));
    const seconds = Math.floor(packet.timeNs / 1e9);
    const nanos = packet.timeNs - seconds * 1e9;
    view.setUint32(0, (options.seconds ?? 1_700_000_000) + seconds, little);
    view.setUint32(4, options.nanos === true ? nanos : Math.floor(nanos / 1000), little);
    view.setUint32(8, bytes.length, little);
    view.setUint32(12, packet.wireBytes ?? packet.bytes.length, little);
    parts.push(new Uint8Array(view.buffer), bytes);
  }
  return concatAll(parts);
}

/** The packets of a little-endian microsecond pcap file, as tcpdump writes it. */
export function readPcap(file: Uint8Array): { linkType: number; packets: Packet[] } {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  if (view.getUint32(0, true) !== 0xa1b2c3d4) throw new Error("not a little-endian pcap file");
  const packets: Packet[] = [];
  const firstSeconds = 1_700_000_000;
  for (let at = 24; at + 16 <= file.length;) {
    const length = view.getUint32(at + 8, true);
    const micros = view.getUint32(at + 4, true);
    packets.push({
      timeNs: (view.getUint32(at, true) - firstSeconds) * 1e9 + micros * 1000,
      bytes: file.slice(at + 16, at + 16 + length),
      wireBytes: view.getUint32(at + 12, true),
    });
    at += 16 + length;
  }
  return { linkType: view.getUint32(20, true), packets };
}

export interface NgInterface {
  linkType?: number;
  /** if_tsresol as it is written. */
  tsresol?: number;
  /** if_tsoffset, seconds. */
  tsoffset?: number;
}

/** One block of a pcapng file. */
export function ngBlock(type: number, body: Uint8Array, little = true): Uint8Array {
  const size = 12 + ((body.length + 3) & ~3);
  const view = new DataView(new ArrayBuffer(size));
  view.setUint32(0, type, little);
  view.setUint32(4, size, little);
  view.setUint32(size - 4, size, little);
  const out = new Uint8Array(view.buffer);
  out.set(body, 8);
  return out;
}

/** Section header and interface blocks. */
export function ngSection(interfaces: readonly NgInterface[], little = true): Uint8Array {
  const head = new DataView(new ArrayBuffer(16));
  head.setUint32(0, 0x1a2b3c4d, little);
  head.setUint16(4, 1, little);
  head.setBigInt64(8, -1n, little);
  const parts = [ngBlock(0x0a0d0d0a, new Uint8Array(head.buffer), little)];
  for (const { linkType = 1, tsresol, tsoffset } of interfaces) {
    const body = new DataView(new ArrayBuffer(8 + 8 + 12 + 4));
    body.setUint16(0, linkType, little);
    // An option that is not known comes first: it must be stepped over.
    body.setUint16(8, tsresol === undefined ? 2 : 9, little);
    body.setUint16(10, 1, little);
    body.setUint8(12, tsresol ?? 120);
    body.setUint16(16, tsoffset === undefined ? 2 : 14, little);
    body.setUint16(18, 8, little);
    body.setBigInt64(20, BigInt(tsoffset ?? 0), little);
    parts.push(ngBlock(1, new Uint8Array(body.buffer), little));
  }
  return concat(...parts);
}

/** An enhanced packet block; `units` is the time in the interface's units. */
export function ngPacket(id: number, units: bigint, bytes: Uint8Array, little = true): Uint8Array {
  const head = new DataView(new ArrayBuffer(20));
  head.setUint32(0, id, little);
  head.setUint32(4, Number(units >> 32n), little);
  head.setUint32(8, Number(units & 0xffffffffn), little);
  head.setUint32(12, bytes.length, little);
  head.setUint32(16, bytes.length, little);
  return ngBlock(6, concat(new Uint8Array(head.buffer), bytes), little);
}

/** An event, copied. */
export interface Seen {
  kind: string;
  conn: number;
  direction: number;
  position: number;
  total: number;
  cut: number;
  flags: number;
  timeNs: number;
  local: string;
  remote: string;
  text: string;
  entry: Uint8Array;
}

const KINDS = new Map<number, string>(
  Object.entries(EntryKind).map(([name, number]) => [number, name]),
);

export function copyEvent(event: SocketEvent): Seen {
  const { entryStart, entrySize, payloadStart, payloadLength, bytes } = event;
  const payload = bytes.slice(payloadStart, payloadStart + payloadLength);
  return {
    kind: KINDS.get(event.kind) ?? String(event.kind),
    conn: event.conn,
    direction: event.direction,
    position: event.position,
    total: event.totalBytes,
    cut: event.cut,
    flags: event.flags,
    timeNs: event.timeNs,
    local: event.family === 0 ? "" : event.local(),
    remote: event.family === 0 ? "" : event.remote(),
    text: event.kind === EntryKind.DATA ? new TextDecoder("latin1").decode(payload) : "",
    entry: bytes.slice(entryStart, entryStart + entrySize),
  };
}

/** Everything that a source has; it must be a file, which never has to be waited for. */
export function drainAll(source: ReplaySource): Seen[] {
  const seen: Seen[] = [];
  while (!source.ended) source.drain((event) => seen.push(copyEvent(event)));
  return seen;
}

/** Writes `bytes` to a file, replays it, removes it. */
export function replayBytes(bytes: Uint8Array): { seen: Seen[]; source: ReplaySource } {
  const path = Deno.makeTempFileSync({ suffix: ".pcap" });
  try {
    Deno.writeFileSync(path, bytes);
    using source = openReplay(path);
    return { seen: drainAll(source), source };
  } finally {
    Deno.removeSync(path);
  }
}

/** The DATA events of one direction as text; "<n>" stands for n missing bytes. */
export function streamText(seen: readonly Seen[], direction: number, conn = 1): string {
  let out = "";
  let next: number | null = null;
  for (const event of seen) {
    if (event.conn !== conn) continue;
    if (event.kind === "OPEN") {
      const at = event.entry.length - 240 + (direction === Direction.EGRESS ? 0 : 8);
      next = new DataView(event.entry.buffer).getUint32(at, true);
    }
    if (event.kind !== "DATA" || event.direction !== direction) continue;
    if (next !== null && next !== event.position) out += `<${(event.position - next) >>> 0}>`;
    out += event.text;
    if (event.total > event.text.length) out += `<${event.total - event.text.length}>`;
    next = (event.position + event.total) >>> 0;
  }
  return out;
}

/** Positions of the tests' connection: client at 1000, server at 5000, SYNs included. */
export function handshake(isn = 1000, serverIsn = 5000): Packet[] {
  return [
    segment(0, client, server, { seq: isn, flags: Tcp.SYN }),
    segment(1, server, client, {
      seq: serverIsn,
      ack: (isn + 1) >>> 0,
      flags: Tcp.SYN | Tcp.ACK,
    }),
    segment(2, client, server, { seq: (isn + 1) >>> 0, ack: (serverIsn + 1) >>> 0 }),
  ];
}

/** Bytes of the client; `at` is relative to its first byte. */
export function sent(ms: number, at: number, data: string, extra: Partial<Segment> = {}): Packet {
  const value = { seq: (1001 + at) >>> 0, ack: 5001, data: text(data), ...extra };
  return segment(ms * 1e6, client, server, value);
}

/** Bytes of the server, likewise. */
export function received(
  ms: number,
  at: number,
  data: string,
  extra: Partial<Segment> = {},
): Packet {
  const value = { seq: (5001 + at) >>> 0, ack: 1001, data: text(data), ...extra };
  return segment(ms * 1e6, server, client, value);
}
