/**
 * A secret in every place that a protocol has for one, and every output searched for it: whole, by
 * each byte of its own operation, with the beginning lost, joined in the middle, broken off.
 */
import { ok } from "node:assert/strict";
import type { EntryFields } from "../../lib/capture/event.ts";
import { Conversation, type ConversationOptions } from "../support/events.ts";
import { leaksIn, outputsOf, SECRET } from "../support/secrets.ts";

const S = SECRET;
const B64 = btoa(`bob:${S}`);
const JWT = `eyJ${S}.${S}`;

interface Planted {
  name: string;
  request: string | Uint8Array;
  response?: string;
  /** A protocol that is not known: the log may show less than the record of others. */
  transport?: "stream" | "datagram";
}

const OK = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

function get(target: string, ...fields: string[]): string {
  return [`GET ${target} HTTP/1.1`, "Host: a", ...fields, "", ""].join("\r\n");
}

function answer(...fields: string[]): string {
  return ["HTTP/1.1 200 OK", "Content-Length: 0", ...fields, "", ""].join("\r\n");
}

function post(type: string, body: string): string {
  return `POST /f HTTP/1.1\r\nHost: a\r\n${type === "" ? "" : `Content-Type: ${type}\r\n`}` +
    `Content-Length: ${body.length}\r\n\r\n${body}`;
}

function command(...args: string[]): string {
  return `*${args.length}\r\n${args.map((arg) => `$${arg.length}\r\n${arg}\r\n`).join("")}`;
}

const PART = `--b\r\nContent-Disposition: form-data; name="password"\r\n\r\n${S}\r\n--b--\r\n`;

const KEYS = [
  ..."password passwd pass pwd access_token refresh_token id_token token api_key apikey".split(" "),
  ..."X-Amz-Signature signature sig client_secret user[password] jwt session sid auth".split(" "),
  ..."p%61ssword api%5Fkey accessToken".split(" "),
];

