/** What costs TLS most, and what it is used for: see tests/support/hostile.ts. */
import type { Side } from "../../../protocols/protocol.ts";
import { Type } from "../../../protocols/tls/probe.ts";
import { type Load, type Said, says, turns } from "../../support/hostile.ts";
import { clientHello, extension, message, record, serverHello, vector } from "./build.ts";
import { samples } from "./samples.ts";

const DATA = `\x17\x03\x03\x00\x40${"d".repeat(64)}`;

const handshake: Said[] = samples[0]?.steps ?? [];

/** Behind the handshake nothing is looked at. */
export const usual: Load = {
  name: "usual",
  say: (bytes) => [...handshake, ...turns(bytes, DATA, DATA)],
};

/** The length of a message of 8 MiB. */
const ENDLESS = "\x7f\x7f\x7f";
/** The beginning of a record with the beginning of such a hello. */
const START = `\x16\x03\x01\x00\x04\x01${ENDLESS}`;
const HELLO = record(Type.HANDSHAKE, message(1, clientHello()), 1);
const MANY = Array.from({ length: 8000 }, (_, i) => i);

/** A hello, then over and over what comes behind it. */
function behind(side: Side, hellos: Uint8Array[], rest: Uint8Array): (bytes: number) => Said[] {
  return (bytes) => {
    const times = Math.ceil(bytes / rest.length);
    const begun = hellos.map((hello, i): Said => ({
      side: i === 0 ? "request" : "response",
      bytes: hello,
    }));
    const all = new Uint8Array(times * rest.length);
    for (let i = 0; i < times; i++) all.set(rest, i * rest.length);
    return [...begun, { side, bytes: all }];
  };
}

const older = record(Type.HANDSHAKE, message(2, serverHello({ version: 0x0303 })));
const retry = record(Type.HANDSHAKE, message(2, serverHello({ isRetry: true })));
const badCertificate = message(11, [...vector(3, ...vector(3, ...Array(5000).fill(0x30)))]);
const large = clientHello({
  suites: MANY,
  extensions: MANY.slice(0, 4000).map((i) => extension(i)),
});

/** Both sides begin with the header of a record that does not end. */
function largeRecords(bytes: number): Said[] {
  const begin = "\x17\x03\x03\x48\x00";
  return [...says("request", "d", begin)(bytes / 2), ...says("response", "d", begin)(bytes / 2)];
}

export const worst: readonly Load[] = [
  { name: "a record without end", say: says("request", "d", "\x17\x03\x03\x48\x00") },
  { name: "records without end on both sides", say: largeRecords },
  { name: "nearly a header", say: says("request", "\x16\x03\x03\x00\x00") },
  { name: "types", say: says("request", "\x16") },
  { name: "garbage", say: says("response", "\x19") },
  { name: "empty records", say: says("response", "\x17\x03\x03\x00\x00", "\x17") },
  {
    name: "a hello without end, a byte a record",
    say: says("request", "\x16\x03\x01\x00\x01\x00", START),
  },
  {
    name: "a hello without end",
    say: says("request", `\x16\x03\x01\x40\x00${"\0".repeat(1 << 14)}`, START),
  },
  { name: "warnings", say: behind("response", [HELLO], record(Type.ALERT, [1, 112])) },
  { name: "requests for another hello", say: behind("response", [HELLO], retry) },
  { name: "hellos", say: behind("request", [], HELLO) },
  {
    name: "hellos with long lists",
    say: behind("request", [], record(Type.HANDSHAKE, message(1, large), 1)),
  },
  {
    name: "changes of ciphers",
    say: behind("request", [HELLO], record(Type.CHANGE_CIPHER_SPEC, [1])),
  },
  { name: "early data", say: behind("request", [HELLO, retry], record(Type.APPLICATION, [1])) },
  {
    name: "certificates that are none",
    say: behind("response", [HELLO, older], record(Type.HANDSHAKE, badCertificate)),
  },
  {
    name: "encrypted records of the server",
    say: behind("response", [HELLO, older], record(Type.APPLICATION, [1])),
  },
  {
    name: "hellos of the wrong side",
    say: says("request", "\x16\x03\x03\x00\x06\x02\x00\x00\x02\x03\x03"),
  },
  {
    name: "nearly a header, joined",
    say: says("request", "\x16\x03\x03\x00\x00"),
    place: { fresh: false },
  },
];
