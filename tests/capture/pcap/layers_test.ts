/**
 * Layers around conversations: tunnels, tags and link types, each around the same exchange, read as
 * tshark reads it; and what cannot be read, named.
 */
import assert from "node:assert/strict";
import { Direction } from "../../../lib/capture/abi.ts";
import { describeNotRead, NotRead } from "../../../lib/capture/pcap/not_read.ts";
import {
  client,
  client6,
  concat,
  type End,
  ethernet,
  ip,
  ngPacket,
  ngSection,
  pcapFile,
  replayBytes,
  type Seen,
  server,
  server6,
  streamText,
  tcp,
  text,
  udp,
} from "../../support/pcap.ts";
import { isPossible, tshark } from "../../support/pcap_loopback.ts";
import {
  exchange,
  frame,
  geneve,
  GET,
  merged,
  OK,
  outer,
  outerHere,
  outerThere,
  outerUdp,
  vlan,
  vxlan,
  wifi,
  type Wrap,
  WRAPS,
} from "../../support/pcap_layers.ts";

const { EGRESS, INGRESS } = Direction;

function countOf(seen: readonly Seen[], kind: string): number {
  return seen.filter((event) => event.kind === kind).length;
}

/** What each connection sent and received. */
function talks(seen: readonly Seen[]): string[][] {
  return [...new Set(seen.map(({ conn }) => conn))].filter((conn) => conn > 0)
    .map((conn) => [EGRESS, INGRESS].map((direction) => streamText(seen, direction, conn)));
}

Deno.test("PcapSource reads the conversation inside of each layer", () => {
  for (const { name, linkType, wrap } of WRAPS) {
    const { seen, source } = replayBytes(pcapFile(exchange(wrap), { linkType }));
    assert.deepEqual(source.notRead(), {}, name);
    assert.deepEqual(talks(seen), [[GET, OK]], name);
    assert.equal(countOf(seen, "OPEN"), 1, name);
    assert.ok(seen.some((event) => event.local === "127.0.0.1:40000"), name);
  }
});

Deno.test({
  name: "PcapSource reads inside of each layer what tshark reads there",
  ignore: !isPossible("tshark"),
  fn: async () => {
    const known = WRAPS.filter((one) => one.tshark !== false);
    const file = concat(
      ngSection(known.map(({ linkType }) => ({ linkType }))),
      ...known.flatMap(({ wrap }, i) =>
        exchange(wrap, { path: `/${i}`, port: 40000 + i, fromMs: i * 10 }).map((packet) =>
          ngPacket(i, BigInt(packet.timeNs / 1000), packet.bytes)
        )
      ),
    );
    const fields = ["http.request.uri", "tcp.srcport"];
    const wanted = await tshark(file, "http.request", fields, ["tcp.port==8080,http"]);
    assert.equal(wanted.length, known.length);
    const { seen, source } = replayBytes(file);
    const got = seen.filter(({ kind, direction }) => kind === "DATA" && direction === EGRESS)
      .map((event) => [event.text.split(" ")[1], event.local.split(":")[1]]);
    assert.deepEqual(got, wanted);
    assert.deepEqual(source.notRead(), {});
  },
});

Deno.test("PcapSource tells equal addresses apart by VLAN, and by the tunnel's id", () => {
  const inVxlan = (vni: number): Wrap => (d, b) =>
    ethernet(outerUdp(4789, vxlan(vni, ethernet(d)), b));
  const inGre = (key: number): Wrap => (d, b) =>
    ethernet(outer(47, concat([0x20, 0, 8, 0, 0, 0, 0, key], d), b));
  const cases: { name: string; wraps: [Wrap, Wrap] }[] = [
    { name: "VLANs", wraps: [(d) => vlan(1, d), (d) => vlan(2, d)] },
    { name: "a VLAN and none", wraps: [(d) => ethernet(d), (d) => vlan(2, d)] },
    { name: "VXLANs", wraps: [inVxlan(1), inVxlan(2)] },
    { name: "keys of GRE", wraps: [inGre(1), inGre(2)] },
  ];
  for (const { name, wraps: [a, b] } of cases) {
    for (const joined of [false, true]) {
      const one = exchange(a, { path: "/one", joined });
      const two = exchange(b, { path: "/two", joined, fromMs: 0.5 });
      const { seen } = replayBytes(pcapFile(merged(one, two)));
      const [first, second] = [GET.replace("/inside", "/one"), GET.replace("/inside", "/two")];
      assert.deepEqual(talks(seen), [[first, OK], [second, OK]], `${name}, joined: ${joined}`);
    }
  }
});

