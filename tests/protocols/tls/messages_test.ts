/** Messages come out of records whole, however they are cut. */
import { deepEqual, equal, ok } from "node:assert/strict";
import { Messages } from "../../../protocols/tls/messages.ts";
import { message } from "./build.ts";

const MANY = [
  message(1, [1, 2, 3]),
  message(14, []),
  message(11, Array(300).fill(5)),
  message(2, [9]),
];
const bytes = Uint8Array.from(MANY.flatMap((each) => [...each]));

function joined(sizes: (at: number) => number): [number, number][] {
  const messages = new Messages();
  const taken: [number, number][] = [];
  for (let at = 0; at < bytes.length;) {
    const end = Math.min(bytes.length, at + sizes(at));
    messages.add(bytes, at, end, (kind, body) => taken.push([kind, body.left]));
    at = end;
  }
  equal(messages.isWithin, false);
  equal(messages.heldBytes, 0);
  return taken;
}

Deno.test("add() gives whole messages, in one fragment and in fragments of any size", () => {
  const want = [[1, 3], [14, 0], [11, 300], [2, 1]];
  deepEqual(joined(() => bytes.length), want);
  for (let size = 1; size < bytes.length; size++) deepEqual(joined(() => size), want, `${size}`);
});

Deno.test("add() keeps 64 KiB of a message at most, and nothing of kinds that are not read", () => {
  for (const [kind, most] of [[1, 1 << 16], [20, 4]] as const) {
    const messages = new Messages();
    const head = Uint8Array.of(kind, 0x02, 0, 0);
    const rest = new Uint8Array(1 << 14);
    const taken: number[] = [];
    messages.add(head, 0, 4, () => taken.push(-1));
    for (let i = 0; i < 8; i++) {
      ok(messages.heldBytes <= most, `${messages.heldBytes}`);
      messages.add(rest, 0, rest.length, (_, body) => taken.push(body.left));
    }
    deepEqual(taken, [most - 4]);
  }
});
