import assert from "node:assert/strict";
import { Slots } from "../../lib/wire/slots.ts";

const SOME = 256;
const idsOf: { name: string; id: (n: number) => number }[] = [
  { name: "that count up", id: (n) => n + 1 },
  { name: "of the syscall way, on one CPU", id: (n) => (n + 1) * 4096 + 3 },
  { name: "of the syscall way, beyond 2^32", id: (n) => (2 ** 30 + n) * 4096 },
];

for (const { name, id } of idsOf) {
  Deno.test(`Slots has a place for each of some ids ${name}`, () => {
    const slots = new Slots<number>();
    for (let n = 0; n < SOME; n++) slots.set(id(n), n);
    for (let n = 0; n < SOME; n++) assert.equal(slots.get(id(n)), n);
    slots.set(id(1), undefined);
    assert.equal(slots.get(id(1)), undefined);
    slots.clear();
    for (let n = 0; n < SOME; n++) assert.equal(slots.get(id(n)), undefined);
  });
}
