/** What the kernel's rule must let through, by name; tests/bpf/infer_test.ts asks it about all samples. */
import assert from "node:assert/strict";
import { bytes, refusedBy } from "../../support/infer.ts";

const QUERY = [0, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1, "a", 4, "test", 0, 0, 1, 0, 1] as const;

Deno.test("infer_dns() takes messages in a stream, also a length read alone", async () => {
  const heads = {
    query: bytes(0, 23, ...QUERY),
    length: bytes(0, 23),
    cut: bytes(0, 23, 0, 1, 1),
    "the bit that must be zero": bytes(0, 23, 0, 1, 1, 0x40, ...QUERY.slice(4)),
  };
  assert.deepEqual(await refusedBy("dns", heads), []);
});

Deno.test("infer_dns() refuses lengths and headers that no message has", async () => {
  const heads = {
    "a message without its length": bytes(...QUERY),
    "a length below a header's": bytes(0, 11, ...QUERY),
    "a class that none is": bytes(0, 23, ...QUERY.slice(0, -1), 9),
  };
  assert.deepEqual(await refusedBy("dns", heads), Object.keys(heads));
});
