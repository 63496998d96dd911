/**
 * From a captured packet to the conversation's own datagram, through all layers around it.
 *
 * In: a packet and its link type. Out: the innermost IP datagram that carries TCP or UDP, and the
 * scope that tells its addresses from equal ones elsewhere; or why there is none. At most MAX_LAYERS
 * are followed, however they are nested.
 */
import { Cursor, Layer, NotReadReason } from "./cursor.ts";
import type { FragmentTable } from "./fragments.ts";
import { IpDatagram, IpProtocol } from "./ip.ts";
import { afterEthertype, ethernet, llc, openLink, ppp, pppoe } from "./link.ts";
import { gre, mpls, udpTunnel } from "./tunnels.ts";
import { wifi } from "./wifi.ts";

const MAX_LAYERS = 24;
const UDP_HEAD_BYTES = 8;
/** IP protocols that carry no application's message: ICMP, IGMP, RSVP, EIGRP, OSPF, PIM, VRRP … */
const NO_MESSAGE_PROTOCOLS: readonly number[] = [1, 2, 46, 58, 59, 88, 89, 103, 112, 124];

export class Layers {
  /** The datagram that was found last. */
  readonly datagram = new IpDatagram();
  readonly #fragments: FragmentTable;
  readonly #cursor = new Cursor();
  /** After NO_MESSAGE: it was an IP packet. */
  isIp = false;

  constructor(fragments: FragmentTable) {
    this.#fragments = fragments;
  }

  /** Why nothing was found, after NOT_READ. */
  get reason(): string {
    return this.#cursor.reason;
  }

  /** Reads all layers; the end that it came to: Layer.FOUND, NO_MESSAGE, NOT_READ or WAITS. */
  read(
    linkType: number,
    bytes: Uint8Array,
    length: number,
    wireBytes: number,
    nowNs: number,
  ): number {
    const c = this.#cursor;
    c.start(bytes, length, wireBytes);
    this.isIp = false;
    let next = openLink(linkType, c);
    for (let i = 0; i < MAX_LAYERS; i++) {
      if (next < 0) return next;
      if (next === Layer.IPV4 || next === Layer.IPV6 || next === Layer.IP) next = this.#ip(nowNs);
      else next = step(next, c);
    }
    return next < 0 ? next : c.notRead(NotReadReason.TOO_DEEP);
  }

  #ip(nowNs: number): number {
    const c = this.#cursor;
    const { datagram } = this;
    if (!c.has(1)) return c.short();
    this.isIp = true;
    if (!datagram.read(c.bytes, c.at, c.end, c.wireEnd)) return c.short();
    datagram.scope = c.scope;
    if (datagram.isFragment) {
      if (!this.#fragments.complete(datagram, nowNs)) return Layer.WAITS;
      if (!datagram.passHeaders()) return c.notRead(NotReadReason.BAD);
    }
    const { protocol } = datagram;
    if (protocol === IpProtocol.TCP) return Layer.FOUND;
    c.bytes = datagram.payload;
    c.at = datagram.payloadStart;
    c.end = datagram.payloadEnd;
    c.wireEnd = datagram.payloadStart + datagram.wireBytes;
    return protocol === IpProtocol.UDP ? this.#udp() : inside(protocol, c);
  }

  #udp(): number {
    const c = this.#cursor;
    if (!c.has(UDP_HEAD_BYTES)) return Layer.FOUND;
    const port = c.uint16(2);
    c.at += UDP_HEAD_BYTES;
    return udpTunnel(c, port) ?? Layer.FOUND;
  }
}

function step(layer: number, c: Cursor): number {
  switch (layer) {
    case Layer.ETHERNET:
      return ethernet(c);
    case Layer.LLC:
      return llc(c);
    case Layer.WIFI:
      return wifi(c);
    case Layer.PPP:
      return ppp(c);
    case Layer.PPPOE:
      return pppoe(c);
    case Layer.MPLS:
    case Layer.MPLS + 1: // the number for multicast
      return mpls(c);
    default:
      return afterEthertype(layer, c);
  }
}

/** The layer inside an IP datagram, by its protocol. */
function inside(protocol: number, c: Cursor): number {
  switch (protocol) {
    case 4: // IP in IP (RFC 2003), 6in4 and IP in IPv6 (RFC 2473)
    case 41:
    case 94:
      return Layer.IP;
    case 47:
      return gre(c);
    case 97: // EtherIP (RFC 3378)
      return c.skip(2, Layer.ETHERNET);
    case 137:
      return Layer.MPLS;
    case 143: // of segment routing (RFC 8986)
      return Layer.ETHERNET;
    default:
      if (NO_MESSAGE_PROTOCOLS.includes(protocol)) return Layer.NO_MESSAGE;
      return c.notRead(`ip_protocol_${protocol}`);
  }
}
