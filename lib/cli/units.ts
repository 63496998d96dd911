/**
 * Values of options. In: an option's name, for the error, and its text. Out: a number. Nothing is
 * rounded or clamped silently.
 */
import { formatSize } from "../sink/format.ts";
import { quote, usageError } from "./errors.ts";

const SIZE_UNITS: Readonly<Record<string, number>> = {
  "": 1,
  b: 1,
  k: 1024,
  kib: 1024,
  kb: 1000,
  m: 1024 ** 2,
  mib: 1024 ** 2,
  mb: 1000 ** 2,
  g: 1024 ** 3,
  gib: 1024 ** 3,
  gb: 1000 ** 3,
};
const DURATION_UNITS_MS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
};

export interface Range {
  min: number;
  max: number;
}

/** Decimal integer within a range. */
export function parseInteger(option: string, text: string, range: Range): number {
  const value = /^\d{1,15}$/.test(text) ? Number(text) : NaN;
  if (Number.isNaN(value)) {
    throw usageError(`Cannot use ${option} ${quote(text)}: not a whole number`);
  }
  if (value < range.min || value > range.max) {
    throw usageError(
      `Cannot use ${option} ${quote(text)}: not between ${range.min} and ${range.max}`,
    );
  }
  return value;
}

/** Bytes: 512, 4KiB, 1M (binary), 10MB (decimal). */
export function parseSize(option: string, text: string, range: Range): number {
  const [amount, unit] = split(text);
  const factor = SIZE_UNITS[unit];
  if (amount === null || factor === undefined) {
    throw usageError(
      `Cannot use ${option} ${quote(text)}: not a size`,
      "write bytes, or a number with KiB, MiB or GiB, as in 64KiB",
    );
  }
  const bytes = Math.floor(amount * factor);
  if (bytes < range.min || bytes > range.max) {
    throw usageError(
      `Cannot use ${option} ${quote(text)}: not between ${formatSize(range.min)} and ${
        formatSize(range.max)
      }`,
    );
  }
  return bytes;
}

/** Milliseconds: 500ms, 10s, 2m, 1h; a bare number is seconds. At most a hundred days, at least 1 ms. */
export function parseDuration(option: string, text: string): number {
  const [amount, unit] = split(text);
  const factor = DURATION_UNITS_MS[unit === "" ? "s" : unit];
  if (amount === null || factor === undefined) {
    throw usageError(
      `Cannot use ${option} ${quote(text)}: not a duration`,
      "write a number with ms, s, m or h, as in 10s",
    );
  }
  const milliseconds = Math.round(amount * factor);
  if (milliseconds < 1 || milliseconds > 100 * 86_400_000) {
    throw usageError(`Cannot use ${option} ${quote(text)}: not between 1ms and 2400h`);
  }
  return milliseconds;
}

function split(text: string): [number | null, string] {
  const match = /^(\d{1,12}(?:\.\d{1,6})?)([a-z]{0,3})$/.exec(text.toLowerCase());
  return match === null ? [null, ""] : [Number(match[1]), match[2] ?? ""];
}
