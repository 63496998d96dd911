/**
 * Checks the values of options. In: the option's name and text. Out: its value, or an error that quotes
 * both. Values that need the kernel or the list of protocols are checked later, where those are known.
 */
import { MAX_PORTS } from "../capture/abi.ts";
import { quote, usageError } from "./errors.ts";
import { parseDuration, parseInteger, parseSize } from "./units.ts";

export const KIB = 1024;
export const MIB = 1024 * KIB;
export const GIB = 1024 * MIB;
/** Largest --memory-limit: it allows half as many connections as fit a Map, and a quarter of V8's heap (V8_FLAGS). */
export const MAX_MEMORY_LIMIT = 16 * GIB;
/** Default of --snaplen: room for a value of 1 MiB and what its protocol puts around it. */
export const SNAPLEN = MIB + 64 * KIB;
/** The kernel's TASK_COMM_LEN without the closing zero. */
const MAX_COMM_BYTES = 15;
const MAX_PID = 2 ** 22;
const MAX_FD = 2 ** 31 - 1;

/** Makes the parser of an option that may be repeated: it collects the values. */
export function append<T>(parse: (text: string) => T): (text: string, before: T[]) => T[] {
  return (text, before) => [...before, parse(text)];
}

export function choice<const T extends string>(
  option: string,
  values: readonly T[],
): (text: string) => T {
  return (text) => {
    const found = values.find((value) => value === text);
    if (found === undefined) {
      throw usageError(`Cannot use ${option} ${quote(text)}: not one of ${values.join(", ")}`);
    }
    return found;
  };
}

/** A packet capture knows no processes: its connections have pid 0. */
export function parsePid(option: string, min: 0 | 1 = 1): (text: string) => number {
  return (text) => parseInteger(option, text, { min, max: MAX_PID });
}

export function duration(option: string): (text: string) => number {
  return (text) => parseDuration(option, text);
}

/** Words between commas, none of them empty. */
function split(option: string, text: string, what: string): string[] {
  const words = text.split(",").map((word) => word.trim());
  if (words.length > 1 && words.includes("")) {
    throw usageError(`Cannot use ${option} ${quote(text)}: a ${what} is empty`);
  }
  return words;
}

export function parseComms(text: string, before: string[]): string[] {
  return [...before, ...split("--comm", text, "name").map(parseComm)];
}

function parseComm(text: string): string {
  const bytes = new TextEncoder().encode(text).length;
  if (bytes === 0) throw usageError(`Cannot use --comm ${quote(text)}: name is empty`);
  if (bytes > MAX_COMM_BYTES) {
    throw usageError(
      `Cannot use --comm ${quote(text)}: longer than ${MAX_COMM_BYTES} bytes`,
      `the kernel keeps the first ${MAX_COMM_BYTES}: use --comm ${
        quote(text.slice(0, MAX_COMM_BYTES))
      }`,
    );
  }
  return text;
}

export function parsePorts(text: string, before: number[]): number[] {
  const ports = split("--port", text, "port").map((word) =>
    parseInteger("--port", word, { min: 1, max: 65535 })
  );
  if (before.length + ports.length > MAX_PORTS) {
    throw usageError(`Cannot use --port ${quote(text)}: more than ${MAX_PORTS} ports`);
  }
  return [...before, ...ports];
}

export function parseProtocols(text: string, before: string[]): string[] {
  const names = split("--protocol", text, "name");
  if (names.includes("")) throw usageError(`Cannot use --protocol ${quote(text)}: a name is empty`);
  return [...before, ...names];
}

export function size(option: string, min: number, max: number): (text: string) => number {
  return (text) => parseSize(option, text, { min, max });
}

export function parseFd(option: string): (text: string) => number {
  return (text) => parseInteger(option, text, { min: 0, max: MAX_FD });
}
