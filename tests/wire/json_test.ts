import assert from "node:assert/strict";
import { isJsonKept, JsonBuffer, keepJson } from "../../lib/wire/json.ts";

const decoder = new TextDecoder();

/** What one fresh, small buffer holds after `value`. */
function written(value: unknown): string {
  const out = new JsonBuffer(8);
  out.value(value);
  return decoder.decode(out.bytes.subarray(0, out.length));
}

const values: { name: string; value: unknown }[] = [
  { name: "numbers", value: [0, -1, 1.5, 1e21, NaN, Infinity, -0, 9007199254740991] },
  { name: "strings", value: ["", "a", 'q"', "b\\", "\n\u0001\u001f\u007f", "é", "\u2028", "😀"] },
  { name: "lone surrogates", value: ["\ud800", "\udfff", "x\ud800y".padEnd(200, "z")] },
  { name: "long strings", value: ["a".repeat(1000), 'a"'.repeat(500)] },
  { name: "absent and null", value: { a: undefined, b: null, c: [undefined, null] } },
  { name: "nested", value: { a: { b: { c: [1, { d: "e" }, []] } }, f: {} } },
  { name: "odd keys", value: { 'a"b': 1, "": 2, "42": 3, "é": 4, constructor: 5 } },
  { name: "no prototype", value: Object.assign(Object.create(null), { __proto__: 1, x: "y" }) },
  { name: "booleans", value: { yes: true, no: false } },
];

for (const { name, value } of values) {
  Deno.test(`JsonBuffer.value() says what JSON.stringify() says: ${name}`, () => {
    assert.equal(written(value), JSON.stringify(value));
  });
}

Deno.test("JsonBuffer.value() writes objects of few and of many shapes in turn", () => {
  const out = new JsonBuffer(64);
  let want = "";
  for (let i = 0; i < 6000; i++) {
    const value = i % 3 === 0 ? { a: i, b: { c: i } } : { a: i, [`key-${i}`]: "x", b: null };
    out.value(value);
    want += JSON.stringify(value);
  }
  assert.equal(decoder.decode(out.bytes.subarray(0, out.length)), want);
});

Deno.test("JsonBuffer.value() keeps no value of a key for longer than the key has it", () => {
  const out = new JsonBuffer(64);
  const values = ["x", "x", "x", "y", 1, 1, 1, "1", 0, -0, null, null, true, true, true, "x", NaN];
  let want = "";
  for (const first of values) {
    for (const second of [first, "x", "x"]) {
      const value = { a: second, b: first, c: { a: first, b: [second] } };
      out.value(value);
      want += JSON.stringify(value);
    }
  }
  assert.equal(decoder.decode(out.bytes.subarray(0, out.length)), want);
});

Deno.test("JsonBuffer.clear() gives back the room that a large value had asked for", () => {
  const out = new JsonBuffer(1024);
  out.value("x".repeat(100_000));
  out.clear();
  assert.equal(out.length, 0);
  assert.equal(out.bytes.length, 1024);
});

Deno.test("keepJson() keeps the bytes of an object, within others too", () => {
  const kept = { a: "b", list: [1, "2"], absent: undefined };
  assert.equal(isJsonKept(kept), false);
  const want = JSON.stringify(kept);
  keepJson(kept);
  assert.equal(isJsonKept(kept), true);
  for (let i = 0; i < 3; i++) assert.equal(written({ i, kept }), `{"i":${i},"kept":${want}}`);
  // Against the promise, to see that they are.
  kept.a = "c";
  assert.equal(written(kept), want);
});

Deno.test("keepJson() serves copies with one field more", () => {
  const kept = { a: "b", list: [1, "2"], absent: undefined };
  keepJson(kept, "more");
  const copies = [1, "x", { a: [kept] }, null].map((more) => ({ ...kept, more }));
  for (const value of [...copies, kept, ...copies]) {
    assert.equal(written({ value }), JSON.stringify({ value }));
  }
  const out = new JsonBuffer(8);
  for (const value of copies) out.value(value);
  const want = copies.map((value) => JSON.stringify(value)).join("");
  assert.equal(decoder.decode(out.bytes.subarray(0, out.length)), want);
});

Deno.test("JsonBuffer.digits() writes the last digits of a number", () => {
  const out = new JsonBuffer(1);
  for (const [value, count] of [[7, 1], [7, 3], [123456, 6], [123456, 2], [0, 4]] as const) {
    out.digits(value, count);
  }
  assert.equal(decoder.decode(out.bytes.subarray(0, out.length)), "7007123456560000");
});
