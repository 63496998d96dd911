/**
 * What this program started with and COMMAND is to have again: the user's environment and signals.
 *
 * In: what the kernel keeps of the start, and the variable that the packed executable's stub left.
 * Out: bytes and sets as they were. It never changes its own.
 */

/** Set by the stub: `BLOCKED,IGNORED` in hexadecimal, the low bit being signal 1. */
export const SIGNALS_VARIABLE = "SOCKEYE_SIGNALS";

export interface UserState {
  /** `NAME=VALUE`, each with a NUL behind it: in their order, duplicates and any bytes included. */
  readonly environment: Uint8Array<ArrayBuffer>;
  readonly blockedSignals: string;
  readonly ignoredSignals: string;
}

/** Without the stub nothing tells how signals were: none is blocked then, and none ignored. */
export function userState(): UserState {
  const [blockedSignals = "0", ignoredSignals = "0"] = Deno.env.get(SIGNALS_VARIABLE)?.split(",") ??
    [];
  return { environment: Deno.readFileSync("/proc/self/environ"), blockedSignals, ignoredSignals };
}