const HTTP: Planted[] = [
  ...KEYS.map((key) => ({ name: `query ${key}`, request: get(`/x?a=1&${key}=${S}&b=2`) })),
  { name: "first of a query", request: get(`/?password=${S}`) },
  { name: "value with odd characters", request: get(`/?password=a;b/c?d ${S}`) },
  { name: "path parameter", request: get(`/a;jsessionid=${S}?x=1`) },
  { name: "URL in a query", request: get(`/?to=https%3A%2F%2Fh%2F%3Faccess_token%3D${S}%26x`) },
  { name: "URL in a URL in a query", request: get(`/?to=h%253Ftoken%253D${S}`) },
  { name: "user in a URL in a query", request: get(`/?to=https%3A%2F%2Fbob%3A${S}%40h%2F`) },
  { name: "absolute target", request: get(`http://bob:${S}@host/`) },
  { name: "absolute target, only a token", request: get(`http://${S}@host/`) },
  { name: "CONNECT", request: `CONNECT bob:${S}@host:443 HTTP/1.1\r\nHost: a\r\n\r\n` },
  { name: "user with @", request: get(`http://bob:x@${S}@host/`) },
  { name: "user with =", request: get(`http://bob:token=${S}@host/`) },
  { name: "Location", request: get("/"), response: answer(`Location: https://b:${S}@h/#x`) },
  { name: "Location //", request: get("/"), response: answer(`Location: //b:${S}@h/`) },
  {
    name: "fragment of Location",
    request: get("/"),
    response: answer(`Location: https://h/cb#access_token=${S}&x=1`),
  },
  { name: "Referer", request: get("/", `Referer: https://h/?password=${S}&x=1`) },
  { name: "Referer's user", request: get("/", `Referer: https://b:${S}@h/`) },
  { name: "Host's user", request: get("/", `X-Forwarded-Host: b:${S}@h`) },
  { name: "Link", request: get("/"), response: answer(`Link: <https://h/?token=${S}>; rel=next`) },
  { name: "Refresh", request: get("/"), response: answer(`Refresh: 0; url=https://b:${S}@h/`) },
  { name: "a folded URL", request: get("/", `X-Url: https://h/?token=\r\n ${S}`) },
  { name: "a folded field", request: get("/", `Authorization: Basic\r\n ${S}`) },
  ...[
    ..."Authorization Proxy-Authorization Cookie Cookie2 X-Api-Key X-Auth-Token".split(" "),
    ..."Api-Key X-Access-Token Private-Token X-CSRF-Token X-Amz-Security-Token".split(" "),
    ..."X-Vault-Token X-Goog-Api-Key Ocp-Apim-Subscription-Key X-Hub-Signature-256".split(" "),
    ..."X-Shared-Secret X-Session-Id authorization\0 Authorization\x0b \rAuthorization".split(" "),
  ].map((name) => ({ name: `field ${name}`, request: get("/", `${name}: ${S}`) })),
  ...["Set-Cookie", "Set-Cookie2", "Authentication-Info", "Proxy-Authentication-Info"].map((
    name,
  ) => ({ name: `field ${name}`, request: get("/"), response: answer(`${name}: a=${S}`) })),
  { name: "a trailer", request: get("/"), response: chunked(`Set-Cookie: ${S}\r\n`) },
  { name: "bearer elsewhere", request: get("/", `X-Forwarded-User: Bearer ${S}`) },
  { name: "Basic in base64", request: get("/", `Authorization: Basic ${B64}`) },
  { name: "a JWT elsewhere", request: get("/", `X-Amzn-Oidc-Data: ${JWT}`) },
  { name: "a subprotocol", request: get("/", `Sec-WebSocket-Protocol: bearer, ${S}`) },
  {
    name: "a subprotocol as Kubernetes has it",
    request: get("/", `Sec-WebSocket-Protocol: base64url.bearer.authorization.k8s.io.${S}`),
  },
  {
    name: "a subprotocol that is agreed on",
    request: get("/"),
    response: answer(`Sec-WebSocket-Protocol: access_token.${S}`),
  },
  { name: "a bare CR before a field", request: get("/", `X: a\rAuthorization: Basic ${S}`) },
  { name: "a NUL before a field", request: get("/", `X: a\0Cookie: ${S}`) },
  { name: "a name that is the line", request: get("/", `Authorization Bearer ${S}:x`) },
  { name: "a form", request: post("application/x-www-form-urlencoded", `u=1&password=${S}&x=2`) },
  { name: "a form of no type", request: post("", `user=bob&password=${S}`) },
  { name: "a form with blanks", request: post("a/b; x-www-form-urlencoded", `pass=a b ${S}`) },
  { name: "a multipart form", request: post("multipart/form-data; boundary=b", PART) },
  {
    name: "a multipart form with binary",
    request: post("multipart/form-data; boundary=b", `--b\r\nX: y\r\n\r\n\xff\xfe\r\n${PART}`),
  },
  {
    name: "tokens as a form",
    request: get("/"),
    response: "HTTP/1.1 200 OK\r\nContent-Type: application/x-www-form-urlencoded\r\n" +
      `Content-Length: ${13 + S.length}\r\n\r\naccess_token=${S}`,
  },
];

function chunked(trailers: string): string {
  return `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n${trailers}\r\n`;
}

const PLUS_OK = "+OK\r\n";

