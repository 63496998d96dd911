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
  newest: MethodKind | null = null;
  #oldest: MethodKind | null = null;
  /** Those behind it, from #at on. */
  readonly #others: MethodKind[] = [];
  #at = 0;

  get length(): number {
    return this.#oldest === null ? 0 : 1 + this.#others.length - this.#at;
  }

  get oldest(): MethodKind | null {
    return this.#oldest;
  }

  get isEmpty(): boolean {
    return this.#oldest === null;
  }

  push(method: string): void {
    if (this.length >= MAX_METHODS) this.take();
    const kind = method === "HEAD" || method === "CONNECT" ? method : "";
    this.newest = kind;
    if (this.#oldest === null) this.#oldest = kind;
    else this.#others.push(kind);
  }

  /** Takes the oldest off. */
  take(): MethodKind | null {
    const kind = this.#oldest;
    if (this.#others.length === 0) this.#oldest = this.newest = null;
    else this.#shift();
    return kind;
  }

  clear(): void {
    this.#oldest = this.newest = null;
    this.#others.length = 0;
    this.#at = 0;
  }

  #shift(): void {
    const others = this.#others;
    this.#oldest = others[this.#at++] ?? null;
    const isEmpty = this.#at === others.length;
    if (!isEmpty && (this.#at <= SLACK || 2 * this.#at <= others.length)) return;
    others.splice(0, this.#at);
    this.#at = 0;
  }
}
