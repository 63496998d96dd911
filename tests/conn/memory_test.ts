/** --memory-limit bounds what is really kept, of whatever traffic, and says what it gave up. */
import assert from "node:assert/strict";
import { openReplay } from "../../lib/capture/replay.ts";
import { mostBytes } from "../../lib/conn/holdings.ts";
import { weigh } from "../../lib/wire/weight.ts";
import type { Plugin } from "../../protocols/protocol.ts";
import { plugins } from "../../protocols/registry.ts";
import { run, whole } from "../support/contract.ts";
import { Conversation, Trace } from "../support/events.ts";
import { samplesOf } from "../support/protocol_files.ts";
import { RECORDINGS, recordings } from "../support/recordings.ts";

const MIB = 1 << 20;
const LIMIT = 16 * MIB;

/** Requests with heads of `size` bytes that nobody answers; `size` for each that is not handed over. */
function unanswered(connections: number, rounds: number, size: number) {
  const trace = new Trace({ protocols: plugins, memoryLimitBytes: LIMIT });
  const talks = Array.from({ length: connections }, (_, i) => new Conversation({ conn: i + 1 }));
  let keptBytes = 0;
  let sent = 0;
  for (let round = 0; round < rounds; round++) {
    for (const talk of talks) {
      const fields = `X-${round}: ${"v".repeat(1000)}\r\n`.repeat(size / 1000);
      talk.say("request", `GET /${sent++} HTTP/1.1\r\nHost: a\r\n${fields}\r\n`);
      trace.feedAll(talk.entries.splice(0));
      keptBytes = Math.max(keptBytes, (sent - trace.records.length) * size);
      assert.ok(trace.pipeline.heldBytes <= LIMIT, `${trace.pipeline.heldBytes} bytes`);
    }
  }
  return { trace, keptBytes, sent };
}

Deno.test("requests with large heads that nobody answers are kept up to --memory-limit", () => {
  for (const connections of [1, 8]) {
    const { trace, keptBytes, sent } = unanswered(connections, 400 / connections, 100_000);
    assert.ok(keptBytes <= LIMIT, `${keptBytes} bytes on ${connections}`);
    const { abandoned, connections: { evicted } } = trace.stats.toJSON();
    assert.ok((abandoned["memory_limit"] ?? 0) + evicted > 0);
    assert.ok(trace.records.every(({ incomplete }) => incomplete?.includes("trace_end")));
    assert.equal(trace.finish().length, sent, "every request has its record");
    assert.equal(trace.pipeline.heldBytes, 0);
  }
});

