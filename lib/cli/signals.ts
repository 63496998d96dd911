/**
 * Signals that end a trace. In: SIGINT, SIGTERM, SIGHUP. Out: a call for each; the second signal ends
 * the process at once, with 128 + its number. One that comes before react() was called is kept for it.
 */

const NUMBERS = { SIGHUP: 1, SIGINT: 2, SIGTERM: 15 } as const;
export type EndSignal = keyof typeof NUMBERS;

/** Listens until disposed. */
export class EndSignals implements Disposable {
  /** The first that came. */
  first: EndSignal | null = null;
  readonly #listeners: readonly (readonly [EndSignal, () => void])[];
  #react: (signal: EndSignal) => void = () => {};
  #settled = false;

  constructor() {
    const signals = Object.keys(NUMBERS) as EndSignal[];
    this.#listeners = signals.map((signal) => [signal, (): void => this.#come(signal)] as const);
    for (const [signal, listener] of this.#listeners) Deno.addSignalListener(signal, listener);
  }

  /** Sets what each signal does; if one has come already, does it at once. */
  react(react: (signal: EndSignal) => void): void {
    this.#react = react;
    if (this.first !== null) react(this.first);
  }

  /** Resolves when signals that came while this thread was busy have been heard. */
  async turn(): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, 0));
  }

  /** The exit code is decided: from now on until the process exits signals change nothing. */
  settle(): void {
    this.#settled = true;
  }

  [Symbol.dispose](): void {
    if (this.#settled) return;
    for (const [signal, listener] of this.#listeners) Deno.removeSignalListener(signal, listener);
  }

  #come(signal: EndSignal): void {
    if (this.#settled) return;
    const isSecond = this.first !== null;
    this.first ??= signal;
    this.#react(signal);
    if (isSecond) Deno.exit(128 + NUMBERS[signal]);
  }
}

/** Listens until disposed; `react` may be called twice. */
export function onEndSignal(react: (signal: EndSignal) => void): EndSignals {
  const signals = new EndSignals();
  signals.react(react);
  return signals;
}
