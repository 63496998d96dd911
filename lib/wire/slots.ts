/**
 * A small cache by connection id: 1024 slots, each with the value that was set last by any id of that
 * slot. In: ids of connections. Out: values; the caller checks that a value is that connection's.
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

/** Ids count up; those of the syscall way in steps of 4096, with the CPU in the low 12 bits. */
function slotOf(id: number): number {
  const low = id | 0;
  return (low ^ (low >>> 12)) & (SLOTS - 1);
}
