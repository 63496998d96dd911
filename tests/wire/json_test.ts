import assert from "node:assert/strict";
import { shareJson, toJson } from "../../lib/wire/json.ts";

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
  Deno.test(`toJson() says what JSON.stringify() says: ${name}`, () => {
    assert.equal(toJson(value), JSON.stringify(value));
  });
}

Deno.test("shareJson() keeps the text of an object, within others too", () => {
  const shared = { a: "b", list: [1, "2"] };
  shareJson(shared);
  for (let i = 0; i < 3; i++) {
    assert.equal(toJson({ i, shared }), JSON.stringify({ i, shared }));
  }
});
