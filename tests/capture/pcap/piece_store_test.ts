/** PieceStore gives back what was put, and its memory. */
import assert from "node:assert/strict";
import { PieceStore } from "../../../lib/capture/pcap/piece_store.ts";

function filled(length: number, seed: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => (i * 31 + seed * 7) & 255);
}

function contentOf(store: PieceStore, piece: number): Uint8Array {
  const out = new Uint8Array(store.length(piece) + 2);
  store.read(piece, out, 1);
  assert.deepEqual([out[0], out.at(-1)], [0, 0], "nothing is written beside it");
  return out.subarray(1, -1);
}

Deno.test("PieceStore reads pieces of any length as they were put", () => {
  const store = new PieceStore();
  const lengths = [0, 1, 95, 96, 97, 223, 224, 225, 1400, 65_535, 1 << 20];
  const pieces = lengths.map((length, i) => {
    const bytes = filled(length + 3, i);
    return store.put(i * 1e9, i * 1e9 + length + i, -i, bytes, 1, 1 + length);
  });
  for (const [i, piece] of pieces.entries()) {
    const length = lengths[i] ?? 0;
    assert.deepEqual(contentOf(store, piece), filled(length + 3, i).subarray(1, 1 + length));
    assert.deepEqual(
      [store.from(piece), store.to(piece), store.timeNs(piece), store.length(piece)],
      [i * 1e9, i * 1e9 + length + i, -i, length],
    );
  }
});

Deno.test("PieceStore keeps pieces apart while others come and go, and gives memory back", () => {
  const store = new PieceStore();
  const kept = new Map<number, { length: number; seed: number }>();
  let state = 1;
  const random = (below: number): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state % below;
  };
  let most = 0;
  for (let seed = 0; seed < 1500; seed++) {
    const length = random(3000);
    const piece = store.put(0, length, seed, filled(length, seed), 0, length);
    assert.ok(!kept.has(piece), "a number is given once");
    kept.set(piece, { length, seed });
    most = Math.max(most, store.heldBytes);
    if (kept.size < 500) continue;
    const [gone] = [...kept.keys()].slice(random(kept.size));
    if (gone === undefined) continue;
    const of = kept.get(gone);
    assert.deepEqual(contentOf(store, gone), filled(of?.length ?? 0, of?.seed ?? 0));
    store.drop(gone);
    kept.delete(gone);
  }
  let cost = 0;
  for (const { length } of kept.values()) cost += PieceStore.costOf(length);
  assert.ok(store.heldBytes <= 2 * cost, "cells are used again");
  for (const piece of kept.keys()) store.drop(piece);
  assert.ok(store.heldBytes <= most / 4, "one empty slab is left");
});
