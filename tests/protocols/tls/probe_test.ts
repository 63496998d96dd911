/** What probe() makes of heads, and what becomes of a connection that it takes. */
import assert from "node:assert/strict";
import { probe } from "../../../protocols/tls/probe.ts";
import { findBoundary, parseFrame } from "../../../protocols/tls/parse.ts";
import { samples } from "./samples.ts";

const CLIENT_HELLO = [22, 3, 1, 0, 80, 1, 0, 0, 76, 3, 3];
const SERVER_HELLO = [22, 3, 3, 0, 80, 2, 0, 0, 76, 3, 3];

const HEADS: { name: string; side?: "request" | "response"; head: number[]; want: string }[] = [
  { name: "nothing", head: [], want: "unsure" },
  { name: "a type", head: [22], want: "unsure" },
  { name: "a header but for a byte", head: [22, 3, 1, 2], want: "unsure" },
  { name: "a client's hello", head: CLIENT_HELLO, want: "yes" },
  { name: "a client's hello from a server", side: "response", head: CLIENT_HELLO, want: "no" },
  { name: "a server's hello", side: "response", head: SERVER_HELLO, want: "yes" },
  { name: "a server's hello from a client", head: SERVER_HELLO, want: "no" },
  { name: "a hello that is cut", head: CLIENT_HELLO.slice(0, 10), want: "likely" },
  {
    name: "a handshake message of no known kind",
    head: [22, 3, 3, 0, 9, 77, 1, 2],
    want: "likely",
  },
  { name: "the header of a large record", head: [23, 3, 3, 0x40, 0x11], want: "likely" },
  { name: "the largest of TLS 1.2", head: [23, 3, 3, 0x48, 0], want: "likely" },
  { name: "one larger than the largest", head: [23, 3, 3, 0x48, 1], want: "no" },
  { name: "a length that no record has", head: [22, 3, 1, 255], want: "no" },
  { name: "an empty record", head: [22, 3, 1, 0, 0], want: "no" },
  { name: "a whole alert", side: "response", head: [21, 3, 3, 0, 2, 2, 48], want: "yes" },
  { name: "a whole record with more behind it", head: [20, 3, 3, 0, 1, 1, 22, 3], want: "yes" },
  { name: "another version", head: [22, 2], want: "no" },
  { name: "a version to come", head: [22, 3, 5], want: "no" },
  { name: "another type", head: [24, 3, 1, 0, 9], want: "no" },
];

for (const { name, side = "request", head, want } of HEADS) {
  Deno.test(`probe() of a ${side}: ${name} is ${want}`, () => {
    assert.equal(probe(Uint8Array.from(head), side), want);
  });
}

Deno.test("probe() never takes back an answer as the head grows", () => {
  const order = ["unsure", "likely", "yes"];
  for (const { name, steps } of samples) {
    for (const { side, bytes } of steps) {
      let last = 0;
      for (let length = 1; length <= bytes.length; length++) {
        const now = order.indexOf(probe(bytes.subarray(0, length), side));
        assert.ok(now >= last, `${name} at ${length}`);
        last = now;
      }
      assert.equal(last, 2, name);
    }
  }
});

Deno.test("parseFrame() says of the first record that nobody reads what follows", () => {
  const cases = [
    { head: CLIENT_HELLO, want: { kind: "switch", length: 5, to: null, opaque: "tls" } },
    { head: [23, 3], want: { kind: "need_more", minBytes: 5 } },
    { head: [23, 4, 3, 0, 1], want: { kind: "invalid", reason: "bad_record_header" } },
  ];
  for (const { head, want } of cases) assert.deepEqual(parseFrame(Uint8Array.from(head)), want);
});

Deno.test("findBoundary() finds the next header, also one that is cut", () => {
  const bytes = Uint8Array.from([9, 9, 22, 3, 1, 0, 80, 1, 0, 23, 3]);
  assert.equal(findBoundary(bytes, 0), 2);
  assert.equal(findBoundary(bytes, 3), 9);
  assert.equal(findBoundary(Uint8Array.from([22, 2, 20, 3, 9]), 0), 5);
});