const REDIS: Planted[] = [
  { name: "AUTH", request: command("AUTH", S) },
  { name: "AUTH with a user", request: command("AUTH", "bob", S) },
  { name: "inline AUTH", request: `AUTH ${S}\r\n` },
  { name: "HELLO AUTH", request: command("HELLO", "3", "AUTH", "bob", S) },
  { name: "HELLO SETNAME AUTH", request: command("HELLO", "3", "SETNAME", "AUTH", "AUTH", "b", S) },
  { name: "HELLO AUTH without a user", request: command("HELLO", "3", "AUTH", S) },
  {
    name: "MIGRATE of a key KEYS",
    request: command("MIGRATE", "h", "1", "KEYS", "0", "100", "AUTH", S),
  },
  {
    name: "MIGRATE of a key AUTH",
    request: command("MIGRATE", "h", "1", "AUTH", "0", "9", "COPY", "AUTH2", "b", S, "KEYS", "k"),
  },
  { name: "CONFIG SET", request: command("CONFIG", "SET", "maxmemory", "1", "masterauth", S) },
  { name: "SENTINEL SET", request: command("SENTINEL", "SET", "m", "auth-pass", S) },
  { name: "ACL SETUSER", request: command("ACL", "SETUSER", "bob", "on", `>${S}`) },
  { name: "ACL DRYRUN", request: command("ACL", "DRYRUN", "bob", "AUTH", S) },
  {
    name: "CONFIG GET",
    request: command("CONFIG", "GET", "*"),
    response: `*2\r\n$11\r\nrequirepass\r\n$${S.length}\r\n${S}\r\n`,
  },
  {
    name: "ACL GETUSER in a transaction",
    request: command("MULTI") + command("ACL", "GETUSER", "bob") + command("EXEC"),
    response: "+OK\r\n+QUEUED\r\n*1\r\n*2\r\n$9\r\npasswords\r\n*1\r\n" +
      `$${S.length}\r\n${S}\r\n`,
  },
  {
    name: "ACL GENPASS in a transaction",
    request: command("MULTI") + command("ACL", "GENPASS") + command("EXEC"),
    response: `+OK\r\n+QUEUED\r\n*1\r\n$${S.length}\r\n${S}\r\n`,
  },
  {
    name: "ACL LIST in a transaction that began earlier",
    request: command("EXEC"),
    response: `*1\r\n*1\r\n$${21 + S.length}\r\nuser bob on >${S} ~* +@all\r\n`,
  },
  {
    name: "MONITOR",
    request: command("MONITOR"),
    response: `+OK\r\n+1339518083.107412 [0 127.0.0.1:1] "AUTH" "bob" "${S}"\r\n` +
      `+1339518083.107412 [0 lua] "config" "set" "requirepass" "${S}"\r\n`,
  },
  {
    name: "MONITOR with quotes",
    request: command("MONITOR"),
    response: `+OK\r\n+1339518083.107412 [0 127.0.0.1:1] "AUTH" "a\\"b${S}"\r\n`,
  },
  {
    name: "SLOWLOG",
    request: command("SLOWLOG", "GET"),
    response: "*1\r\n*4\r\n:1\r\n:2\r\n:3\r\n" +
      command("CONFIG", "SET", "requirepass", S),
  },
  {
    name: "an error that repeats the rule",
    request: command("ACL", "SETUSER", "bob", `>${S}`),
    response: `-ERR Error in ACL SETUSER modifier '>${S}': Syntax error\r\n`,
  },
  {
    name: "an error that repeats the arguments",
    request: command("AUTH", S),
    response: `-ERR unknown command 'AUTH', with args beginning with: '${S}'\r\n`,
  },
];

const UNKNOWN: Planted[] = [
  { name: "POP3 and FTP", request: `USER bob\r\nPASS ${S}\r\n` },
  { name: "PASS", request: `PASS ${S}\r\n` },
  { name: "SMTP", request: `AUTH PLAIN ${btoa(`\0bob\0${S}`)}\r\n` },
  { name: "SMTP, on its own line", request: `AUTH LOGIN\r\n${btoa(S)}\r\n` },
  { name: "IMAP", request: `a1 LOGIN bob ${S}\r\n` },
  { name: "NATS", request: `CONNECT {"user":"bob","pass":"${S}"}\r\n` },
  { name: "STOMP", request: `STOMP\npasscode:${S}\n\n\0` },
  { name: "MQTT", request: `\x10\x1f\0\x04MQTT\x04\xc2\0\x3c\0\x01a\0\x03bob\0\x0b${S}` },
  { name: "SASL PLAIN", request: `\0\0\0\x11\0bob\0${S}` },
  { name: "PostgreSQL", request: `\0\0\0\x29\0\x03\0\0user\0bob\0\0p\0\0\0\x10${S}\0` },
  {
    name: "MySQL",
    request: `\x54\0\0\x01\x85\xa6\xff\x01\0\0\0\x01\x2d${"\0".repeat(23)}bob\0` + S,
  },
  { name: "AMQP", request: `AMQP\0\0\x09\x01PLAIN\0bob\0${S}` },
  { name: "LDAP", request: `\x30\x1b\x02\x01\x01\x60\x16\x02\x01\x03\x04\x04cn=b\x80\x0b${S}` },
  { name: "SOCKS 5", request: `\x05\x01\x02\x01\x03bob\x0b${S}` },
  { name: "Kafka", request: `\0\0\0\x24\0\x24\0\x01\0\0\0\x01\0\x01a\0\0\0\x11\0bob\0${S}` },
  { name: "Cassandra", request: `\x04\0\0\0\x0f\0\0\0\x14\0\0\0\x10\0bob\0${S}` },
  { name: "memcached", request: `\x80\x21\0\x05\0\0\0\0\0\0\0\0\0\0\0\0PLAIN\0bob\0${S}` },
  { name: "rexec", request: `0\0bob\0${S}\0ls\0` },
  { name: "a URL", request: `xyzzy http://bob:${S}@h/\r\n` },
  { name: "a head that breaks off", request: `GET / HTTP/1.1\r\nAuthorization: Bearer ${S}` },
  { name: "a head that breaks off in a query", request: `GET /?password=${S}` },
  { name: "a head that breaks off in a user", request: `GET http://bob:${S}` },
  { name: "inline AUTH that breaks off", request: `AUTH ${S}` },
  { name: "X-Api-Key that breaks off", request: `GET / HTTP/1.1\r\nX-Api-Key: ${S}` },
];

