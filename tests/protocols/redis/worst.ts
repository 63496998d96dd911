/** What costs the Redis plug-in most, and what it is used for: see tests/support/hostile.ts. */
import { type Load, type Said, says, turns } from "../../support/hostile.ts";
import { bytesOf } from "../../support/events.ts";

const GET = "*2\r\n$3\r\nGET\r\n$16\r\nkey:000000000042\r\n";
const VALUE = "$5\r\nhello\r\n";
const PING = "*1\r\n$4\r\nPING\r\n";
const PONG = "+PONG\r\n";

export const usual: Load = { name: "usual", say: (bytes) => turns(bytes, GET, VALUE) };

function believed(side: "request" | "response", part: string | ((nth: number) => string)) {
  return (bytes: number): Said[] => [...turns(1, PING, PONG), ...says(side, part)(bytes)];
}

/** Many commands at once, and their answers one by one. */
function inABatch(bytes: number): Said[] {
  const count = Math.trunc(bytes / (PING.length + PONG.length));
  const said: Said[] = [{ side: "request", bytes: bytesOf(PING.repeat(count)) }];
  for (let i = 0; i < count; i++) said.push({ side: "response", bytes: bytesOf(PONG) });
  return said;
}

/** A list of so many parts as take up about `bytes`, once and for ever. */
function longList(first: string, part: string) {
  return (bytes: number): Said[] => [
    ...turns(1, PING, PONG),
    { side: "request", bytes: bytesOf(PING) },
    {
      side: "response",
      bytes: bytesOf(
        `*${Math.trunc(bytes / part.length)}\r\n${first}${part.repeat(bytes / part.length)}`,
      ),
    },
  ];
}

export const worst: readonly Load[] = [
  { name: "empty lines", say: believed("request", "\r\n") },
  { name: "line feeds", say: believed("request", "\n") },
  { name: "empty lines of a primary", say: believed("response", "\n") },
  { name: "carriage returns", say: believed("request", "\r") },
  { name: "a word without end", say: believed("request", "a") },
  { name: "a line without end", say: believed("request", "get a ") },
  { name: "an open quote", say: believed("request", `get "${"a".repeat(60000)}\r\n`) },
  { name: "lines of many words", say: believed("request", `get${" a".repeat(30000)}\r\n`) },
  { name: "counts without parts", say: believed("request", "*1\r\n") },
  { name: "counts with bad lengths", say: believed("request", "*1\r\n$x") },
  { name: "no known command", say: says("request", "$1\r\na\r\n", "*500000\r\n$3\r\nfoo\r\n") },
  { name: "empty commands", say: believed("request", "*0\r\n") },
  { name: "types without a value", say: believed("response", "\r\n:") },
  { name: "bad integers", say: believed("response", "\r\n:1a") },
  { name: "lists in lists", say: believed("response", "*1\r\n") },
  { name: "lists in lists of two", say: believed("response", "*2\r\n") },
  { name: "maps in lists", say: believed("response", "*1\r\n%1\r\n+a\r\n") },
  { name: "streamed lists", say: believed("response", "*?\r\n") },
  { name: "empty attributes", say: believed("response", "|0\r\n") },
  { name: "attributes without end", say: believed("response", "|1\r\n+a\r\n+b\r\n") },
  { name: "an endless list", say: longList("", ":1\r\n") },
  { name: "an endless list of empty lists", say: longList("", "*0\r\n") },
  { name: "an endless list of empty strings", say: longList("", "$0\r\n\r\n") },
  { name: "an endless list with attributes", say: longList("", "|1\r\n+a\r\n+b\r\n:1\r\n") },
  { name: "chunks of one byte", say: longList("$?\r\n", ";1\r\na\r\n") },
  { name: "a text without end", say: believed("response", "+a") },
  { name: "carriage returns in a text", say: believed("response", "+a\r") },
  {
    name: "a database that does not end",
    say: believed("response", (n) => n ? "aaaaaaab" : `$EOF:${"a".repeat(39)}b\r\n`),
  },
  { name: "commands that nobody answers", say: says("request", PING) },
  { name: "answers that nobody asked for", say: believed("response", ":1\r\n") },
  {
    name: "published messages",
    say: believed("response", "*3\r\n$7\r\nmessage\r\n$1\r\na\r\n$1\r\nb\r\n"),
  },
  { name: "answers to a batch", say: inABatch },
  { name: "answers to a batch, joined", say: inABatch, place: { fresh: false } },
];
