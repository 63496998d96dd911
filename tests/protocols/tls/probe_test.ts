/** What probe() makes of heads, and where findBoundary() sees a start. */
import assert from "node:assert/strict";
import { probe } from "../../../protocols/tls/probe.ts";
import { findBoundary } from "../../../protocols/tls/parse.ts";
import { contextOf } from "./drive.ts";
import { samples } from "./samples.ts";

const CLIENT_HELLO = [22, 3, 1, 0, 80, 1, 0, 0, 76, 3, 3];
/** Of TLS 1.0, with one suite and a challenge of 16 bytes. */
const SSLV2_HELLO = [0x80, 28, 1, 3, 1, 0, 3, 0, 0, 0, 16, 0, 0, 47, ...Array(16).fill(7)];
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
  { name: "a hello in the form of SSL 2.0", head: SSLV2_HELLO, want: "yes" },
  { name: "that hello, cut in its sizes", head: SSLV2_HELLO.slice(0, 10), want: "unsure" },
  { name: "its first byte", head: [0x80], want: "unsure" },
  { name: "that hello from a server", side: "response", head: SSLV2_HELLO, want: "no" },
  {
    name: "that hello with sizes that do not add up",
    head: SSLV2_HELLO.with(1, 29),
    want: "no",
  },
  { name: "that hello of SSL 2.0 itself", head: SSLV2_HELLO.with(3, 0), want: "no" },
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

Deno.test("findBoundary() finds the next header, also one that is cut", () => {
  const context = contextOf("request");
  const bytes = Uint8Array.from([9, 9, 22, 3, 1, 0, 80, 1, 0, 23, 3]);
  assert.equal(findBoundary(bytes, 0, context), 2);
  assert.equal(findBoundary(bytes, 3, context), 9);
  assert.equal(findBoundary(Uint8Array.from([22, 2, 20, 3, 9]), 0, context), 5);
});
