import assert from "node:assert/strict";
import { Cut, EntryKind, Flag } from "../../lib/capture/abi.ts";
import type { EntryFields } from "../../lib/capture/event.ts";
import { Stats } from "../../lib/stats.ts";
import { Assembler, REORDER_NS } from "../../lib/stream/assembler.ts";
import { BufferPool } from "../../lib/stream/buffer_pool.ts";
import { ByteStream } from "../../lib/stream/byte_stream.ts";
import { gapName } from "../../lib/stream/gap.ts";
import { bytesOf, eventOf } from "../support/events.ts";

const OWNER = { pid: 1, fd: 3, comm: "a" };

/** What came out, gaps as <length reason>. */
function drain(stream: ByteStream): string {
  let out = "";
  while (stream.position < stream.end) {
    out += String.fromCharCode(...stream.view());
    stream.consume(stream.shownBytes);
    if (stream.gapBytes > 0) {
      out += `<${stream.gapBytes} ${gapName(stream.gapReason)}>`;
      stream.passGap();
    }
  }
  return out;
}

interface Step extends Partial<EntryFields> {
  text?: string;
  losses?: number;
  /** Only time passes. */
  wait?: boolean;
}

function data(position: number, text: string, more: Step = {}): Step {
  return { position, text, ...more };
}

const LATER = REORDER_NS + 1;

const cases: { name: string; steps: Step[]; want: string; hint?: number; duplicates?: number }[] = [
  { name: "in order", steps: [data(5, "abc"), data(8, "def")], want: "abcdef" },
  { name: "swapped threads", steps: [data(0, "a"), data(2, "c"), data(1, "b")], want: "abc" },
  {
    name: "positions wrap at 2^32",
    steps: [data(2 ** 32 - 2, "ab"), data(0, "cd"), data(4, "gh"), data(2, "ef")],
    want: "abcdefgh",
  },
  {
    name: "bytes never seen are a gap after their time",
    steps: [data(0, "ab"), data(5, "fg", { timeNs: 10 }), { wait: true, timeNs: LATER + 10 }],
    want: "ab<3 unseen>fg",
  },
  {
    name: "and not before",
    steps: [data(0, "ab"), data(5, "fg", { timeNs: 10 }), { wait: true, timeNs: REORDER_NS }],
    want: "ab",
  },
  {
    name: "a gap with a loss reported since is lost_events",
    steps: [data(0, "ab"), data(5, "fg"), { wait: true, timeNs: LATER, losses: 1 }],
    want: "ab<3 lost_events>fg",
  },
  {
    name: "so is one behind bytes that came before that loss and still waited",
    steps: [
      data(0, "ab"),
      data(5, "fg", { losses: 1 }),
      data(10, "kl", { losses: 2, timeNs: 1 }),
      { wait: true, timeNs: LATER + 1, losses: 2 },
    ],
    want: "ab<3 lost_events>fg<3 lost_events>kl",
  },
  {
    name: "a loss before the last bytes is none of this gap's",
    steps: [
      data(0, "a"),
      data(1, "b", { losses: 1 }),
      data(5, "fg", { losses: 1 }),
      { wait: true, timeNs: LATER, losses: 1 },
    ],
    want: "ab<3 unseen>fg",
  },
  {
    name: "the cut rest of an operation is a gap with its reason",
    steps: [data(0, "abc", { total: 10, cut: Cut.SNAPLEN }), data(10, "k")],
    want: "abc<7 snaplen>k",
  },
  {
    name: "an operation without payload is a gap",
    steps: [data(0, "a"), data(1, "", { total: 100, cut: Cut.UNSEEN }), data(101, "b")],
    want: "a<100 unseen>b",
  },
  {
    name: "an operation in entries",
    steps: [
      data(0, "abc", { total: 8, flags: Flag.TCP_POSITION }),
      data(0, "def", { total: 8, offset: 3, flags: Flag.TCP_POSITION }),
      data(0, "gh", { total: 8, offset: 6 }),
    ],
    want: "abcdefgh",
  },
  {
    name: "unreadable bytes within an operation",
    steps: [
      data(0, "abc", { total: 8, flags: Flag.TCP_POSITION, cut: Cut.UNREADABLE }),
      data(0, "gh", { total: 8, offset: 6, cut: Cut.UNREADABLE }),
    ],
    want: "abc<3 unreadable>gh",
  },
  {
    name: "the same bytes twice are kept once",
    steps: [data(0, "abc"), data(0, "abc"), data(2, "cd")],
    want: "abcd",
    duplicates: 4,
  },
  {
    name: "two writers at one position: the second fills the space before",
    steps: [data(0, "a"), data(4, "333"), data(4, "222")],
    want: "a222333",
  },
  {
    name: "a writer held up while another wrote on: its bytes fill the space of their size",
    steps: [data(0, "a"), data(4, "333"), data(7, "444"), data(10, "555"), data(10, "222")],
    want: "a222333444555",
  },
  {
    name: "events were lost: what comes behind does not wait",
    steps: [data(0, "ab"), data(5, "fg", { losses: 1 })],
    want: "ab<3 lost_events>fg",
  },
  {
    name: "two writers of different sizes",
    steps: [data(0, "a"), data(11, "BBBBB"), data(6, "0123456789")],
    want: "a0123456789BBBBB",
  },
  {
    name: "the start told before the first data makes a lost beginning visible",
    hint: 100,
    steps: [data(110, "k")],
    want: "<10 unseen>k",
  },
  { name: "a start before the SYN", hint: 99, steps: [data(100, "k")], want: "k" },
  { name: "a senseless start is not believed", hint: 3e9, steps: [data(100, "k")], want: "k" },
];

