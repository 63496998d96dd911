/** What costs TLS most, and what it is used for: see tests/support/hostile.ts. */
import { type Load, type Said, says, turns } from "../../support/hostile.ts";

const DATA = `\x17\x03\x03\x00\x40${"d".repeat(64)}`;

export const usual: Load = { name: "usual", say: (bytes) => turns(bytes, DATA, DATA) };

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
    name: "hellos of the wrong side",
    say: says("request", "\x16\x03\x03\x00\x06\x02\x00\x00\x02\x03\x03"),
  },
  {
    name: "nearly a header, joined",
    say: says("request", "\x16\x03\x03\x00\x00"),
    place: { fresh: false },
  },
];
