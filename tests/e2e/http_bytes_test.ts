/**
 * HTTP said byte by byte to a scripted server: framing, pipelining, broken ends, time limits.
 * Needs root and python3.
 */
import assert from "node:assert/strict";
import { HttpPeer, RawClient } from "../support/http_peer.ts";
import { assertRequestHead, assertResponseHead, assertSound } from "../support/http_seen.ts";
import { type Fields, type SeenRecord, startTracer, traced, WAYS } from "../support/tracer.ts";

/** One request and the response that the server is known to give. */
interface Talk {
  request: string;
  /** All bytes of the response; interim heads in `interim`. */
  response: string;
  interim?: string;
  /** More that the record has. */
  wantRequest?: Fields;
  wantResponse?: Fields;
}

const head = (line: string, ...fields: string[]): string => [line, ...fields, "", ""].join("\r\n");
const get = (path: string): string => head(`GET ${path} HTTP/1.1`, "Host: peer");
const okHead = (size: number): string => head("HTTP/1.1 200 OK", `Content-Length: ${size}`);
/** The server answers with the size of the request's body, and its target. */
function told(path: string, size = 0): string {
  const body = `${size} ${path}`;
  return okHead(body.length) + body;
}
const plain = (path: string): Talk => ({
  request: get(path),
  response: told(path),
  wantResponse: { body: `0 ${path}`, body_bytes: path.length + 2 },
});

const CHUNKED: Talk = {
  request: get("/chunked"),
  response: head(
    "HTTP/1.1 200 OK",
    "Content-Type: text/plain",
    "Transfer-Encoding: chunked",
    "Trailer: X-Sum",
  ) + "5;name=value\r\nhello\r\n7\r\n, world\r\n0\r\nX-Sum: 12\r\n\r\n",
  wantResponse: { body: "hello, world", body_bytes: 12, trailers: { "x-sum": "12" } },
};

const CHUNKED_UPLOAD: Talk = {
  request: head("POST /up HTTP/1.1", "Host: peer", "Transfer-Encoding: chunked") +
    "3\r\nabc\r\n2;x\r\nde\r\n0\r\nX-Last: 1\r\n\r\n",
  response: told("/up", 5),
  wantRequest: { body: "abcde", body_bytes: 5, trailers: { "x-last": "1" } },
};

const EARLY: Talk = {
  request: get("/early"),
  interim: head("HTTP/1.1 103 Early Hints", "Link: </a.css>"),
  response: okHead(2) + "ok",
  wantResponse: { interim: [103], body: "ok" },
};

const UNTIL_CLOSE: Talk = {
  request: get("/until-close"),
  response: head("HTTP/1.0 200 OK", "Server: old") + "all until the end",
  wantResponse: { body: "all until the end", body_bytes: 17 },
};

const UPGRADE: Talk = {
  request: head("GET /upgrade HTTP/1.1", "Host: peer", "Upgrade: echo", "Connection: Upgrade"),
  response: head("HTTP/1.1 101 Switching Protocols", "Upgrade: echo", "Connection: Upgrade"),
};

const CONNECT: Talk = {
  request: head("CONNECT far.example:443 HTTP/1.1", "Host: far.example:443"),
  response: head("HTTP/1.1 200 Connection established"),
};

const bytesOf = (text = ""): number => new TextEncoder().encode(text).length;

/** The conversations, each on a connection of its own; `pipelined`: all requests go out first. */
const CONVERSATIONS: { name: string; talks: Talk[]; pipelined?: true; tunnel?: string }[] = [
  { name: "keep-alive", talks: [plain("/1"), CHUNKED, plain("/2"), EARLY, CHUNKED_UPLOAD] },
  { name: "pipelined, 10 deep", talks: ten(), pipelined: true },
  {
    name: "pipelined, of every framing",
    talks: [CHUNKED_UPLOAD, CHUNKED, EARLY, plain("/late"), CHUNKED, CHUNKED_UPLOAD, UNTIL_CLOSE],
    pipelined: true,
  },
  { name: "until close", talks: [plain("/before"), UNTIL_CLOSE] },
  { name: "upgrade", talks: [plain("/before-upgrade"), UPGRADE], tunnel: "GET / not http\r\n\r\n" },
  { name: "CONNECT", talks: [CONNECT], tunnel: "\x16\x03\x01 not http\r\n" },
];