for (const { name, steps, want, hint, duplicates } of cases) {
  Deno.test(`Assembler: ${name}`, () => {
    const stats = new Stats();
    const stream = new ByteStream(new BufferPool());
    const assembler = new Assembler(stream, stats);
    if (hint !== undefined) assembler.hintStart(hint, 0);
    let last = 0;
    for (const { text, losses, wait, ...fields } of steps) {
      last = losses ?? 0;
      if (wait) {
        assembler.expire(fields.timeNs ?? 0, last);
        continue;
      }
      const flags = fields.flags ?? (Flag.TCP_POSITION | Flag.LAST_CHUNK);
      const payload = bytesOf(text ?? "");
      assembler.add(eventOf({ kind: EntryKind.DATA, ...fields, flags, payload }), OWNER, last);
    }
    if (hint !== undefined) assembler.flush(last);
    assert.equal(drain(stream), want);
    assert.equal(stats.duplicateBytes, duplicates ?? 0);
    assembler.flush(last);
    assert.equal(stats.waitingBytes, 0);
  });
}

Deno.test("Assembler gives up on missing bytes when too much waits behind them", () => {
  const stream = new ByteStream(new BufferPool());
  const assembler = new Assembler(stream, new Stats());
  const flags = Flag.TCP_POSITION | Flag.LAST_CHUNK;
  const payload = new Uint8Array(60_000);
  for (let i = 0; i < 20; i++) {
    const position = i === 0 ? 0 : i * payload.length + 1000;
    assembler.add(eventOf({ kind: EntryKind.DATA, position, flags, payload }), OWNER, 0);
  }
  while (assembler.isBehind) assembler.expire(0, 0);
  assert.equal(assembler.waits, false);
  assert.equal(stream.end, 20 * payload.length + 1000);
});

/** An assembler with 1,000 pieces of 1,000 bytes behind ten that are missing. */
function heldUp(): {
  stream: ByteStream;
  assembler: Assembler;
  stats: Stats;
  add: (position: number) => void;
} {
  const stream = new ByteStream(new BufferPool());
  const stats = new Stats();
  const assembler = new Assembler(stream, stats);
  assembler.hintStart(0, 0);
  const add = (position: number): void => {
    const flags = Flag.TCP_POSITION | Flag.LAST_CHUNK;
    const payload = new Uint8Array(position === 0 ? 10 : 1000);
    assembler.add(eventOf({ kind: EntryKind.DATA, position, flags, payload }), OWNER, 0);
  };
  for (let i = 0; i < 1000; i++) add(10 + i * 1000);
  return { stream, assembler, stats, add };
}

for (
  const { name, release } of [
    { name: "the missing ones came", release: (it: ReturnType<typeof heldUp>) => it.add(0) },
    {
      name: "its time is over",
      release: (it: ReturnType<typeof heldUp>) => it.assembler.expire(REORDER_NS, 0),
    },
    {
      name: "no more events come",
      release: (it: ReturnType<typeof heldUp>) => it.assembler.flush(0),
    },
  ]
) {
  Deno.test(`Assembler hands on a bounded part of what waited: ${name}`, () => {
    const it = heldUp();
    const { stream, assembler, stats } = it;
    assert.deepEqual([stream.end, assembler.isBehind], [0, false]);
    release(it);
    const ends = [stream.end];
    while (assembler.isBehind) {
      assembler.expire(0, 0);
      ends.push(stream.end);
    }
    for (const [i, end] of ends.entries()) {
      const handedOn = end - (ends[i - 1] ?? 0);
      assert.ok(handedOn > 0 && handedOn <= 65536 + 1000 + 10, `${handedOn} bytes at once`);
    }
    assert.deepEqual([stream.end, assembler.waits, stats.waitingBytes], [1_000_010, false, 0]);
  });
}

Deno.test("Assembler.drop() counts what waited, and holds nothing", () => {
  const { stream, assembler, stats } = heldUp();
  assembler.drop();
  assert.deepEqual([stream.end, assembler.waits, stats.waitingBytes], [0, false, 0]);
  assert.deepEqual(stats.gaps.get("memory_limit"), { count: 1000, bytes: 1_000_000 });
});
