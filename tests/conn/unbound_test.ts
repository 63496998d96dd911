/** Plain text that waits for its socket. */
import assert from "node:assert/strict";
import { EntryKind, Flag, PLAINTEXT_IDS } from "../../lib/capture/abi.ts";
import { encodeEntry, type EntryFields, SocketEvent } from "../../lib/capture/event.ts";
import { Unbound } from "../../lib/conn/unbound.ts";

const MS = 1e6;
const BASE = { low: 0, high: 0 };
const PLAINTEXT = 5;
const OWN = PLAINTEXT_IDS + PLAINTEXT;

interface Case {
  name: string;
  entries: EntryFields[];
  boundOnly?: boolean;
  /** conn, remote end and payload of what comes out, in order. */
  want: [number, string, string][];
  dropped?: number;
}

function data(ms: number, text: string, fields: Partial<EntryFields> = {}): EntryFields {
  const payload = new TextEncoder().encode(text);
  const common = { kind: EntryKind.DATA, plaintext: PLAINTEXT, conn: OWN, source: 1 };
  return { ...common, timeNs: ms * MS, payload, ...fields };
}

const SOCKET = {
  conn: 7,
  family: 2,
  flags: Flag.FRESH | Flag.SERVER,
  localPort: 443,
  remotePort: 40000,
  local: Uint8Array.of(127, 0, 0, 1),
  remote: Uint8Array.of(10, 0, 0, 9),
};
const REMOTE = "10.0.0.9:40000";
const BOUND = (ms: number): EntryFields => ({ ...data(ms, ""), ...SOCKET, kind: EntryKind.BOUND });
const OTHER = (ms: number): EntryFields => data(ms, "other", { plaintext: 0, conn: 3, source: 0 });

const CASES: Case[] = [
  {
    name: "waits until its socket is told, and then is that connection's",
    entries: [data(1, "a"), OTHER(2), data(3, "b"), BOUND(4)],
    want: [[3, "", "other"], [7, REMOTE, "a"], [7, REMOTE, "b"], [7, REMOTE, ""]],
  },
  {
    name: "waits until a later operation has a socket",
    entries: [data(1, "a"), data(2, "b", SOCKET), data(3, "c", SOCKET)],
    want: [[7, REMOTE, "a"], [7, REMOTE, "b"], [7, REMOTE, "c"]],
  },
  {
    name: "goes on as it was after its time, and waits no more",
    entries: [data(1, "a"), data(150, "b"), OTHER(202), data(203, "c"), OTHER(204)],
    want: [[OWN, "", "a"], [OWN, "", "b"], [3, "", "other"], [OWN, "", "c"], [3, "", "other"]],
  },
  {
    name: "goes on as it was at the end",
    entries: [data(1, "a")],
    want: [[OWN, "", "a"]],
  },
  {
    name: "is left out after its time where only known sockets are wanted",
    entries: [data(1, "a"), OTHER(202), data(203, "b"), data(204, "c", { plaintext: 6 })],
    boundOnly: true,
    want: [[3, "", "other"]],
    dropped: 3,
  },
  {
    name: "that is too much to wait goes on as it was",
    entries: [data(1, "x".repeat(1 << 20)), data(2, "b"), BOUND(3)],
    want: [[OWN, "", "x".repeat(1 << 20)], [OWN, "", "b"], [7, REMOTE, ""]],
  },
];

for (const { name, entries, boundOnly = false, want, dropped = 0 } of CASES) {
  Deno.test(`Unbound.onEvent() plain text ${name}`, () => {
    const out: [number, string, string][] = [];
    let left = 0;
    const unbound = new Unbound(
      BASE,
      (event) => {
        const { conn, bytes, payloadStart, payloadLength, plaintext, flags } = event;
        const text = bytes.subarray(payloadStart, payloadStart + payloadLength);
        out.push([conn, event.remote(), new TextDecoder().decode(text)]);
        if (plaintext !== 0 && conn === 7) assert.equal(flags & Flag.SERVER, Flag.SERVER);
      },
      boundOnly ? (events) => void (left += events) : null,
    );
    const event = new SocketEvent();
    for (const fields of entries) {
      const bytes = encodeEntry(fields);
      const words = new Uint32Array(bytes.buffer);
      assert.ok(event.read(words, bytes, 0, bytes.length, BASE));
      unbound.onEvent(event);
      bytes.fill(255); // the memory is the ring's
    }
    unbound.finish();
    assert.deepEqual(out, want);
    assert.equal(left, dropped);
  });
}