function ten(): Talk[] {
  return Array.from({ length: 10 }, (_, i) => plain(`/pipelined/${i}`));
}

/** Says all of a conversation, and checks that the server said what the record shall tell. */
async function converse(
  client: RawClient,
  { talks, pipelined, tunnel }: (typeof CONVERSATIONS)[number],
): Promise<void> {
  const answerOf = (talk: Talk): string => (talk.interim ?? "") + talk.response;
  if (pipelined) {
    await client.send(talks.map((talk) => talk.request).join(""));
    const all = talks.map(answerOf).join("");
    assert.equal(await client.read(bytesOf(all)), all);
  }
  for (const talk of pipelined ? [] : talks) {
    await client.send(talk.request);
    assert.equal(await client.read(bytesOf(answerOf(talk))), answerOf(talk));
  }
  if (tunnel === undefined) return;
  await client.send(tunnel);
  assert.equal(await client.read(bytesOf(tunnel)), tunnel);
}

function assertTalk(record: SeenRecord, talk: Talk): void {
  assertRequestHead(record.request, talk.request);
  assertResponseHead(record.response, talk.response);
  assert.equal(record.request_bytes, bytesOf(talk.request));
  assert.equal(record.response_bytes, bytesOf(talk.interim) + bytesOf(talk.response));
  for (const [key, want] of Object.entries(talk.wantRequest ?? {})) {
    assert.deepEqual(record.request?.[key], want, key);
  }
  for (const [key, want] of Object.entries(talk.wantResponse ?? {})) {
    assert.deepEqual(record.response?.[key], want, key);
  }
  assert.equal(record.incomplete, undefined);
}

/** Records of one connection, in order of their requests. */
function ofPort(records: readonly SeenRecord[], port: number): SeenRecord[] {
  return records.filter((record) => record.remote === `127.0.0.1:${port}`);
}

