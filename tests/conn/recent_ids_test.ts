import assert from "node:assert/strict";
import { RecentIds } from "../../lib/conn/recent_ids.ts";

Deno.test("RecentIds remembers an id for one to two minutes of event time", () => {
  for (const [afterNs, want] of [[1e9, true], [59e9, true], [121e9, false], [600e9, false]]) {
    const ids = new RecentIds();
    ids.add(1, 0);
    ids.add(2, 1e9);
    assert.equal(ids.has(1, Number(afterNs)), want, String(afterNs));
    assert.equal(ids.has(3, Number(afterNs)), false);
  }
});

Deno.test("RecentIds.delete() forgets at once", () => {
  const ids = new RecentIds();
  ids.add(1, 0);
  ids.delete(1);
  assert.equal(ids.has(1, 0), false);
});

Deno.test("RecentIds is bounded, the oldest go first", () => {
  const ids = new RecentIds();
  for (let id = 0; id < 100_000; id++) ids.add(id, id);
  let kept = 0;
  for (let id = 0; id < 100_000; id++) if (ids.has(id, 100_000)) kept++;
  assert.ok(kept <= 32_768, String(kept));
  assert.ok(ids.has(99_999, 100_000));
});
