/** Whole conversations for the contract test; replies as redis-server 7.0 sends them. */
import type { Sample } from "../../support/contract.ts";
import { ask, command, concat, raw, reply, type Step } from "./support.ts";

const SHA = "0123456789abcdef0123456789abcdef01234567";
const RDB = "REDIS0010\xfa\x09redis-ver\xff12345678";

function sample(name: string, exchanges: number, ...steps: Step[]): Sample {
  return { name, transport: "stream", steps, exchanges };
}

export const samples: Sample[] = [
  sample(
    "SET and GET",
    2,
    ask(command("SET", "k", "v")),
    reply("+OK\r\n"),
    ask(command("GET", "k")),
    reply("$1\r\nv\r\n"),
  ),
  sample(
    "pipeline of four with an error",
    4,
    ask(concat(
      command("SET", "k", "v"),
      command("LPUSH", "k", "x"),
      command("GET", "none"),
      command("INCR", "n"),
    )),
    reply(
      "+OK\r\n-WRONGTYPE Operation against a key holding the wrong kind of value\r\n$-1\r\n:1\r\n",
    ),
  ),
  sample(
    "transaction",
    5,
    ask(command("MULTI")),
    reply("+OK\r\n"),
    ask(concat(command("SET", "a", "1"), command("INCR", "a"), command("GET", "a"))),
    reply("+QUEUED\r\n+QUEUED\r\n+QUEUED\r\n"),
    ask(command("EXEC")),
    reply("*3\r\n+OK\r\n:2\r\n$1\r\n2\r\n"),
  ),
  sample(
    "subscriber in RESP2",
    6,
    ask(command("SUBSCRIBE", "a", "b")),
    reply("*3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n*3\r\n$9\r\nsubscribe\r\n$1\r\nb\r\n:2\r\n"),
    reply("*3\r\n$7\r\nmessage\r\n$1\r\na\r\n$2\r\nhi\r\n"),
    ask(command("PING")),
    reply("*2\r\n$4\r\npong\r\n$0\r\n\r\n"),
    ask(command("UNSUBSCRIBE")),
    reply(
      "*3\r\n$11\r\nunsubscribe\r\n$1\r\na\r\n:1\r\n*3\r\n$11\r\nunsubscribe\r\n$1\r\nb\r\n:0\r\n",
    ),
  ),
  sample(
    "RESP3 with pushes and a map",
    5,
    ask(command("HELLO", "3")),
    reply("%2\r\n$6\r\nserver\r\n$5\r\nredis\r\n$5\r\nproto\r\n:3\r\n"),
    ask(concat(command("SUBSCRIBE", "a"), command("GET", "k"))),
    reply(">3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n"),
    reply(">3\r\n$7\r\nmessage\r\n$1\r\na\r\n$2\r\nhi\r\n_\r\n"),
    ask(command("HGETALL", "h")),
    reply("%1\r\n$1\r\nf\r\n$1\r\nv\r\n"),
  ),
  sample(
    "CLIENT REPLY",
    7,
    ask(concat(
      command("CLIENT", "REPLY", "OFF"),
      command("SET", "a", "1"),
      command("CLIENT", "REPLY", "ON"),
      command("CLIENT", "REPLY", "SKIP"),
      command("SET", "a", "2"),
      command("GET", "a"),
    )),
    reply("+OK\r\n$1\r\n2\r\n"),
    ask(command("QUIT")),
    reply("+OK\r\n"),
  ),
  sample(
    "inline commands",
    2,
    ask(raw("SET k 'a b'\r\n")),
    reply("+OK\r\n"),
    ask(raw("STRLEN k\r\n")),
    reply(":3\r\n"),
  ),
  sample(
    "MONITOR",
    2,
    ask(command("MONITOR")),
    reply("+OK\r\n"),
    reply('+1339518083.107412 [0 127.0.0.1:60866] "keys" "*"\r\n'),
  ),
  sample(
    "replica",
    6,
    ask(command("REPLCONF", "capa", "eof")),
    reply("+OK\r\n"),
    ask(command("PSYNC", "?", "-1")),
    reply(`+FULLRESYNC ${SHA} 14\r\n`),
    reply("\n"),
    reply(`$${RDB.length}\r\n${RDB}`),
    reply("*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1\r\nv\r\n"),
    ask(command("REPLCONF", "ACK", "14")),
  ),
  sample(
    "value of 100 kB",
    2,
    ask(command("SET", "big", "x".repeat(100_000))),
    reply("+OK\r\n"),
    ask(command("GET", "big")),
    reply(`$100000\r\n${"x".repeat(100_000)}\r\n`),
  ),
];