/** A hash of a password, as servers answer with it, is as good as one. */
function talk(planted: Planted, options: ConversationOptions, size: number): Conversation {
  const of = new Conversation(options).open();
  const response = planted.response ?? responseOf(planted);
  for (const [side, text] of [["request", planted.request], ["response", response]] as const) {
    const bytes = latin1Bytes(text);
    for (let at = 0; at < bytes.length; at += size) of.say(side, bytes.subarray(at, at + size));
  }
  return of.close();
}

function responseOf(planted: Planted): string {
  if (HTTP.includes(planted)) return OK;
  return REDIS.includes(planted) ? PLUS_OK : "\x01\x02";
}

function latin1Bytes(text: string | Uint8Array): Uint8Array {
  if (typeof text !== "string") return text;
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

const ALL = [...HTTP, ...REDIS, ...UNKNOWN];
const SIZES = [1 << 20, 1, 2, 3, 7, 20];

function leaks(name: string, entries: readonly EntryFields[]): string[] {
  return leaksIn(outputsOf(entries)).map((leak) => `${name}: ${leak}`);
}

for (const role of ["client", "server"] as const) {
  for (const [protocol, cases] of Object.entries({ HTTP, REDIS, UNKNOWN })) {
    Deno.test(`no output shows a secret of ${protocol}, however its bytes come (${role})`, () => {
      const found: string[] = [];
      for (const planted of cases) {
        for (const size of SIZES) {
          const { entries } = talk(planted, { role }, size);
          found.push(...leaks(`${planted.name}, ${size} bytes at once`, entries));
        }
      }
      ok(found.length === 0, found.join("\n"));
    });
    Deno.test(`no output shows a secret of ${protocol} when bytes are missing (${role})`, () => {
      const found: string[] = [];
      for (const planted of cases) {
        for (const size of [7, 13]) {
          const { entries } = talk(planted, { role }, size);
          for (let lost = 1; lost < Math.min(entries.length - 1, 30); lost++) {
            const rest = entries.filter((_, i) => i !== lost);
            found.push(...leaks(`${planted.name}, without ${lost} of ${size} bytes`, rest));
          }
        }
      }
      ok(found.length === 0, found.join("\n"));
    });
    Deno.test(`no output shows a secret of ${protocol} that was joined in its middle (${role})`, () => {
      const found: string[] = [];
      for (const planted of cases) {
        // What answers a command that was sent earlier looks like any other reply.
        if (protocol === "REDIS" && planted.response !== undefined) continue;
        const { entries } = talk(planted, { role, fresh: false, hint: false }, 4);
        for (let first = 1; first < Math.min(entries.length - 1, 40); first++) {
          found.push(...leaks(`${planted.name}, from operation ${first} on`, entries.slice(first)));
        }
      }
      ok(found.length === 0, found.join("\n"));
    });
  }
}

Deno.test("every place holds its secret: --show-secrets shows it", () => {
  for (const planted of ALL) {
    const outputs = outputsOf(talk(planted, { role: "server" }, 1 << 20).entries, true);
    ok(leaksIn({ ndjson: outputs.ndjson }).length > 0, `${planted.name}: ${outputs.ndjson}`);
  }
});
