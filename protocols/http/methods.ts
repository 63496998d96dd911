/**
 * The methods of requests that wait for their response, as far as they decide whether it has a body.
 * In: methods, in order. Out: the oldest, the newest. A few bytes for each, whatever it was called.
 */

/** Beyond so many the oldest is forgotten. */
const MAX_METHODS = 1 << 20;
/** So many that were taken are kept at most, unless more are still waiting. */
const SLACK = 64;

/** "": another method, whose responses have bodies. */
export type MethodKind = "HEAD" | "CONNECT" | "";

export class Methods {
  #kinds: MethodKind[] = [];
  /** Those before it were taken. */
  #at = 0;

  get length(): number {
    return this.#kinds.length - this.#at;
  }

  get oldest(): MethodKind | null {
    return this.#kinds[this.#at] ?? null;
  }

  get newest(): MethodKind | null {
    return this.length === 0 ? null : this.#kinds[this.#kinds.length - 1] ?? null;
  }

  push(method: string): void {
    if (this.length >= MAX_METHODS) this.take();
    this.#kinds.push(method === "HEAD" || method === "CONNECT" ? method : "");
  }

  /** Takes the oldest off. */
  take(): MethodKind | null {
    const kind = this.oldest;
    if (kind === null) return null;
    this.#at++;
    if (this.#at === this.#kinds.length) this.clear();
    else if (this.#at > SLACK && 2 * this.#at > this.#kinds.length) {
      this.#kinds.splice(0, this.#at);
      this.#at = 0;
    }
    return kind;
  }

  clear(): void {
    // An array that is set to no length throws its memory away; a short one is filled again at once.
    if (this.#kinds.length > SLACK) this.#kinds = [];
    else while (this.#kinds.length > 0) this.#kinds.pop();
    this.#at = 0;
  }
}
