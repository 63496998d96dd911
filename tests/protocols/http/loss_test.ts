import assert from "node:assert/strict";
import { drive, type Outcome, printed, req, res, type Step } from "./drive.ts";

function get(path: string): string {
  return `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`;
}

function ok(body: string): string {
  return `HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
}

/** "path>body" of each exchange, "-" for a half that is missing, and its reasons. */
function pairs({ exchanges }: Outcome): string[] {
  return exchanges.map(({ exchange: { request, response }, incomplete }) =>
    `${request?.path ?? "-"}>${response === null ? "-" : response.body ?? ""}` +
    (incomplete.length > 0 ? ` ${incomplete.join(",")}` : "")
  );
}

Deno.test("parseFrame() passes over a body that was not seen, and marks it", () => {
  const table: { name: string; steps: Step[]; bytes: number }[] = [
    {
      name: "content-length, all of it (sendfile)",
      steps: [
        res("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"),
        { side: "response", bytes: 1000 },
      ],
      bytes: 1000,
    },
    {
      name: "content-length, its middle",
      steps: [
        res("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nabc"),
        { side: "response", bytes: 900 },
        res("x".repeat(97)),
      ],
      bytes: 1000,
    },
    {
      name: "one chunk",
      steps: [
        res("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3e8\r\n"),
        { side: "response", bytes: 1000 },
        res("\r\n0\r\n\r\n"),
      ],
      bytes: 1000,
    },
  ];
  for (const { name, steps, bytes } of table) {
    const outcome = drive([req(get("/a")), ...steps, req(get("/b")), res(ok("b"))]);
    const [first, second, ...more] = outcome.exchanges;
    assert.equal(first?.exchange.response?.body_bytes, bytes, name);
    assert.equal(first?.exchange.response?.body_truncated, true, name);
    assert.deepEqual(first?.incomplete, ["gap"], name);
    assert.equal(second?.exchange.response?.body, "b", name);
    assert.deepEqual([second?.incomplete, more.length], [[], 0], name);
  }
});

Deno.test("stitch() aligns anew when a response was lost", () => {
  const outcome = drive([
    req(get("/a")),
    { side: "response", bytes: 50 },
    req(get("/b")),
    res(ok("b")),
    req(get("/c")),
    res(ok("c")),
  ]);
  assert.deepEqual(pairs(outcome), ["/a>- gap", "/b>b", "/c>c"]);
});

Deno.test("stitch() aligns anew when a request was lost", () => {
  const outcome = drive([
    { side: "request", bytes: 30 },
    res(ok("a")),
    req(get("/b")),
    res(ok("b")),
  ]);
  assert.deepEqual(pairs(outcome), ["->a gap", "/b>b gap"]);
});

Deno.test("stitch() hands over what broke off with the connection", () => {
  const outcome = drive([
    req(get("/a")),
    res("HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" + "x".repeat(9000)),
  ]);
  assert.deepEqual(outcome.exchanges[0]?.incomplete, ["closed"]);
  assert.equal(outcome.exchanges[0]?.exchange.response?.body_bytes, 9000);
  assert.equal(outcome.exchanges[0]?.exchange.response?.body_truncated, true);
  assert.deepEqual(pairs(drive([req(get("/a"))])), ["/a>- closed"]);
});

Deno.test("stitch() lets an early response wait for its request", () => {
  const outcome = drive([
    req("PUT /a HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nab"),
    res(ok("no")),
    req("cd" + get("/b")),
    res(ok("b")),
  ]);
  assert.deepEqual(pairs(outcome), ["/a>no", "/b>b"]);
});

Deno.test("stitch() pairs ten pipelined requests, byte by byte too", () => {
  const paths = Array.from({ length: 10 }, (_, i) => `/${i}`);
  const steps = [req(paths.map(get).join("")), res(paths.map(ok).join(""))];
  for (const piece of [1, 1e6]) {
    assert.deepEqual(pairs(drive(steps, { piece })), paths.map((path) => `${path}>${path}`));
  }
});

Deno.test("stitch() gives the time to the first byte", () => {
  const [exchange] = drive([req(get("/a")), res("HTTP/1.1 200 OK\r\n"), res("\r\nbody")]).exchanges;
  assert.equal(exchange?.exchange.response?.time_to_first_byte_ns, 1000);
});

Deno.test("findBoundary() joins a connection in the middle of a body", () => {
  const steps = [
    req('rest of a body {"GET ": 1}' + get("/a")),
    res("\x00\x01 HTTP/1.x rubbish HTTP/1.1 2" + ok("a")),
    req(get("/b")),
    res(ok("b")),
  ];
  for (const piece of [1, 5, 1000]) {
    const outcome = drive(steps, { midStream: true, piece });
    assert.deepEqual(pairs(outcome).slice(-2), ["/a>a", "/b>b"], `by ${piece}`);
  }
});

Deno.test("parseFrame() does not wait for the body of an unseen HEAD request", () => {
  const outcome = drive([
    res("HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n"),
    req(get("/b")),
    res(ok("b")),
    req(get("/c")),
    res(ok("a body of more than seven bytes")),
  ], { midStream: true });
  assert.deepEqual(pairs(outcome).slice(-1), ["/c>a body of more than seven bytes"]);
  assert.equal(printed(outcome).length, 3);
});

Deno.test("parseFrame() never throws and always moves on, whatever the bytes", () => {
  const parts = [
    get("/a"),
    ok("b"),
    "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 5\r\n\r\nhello",
  ].join("");
  let seed = 12345;
  const random = (below: number): number => {
    seed = (seed * 1103515245 + 12345) % 2147483648;
    return Math.floor((seed / 2147483648) * below);
  };
  let seen = 0;
  for (let round = 0; round < 400; round++) {
    const steps: Step[] = [];
    for (const side of ["request", "response"] as const) {
      const bytes = new TextEncoder().encode(parts);
      for (let i = random(8); i >= 0; i--) bytes[random(bytes.length)] = random(256);
      const cut = random(bytes.length);
      steps.push({ side, bytes: bytes.subarray(0, cut) });
      if (random(2) === 0) steps.push({ side, bytes: 1 + random(40) });
      steps.push({ side, bytes: bytes.subarray(cut) });
    }
    seen += drive(steps, { piece: 1 + random(60) }).exchanges.length;
  }
  assert.ok(seen > 400);
});

Deno.test("parseFrame() takes no request for the body that a client did not send", () => {
  const asked = "POST /a HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n";
  const refused = "HTTP/1.1 417 Expectation Failed\r\nContent-Length: 0\r\n\r\n";
  for (const piece of [1, 7, 1e6]) {
    const skipped = drive([req(asked), res(refused), req(get("/b")), res(ok("b"))], { piece });
    assert.deepEqual(pairs(skipped), ["/a>", "/b>b"]);
    const sent = drive([req(asked), res(refused), req("hello"), req(get("/b")), res(ok("b"))], {
      piece,
    });
    assert.deepEqual(pairs(sent), ["/a>", "/b>b"]);
  }
});

Deno.test("parseFrame() goes on behind a length that stands beside Transfer-Encoding: identity", () => {
  const fields = "Transfer-Encoding: identity\r\nContent-Length: 2\r\n\r\nab";
  const outcome = drive([
    req(`POST /a HTTP/1.1\r\nHost: a\r\n${fields}`),
    res(`HTTP/1.1 200 OK\r\n${fields}`),
    req(get("/b")),
    res(ok("b")),
  ]);
  assert.deepEqual(pairs(outcome), ["/a>ab", "/b>b"]);
});
