import assert from "node:assert/strict";
import { weigh } from "../../lib/wire/weight.ts";

Deno.test("weigh() follows what a value refers to", () => {
  const kilobyte = "x".repeat(1000);
  const table = [
    { name: "text", value: kilobyte, atLeast: 1000 },
    { name: "list", value: [kilobyte, [kilobyte]], atLeast: 2000 },
    { name: "object", value: { a: { b: kilobyte } }, atLeast: 1000 },
    { name: "key", value: { [kilobyte]: 1 }, atLeast: 1000 },
    { name: "map", value: new Map([[1, kilobyte]]), atLeast: 1000 },
    { name: "bytes", value: { bytes: new Uint8Array(1000) }, atLeast: 1000 },
    { name: "many", value: Array.from({ length: 100 }, () => ({})), atLeast: 4000 },
  ];
  for (const { name, value, atLeast } of table) {
    const bytes = weigh(value);
    assert.ok(bytes >= atLeast && bytes <= 3 * atLeast, `${name}: ${bytes}`);
  }
  for (const nothing of [null, undefined, 1, true]) assert.equal(weigh(nothing), 0);
});

Deno.test("weigh() ends in a circle", () => {
  const circle: unknown[] = [];
  circle.push(circle);
  assert.ok(weigh(circle) > 0);
});
