/** What the kernel's rule must let through, by name; tests/bpf/infer_test.ts asks it about all samples. */
import assert from "node:assert/strict";
import { bytes, refusedBy } from "../../support/infer.ts";

Deno.test("infer_http() takes request lines of every method, and status lines", async () => {
  const heads = {
    GET: bytes("GET / HTTP/1.1\r\n"),
    "OPTIONS *": bytes("OPTIONS * HTTP/1.1\r\n"),
    CONNECT: bytes("CONNECT a:443 HTTP/1.1\r\n"),
    "M-SEARCH": bytes("M-SEARCH * HTTP/1.1\r\n"),
    "empty line first": bytes("\r\nGET / HTTP/1.1\r\n"),
    "method of any token": bytes("2_X-y / HTTP/1.1\r\n"),
    "the longest registered method": bytes("UPDATEREDIRECTREF /a HTTP/1.1\r\n"),
    "status line": bytes("HTTP/1.0 200 OK\r\n"),
  };
  assert.deepEqual(await refusedBy("http", heads), []);
});

Deno.test("infer_http() refuses text that no message begins like", async () => {
  const heads = {
    "SSH banner": bytes("SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n"),
    "SMTP banner": bytes("220 smtp.example ESMTP\r\n"),
    "RESP command": bytes("*1\r\n$4\r\nPING\r\n"),
    "inline command": bytes("PING\r\n"),
    "other version": bytes("HTTP/x"),
  };
  assert.deepEqual(await refusedBy("http", heads), Object.keys(heads));
});
