/**
 * Signals that end a trace. In: SIGINT, SIGTERM, SIGHUP. Out: one call for the first of them; a
 * second one ends the process at once with 128 + its number.
 */

const NUMBERS = { SIGHUP: 1, SIGINT: 2, SIGTERM: 15 } as const;
export type EndSignal = keyof typeof NUMBERS;

export interface EndSignals extends Disposable {
  /** The exit code is decided: from now on until the process exits signals change nothing. */
  settle(): void;
}

/** Listens until disposed. */
export function onEndSignal(first: (signal: EndSignal) => void): EndSignals {
  let seen = false;
  let settled = false;
  const listeners = (Object.keys(NUMBERS) as EndSignal[]).map((signal) => {
    const listener = (): void => {
      if (settled) return;
      if (seen) Deno.exit(128 + NUMBERS[signal]);
      seen = true;
      first(signal);
    };
    Deno.addSignalListener(signal, listener);
    return { signal, listener };
  });
  return {
    settle: (): void => {
      settled = true;
    },
    [Symbol.dispose]: (): void => {
      if (settled) return;
      for (const { signal, listener } of listeners) Deno.removeSignalListener(signal, listener);
    },
  };
}
