/**
 * Messages to the operator, on stderr. In: lines. Out: those of the chosen level, with "sockeye: " in
 * front. Text from traffic must be escaped before (lib/wire/escape.ts).
 */

/** 0: errors and warnings; 1: -v; 2: -vv. */
export type LogLevel = 0 | 1 | 2;

export class Log {
  readonly #write: (line: string) => void;
  readonly #level: LogLevel;
  readonly #quiet: boolean;

  constructor(write: (line: string) => void, level: LogLevel, quiet: boolean) {
    this.#write = write;
    this.#level = level;
    this.#quiet = quiet;
  }

  /** Always shown. */
  error(text: string): void {
    this.#write(`sockeye: ${text}\n`);
  }

  /** Shown unless -q. */
  info(text: string): void {
    if (!this.#quiet) this.#write(`sockeye: ${text}\n`);
  }

  /** Shown from that level on. */
  verbose(level: 1 | 2, text: string): void {
    if (this.#level >= level) this.#write(`sockeye: ${text}\n`);
  }
}
