import { equal, throws } from "node:assert/strict";
import { OperatorError } from "../../lib/cli/errors.ts";
import { parseDuration, parseInteger, parseSize } from "../../lib/cli/units.ts";
import { formatLatency, formatSize, shortSize } from "../../lib/sink/format.ts";

const range = { min: 1, max: 1024 ** 3 };

for (
  const { text, want } of [
    { text: "1", want: 1 },
    { text: "4KiB", want: 4096 },
    { text: "4k", want: 4096 },
    { text: "1M", want: 1048576 },
    { text: "1.5MiB", want: 1572864 },
    { text: "10MB", want: 10_000_000 },
    { text: "1gib", want: 1024 ** 3 },
  ]
) {
  Deno.test(`parseSize() takes ${text}`, () => equal(parseSize("--x", text, range), want));
}

for (
  const { text, want } of [
    { text: "10", want: 10_000 },
    { text: "10s", want: 10_000 },
    { text: "500ms", want: 500 },
    { text: "2m", want: 120_000 },
    { text: "1.5h", want: 5_400_000 },
  ]
) {
  Deno.test(`parseDuration() takes ${text}`, () => equal(parseDuration("--x", text), want));
}

const refused: { name: string; parse: () => number; message: RegExp }[] = [
  {
    name: "a size without number",
    parse: () => parseSize("--x", "KiB", range),
    message: /not a size/,
  },
  { name: "a size of no unit", parse: () => parseSize("--x", "4Q", range), message: /not a size/ },
  { name: "a negative size", parse: () => parseSize("--x", "-4", range), message: /not a size/ },
  { name: "size 0", parse: () => parseSize("--x", "0", range), message: /between 1 B and 1 GiB/ },
  { name: "too large a size", parse: () => parseSize("--x", "2G", range), message: /between/ },
  { name: "duration 0", parse: () => parseDuration("--x", "0s"), message: /between/ },
  {
    name: "a duration in days",
    parse: () => parseDuration("--x", "1d"),
    message: /not a duration/,
  },
  { name: "an endless duration", parse: () => parseDuration("--x", "9999h"), message: /between/ },
  { name: "a fraction", parse: () => parseInteger("--x", "1.5", range), message: /whole number/ },
  { name: "hexadecimal", parse: () => parseInteger("--x", "0x10", range), message: /whole number/ },
  { name: "an empty number", parse: () => parseInteger("--x", "", range), message: /whole number/ },
  {
    name: "an escape sequence",
    parse: () => parseInteger("--x", "\x1b[2J", range),
    message: /"\\x1b/,
  },
];
for (const { name, parse, message } of refused) {
  Deno.test(`units refuse ${name}, naming the option`, () => {
    throws(parse, (error) => {
      return error instanceof OperatorError && error.exitCode === 2 &&
        error.message.startsWith("Cannot use --x ") && message.test(error.message);
    });
  });
}

Deno.test("formatLatency() keeps three digits and picks the unit", () => {
  const want: [number, string][] = [
    [0, "0ns"],
    [999, "999ns"],
    [12_345, "12.3µs"],
    [999_600, "1.00ms"],
    [1_234_567, "1.23ms"],
    [999_700_000, "1.00s"],
    [30.1e9, "30.1s"],
    [4000e9, "4000s"],
  ];
  for (const [ns, text] of want) equal(formatLatency(ns), text);
});

Deno.test("formatSize() and shortSize() stay short and true", () => {
  equal(formatSize(512), "512 B");
  equal(formatSize(4096), "4 KiB");
  equal(formatSize(1.5 * 1024 ** 2), "1.5 MiB");
  equal(shortSize(undefined), "-");
  equal(shortSize(999), "999");
  equal(shortSize(1300), "1.3K");
  equal(shortSize(10 * 1024 ** 2), "10M");
});