for (const way of WAYS) {
  Deno.test(`e2e http: every framing, pipelined and not, is told byte for byte (${way} way)`, async (t) => {
    await using peer = await HttpPeer.start();
    const ports: number[] = [];
    const total = CONVERSATIONS.reduce((sum, { talks }) => sum + talks.length, 0);
    const fromMs = Date.now();
    const records = await traced(
      ["--capture", way, "--pid", `${peer.pid}`, "--protocol", "http"],
      async (tracer) => {
        for (const conversation of CONVERSATIONS) {
          using client = await RawClient.connect(peer.port);
          ports.push(client.port);
          await converse(client, conversation);
        }
        await tracer.untilRecords(total);
      },
    );
    assert.equal(records.length, total);
    assertSound(records, fromMs);
    for (const [i, { name, talks }] of CONVERSATIONS.entries()) {
      await t.step(name, async () => {
        const port = ports[i] ?? 0;
        const fd = await peer.fdOf(port);
        const mine = ofPort(records, port);
        assert.equal(mine.length, talks.length);
        for (const [j, talk] of talks.entries()) {
          const record = mine[j] as SeenRecord;
          assertTalk(record, talk);
          assert.deepEqual(
            { pid: record.pid, comm: record.comm, fd: record.fd, role: record.role },
            { pid: peer.pid, comm: "python3", fd, role: "server" },
          );
          assert.equal(record.local, `127.0.0.1:${peer.port}`);
          assert.equal(record.conn, mine[0]?.conn);
          if (record.request?.path === "/late") assert.ok((record.latency_ns ?? 0) >= 50e6);
        }
      });
    }
  });

  Deno.test(`e2e http: a response that breaks off is shown as far as it came (${way} way)`, async () => {
    await using peer = await HttpPeer.start();
    const fromMs = Date.now();
    const records = await traced(["--capture", way, "--pid", `${peer.pid}`], async (tracer) => {
      using client = await RawClient.connect(peer.port);
      await client.send(get("/drop"));
      assert.equal(await client.rest(), okHead(1000) + "x".repeat(100));
      await tracer.untilRecords(1);
    });
    assertSound(records, fromMs);
    assert.equal(records.length, 1);
    const [record] = records;
    assertRequestHead(record?.request ?? null, get("/drop"));
    assertResponseHead(record?.response ?? null, okHead(1000));
    assert.deepEqual(record?.incomplete, ["closed"]);
    assert.equal(record?.response?.body, "x".repeat(100));
    assert.equal(record?.response_bytes, bytesOf(okHead(1000)) + 100);
  });

  Deno.test(`e2e http: an unanswered request is told after --request-timeout, or at the end (${way} way)`, async () => {
    for (
      const { args, reason } of [
        { args: ["--request-timeout", "1500ms"], reason: "no_response" },
        { args: [], reason: "trace_end" },
      ]
    ) {
      await using peer = await HttpPeer.start();
      await using tracer = await startTracer("--capture", way, "--pid", `${peer.pid}`, ...args);
      const fromMs = Date.now();
      using client = await RawClient.connect(peer.port);
      // The answered one shows that the trace is behind neither.
      await client.send(get("/first"));
      await client.read(bytesOf(told("/first")));
      await client.send(get("/never"));
      await peer.untilUnanswered();
      await tracer.untilRecords(args.length === 0 ? 1 : 2);
      if (args.length > 0) assert.ok(Date.now() - fromMs >= 1500);
      const { records, code } = await tracer.stop();
      assert.equal(code, 0);
      assertSound(records, fromMs);
      assert.equal(records.length, 2);
      assertRequestHead(records[1]?.request ?? null, get("/never"));
      assert.equal(records[1]?.response, null);
      assert.deepEqual(records[1]?.incomplete, [reason]);
      assert.equal(records[1]?.request_bytes, bytesOf(get("/never")));
    }
  });

  Deno.test(`e2e http: a connection older than the trace is read from its next request on (${way} way)`, async () => {
    await using peer = await HttpPeer.start();
    using idle = await RawClient.connect(peer.port);
    using waiting = await RawClient.connect(peer.port);
    await idle.send(get("/untraced"));
    await idle.read(bytesOf(told("/untraced")));
    // Half a request before the trace, the other half behind its start.
    const half = get("/half-seen");
    await waiting.send(half.slice(0, 20));
    const fromMs = Date.now();
    const records = await traced(["--capture", way, "--pid", `${peer.pid}`], async (tracer) => {
      for (const path of ["/a", "/b", "/c"]) {
        await idle.send(get(path));
        await idle.read(bytesOf(told(path)));
      }
      await waiting.send(half.slice(20));
      await waiting.read(bytesOf(told("/half-seen")));
      await waiting.send(get("/whole"));
      await waiting.read(bytesOf(told("/whole")));
      await tracer.untilRecords(5);
    });
    assertSound(records, fromMs);
    const whole = ofPort(records, idle.port);
    assert.deepEqual(whole.map(({ request }) => request?.path), ["/a", "/b", "/c"]);
    const fd = await peer.fdOf(idle.port);
    for (const record of whole) {
      assertTalk(record, plain(String(record.request?.path)));
      assert.equal(record.fd, fd);
      assert.equal(record.role, "server");
    }
    const [torn, next] = ofPort(records, waiting.port);
    assert.equal(torn?.request, null);
    assert.deepEqual(torn?.incomplete, ["mid_stream"]);
    assertResponseHead(torn?.response ?? null, told("/half-seen"));
    assertTalk(next as SeenRecord, plain("/whole"));
    assert.equal(records.length, 5);
  });
}
