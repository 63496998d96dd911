/**
 * The kernel's filter against the user-space probes, for every protocol of the registry: whatever a
 * probe may want, the rule of its name lets through.
 */
import assert from "node:assert/strict";
import { RULES_FOLDER } from "../../build/infer_rules.ts";
import type { Plugin, Side } from "../../protocols/protocol.ts";
import { plugins } from "../../protocols/registry.ts";
import type { Sample } from "../support/contract.ts";
import { bytes, type Head, InferRules } from "../support/infer.ts";
import { type Samples, samplesOf } from "../support/protocol_files.ts";

/** Prefixes up to here are tried, one by one. */
const MAX_PREFIX = 200;
const SIDES: Side[] = ["request", "response"];
/** Told by their headers in lib/conn/, without a plug-in. */
const NO_PLUGIN = ["proxy"];

const allSamples = new Map<Plugin, Samples>();
for (const plugin of plugins) allSamples.set(plugin, await samplesOf(plugin.name));

function joined(sample: Sample, side: Side): Uint8Array {
  const parts = sample.steps.filter((step) => step.side === side);
  return Uint8Array.from(parts.flatMap(({ bytes }) => [...bytes.subarray(0, MAX_PREFIX)]));
}

/** All heads that a probe does not refuse: prefixes of a stream, whole datagrams. */
function wantedHeads(plugin: Plugin, { samples, isPastTheRule }: Samples): Head[] {
  const heads: Head[] = [];
  const add = (sample: Sample, side: Side, bytes: Uint8Array): void => {
    if (plugin.probe(bytes, side) === "no" || isPastTheRule?.(bytes, sample)) return;
    const name = `${sample.name}, ${side}, ${bytes.length} bytes`;
    heads.push({ name, datagram: sample.transport === "datagram", bytes });
  };
  for (const sample of samples) {
    if (sample.transport === "datagram") {
      for (const { side, bytes } of sample.steps) add(sample, side, bytes);
      continue;
    }
    for (const side of SIDES) {
      const bytes = joined(sample, side);
      for (let length = 1; length <= Math.min(bytes.length, MAX_PREFIX); length++) {
        add(sample, side, bytes.subarray(0, length));
      }
    }
  }
  return heads;
}

/** Heads with one byte changed that a probe still takes. */
function changedHeads(plugin: Plugin, { samples, isPastTheRule }: Samples): Head[] {
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
        if (plugin.probe(bytes, side) !== "yes" || isPastTheRule?.(bytes, sample)) continue;
        const name = `${sample.name}, ${side}, ${bytes.toHex()}`;
        heads.push({ name, datagram: sample.transport === "datagram", bytes });
      }
    }
  }
  return heads;
}

Deno.test("every protocol of the registry has a rule, and every rule a protocol", async () => {
  using rules = await InferRules.compile();
  const names = [...plugins.map(({ name }) => name), ...NO_PLUGIN];
  assert.deepEqual([...(await rules.starts()).keys()].sort(), names.sort());
});

/** Names of the heads that the protocol's rule refuses, with the rules that take them instead. */
async function refused(rules: InferRules, plugin: Plugin, heads: Head[]): Promise<string[]> {
  const takers = await rules.takers(heads);
  return heads.flatMap(({ name }, i) => {
    const names = takers[i] ?? [];
    const right = names.includes(plugin.name) && !names.includes("differs");
    return right ? [] : [`${name}: ${names.join(" ")}`];
  });
}

for (const [plugin, samples] of allSamples) {
  for (const headsOf of [wantedHeads, changedHeads]) {
    const what = `${headsOf.name}() of the probe of ${plugin.name}`;
    Deno.test(`infer_${plugin.name}() takes all ${what}`, async () => {
      using rules = await InferRules.compile();
      // Asked about no first byte at all, it says that the protocol needs no rule (infer.bpf.h).
      if ((await rules.starts()).get(plugin.name) === 0) return;
      const heads = headsOf(plugin, samples);
      assert.ok(heads.length > samples.samples.length, `${heads.length} heads`);
      assert.deepEqual(await refused(rules, plugin, heads), []);
    });
  }
}

/** No protocol's: a rule that takes these filters nothing. */
const NOISE = bytes(0x9c, 0x1f, 0x5e, 0xd2, 0xf7, 3, 0x88, 0xb1, 0x6a, 0xee, 13, 0x44, 0x97, 0xc3);
const FOREIGN: Head[] = [
  { name: "nothing", datagram: false, bytes: bytes() },
  { name: "SSH banner", datagram: false, bytes: bytes("SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n") },
  { name: "SSH banner of libssh2", datagram: false, bytes: bytes("SSH-2.0-libssh2_1.10.0\r\n") },
  { name: "noise", datagram: false, bytes: NOISE },
  { name: "noise in a datagram", datagram: true, bytes: NOISE },
  { name: "zeros", datagram: false, bytes: new Uint8Array(64) },
  { name: "zeros in a datagram", datagram: true, bytes: new Uint8Array(64) },
  {
    name: "NTP in a datagram",
    datagram: true,
    bytes: bytes(0x23, 0, 6, 0x20, ...Array(40).fill(0)),
  },
  {
    name: "QUIC initial",
    datagram: true,
    bytes: bytes(0xc3, 0, 0, 0, 1, 8, 0x83, 0x94, 0xc8, 0xf0, 0x3e, 0x51, 0x57, 8, 0, 0, 0x44),
  },
];

Deno.test("no rule takes what is no protocol's", async () => {
  using rules = await InferRules.compile();
  const takers = await rules.takers(FOREIGN);
  assert.deepEqual(
    FOREIGN.map(({ name }, i) => `${name}: ${takers[i]?.join(" ")}`),
    FOREIGN.map(({ name }) => `${name}: `),
  );
});

Deno.test("the rules compile as BPF, and a rule that looks behind the head is found out", async () => {
  using rules = await InferRules.compile();
  await rules.compileAsBpf();
  const folder = Deno.makeTempDirSync({ prefix: "sockeye-rule-" });
  try {
    Deno.writeTextFileSync(`${folder}/peeking.bpf.h`, PEEKING);
    Deno.writeTextFileSync(`${folder}/needless.bpf.h`, NEEDLESS);
    using more = await InferRules.compile([RULES_FOLDER, folder]);
    const [takers] = await more.takers([{ name: "one byte", datagram: true, bytes: bytes(0xff) }]);
    assert.deepEqual(takers, ["differs", "dns"]);
    const starts = await more.starts();
    assert.deepEqual([starts.get("peeking"), starts.get("needless")], [256, 0]);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
});

const PEEKING = `#define PEEKING_STARTS(byte, is_datagram) (is_datagram)
static bool infer_peeking(const struct head *head) { return head->bytes[1] == 'a'; }
`;
const NEEDLESS = `#define NEEDLESS_STARTS(byte, is_datagram) 0
static bool infer_needless(const struct head *head) { return !head; }
`;
