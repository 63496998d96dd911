/** When the record of a TLS handshake that succeeded is shown, and when it is not. */
import assert from "node:assert/strict";
import { Handshake } from "../../lib/conn/handshake.ts";
import type { TrackerContext } from "../../lib/conn/context.ts";

type Clock = Pick<TrackerContext, "nowNs" | "queuedBytes">;

function begin(): { clock: Clock; handshake: Handshake; shown: () => number } {
  const clock: Clock = { nowNs: 1e9, queuedBytes: 0 };
  const handshake = new Handshake(clock);
  let shown = 0;
  handshake.defer(() => shown++);
  return { clock, handshake, shown: () => shown };
}

Deno.test("Handshake is shown once, when no plain text came for two seconds", () => {
  const { clock, handshake, shown } = begin();
  assert.ok(clock.queuedBytes > 0);
  handshake.sweep();
  assert.equal(shown(), 0);
  clock.nowNs += 2e9;
  handshake.sweep();
  handshake.sweep();
  handshake.show();
  assert.deepEqual([shown(), clock.queuedBytes], [1, 0]);
});

Deno.test("Handshake is shown at the end of its connection", () => {
  const { clock, handshake, shown } = begin();
  handshake.show();
  assert.deepEqual([shown(), clock.queuedBytes], [1, 0]);
});

Deno.test("Handshake is not shown when plain text inside it is", () => {
  const { clock, handshake, shown } = begin();
  handshake.leaveOut();
  handshake.defer(() => assert.fail("a second one"));
  clock.nowNs += 3e9;
  handshake.sweep();
  handshake.show();
  assert.deepEqual([shown(), clock.queuedBytes], [0, 0]);
});
