/**
 * sockeye's own messages: lines on stderr, and the answers of commands like check on stdout. In: text.
 * Out: on stderr, the text with all but newlines escaped that a terminal could obey. A stream that
 * nobody reads any more is no fault here.
 */
import { Log, type LogLevel } from "../log.ts";
import { escapeText } from "../wire/escape.ts";

const encoder = new TextEncoder();

/** Writes to stderr, escaped. */
export function tell(text: string): void {
  put(Deno.stderr, text.split("\n").map(escapeText).join("\n"));
}

/** Writes to stdout, unescaped: the text must be our own. */
export function answer(text: string): void {
  put(Deno.stdout, text);
}

/** The log of a run: with -q only warnings, with -v and -vv more. */
export function openLog(options: { quiet?: true; verbose: number }): Log {
  const level: LogLevel = options.verbose >= 2 ? 2 : options.verbose === 1 ? 1 : 0;
  return new Log(tell, level, options.quiet === true);
}

function put(stream: { writeSync(bytes: Uint8Array): number }, text: string): void {
  const bytes = encoder.encode(text);
  try {
    for (let at = 0; at < bytes.length;) at += stream.writeSync(bytes.subarray(at));
  } catch {
    // The reader is gone: there is nobody to tell.
  }
}
