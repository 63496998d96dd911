/**
 * What sockeye itself has to say: lines on stderr, and the answers of commands that are no trace.
 * In: text. Out: the same text with everything escaped that a terminal could obey, newlines aside.
 * A stream that nobody reads any more is no fault here.
 */
import { Log, type LogLevel } from "../log.ts";
import { escapeText } from "../wire/escape.ts";

const encoder = new TextEncoder();

/** stderr. */
export function tell(text: string): void {
  put(Deno.stderr, text.split("\n").map(escapeText).join("\n"));
}

/** stdout, as it is: the text is our own. */
export function answer(text: string): void {
  put(Deno.stdout, text);
}

/** Messages of a trace: -q silences what is no warning, -v and -vv say more. */
export function openLog(options: { quiet?: true; verbose: number }): Log {
  const level: LogLevel = options.verbose >= 2 ? 2 : options.verbose === 1 ? 1 : 0;
  return new Log(tell, level, options.quiet === true);
}

function put(stream: { writeSync(bytes: Uint8Array): number }, text: string): void {
  const bytes = encoder.encode(text);
  try {
    for (let at = 0; at < bytes.length;) at += stream.writeSync(bytes.subarray(at));
  } catch {
    // Nobody to tell.
  }
}
