import assert from "node:assert/strict";
import { KeptBytes } from "../../lib/wire/kept_bytes.ts";
import { exactNumber, isoTime } from "../../lib/wire/number.ts";
import { Room, Rows } from "../../lib/wire/room.ts";
import { listedBytes, showField, type ShownField, shownNames } from "../../lib/wire/shown.ts";

const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);
const bytesOf = (...bytes: number[]): Uint8Array => Uint8Array.from(bytes);

Deno.test("showField() shows text, else base64, cut between characters, with its true size", () => {
  const table: { name: string; bytes: Uint8Array; isCut: boolean; size?: number; want: object }[] =
    [
      { name: "text", bytes: utf8("aü"), isCut: false, want: { value: "aü" } },
      {
        name: "empty",
        bytes: utf8(""),
        isCut: false,
        size: 0,
        want: { value: "", value_bytes: 0 },
      },
      {
        name: "cut in a character",
        bytes: utf8("aü").subarray(0, 2),
        isCut: true,
        size: 9,
        want: { value: "a", value_bytes: 9, value_truncated: true },
      },
      {
        name: "whole, and half a character",
        bytes: utf8("aü").subarray(0, 2),
        isCut: false,
        want: { value_base64: "YcM=" },
      },
      {
        name: "bytes, cut",
        bytes: bytesOf(255, 0),
        isCut: true,
        size: 3,
        want: { value_base64: "/wA=", value_bytes: 3, value_truncated: true },
      },
    ];
  for (const { name, bytes, isCut, size, want } of table) {
    const into: ShownField<"value"> = {};
    showField(into, shownNames("value"), bytes, 0, bytes.length, isCut, size);
    assert.equal(JSON.stringify(into), JSON.stringify(want), name);
  }
});

Deno.test("listedBytes() keeps the sum of what is shown", () => {
  const room = new Room(3, 5);
  const show = (bytes: Uint8Array): unknown => listedBytes(bytes, 0, bytes.length, room);
  assert.deepEqual([show(utf8("ab")), room.isCut], ["ab", false]);
  assert.deepEqual([show(bytesOf(255)), room.isCut], [{ base64: "/w==" }, false]);
  assert.deepEqual([show(utf8("xüy")), room.isCut, room.next], ["x", true, 0]);
  assert.equal(show(utf8("z")), "");
  room.reset();
  assert.deepEqual([show(utf8("abcd")), room.isCut, room.bytes], ["abc", true, 3]);
});

Deno.test("Rows counts those that there is no room for", () => {
  const table = [
    { name: "all fit", room: new Room(10, 10), rows: ["ab", "cd"], want: ["ab", "cd"], cut: false },
    {
      name: "bytes",
      room: new Room(10, 3),
      rows: ["ab", "cd", "ef"],
      want: ["ab", "c"],
      cut: true,
    },
    { name: "number", room: new Room(9, 9, 1), rows: ["", "", ""], want: [""], cut: true },
    { name: "no room at all", room: new Room(0), rows: ["ab"], want: [], cut: true },
  ];
  for (const { name, room, rows, want, cut } of table) {
    const kept = new Rows<unknown>(room);
    for (const row of rows) {
      if (kept.next()) kept.shown.push(listedBytes(utf8(row), 0, row.length, room));
    }
    assert.deepEqual([kept.shown, kept.count, kept.isTruncated], [want, rows.length, cut], name);
  }
});

Deno.test("KeptBytes keeps the first bytes of many pieces, and no more memory than its limit", () => {
  const kept = new KeptBytes(5);
  for (const piece of ["xab", "xcd", "xef"]) kept.add(utf8(piece), 1, 3);
  assert.deepEqual([kept.bytes.subarray(0, kept.length), kept.isFull], [utf8("abcde"), true]);
  assert.equal(kept.heldBytes, 5);
  kept.reset(2);
  kept.add(utf8("xyz"), 0, 3);
  assert.deepEqual([kept.bytes.subarray(0, kept.length), kept.heldBytes], [utf8("xy"), 5]);
  kept.release();
  assert.deepEqual([kept.length, kept.heldBytes], [0, 0]);
});

Deno.test("exactNumber() gives digits where a number is not exact", () => {
  const table: [string | bigint, number | string][] = [
    ["-12", -12],
    ["9007199254740991", 2 ** 53 - 1],
    ["9007199254740992", "9007199254740992"],
    [-9007199254740993n, "-9007199254740993"],
  ];
  for (const [from, want] of table) assert.equal(exactNumber(from), want);
});

Deno.test("isoTime() tells seconds up to the year 9999", () => {
  const table: [number, string | null][] = [
    [0, "1970-01-01T00:00:00Z"],
    [1.5, "1970-01-01T00:00:01.500Z"],
    [253402300799, "9999-12-31T23:59:59Z"],
    [253402300800, null],
    [-1, null],
    [NaN, null],
  ];
  for (const [seconds, want] of table) assert.equal(isoTime(seconds), want);
});
