/**
 * A replay of a packet capture keeps to --memory-limit, whatever is in the capture. Needs the executable.
 */
import assert from "node:assert/strict";
import { greedyCaptures, writeCapture } from "../support/greedy_captures.ts";
import { peakOf } from "../support/peak.ts";

const LIMIT_MIB = 64;
/** A part of each load: what is kept has long come to its bound by then. */
const PART = 1 / 8;
const LOADS = [
  { name: "uploads in segments, 500 connections", isPacked: true },
  { name: "uploads, segments out of order and lost" },
  { name: "segments behind gaps" },
  { name: "first fragments alone" },
  { name: "connections of one exchange" },
  { name: "packets of 1 MB" },
];

/** The peak of a replay of that capture, MiB. */
async function peak(name: string, part: number, isPacked = false): Promise<number> {
  const load = greedyCaptures.find((each) => each.name === name);
  assert.ok(load !== undefined, name);
  const path = Deno.makeTempFileSync({ suffix: ".pcap" });
  try {
    writeCapture(load, Math.ceil(load.amount * part), path, isPacked);
    return await peakOf(path, LIMIT_MIB);
  } finally {
    Deno.removeSync(path);
  }
}

Deno.test("e2e pcap memory: a replay takes twice the limit at most beyond what it begins with", async () => {
  const base = await peak("UDP conversations", 0);
  for (const { name, isPacked } of LOADS) {
    const mib = await peak(name, PART, isPacked);
    console.log(`${name}: ${mib.toFixed(0)} MiB, ${base.toFixed(0)} at the start`);
    assert.ok(mib <= base + 2 * LIMIT_MIB, `${name}: ${mib} MiB`);
  }
});
