import assert from "node:assert/strict";
import { samples } from "./samples.ts";
import { command, Connection, converse, raw } from "./support.ts";

/** Numerical Recipes' generator: the same numbers on every run. */
function generator(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

const SMALL = samples.filter(({ name }) => !name.startsWith("value of"));

Deno.test("parseFrame() and stitch() survive mutated bytes, and gaps anywhere", () => {
  const random = generator(7);
  for (let round = 0; round < 1500; round++) {
    const sample = SMALL[random(SMALL.length)];
    assert.ok(sample);
    const connection = new Connection({ chunk: 1 + random(40), midStream: random(2) === 0 });
    for (const { side, bytes } of sample.steps) {
      const changed = Uint8Array.from(bytes);
      for (let i = random(4); i > 0; i--) changed[random(changed.length)] = random(256);
      const cut = random(changed.length + 1);
      connection.send(side, changed.subarray(0, cut));
      if (random(4) === 0) connection[side].push(new Uint8Array(0), connection.nowNs, 5);
      connection.send(side, changed.subarray(cut));
    }
    const out = connection.end();
    assert.ok(out.every(({ exchange }) => exchange.request !== null || exchange.response !== null));
    assert.equal(connection.request.frames.length + connection.response.frames.length, 0);
  }
});

Deno.test("parseFrame() survives every truncated prefix, and takes it all at the end", () => {
  for (const { steps } of SMALL) {
    for (const side of ["request", "response"] as const) {
      const whole = steps.filter((step) => step.side === side).flatMap((step) => [...step.bytes]);
      for (let length = 0; length <= whole.length; length++) {
        const out = converse([{ side, bytes: Uint8Array.from(whole.slice(0, length)) }]);
        assert.ok(out.length <= whole.length);
      }
    }
  }
});

Deno.test("parseFrame() takes a time linear in the bytes, however they are cut", () => {
  const cases = [
    { side: "response", bytes: raw(`*3000\r\n${"$3\r\nabc\r\n".repeat(3000)}`) },
    { side: "request", bytes: command(...Array.from({ length: 3000 }, () => "abc")) },
    { side: "response", bytes: raw(`+${"x".repeat(30_000)}\r\n`) },
    { side: "request", bytes: raw(`ECHO ${"x".repeat(30_000)}\r\n`) },
  ] as const;
  for (const { side, bytes } of cases) {
    const connection = new Connection({ chunk: 1, late: true });
    connection.send(side, bytes);
    assert.equal(connection[side].frames.length, 1);
    assert.ok(connection[side].calls <= 3 * bytes.length);
  }
});

Deno.test("parseFrame() reads 128 aggregates inside one another, not 129", () => {
  for (const { depth, frames } of [{ depth: 127, frames: 1 }, { depth: 129, frames: 0 }]) {
    const connection = new Connection({ late: true });
    connection.send("response", raw("*1\r\n".repeat(depth) + ":1\r\n"));
    assert.equal(connection.response.invalid.length === 0 ? 1 : 0, frames);
    assert.ok(JSON.stringify(connection.response.frames[0]?.frame.reply ?? null).length > 0);
  }
});
