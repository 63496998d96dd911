/**
 * A queue of the methods of unanswered requests: HEAD and CONNECT decide whether the response has a
 * body. In: methods, in order. Out: the oldest, the newest. It keeps a few bytes for each.
 */

/** With more than these the oldest is forgotten. */
const MAX_METHODS = 1 << 20;
/** Taken methods that stay in the array at most, unless more are still waiting. */
const SLACK = 64;

/** "": another method, whose responses have bodies. */
export type MethodKind = "HEAD" | "CONNECT" | "";

export class Methods {
  #kinds: MethodKind[] = [];
  /** Index of the oldest: those before it were taken. */
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
    // Setting length to 0 would free the array's memory, and a short array is filled again at once.
    if (this.#kinds.length > SLACK) this.#kinds = [];
    else while (this.#kinds.length > 0) this.#kinds.pop();
    this.#at = 0;
  }
}
