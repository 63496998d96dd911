/** The kernel's filter against the user-space probes: whatever a probe may want, it lets through. */
import { deepEqual, equal } from "node:assert/strict";
import { SUSPECTS } from "../../lib/capture/abi.ts";
import type { Plugin, Side } from "../../protocols/protocol.ts";
import { dns } from "../../protocols/dns/mod.ts";
import { messageShape } from "../../protocols/dns/probe.ts";
import { http } from "../../protocols/http/mod.ts";
import { redis } from "../../protocols/redis/mod.ts";
import { samples as dnsSamples } from "../protocols/dns/samples.ts";
import { samples as httpSamples } from "../protocols/http/samples.ts";
import { samples as redisSamples } from "../protocols/redis/samples.ts";
import type { Sample } from "../support/contract.ts";

const DRIVER = new URL("infer_driver.c", import.meta.url).pathname;
const HEAD_BYTES = 64;
/** Prefixes up to here are tried, one by one. */
const MAX_PREFIX = 200;
const SIDES: Side[] = ["request", "response"];

const protocols: { plugin: Plugin; samples: Sample[] }[] = [
  { plugin: http, samples: httpSamples },
  { plugin: redis, samples: redisSamples },
  { plugin: dns, samples: dnsSamples },
];

interface Head {
  name: string;
  datagram: boolean;
  bytes: Uint8Array;
}

async function run(command: string, args: string[], input?: string): Promise<string> {
  const options = { args, stdin: "piped", stdout: "piped", stderr: "piped" } as const;
  await using child = new Deno.Command(command, options).spawn();
  const writer = child.stdin.getWriter();
  const written = writer.write(new TextEncoder().encode(input ?? "")).then(() => writer.close());
  const { success, stdout, stderr } = await child.output();
  await written.catch(() => {}); // the compiler does not read it
  const decoder = new TextDecoder();
  if (!success) throw new Error(`Cannot run ${command}: ${decoder.decode(stderr)}`);
  return decoder.decode(stdout);
}

