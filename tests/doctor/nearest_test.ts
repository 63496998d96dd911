/** The nearest miss among the real protocols. */
import { deepEqual, equal } from "node:assert/strict";
import { nearestMiss } from "../../lib/doctor/nearest.ts";
import { plugins } from "../../protocols/registry.ts";
import { bytesOf } from "../support/events.ts";

const NOTHING = new Uint8Array(0);

const misses: { name: string; sent: string; want: string | null }[] = [
  { name: "an HTTP version that is none", sent: "OPTIONS /x WTTP/9.9\r\n", want: "http request" },
  { name: "an HTTP status line that is none", sent: "HTTP/1.1 x\r\n", want: "http response" },
  { name: "bytes that no protocol begins with", sent: "\x00\x01\x02\x03\x04\x05", want: null },
  { name: "one byte", sent: "G", want: null },
  { name: "no byte", sent: "", want: null },
];
for (const { name, sent, want } of misses) {
  Deno.test(`nearestMiss() on ${name}: ${want ?? "none"}`, () => {
    const miss = nearestMiss(
      plugins.filter((it) => it.name === "http"),
      "stream",
      bytesOf(sent),
      NOTHING,
    );
    equal(miss === null ? null : `${miss.protocol} ${miss.side}`, want);
  });
}

Deno.test("nearestMiss() takes no id or length field for a likeness", () => {
  const strange = Uint8Array.from({ length: 40 }, (_, i) => 0xe0 + i % 8);
  equal(nearestMiss(plugins, "stream", strange, strange), null);
});

Deno.test("nearestMiss() asks only protocols of the socket's kind", () => {
  const http = bytesOf("OPTIONS /x WTTP/9.9\r\n");
  const miss = nearestMiss(plugins, "datagram", http, NOTHING);
  deepEqual(miss?.protocol === "http", false);
});
