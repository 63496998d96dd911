/** What the kernel's rule must let through, by name; tests/bpf/infer_test.ts asks it about all samples. */
import assert from "node:assert/strict";
import { bytes, refusedBy } from "../../support/infer.ts";

Deno.test("infer_redis() takes commands and replies of every type", async () => {
  const heads = {
    command: bytes("*1\r\n$4\r\nPING\r\n"),
    "inline command": bytes("PING\r\n"),
    "inline command with arguments": bytes("SET a b\r\n"),
    "inline module command": bytes("FT.SEARCH a b\r\n"),
    error: bytes("-ERR no\r\n"),
    null: bytes("_\r\n"),
    boolean: bytes("#t\r\n"),
    double: bytes(",-inf\r\n"),
    "diskless PSYNC": bytes("$EOF:0123456789abcdef"),
    "streamed string": bytes("$?\r\n"),
  };
  assert.deepEqual(await refusedBy("redis", heads), []);
});

Deno.test("infer_redis() refuses text that no command begins like", async () => {
  const heads = {
    "HTTP status": bytes("HTTP/1.0 200 OK\r\n"),
    "method with a dash": bytes("M-SEARCH * HTTP/1.1\r\n"),
    "digits first": bytes("220 smtp.example\r\n"),
    "null with more": bytes("_x\r\n"),
  };
  assert.deepEqual(await refusedBy("redis", heads), Object.keys(heads));
});
