/** What the kernel's rule must let through, by name; tests/bpf/infer_test.ts asks it about all samples. */
import assert from "node:assert/strict";
import { bytes, refusedBy } from "../../support/infer.ts";

Deno.test("infer_tls() takes record headers of every version, whole or cut", async () => {
  const heads = {
    "SSL 3.0's version": bytes(22, 3, 0, 0, 90, 1, 0),
    "a hello of TLS 1.3": bytes(22, 3, 1, 2, 0, 1, 0),
    "a large record": bytes(23, 3, 3, 0x40, 0x11, 9),
    "a type alone": bytes(22),
    "a heartbeat, cut": bytes(24, 3, 4, 0x48),
    "a hello in the form of SSL 2.0": bytes(0x80, 46, 1, 3, 1, 0, 21),
    "its length alone": bytes(0x80, 46),
  };
  assert.deepEqual(await refusedBy("tls", heads), []);
});

Deno.test("infer_tls() refuses what is no record header", async () => {
  const heads = {
    "another type": bytes(25, 3, 3, 0, 1),
    "another version": bytes(22, 2, 3, 0, 1),
    "a version to come": bytes(22, 3, 5, 0, 1),
    "a length that no record has": bytes(22, 3, 3, 0x49),
    "a hello of SSL 2.0": bytes(0x80, 46, 1, 0, 2),
    "its answer": bytes(0x80, 46, 4),
  };
  assert.deepEqual(await refusedBy("tls", heads), Object.keys(heads));
});
