/**
 * The user's environment and signals, as sockeye was started with them: COMMAND gets them again.
 *
 * In: /proc/self/environ, and the variable that the packed executable's stub has set. Out: bytes and
 * sets as they were. It never changes this process's own.
 */

/** Set by the stub: `BLOCKED,IGNORED` in hexadecimal, the low bit being signal 1. */
export const SIGNALS_VARIABLE = "SOCKEYE_SIGNALS";

export interface UserState {
  /** `NAME=VALUE`, each with a NUL behind it: in their order, duplicates and any bytes included. */
  readonly environment: Uint8Array<ArrayBuffer>;
  readonly blockedSignals: string;
  readonly ignoredSignals: string;
}

/** Without the stub the signals' state is not known: COMMAND then has none blocked and none ignored. */
export function userState(): UserState {
  const [blockedSignals = "0", ignoredSignals = "0"] = Deno.env.get(SIGNALS_VARIABLE)?.split(",") ??
    [];
  return { environment: Deno.readFileSync("/proc/self/environ"), blockedSignals, ignoredSignals };
}