Deno.test("PcapSource joins the directions of an overlay whose ids name the sender", () => {
  const wrap: Wrap = (d, b) => ethernet(outerUdp(4789, vxlan(b ? 77 : 78, ethernet(d)), b));
  for (const joined of [false, true]) {
    const { seen } = replayBytes(pcapFile(exchange(wrap, { joined })));
    assert.deepEqual(talks(seen), [[GET, OK]], `joined: ${joined}`);
  }
  const dns: End = { ...server, port: 53 };
  const packets = [
    wrap(ip(client, dns, 17, udp(client, dns, text("who?"))), false),
    wrap(ip(dns, client, 17, udp(dns, client, text("me"))), true),
  ];
  const { seen } = replayBytes(pcapFile(packets.map((bytes, i) => ({ timeNs: i, bytes }))));
  assert.deepEqual(seen.filter(({ kind }) => kind === "DATA").map((one) => [one.conn, one.text]), [
    [1, "who?"],
    [1, "me"],
  ]);
});

Deno.test("PcapSource puts the fragments of a tunnel together, and headers behind a fragment's", () => {
  const data = text("0123456789abcdefghijklmnopqrstuvwxyz");
  const whole = udp(
    outerHere,
    { ...outerThere, port: 6081 },
    geneve(3, [8, 0], [], ip(client, server, 17, udp(client, server, data))),
  );
  const parts = [[0, 48], [48, whole.length]].map(([from = 0, to]) =>
    ethernet(ip(outerHere, outerThere, 17, whole.subarray(from, to), {
      id: 9,
      fragmentOffset: from,
      moreFragments: to !== whole.length,
    }))
  );
  const inner = concat([17, 0, 1, 4, 0, 0, 0, 0], udp(client6, server6, data));
  const parts6 = [[0, 24], [24, inner.length]].map(([from = 0, to]) =>
    ethernet(ip(client6, server6, 60, inner.subarray(from, to), {
      extensions: {
        first: 44,
        bytes: [60, 0, 0, from | (to === inner.length ? 0 : 1), 0, 0, 0, 9],
      },
    }))
  );
  for (const packets of [parts, parts.toReversed(), parts6, parts6.toReversed()]) {
    const { seen, source } = replayBytes(
      pcapFile(packets.map((bytes, i) => ({ timeNs: i, bytes }))),
    );
    const got = seen.filter(({ kind }) => kind === "DATA").map((event) => event.text);
    assert.deepEqual(got, ["0123456789abcdefghijklmnopqrstuvwxyz"]);
    assert.deepEqual(source.notRead(), {});
  }
});

Deno.test("PcapSource takes datagrams to a tunnel's port that are none for what they are", () => {
  // An answer of DNS to a program that has the port by chance: its id looks like a tunnel's flags.
  for (const port of [4789, 8472, 6081, 2152]) {
    for (const first of [0x08, 0x00, 0x30]) {
      const answer = Uint8Array.from([
        first,
        0,
        0x81,
        0x83,
        0,
        1,
        0,
        0,
        0,
        0,
        0,
        0,
        1,
        0x61,
        0,
        0,
        1,
      ]);
      const bytes = ethernet(outerUdp(port, answer, false));
      const { seen, source } = replayBytes(pcapFile([{ timeNs: 0, bytes }]));
      assert.equal(countOf(seen, "DATA"), 1, `${port}`);
      assert.deepEqual(source.notRead(), {});
    }
  }
});

