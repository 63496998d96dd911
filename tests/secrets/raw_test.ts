/** Bytes of no known structure: what of them is shown. */
import { equal } from "node:assert/strict";
import { harmlessHead, SecretWatch } from "../../lib/secrets/raw.ts";
import { bytesOf } from "../support/events.ts";

const SHOWN: { text: string; want: string }[] = [
  { text: "SSH-2.0-OpenSSH_9.2p1\r\n", want: "SSH-2.0-OpenSSH_9.2p1\r\n" },
  { text: "220 mail ESMTP\r\n", want: "220 mail ESMTP\r\n" },
  {
    text: "GET /x HTTP/1.1\r\nHost: a:80\r\nUser-Agent: b\r\n",
    want: "GET /x HTTP/1.1\r\nHost: a:80\r\nUser-Agent: b\r\n",
  },
  { text: "\x02\x000123", want: "\x02\x000123" },
  { text: "miracle oracle operate\r\n", want: "miracle oracle operate\r\n" },
  { text: "AUTH x", want: "AUTH" },
  { text: "PASS x", want: "PASS" },
  { text: "GET http://bob:x", want: "GET http://" },
  { text: "ACL LIST", want: "ACL" },
  { text: "\x01\x02password", want: "" },
  { text: "\x10\x0c\0\x04MQTT", want: "" },
];
for (const { text, want } of SHOWN) {
  Deno.test(`harmlessHead() shows ${JSON.stringify(want)} of ${JSON.stringify(text)}`, () => {
    const bytes = bytesOf(text);
    equal(new TextDecoder().decode(bytes.subarray(0, harmlessHead(bytes))), want);
  });
}

/** How much of each operation is shown; they alternate between positions as given. */
function watched(
  watch: SecretWatch,
  said: [direction: number, text: string, at?: number][],
): string[] {
  const next = [0, 0];
  return said.map(([direction, text, at]) => {
    const bytes = bytesOf(text);
    const position = at ?? next[direction] ?? 0;
    next[direction] = position + bytes.length;
    const raw = { direction, bytes, start: 0, end: bytes.length, position };
    return text.slice(0, watch.take({ ...raw, isTcp: false, isDatagram: false }));
  });
}

Deno.test("SecretWatch hides what follows a name, also in later operations, until a message begins", () => {
  const got = watched(
    new SecretWatch(true),
    [
      [0, "GET / HTTP/1.1\r\nAuthori"],
      [0, "zation: Basic abc"],
      [0, "def\r\n\r\n"],
      [1, "anything"],
      [1, "HTTP/1.1 200 OK\r\n\r\n"],
      [0, "GET / HTTP/1.1\r\n\r\n"],
    ].map(([direction, text]) => [Number(direction), String(text)]),
  );
  equal(
    JSON.stringify(got),
    JSON.stringify([
      "GET / HTTP/1.1\r\nAuth",
      "",
      "",
      "",
      "HTTP/1.1 200 OK\r\n\r\n",
      "GET / HTTP/1.1\r\n\r\n",
    ]),
  );
});

Deno.test("SecretWatch hides what comes behind missing bytes, and what began before the trace", () => {
  equal(watched(new SecretWatch(true), [[0, "one"], [0, "two", 50]]).join("|"), "one|");
  equal(watched(new SecretWatch(true, [10, 0]), [[0, "two", 50]]).join("|"), "");
  equal(
    watched(new SecretWatch(false), [[0, "one"], [0, "HTTP/1.1 200 OK"]]).join("|"),
    "|HTTP/1.1 200 OK",
  );
});
