/**
 * What a packet capture may have around a conversation: tunnels, tags and link types, each as a
 * function that wraps an IP datagram.
 */
import {
  client,
  concat,
  type End,
  ethernet,
  ip,
  type Packet,
  server,
  Tcp,
  tcp,
  text,
  udp,
} from "./pcap.ts";

const MS = 1e6;
export const GET = "GET /inside HTTP/1.1\r\nHost: a\r\n\r\n";
export const OK = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

export const outerHere: End = { address: [10, 0, 0, 1], port: 55555 };
export const outerThere: End = { address: [10, 0, 0, 2], port: 4789 };
const outerHere6: End = { address: [0xfd, ...Array(14).fill(0), 1], port: 55555 };
const outerThere6: End = { address: [0xfd, ...Array(14).fill(0), 2], port: 6081 };

export type Wrap = (datagram: Uint8Array, isBack: boolean) => Uint8Array;

/** In an IP datagram between the tunnel's ends. */
export function outer(
  protocol: number,
  payload: Uint8Array,
  isBack: boolean,
  v6 = false,
): Uint8Array {
  const ends = v6 ? [outerHere6, outerThere6] : [outerHere, outerThere];
  const [from, to] = isBack ? ends.toReversed() : ends;
  return ip(from ?? outerHere, to ?? outerThere, protocol, payload);
}

/** As outer(), in UDP to a port: both directions name the tunnel's port as their destination. */
export function outerUdp(port: number, payload: Uint8Array, isBack: boolean): Uint8Array {
  return outer(17, udp(outerHere, { ...outerThere, port }, payload), isBack);
}

export function vxlan(vni: number, frame: Uint8Array): Uint8Array {
  return concat([8, 0, 0, 0, vni >>> 16, (vni >>> 8) & 255, vni & 255, 0], frame);
}

export function geneve(
  vni: number,
  type: number[],
  options: number[],
  inner: Uint8Array,
): Uint8Array {
  const head = [options.length / 4, 0, ...type, vni >>> 16, (vni >>> 8) & 255, vni & 255, 0];
  return concat(head, options, inner);
}

export function vlan(id: number, datagram: Uint8Array): Uint8Array {
  return concat(Array(12).fill(2), [0x81, 0, id >>> 8, id & 255, 8, 0], datagram);
}

export function frame(type: number[], payload: Uint8Array): Uint8Array {
  return concat(Array(12).fill(2), type, payload);
}

function snap(datagram: Uint8Array): Uint8Array {
  return concat([0xaa, 0xaa, 3, 0, 0, 0, 8, 0], datagram);
}

/** 802.11, quality of service, from a station to its access point. */
export function wifi(datagram: Uint8Array): Uint8Array {
  return concat([0x88, 1, 0, 0], Array(18).fill(2), [0x10, 0, 0, 0], snap(datagram));
}

function authenticated(next: number, datagram: Uint8Array): Uint8Array {
  return concat([next, 4, 0, 0, 0, 0, 0, 9, 0, 0, 0, 1], Array(12).fill(7), datagram);
}

