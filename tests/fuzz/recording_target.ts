/** Recordings (lib/capture/recording/format.ts): facts, blocks and entries that lie; see files.ts. */
import { Entry, ENTRY_SIZE } from "../../lib/capture/abi.ts";
import { encodeEntry } from "../../lib/capture/event.ts";
import {
  BLOCK_HEAD_BYTES,
  BlockType,
  compress,
  COMPRESSIONS,
  encodeBlockHead,
  encodeFileHead,
} from "../../lib/capture/recording/format.ts";
import { concat, START } from "../support/events.ts";
import type { Corpus } from "./corpus.ts";
import { checkFile, damagedFile, makePatches, type Patch } from "./files.ts";
import { makeEntries } from "./pipeline_target.ts";
import type { Random } from "./random.ts";
import { defineTarget, type Target } from "./target.ts";

interface Block {
  type: number;
  /** An index of COMPRESSIONS by which it is stored, and what the head says. */
  stored: number;
  told: number;
  entries: Uint8Array[];
  /** What the head says beyond the truth. */
  moreBytes: number;
  moreEvents: number;
}

interface RecordingInput {
  /** What the head's facts have in the place of the right ones. */
  facts: Record<string, unknown>;
  blocks: Block[];
  patches: Patch[];
  /** 0: whole. */
  cut: number;
}

const FIELDS: readonly number[] = Object.values(Entry);
const ODD_VALUES: readonly unknown[] = [
  ...[null, true, "x", -1, 0.5, 2 ** 53, [], {}, [[]], { low: 0 }, "\x1b[2J\u202e"],
  ...[{ low: 2 ** 32, high: 0 }, { wallSeconds: 2 ** 33 - 1, wallNanos: 999_999_999 }],
];

export function recordingTarget(corpus: Corpus): Target {
  return defineTarget("recording", (random) => makeInput(corpus, random), checkRecording);
}

function makeInput(corpus: Corpus, random: Random): RecordingInput {
  const entries = makeEntries(corpus, random).map((fields) => encodeEntry(fields));
  for (let i = random.small(8) - 1; i > 0 && entries.length > 0; i--) {
    overwrite(random.pick(entries), random);
  }
  const blocks: Block[] = [];
  while (entries.length > 0 || blocks.length === 0) {
    blocks.push(blockOf(entries.splice(0, random.small(64)), random));
  }
  if (random.chance(0.7)) {
    blocks.push({ ...blockOf([endJson(random)], random), type: BlockType.END });
  }
  if (random.chance(0.05)) blocks.push(random.pick(blocks));
  const names = ["abi", "start", "version", "filters", "children"];
  const facts = random.chance(0.9) ? {} : { [random.pick(names)]: random.pick(ODD_VALUES) };
  const cut = random.chance(0.9) ? 0 : random.below(2000);
  return { facts, blocks, patches: makePatches(random), cut };
}

/** One field of an entry, in its place. */
function overwrite(entry: Uint8Array, random: Random): void {
  const at = random.pick(FIELDS);
  const view = new DataView(entry.buffer);
  // Beyond 2^53 is tried seldom: the right answer is always the same.
  const high = random.chance(0.05) ? 2 ** 32 - 1 : 0;
  if (at + 8 <= ENTRY_SIZE && random.chance(0.3)) view.setUint32(at + 4, high, true);
  else if (random.chance(0.5)) view.setUint32(at, random.extreme() % 2 ** 32, true);
  else entry[at] = random.below(256);
}

function blockOf(entries: Uint8Array[], random: Random): Block {
  const stored = random.chance(0.7) ? 0 : random.below(COMPRESSIONS.length);
  return {
    type: random.chance(0.98) ? BlockType.EVENTS : random.below(256),
    stored,
    told: random.chance(0.97) ? stored : random.below(256),
    entries,
    moreBytes: random.chance(0.97) ? 0 : random.extreme(),
    moreEvents: random.chance(0.97) ? 0 : random.pick([1, -1, random.extreme()]),
  };
}

function endJson(random: Random): Uint8Array {
  const loss = { buffer: "data_events", cpu: 0, events: random.extreme() };
  const losses = random.chance(0.8) ? [loss] : random.pick(ODD_VALUES);
  return new TextEncoder().encode(JSON.stringify({ events: random.extreme(), losses }));
}

function checkRecording(input: RecordingInput): void {
  const facts = { version: "fuzz", filters: {}, ...input.facts };
  const head = encodeFileHead(START, facts);
  const file = concat([head, ...input.blocks.map(encodeBlock)]);
  checkFile(damagedFile(file, input.patches, input.cut));
}

function encodeBlock(block: Block): Uint8Array {
  const raw = concat(block.entries);
  const stored = compress(raw, COMPRESSIONS[block.stored] ?? "none");
  const head = new Uint8Array(BLOCK_HEAD_BYTES);
  const events = Math.max(0, block.entries.length + block.moreEvents) % 2 ** 32;
  const rawLength = (raw.length + block.moreBytes) % 2 ** 32;
  encodeBlockHead(
    head,
    { type: block.type, compression: block.told, rawLength, storedLength: stored.length, events },
    { low: 0, high: 0 },
    stored,
  );
  return concat([head, stored]);
}
