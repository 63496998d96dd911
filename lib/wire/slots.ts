/**
 * Few places for what belongs to many ids: one that comes again finds what it left, unless another
 * took its place. In: ids of connections. Out: values; the caller proves whose they are.
 */
const SLOTS = 1024;

export class Slots<T> {
  readonly #values: (T | undefined)[] = new Array<undefined>(SLOTS).fill(undefined);

  get(id: number): T | undefined {
    return this.#values[slotOf(id)];
  }

  set(id: number, value: T | undefined): void {
    this.#values[slotOf(id)] = value;
  }

  clear(): void {
    this.#values.fill(undefined);
  }
}

/** Ids count up; those of the syscall way in steps of 4096, with the CPU below. */
function slotOf(id: number): number {
  const low = id | 0;
  return (low ^ (low >>> 12)) & (SLOTS - 1);
}