export const WRAPS: readonly { name: string; linkType?: number; wrap: Wrap; tshark?: false }[] = [
  { name: "VXLAN", wrap: (d, b) => ethernet(outerUdp(4789, vxlan(42, ethernet(d)), b)) },
  {
    name: "VXLAN of Linux",
    wrap: (d, b) => ethernet(outerUdp(8472, vxlan(42, ethernet(d)), b)),
    tshark: false,
  },
  {
    name: "VXLAN in a VLAN, a VLAN inside",
    wrap: (d, b) => vlan(7, outerUdp(4789, vxlan(42, vlan(9, d)), b)),
  },
  {
    name: "VXLAN-GPE",
    wrap: (d, b) => ethernet(outerUdp(4790, concat([0xc, 0, 0, 1, 0, 0, 42, 0], d), b)),
  },
  {
    name: "Geneve, options",
    wrap: (d, b) =>
      ethernet(outerUdp(
        6081,
        geneve(42, [0x65, 0x58], [1, 2, 3, 1, 0, 0, 0, 0], ethernet(d)),
        b,
      )),
  },
  {
    name: "Geneve, IP",
    wrap: (d, b) => ethernet(outerUdp(6081, geneve(42, [8, 0], [], d), b)),
  },
  {
    name: "GTP",
    wrap: (d, b) =>
      ethernet(outerUdp(2152, concat([0x30, 255, 0, d.length, 0, 0, 0, b ? 1 : 2], d), b)),
  },
  { name: "GRE", wrap: (d, b) => ethernet(outer(47, concat([0, 0, 8, 0], d), b)) },
  {
    name: "GRE, checksum, key, sequence",
    wrap: (d, b) =>
      ethernet(outer(47, concat([0xb0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 1], d), b)),
    // The checksum is none.
    tshark: false,
  },
  {
    name: "GRE, key, Ethernet, over IPv6",
    wrap: (d, b) =>
      ethernet(outer(47, concat([0x20, 0, 0x65, 0x58, 0, 0, 0, 5], ethernet(d)), b, true)),
  },
  {
    name: "ERSPAN II",
    wrap: (d, b) =>
      ethernet(outer(
        47,
        concat([0x10, 0, 0x88, 0xbe, 0, 0, 0, 1, 0x10, 0, 0, 1, 0, 0, 0, 0], ethernet(d)),
        b,
      )),
  },
  {
    name: "PPTP",
    wrap: (d, b) =>
      ethernet(outer(
        47,
        concat([0x30, 1, 0x88, 0x0b, 0, 0, 0, b ? 1 : 2, 0, 0, 0, 1, 0xff, 3, 0, 0x21], d),
        b,
      )),
  },
  { name: "IP in IP", wrap: (d, b) => ethernet(outer(4, d, b)) },
  { name: "IP in IPv6", wrap: (d, b) => ethernet(outer(4, d, b, true)) },
  { name: "EtherIP", wrap: (d, b) => ethernet(outer(97, concat([0x30, 0], ethernet(d)), b)) },
  {
    name: "authentication header",
    wrap: (d, b) => ethernet(outer(51, authenticated(4, d), b)),
  },
  {
    name: "MPLS",
    wrap: (d, b) => frame([0x88, 0x47], concat([0, 1, 0, 64, 0, b ? 2 : 3, 1, 64], d)),
  },
  {
    name: "MPLS, pseudowire with control word",
    wrap: (d) => frame([0x88, 0x47], concat([0, 1, 1, 64, 0, 0, 0, 0], ethernet(d))),
  },
  {
    name: "MPLS, pseudowire",
    wrap: (d) => frame([0x88, 0x47], concat([0, 1, 1, 64], ethernet(d))),
    tshark: false,
  },
  { name: "MPLS in IP", wrap: (d, b) => ethernet(outer(137, concat([0, 1, 1, 64], d), b)) },
  {
    name: "PPPoE",
    wrap: (d) => frame([0x88, 0x64], concat([0x11, 0, 0, 9, 0, d.length + 2, 0, 0x21], d)),
  },
  { name: "LLC and SNAP", wrap: (d) => frame([0, d.length + 8], snap(d)) },
  {
    name: "provider backbone",
    wrap: (d) => frame([0x88, 0xe7], concat([0, 0, 0, 77], ethernet(d))),
  },
  { name: "three VLAN tags", wrap: (d) => ethernet(d, [0x88a8, 0x8100, 0x8100]) },
  { name: "802.11", linkType: 105, wrap: wifi },
  {
    name: "802.11 with radiotap",
    linkType: 127,
    wrap: (d) => concat([0, 0, 8, 0, 0, 0, 0, 0], wifi(d)),
  },
  {
    name: "802.11 with PPI",
    linkType: 192,
    wrap: (d) => concat([0, 0, 8, 0, 105, 0, 0, 0], wifi(d)),
  },
  {
    name: "802.11 with AVS",
    linkType: 163,
    wrap: (d) => concat([0x80, 0x21, 0x10, 1, 0, 0, 0, 64], Array(56).fill(0), wifi(d)),
  },
  { name: "PPP", linkType: 9, wrap: (d) => concat([0xff, 3, 0, 0x21], d) },
  { name: "PPP without HDLC", linkType: 9, wrap: (d) => concat([0, 0x21], d) },
  { name: "PPP compressed", linkType: 9, wrap: (d) => concat([0x21], d) },
  { name: "PPP in HDLC", linkType: 50, wrap: (d) => concat([0xff, 3, 0, 0x21], d) },
  {
    name: "PPP with direction",
    linkType: 204,
    wrap: (d, b) => concat([b ? 0 : 1, 0xff, 3, 0, 0x21], d),
  },
  { name: "Cisco HDLC", linkType: 104, wrap: (d) => concat([0x0f, 0, 8, 0], d) },
  {
    name: "PPPoE link",
    linkType: 51,
    wrap: (d) => concat([0x11, 0, 0, 9, 0, d.length + 2, 0, 0x21], d),
  },
  { name: "RFC 1483", linkType: 100, wrap: snap },
  { name: "FDDI", linkType: 10, wrap: (d) => concat([0x50], Array(12).fill(2), snap(d)) },
  {
    name: "PFLOG",
    linkType: 117,
    wrap: (d) => concat([61, 2, 0, 0], Array(60).fill(0), d),
    tshark: false,
  },
  { name: "ENC", linkType: 109, wrap: (d) => concat([2, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 0], d) },
  {
    name: "NFLOG",
    linkType: 239,
    wrap: (d) => concat([2, 0, 0, 0, 8, 0, 1, 0, 8, 0, 1, 0], [d.length + 4, 0, 9, 0], d),
  },
  { name: "IP over 1394", linkType: 138, wrap: (d) => concat(Array(16).fill(2), [8, 0], d) },
  {
    name: "cooked, LLC",
    linkType: 113,
    wrap: (d) => concat([0, 0, 3, 4, 0, 6, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4], snap(d)),
  },
  {
    name: "MPLS in VXLAN in GRE in a VLAN",
    wrap: (d, b) =>
      vlan(
        3,
        outer(
          47,
          concat(
            [0, 0, 8, 0],
            outerUdp(4789, vxlan(1, frame([0x88, 0x47], concat([0, 1, 1, 9], d))), b),
          ),
          b,
        ),
      ),
  },
];