Deno.test("PcapSource names what it could not read, and what it need not", () => {
  const datagram = ip(client, server, 6, tcp(client, server, { seq: 1, data: text("x") }));
  const to = (protocol: number): Uint8Array => ethernet(outer(protocol, new Uint8Array(20), false));
  const protectedWifi = wifi(datagram);
  protectedWifi[1] = 0x41;
  const cases: { reason: string; bytes: Uint8Array; linkType?: number; wireBytes?: number }[] = [
    { reason: "link_type_195", linkType: 195, bytes: datagram },
    { reason: "ip_protocol_50", bytes: to(50) },
    { reason: "ip_protocol_132", bytes: to(132) },
    { reason: "ethertype_88e5", bytes: frame([0x88, 0xe5], datagram) },
    { reason: "llc_e0", bytes: frame([0, 40], concat([0xe0, 0xe0, 3], datagram)) },
    { reason: "ppp_003d", linkType: 9, bytes: concat([0xff, 3, 0, 0x3d], datagram) },
    { reason: "gre_version_2", bytes: ethernet(outer(47, concat([0, 2, 8, 0], datagram), false)) },
    { reason: "wifi_encrypted", linkType: 105, bytes: protectedWifi },
    { reason: "cut_headers", bytes: ethernet(datagram).subarray(0, 30), wireBytes: 55 },
    { reason: "cut_headers", bytes: ethernet(datagram).subarray(0, 38), wireBytes: 55 },
    { reason: "cut_headers", bytes: vlan(7, datagram).subarray(0, 15), wireBytes: 59 },
    { reason: "bad_headers", bytes: frame([8, 0], new Uint8Array(40)) },
    { reason: "bad_headers", bytes: ethernet(outer(6, new Uint8Array(20), false)) },
    {
      reason: "nested_too_deep",
      bytes: ethernet(Array(40).fill(0).reduce<Uint8Array>((d) => outer(4, d, false), datagram)),
    },
    {
      reason: "lost_fragments",
      bytes: ethernet(ip(client, server, 17, new Uint8Array(16), { moreFragments: true })),
    },
  ];
  for (const { reason, bytes, linkType, wireBytes } of cases) {
    const file = pcapFile([{ timeNs: 0, bytes, wireBytes }], { linkType });
    const { seen, source } = replayBytes(file);
    assert.deepEqual(source.notRead(), { [reason]: 1 }, reason);
    assert.equal(countOf(seen, "DATA"), 0, reason);
  }
  const quiet = [
    frame([8, 6], new Uint8Array(28)),
    frame([0x88, 0xcc], new Uint8Array(28)),
    frame([0, 38], concat([0x42, 0x42, 3], new Uint8Array(35))),
    frame([0x88, 0x64], concat([0x11, 0, 0, 9, 0, 10, 0xc0, 0x21], new Uint8Array(8))),
    to(1),
    to(2),
    to(58),
  ];
  const { source } = replayBytes(pcapFile(quiet.map((bytes, i) => ({ timeNs: i, bytes }))));
  assert.deepEqual(source.notRead(), {});
  assert.deepEqual([source.counts().not_ip, source.counts().not_tcp_or_udp], [4, 3]);
});

Deno.test("NotRead keeps a bounded number of kinds, and describeNotRead() puts them into words", () => {
  const notRead = new NotRead();
  for (let i = 0; i < 1000; i++) notRead.add(`link_type_${i}`);
  assert.equal(Object.keys(notRead.toJSON()).length, 65);
  assert.equal(notRead.toJSON().other, 1000 - 64);
  const words = describeNotRead({
    link_type_195: 12,
    ip_protocol_50: 3,
    ip_protocol_99: 1,
    cut_headers: 2,
    lost_fragments: 5,
    ethertype_88e5: 4,
  });
  assert.deepEqual(words, [
    "12 packets of link type 195 (IEEE 802.15.4)",
    "5 packets of which fragments are missing",
    "4 packets of ethertype 0x88e5 (MACsec)",
    "3 packets of IP protocol 50 (ESP)",
    "2 packets with cut headers",
    "1 packet of IP protocol 99",
  ]);
});

Deno.test("PcapSource survives mutated packets of every layer", () => {
  let seed = 11;
  const random = (below: number): number => {
    seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
    return Math.floor(seed / 4294967296 * below);
  };
  for (const { name, linkType, wrap } of WRAPS) {
    for (let i = 0; i < 40; i++) {
      const packets = exchange(wrap).map(({ timeNs, bytes }) => {
        const mutated = bytes.slice(0, random(2) === 0 ? bytes.length : random(bytes.length));
        for (let j = 0; j < 3 && mutated.length > 0; j++) {
          mutated[random(Math.min(mutated.length, 120))] = random(256);
        }
        return { timeNs, bytes: mutated, wireBytes: bytes.length };
      });
      const { seen, source } = replayBytes(pcapFile(packets, { linkType }));
      assert.equal(source.failure, null, name);
      assert.ok(seen.length < 40, name);
    }
  }
});
