/**
 * Errors for the operator. In: what could not be done, with what value, why, and what to do about it.
 * Out: an exit code and two lines for stderr. It never prints by itself.
 */
import { escapeText } from "../wire/escape.ts";

export const ExitCode = { OK: 0, FAILED: 1, USAGE: 2, COMMAND_FAILED: 125 } as const;

/** A fault of the operator, the kernel or the machine, in words: it is shown without a stack. */
export class OperatorError extends Error {
  override readonly name = "OperatorError";
  readonly hint: string | null;
  readonly exitCode: number;

  constructor(
    message: string,
    hint: string | null = null,
    exitCode: number = ExitCode.FAILED,
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.hint = hint;
    this.exitCode = exitCode;
  }
}

/** A wrong word on the command line: exit code 2. */
export function usageError(message: string, hint: string | null = null): OperatorError {
  return new OperatorError(message, hint, ExitCode.USAGE);
}

/** A value as it was given, in quotes, safe for a terminal. */
export function quote(value: string): string {
  return `"${escapeText(value)}"`;
}

/** An error as two lines, or as a stack when it is a fault of ours; errors of any class may have a
 * `hint` and an `exitCode`. */
export function describeError(error: unknown): { text: string; exitCode: number } {
  if (!(error instanceof Error)) return { text: String(error), exitCode: ExitCode.FAILED };
  const exitCode = "exitCode" in error && typeof error.exitCode === "number"
    ? error.exitCode
    : ExitCode.FAILED;
  if (!("hint" in error)) {
    return { text: `internal error: ${error.stack ?? error.message}`, exitCode };
  }
  const hint = typeof error.hint === "string" && error.hint !== "" ? `\nHint: ${error.hint}` : "";
  return { text: error.message + hint, exitCode };
}