interface ExchangeOptions {
  path?: string;
  /** The client's first number. */
  isn?: number;
  port?: number;
  fromMs?: number;
  /** Without SYNs: joined in the middle. */
  joined?: boolean;
}

/** One exchange over TCP, all of it as `wrap` has it. */
export function exchange(wrap: Wrap, options: ExchangeOptions = {}): Packet[] {
  const { path = "/inside", isn = 1000, port = client.port, fromMs = 0, joined } = options;
  const request = text(GET.replace("/inside", path));
  const here = { ...client, port };
  const ack = isn + 1 + request.length;
  const segments: [End, End, Parameters<typeof tcp>[2]][] = [
    [here, server, { seq: isn, flags: Tcp.SYN }],
    [server, here, { seq: 5000, ack: isn + 1, flags: Tcp.SYN | Tcp.ACK }],
    [here, server, { seq: isn + 1, ack: 5001, data: request }],
    [server, here, { seq: 5001, ack, data: text(OK) }],
  ];
  return segments.slice(joined === true ? 2 : 0).map(([from, to, value], i) => ({
    timeNs: (fromMs + i) * MS,
    bytes: wrap(ip(from, to, 6, tcp(from, to, value)), from === server),
  }));
}

/** By time. */
export function merged(...lists: Packet[][]): Packet[] {
  return lists.flat().toSorted((a, b) => a.timeNs - b.timeNs);
}