/** The verdict on each head, by the rules compiled as ordinary C. */
async function infer(heads: Head[]): Promise<string[]> {
  const folder = await Deno.makeTempDir();
  try {
    const program = `${folder}/infer`;
    const flags = ["-O2", "-Wall", "-Wextra", "-Werror", "-Wno-unknown-pragmas"];
    await run("cc", [...flags, "-o", program, DRIVER]);
    const lines = heads.map(({ datagram, bytes }) =>
      `${datagram ? 1 : 0} ${bytes.subarray(0, HEAD_BYTES).toHex()}\n`
    );
    const verdicts = (await run(program, [], lines.join(""))).trimEnd().split("\n");
    equal(verdicts.length, heads.length);
    return verdicts.map((verdict) => SUSPECTS[Number(verdict)] ?? verdict);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

function joined(sample: Sample, side: Side): Uint8Array {
  const parts = sample.steps.filter((step) => step.side === side);
  return Uint8Array.from(parts.flatMap(({ bytes }) => [...bytes.subarray(0, MAX_PREFIX)]));
}

/** A probe is not told the transport, the kernel is: of a datagram only the bare message counts. */
function ask(plugin: Plugin, sample: Sample, bytes: Uint8Array, side: Side): string {
  return sample.transport === "datagram"
    ? messageShape(bytes, 0, bytes.length, bytes.length, side)
    : plugin.probe(bytes, side);
}

/** All heads of a sample that a probe does not refuse: prefixes of a stream, whole datagrams. */
function wantedHeads(plugin: Plugin, sample: Sample): Head[] {
  const heads: Head[] = [];
  const add = (side: Side, bytes: Uint8Array): void => {
    if (ask(plugin, sample, bytes, side) === "no") return;
    const name = `${plugin.name}, ${sample.name}, ${side}, ${bytes.length} bytes`;
    heads.push({ name, datagram: sample.transport === "datagram", bytes });
  };
  if (sample.transport === "datagram") {
    for (const { side, bytes } of sample.steps) add(side, bytes);
    return heads;
  }
  for (const side of SIDES) {
    const bytes = joined(sample, side);
    for (let length = 1; length <= Math.min(bytes.length, MAX_PREFIX); length++) {
      add(side, bytes.subarray(0, length));
    }
  }
  return heads;
}

async function refusedOf(heads: Head[]): Promise<string[]> {
  const verdicts = await infer(heads);
  const suspects: readonly string[] = SUSPECTS.slice(1);
  return heads.flatMap(({ name }, i) => {
    const verdict = verdicts[i] ?? "";
    return suspects.includes(verdict) ? [] : [`${name}: ${verdict}`];
  });
}

/**
 * Past the rules: a method of more than letters and "-" is suspected only before a path or "*", and
 * only when it starts with a letter or digit. Otherwise every banner and much binary would be.
 */
function isOddMethod(bytes: Uint8Array): boolean {
  const line = String.fromCharCode(...bytes.subarray(0, HEAD_BYTES)).trimStart();
  return /^[^\r\n]* HTTP\/1\./.test(line) && !/^(?:[A-Za-z-]+ |[A-Za-z0-9][^ ]* [/*])/.test(line);
}

for (const { plugin, samples } of protocols) {
  Deno.test(`infer_protocol() suspects every head that the probe of ${plugin.name} may want`, async () => {
    const heads = samples.flatMap((sample) => wantedHeads(plugin, sample));
    equal(heads.length > samples.length, true);
    deepEqual(await refusedOf(heads), []);
  });

  Deno.test(`infer_protocol() suspects changed heads that the probe of ${plugin.name} takes`, async () => {
    const heads: Head[] = [];
    let seed = 1;
    const random = (below: number): number => {
      seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
      return Math.floor(seed / 2 ** 32 * below);
    };
    for (const sample of samples) {
      for (const side of SIDES) {
        const whole = joined(sample, side);
        for (let round = 0; round < 200 && whole.length > 0; round++) {
          const bytes = whole.slice(0, 1 + random(whole.length));
          bytes[random(Math.min(bytes.length, 24))] = random(256);
          if (ask(plugin, sample, bytes, side) !== "yes" || isOddMethod(bytes)) continue;
          const name = `${sample.name}, ${side}, ${bytes.toHex()}`;
          heads.push({ name, datagram: sample.transport === "datagram", bytes });
        }
      }
    }
    equal(heads.length > samples.length, true);
    deepEqual(await refusedOf(heads), []);
  });
}

function text(content: string): Uint8Array {
  return Uint8Array.from(content, (c) => c.charCodeAt(0));
}

function bytes(...content: (number | string)[]): Uint8Array {
  return Uint8Array.from(
    content.flatMap((part) => typeof part === "string" ? [...text(part)] : part),
  );
}

const named: (Head & { want: string })[] = [
  { name: "GET", datagram: false, bytes: text("GET / HTTP/1.1\r\n"), want: "http" },
  { name: "OPTIONS *", datagram: false, bytes: text("OPTIONS * HTTP/1.1\r\n"), want: "http" },
  { name: "CONNECT", datagram: false, bytes: text("CONNECT a:443 HTTP/1.1\r\n"), want: "http" },
  { name: "M-SEARCH", datagram: false, bytes: text("M-SEARCH * HTTP/1.1\r\n"), want: "http" },
  {
    name: "empty line first",
    datagram: false,
    bytes: text("\r\nGET / HTTP/1.1\r\n"),
    want: "http",
  },
  {
    name: "method of any token",
    datagram: false,
    bytes: text("2_X-y / HTTP/1.1\r\n"),
    want: "http",
  },
  { name: "status line", datagram: false, bytes: text("HTTP/1.0 200 OK\r\n"), want: "http" },
  { name: "command", datagram: false, bytes: text("*1\r\n$4\r\nPING\r\n"), want: "redis" },
  { name: "inline command", datagram: false, bytes: text("PING\r\n"), want: "redis" },
  {
    name: "inline module command",
    datagram: false,
    bytes: text("FT.SEARCH a b\r\n"),
    want: "redis",
  },
  { name: "error", datagram: false, bytes: text("-ERR no\r\n"), want: "redis" },
  { name: "null", datagram: false, bytes: text("_\r\n"), want: "redis" },
  { name: "boolean", datagram: false, bytes: text("#t\r\n"), want: "redis" },
  { name: "double", datagram: false, bytes: text(",-inf\r\n"), want: "redis" },
  { name: "diskless PSYNC", datagram: false, bytes: text("$EOF:0123456789abcdef"), want: "redis" },
  { name: "streamed string", datagram: false, bytes: text("$?\r\n"), want: "redis" },
  { name: "TLS ClientHello", datagram: false, bytes: bytes(22, 3, 1, 2, 0, 1, 0), want: "tls" },
  { name: "TLS data", datagram: false, bytes: bytes(23, 3, 3, 0x40, 0x11, 9), want: "tls" },
  { name: "one byte of TLS", datagram: false, bytes: bytes(22), want: "tls" },
  {
    name: "DNS over TCP",
    datagram: false,
    bytes: bytes(0, 23, 0, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1, "a", 4, "test", 0, 0, 1, 0, 1),
    want: "dns",
  },
  {
    name: "DNS over UDP",
    datagram: true,
    bytes: bytes(0, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1, "a", 4, "test", 0, 0, 1, 0, 1),
    want: "dns",
  },
  {
    name: "length of a DNS message, read alone",
    datagram: false,
    bytes: bytes(0, 23),
    want: "dns",
  },
];

Deno.test("infer_protocol() names the protocol of plain starts", async () => {
  const verdicts = await infer(named);
  deepEqual(verdicts, named.map(({ want }) => want));
});

const noise = bytes(
  ...[0x9c, 0x1f, 0x5e, 0xd2, 0xf7, 0x03, 0x88, 0xb1, 0x6a, 0xee, 0x0d, 0x44, 0x97, 0xc3, 0x21],
);
const unknown: Head[] = [
  { name: "nothing", datagram: false, bytes: bytes() },
  { name: "SSH banner", datagram: false, bytes: text("SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n") },
  { name: "SSH banner of libssh2", datagram: false, bytes: text("SSH-2.0-libssh2_1.10.0\r\n") },
  { name: "noise", datagram: false, bytes: noise },
  { name: "noise in a datagram", datagram: true, bytes: noise },
  { name: "zeros", datagram: false, bytes: new Uint8Array(64) },
  { name: "zeros in a datagram", datagram: true, bytes: new Uint8Array(64) },
  {
    name: "MySQL greeting",
    datagram: false,
    bytes: bytes(0x4a, 0, 0, 0, 10, "8.0.36", 0, 8, 0, 0, 0, "abcdefgh", 0, 255, 255, 255, 2, 0),
  },
  { name: "MySQL query", datagram: false, bytes: bytes(9, 0, 0, 0, 3, "SELECT 1") },
  {
    name: "PostgreSQL startup",
    datagram: false,
    bytes: bytes(0, 0, 0, 41, 0, 3, 0, 0, "user", 0, "postgres", 0, "database", 0, "a", 0, 0),
  },
  { name: "PostgreSQL SSLRequest", datagram: false, bytes: bytes(0, 0, 0, 8, 4, 210, 22, 47) },
  { name: "PostgreSQL query", datagram: false, bytes: bytes("Q", 0, 0, 0, 13, "SELECT 1", 0) },
  {
    name: "Kafka ApiVersions",
    datagram: false,
    bytes: bytes(0, 0, 0, 32, 0, 18, 0, 3, 0, 0, 0, 1, 0, 7, "console", 0),
  },
  { name: "AMQP header", datagram: false, bytes: bytes("AMQP", 0, 0, 9, 1) },
  {
    name: "MongoDB hello",
    datagram: false,
    bytes: bytes(61, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0xdd, 7, 0, 0, 0, 0, 0, 0),
  },
  { name: "MQTT connect", datagram: false, bytes: bytes(16, 18, 0, 4, "MQTT", 4, 2, 0, 60, 0, 6) },
  {
    name: "Cassandra startup",
    datagram: false,
    bytes: bytes(4, 0, 0, 0, 1, 0, 0, 0, 22, 0, 1, 0, 11, "CQL_VERSION", 0, 5, "3.0.0"),
  },
  {
    name: "NTP in a datagram",
    datagram: true,
    bytes: bytes(0x23, 0, 6, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0),
  },
  {
    name: "QUIC initial",
    datagram: true,
    bytes: bytes(0xc3, 0, 0, 0, 1, 8, 0x83, 0x94, 0xc8, 0xf0, 0x3e, 0x51, 0x57, 8, 0, 0, 0x44),
  },
];

Deno.test("infer_protocol() suspects nothing in what it knows to be something else", async () => {
  const verdicts = await infer(unknown);
  deepEqual(
    verdicts.map((verdict, i) => `${unknown[i]?.name}: ${verdict}`),
    unknown.map(({ name }) => `${name}: none`),
  );
});

Deno.test("infer.bpf.h compiles as BPF", async () => {
  const flags = ["-target", "bpf", "-O2", "-Wall", "-Wextra", "-Werror"];
  equal(await run("clang-19", [...flags, "-c", "-o", "/dev/null", DRIVER]), "");
});
