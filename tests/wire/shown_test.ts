import assert from "node:assert/strict";
import { KeptBytes } from "../../lib/wire/kept_bytes.ts";
import { exactNumber, isoTime } from "../../lib/wire/number.ts";
import { Room } from "../../lib/wire/room.ts";
import { showField, type ShownField, shownNames } from "../../lib/wire/shown.ts";

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

Deno.test("Room has place for so many values, of so many bytes each and altogether", () => {
  const table = [
    { name: "all fit", room: new Room(10, 10), sizes: [2, 2], want: [2, 2], leftOut: 0 },
    { name: "of each", room: new Room(3, 10), sizes: [4, 5], want: [3, 3], leftOut: 0 },
    { name: "of all", room: new Room(10, 3), sizes: [2, 2, 2], want: [2, 1, 0], leftOut: 0 },
    { name: "number", room: new Room(9, 9, 1), sizes: [0, 1, 1], want: [0], leftOut: 2 },
    {
      name: "number alone",
      room: new Room(3, Infinity, 2),
      sizes: [9, 2, 1],
      want: [3, 2],
      leftOut: 1,
    },
    { name: "no room at all", room: new Room(0), sizes: [2], want: [0], leftOut: 0 },
  ];
  for (const { name, room, sizes, want, leftOut } of table) {
    for (const round of ["", "again"]) {
      const shown = sizes.flatMap((size) => room.addValue() ? [room.take(size)] : []);
      const { values, bytes } = room;
      assert.deepEqual([shown, values, room.leftOut], [want, want.length, leftOut], name + round);
      assert.equal(bytes, want.reduce((sum, size) => sum + size, 0), name + round);
      room.reset();
    }
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