Deno.test("one connection may keep less than all that may be kept, the others are left alone", () => {
  const trace = new Trace({ protocols: plugins, memoryLimitBytes: LIMIT });
  const quiet = new Conversation({ conn: 1 }).say("request", "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  trace.feedAll(quiet.entries.splice(0));
  const loud = new Conversation({ conn: 2 });
  for (let i = 0; i < 300; i++) {
    loud.say("request", `GET /${i} HTTP/1.1\r\nHost: a\r\nX: ${"v".repeat(100_000)}\r\n\r\n`);
    trace.feedAll(loud.entries.splice(0));
    assert.ok(trace.pipeline.heldBytes <= 0.6 * LIMIT);
  }
  quiet.say("response", "HTTP/1.1 204 No Content\r\n\r\n");
  trace.feedAll(quiet.entries);
  assert.equal(trace.stats.evicted, 0);
  assert.equal(trace.records.filter(({ response }) => response !== null).length, 1);
});

Deno.test("a response to a request that was given up is not paired with a later one", () => {
  const trace = new Trace({ protocols: plugins, memoryLimitBytes: 4 * MIB });
  const talk = new Conversation();
  const head = (path: string, size: number): string =>
    `GET ${path} HTTP/1.1\r\nHost: a\r\nX: ${"v".repeat(size)}\r\n\r\n`;
  for (let i = 0; i < 3; i++) talk.say("request", head(`/${i}`, 160_000));
  talk.say("request", head("/last", 10));
  for (let i = 0; i < 4; i++) {
    talk.say("response", `HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n${i}`);
  }
  trace.feedAll(talk.entries).finish();
  const pairs = trace.records.filter(({ request, response }) => request && response);
  const last = pairs.map(({ request, response }) => ({ ...request, ...response }));
  assert.deepEqual(last.map((pair) => "body" in pair && pair.body), ["3"]);
  assert.equal(trace.stats.toJSON().abandoned["memory_limit"], 3);
});

Deno.test("sixty thousand commands under way at once are all paired", () => {
  const trace = new Trace({ protocols: plugins, memoryLimitBytes: 256 * MIB });
  const talk = new Conversation({ remotePort: 6379, role: "client" });
  const command = "*3\r\n$3\r\nSET\r\n$5\r\nkey:1\r\n$5\r\nhello\r\n";
  for (let i = 0; i < 600; i++) talk.say("request", command.repeat(100));
  for (let i = 0; i < 600; i++) talk.say("response", "+OK\r\n".repeat(100));
  trace.feedAll(talk.entries).finish();
  assert.equal(trace.records.length, 60_000);
  assert.ok(trace.records.every(({ incomplete }) => incomplete === undefined));
});

Deno.test("a busy connection that is joined keeps few messages until it is known whose they are", () => {
  const trace = new Trace({ protocols: plugins, memoryLimitBytes: 4 * LIMIT });
  const talk = new Conversation({ remotePort: 6379, role: "client", fresh: false, stepNs: 5000 });
  const count = 100_000;
  for (let at = 0; at < count; at += 16) {
    const names = Array.from({ length: 16 }, (_, i) => `${at + i}`.padStart(6, "0"));
    talk.say("request", names.map((name) => `*2\r\n$4\r\nECHO\r\n$6\r\n${name}\r\n`).join(""));
    talk.say("response", names.map((name) => `$6\r\n${name}\r\n`).join(""));
    trace.feedAll(talk.entries.splice(0));
  }
  trace.finish();
  assert.deepEqual(trace.stats.toJSON().abandoned, {});
  assert.equal(trace.records.length, count);
  for (const { request, response } of trace.records) {
    assert.deepEqual(
      request !== null && "args" in request && request.args,
      response !== null && "value" in response && [response.value],
    );
  }
});

Deno.test("messages in progress count: heads whose body is under way, and bodies to be decoded", () => {
  const heads = [
    `POST / HTTP/1.1\r\nContent-Length: 9\r\nX: ${"v".repeat(50_000)}\r\n\r\n`,
    "POST / HTTP/1.1\r\nContent-Encoding: gzip\r\nContent-Length: 99999\r\n\r\n" +
    "v".repeat(50_000),
  ];
  for (const head of heads) {
    const trace = new Trace({ protocols: plugins, memoryLimitBytes: LIMIT });
    for (let conn = 1; conn <= 1000; conn++) {
      trace.feedAll(new Conversation({ conn, startNs: conn * 1e4 }).say("request", head).entries);
      const open = conn - trace.stats.evicted;
      assert.ok(open * 50_000 <= LIMIT, `${open} connections are kept`);
    }
    assert.ok(trace.stats.evicted > 600);
  }
});

Deno.test("connections of which only the opening was seen count", () => {
  const trace = new Trace({ protocols: plugins, memoryLimitBytes: 1 * MIB });
  for (let conn = 1; conn <= 20_000; conn++) {
    trace.feedAll(new Conversation({ conn, startNs: conn * 1e4 }).open().entries);
    assert.ok(trace.pipeline.heldBytes <= MIB);
  }
  assert.ok(trace.stats.evicted > 18_000);
});

/** The same protocol; whatever it queues is weighed. */
function weighed(plugin: Plugin, check: (held: number, reckoned: number) => void): Plugin {
  return {
    ...plugin,
    start(options) {
      const started = plugin.start(options);
      return {
        ...started,
        open: (visit) =>
          started.open((protocol, trace) =>
            visit({
              ...protocol,
              stitch(requests, responses, context) {
                for (const timed of [...requests, ...responses]) {
                  check(weigh(timed.frame), mostBytes(timed, options.maxBodyBytes));
                }
                return protocol.stitch(requests, responses, context);
              },
            }, trace)
          ),
      };
    },
  };
}

Deno.test("no frame of any protocol takes more memory than is reckoned for it", async () => {
  let frames = 0;
  const checked = plugins.map((plugin) =>
    weighed(plugin, (held, reckoned) => {
      frames++;
      assert.ok(held <= reckoned, `${plugin.name}: ${held} bytes, reckoned ${reckoned}`);
    })
  );
  for (const { name } of plugins) {
    const { samples } = await samplesOf(name);
    for (const sample of samples) run(checked, whole(sample));
  }
  for (const name of recordings()) {
    const trace = new Trace({ protocols: checked });
    using source = openReplay(`${RECORDINGS}${name}/events.rec`);
    while (!source.ended) source.drain((event) => trace.pipeline.onEvent(event));
    trace.finish();
  }
  assert.ok(frames > 1000);
});

Deno.test("room is made by a few connections an event, the ones idle for longest first", () => {
  const trace = new Trace({ protocols: plugins, memoryLimitBytes: LIMIT });
  const request = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
  const ended = (): number => trace.stats.evicted;
  let most = 0;
  for (let conn = 1; conn <= 20_000; conn++) {
    const talk = new Conversation({ conn, startNs: 1e6 + conn }).say("request", `${request}`);
    const before = ended();
    trace.feedAll(talk.entries);
    most = Math.max(most, ended() - before);
    assert.ok(trace.pipeline.heldBytes <= LIMIT);
  }
  assert.ok(ended() > 10_000);
  assert.ok(most <= 256, `${most} at once`);
  const order = trace.records.map(({ conn }) => conn);
  assert.deepEqual(order, order.toSorted((a, b) => Number(a) - Number(b)));
});
