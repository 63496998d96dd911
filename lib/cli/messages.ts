/**
 * sockeye's own messages: lines on stderr, and the answers of commands like check on stdout. In: text.
 * Out: on stderr, the text with all but newlines escaped that a terminal could obey. A stream that
 * nobody reads any more is no fault here; an answer that cannot be written is one.
 */
import { Log, type LogLevel } from "../log.ts";
import { systemReason } from "../system_reason.ts";
import { escapeText } from "../wire/escape.ts";
import { OperatorError } from "./errors.ts";

const O_ACCMODE = 3, O_RDONLY = 0;

const encoder = new TextEncoder();

/** Writes to stderr, escaped. */
export function tell(text: string): void {
  try {
    put(Deno.stderr, text.split("\n").map(escapeText).join("\n"));
  } catch {
    // Nobody to tell.
  }
}

/** Writes to stdout, unescaped: the text must be our own. */
export function answer(text: string): void {
  // Writing there seems to go well: the runtime takes EBADF for success.
  if (isStdoutClosed()) throw new OperatorError("Cannot write to stdout: it is closed");
  try {
    put(Deno.stdout, text);
  } catch (error) {
    if (error instanceof Deno.errors.BrokenPipe) return;
    throw new OperatorError(`Cannot write to stdout: ${systemReason(error)}`, null, undefined, {
      cause: error,
    });
  }
}

/** The log of a run: with -q only warnings, with -v and -vv more. */
export function openLog(options: { quiet?: true; verbose: number }): Log {
  const level: LogLevel = options.verbose >= 2 ? 2 : options.verbose === 1 ? 1 : 0;
  return new Log(tell, level, options.quiet === true);
}

function put(stream: { writeSync(bytes: Uint8Array): number }, text: string): void {
  const bytes = encoder.encode(text);
  for (let at = 0; at < bytes.length;) at += stream.writeSync(bytes.subarray(at));
}

/** Was it closed when the process began? Then the executable put something there that takes no byte. */
export function isStdoutClosed(): boolean {
  try {
    const flags = /^flags:\s+([0-7]+)$/m.exec(Deno.readTextFileSync("/proc/self/fdinfo/1"))?.[1];
    return flags !== undefined && (Number.parseInt(flags, 8) & O_ACCMODE) === O_RDONLY;
  } catch {
    return false; // a /proc of another pid namespace, or none
  }
}
