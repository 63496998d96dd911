/**
 * Speed of the Redis plug-in alone: small commands and their replies through parser and stitcher.
 *
 *     deno run -A tests/bench/redis_parse_bench.ts
 */
import type { ParseContext, Timed } from "../../protocols/protocol.ts";
import { parseFrame } from "../../protocols/redis/parse.ts";
import { stitch } from "../../protocols/redis/stitch.ts";
import { createState, type RedisState } from "../../protocols/redis/state.ts";
import type { RedisFrame } from "../../protocols/redis/types.ts";
import { parseContext, stitchContext, timedFrame } from "../support/contexts.ts";
import { figure } from "./support/report.ts";

const PAIRS = 64;
const ROUNDS = 16_000;

const encoder = new TextEncoder();
const CASES = [
  { name: "GET", ask: "*2\r\n$3\r\nGET\r\n$16\r\nkey:000000000042\r\n", reply: "$3\r\nxxx\r\n" },
  { name: "SET", ask: "*3\r\n$3\r\nSET\r\n$5\r\nkey:1\r\n$3\r\nxxx\r\n", reply: "+OK\r\n" },
  {
    name: "LRANGE",
    ask: "*4\r\n$6\r\nLRANGE\r\n$1\r\nl\r\n$1\r\n0\r\n$1\r\n9\r\n",
    reply: `*10\r\n${"$3\r\nabc\r\n".repeat(10)}`,
  },
];

function takeAll(
  bytes: Uint8Array,
  context: ParseContext<RedisState>,
  queue: Timed<RedisFrame>[],
): void {
  let pos = 0;
  while (pos < bytes.length) {
    const result = parseFrame(bytes.subarray(pos), context);
    if (result.kind !== "frame") throw new Error(`Cannot parse: ${result.kind}`);
    pos += result.length;
    const { frame, length, redacted = [] } = result;
    queue.push(timedFrame(frame, 1, { endNs: 2, bytes: length, redacted }));
  }
}

for (const { name, ask, reply } of CASES) {
  const state = createState({ maxBodyBytes: 4096, showSecrets: false });
  const asks = encoder.encode(ask.repeat(PAIRS));
  const replies = encoder.encode(reply.repeat(PAIRS));
  const requests: Timed<RedisFrame>[] = [];
  const responses: Timed<RedisFrame>[] = [];
  const options = stitchContext({ state, nowNs: 3 });
  for (const rounds of [ROUNDS / 10, ROUNDS]) {
    let pairs = 0;
    const start = performance.now();
    for (let i = 0; i < rounds; i++) {
      takeAll(asks, parseContext({ side: "request", state }), requests);
      takeAll(replies, parseContext({ side: "response", state }), responses);
      pairs += stitch(requests, responses, options).length;
    }
    const seconds = (performance.now() - start) / 1000;
    if (pairs !== rounds * PAIRS) throw new Error(`Lost pairs: ${pairs}`);
    if (rounds === ROUNDS) {
      const rate = Math.round(pairs / seconds / 1000);
      figure(`redis, ${name} parsed and stitched`, `${rate} k pairs/s`);
    }
  }
}
