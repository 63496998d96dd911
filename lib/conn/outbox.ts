/**
 * The way out of exchanges, where one event completes very many: a queue that overflows, or
 * connections that are ended to make room.
 *
 * In: how many there are, and how each becomes a record. Out: records, in the order in which they
 * came here, a bounded number an event. As long as that suffices they go straight through.
 */

/** What one event may hand out: some milliseconds. */
const RECORDS_AN_EVENT = 2048;
const BYTES_AN_EVENT = 1 << 20;

/** Exchanges that one session handed over. */
interface Batch {
  readonly count: number;
  /** Of memory, for each. */
  readonly eachBytes: number;
  readonly emit: (nth: number) => void;
  next: number;
}

export class Outbox {
  readonly #limitBytes: number;
  readonly #batches: Batch[] = [];
  /** The batch in front. */
  #front = 0;
  #heldBytes = 0;
  #leftRecords = RECORDS_AN_EVENT;

  /** More than `limitBytes` is not kept, whatever it costs to hand it out. */
  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes;
  }

  get isEmpty(): boolean {
    return this.#batches.length === 0;
  }

  /** Memory reckoned for what waits. */
  get heldBytes(): number {
    return this.#heldBytes;
  }

  /** May so many records of `bytes` of memory go out now? */
  passes(count: number, bytes: number): boolean {
    if (this.#batches.length > 0 || count > this.#leftRecords || bytes > BYTES_AN_EVENT) {
      return false;
    }
    this.#leftRecords -= count;
    return true;
  }

  /** As passes() and emit(), or add(). */
  send(count: number, bytes: number, emit: (nth: number) => void): void {
    if (!this.passes(count, bytes)) this.add(count, bytes, emit);
    else for (let nth = 0; nth < count; nth++) emit(nth);
  }

  /** So many wait, of `bytes` of memory together: `emit` is called once for each. */
  add(count: number, bytes: number, emit: (nth: number) => void): void {
    if (count === 0) return;
    this.#batches.push({ count, eachBytes: bytes / count, emit, next: 0 });
    this.#heldBytes += bytes;
  }

  /** An event was taken: hands out its share. */
  afterEvent(): void {
    if (this.#batches.length > 0) this.handOut();
    this.#leftRecords = RECORDS_AN_EVENT;
  }

  /** Hands out one event's share, and what is too much to be kept. True when nothing is left. */
  handOut(): boolean {
    let records = 0, bytes = 0;
    while (this.#front < this.#batches.length) {
      const isEnough = records >= RECORDS_AN_EVENT || bytes >= BYTES_AN_EVENT;
      if (isEnough && this.#heldBytes <= this.#limitBytes) return false;
      const batch = this.#batches[this.#front] as Batch;
      batch.emit(batch.next++);
      records++;
      bytes += batch.eachBytes;
      this.#heldBytes -= batch.eachBytes;
      if (batch.next === batch.count) this.#pass();
    }
    this.#heldBytes = 0;
    this.#leftRecords = RECORDS_AN_EVENT;
    return true;
  }

  /** The batch in front is done with; its exchanges are let go of, too. */
  #pass(): void {
    this.#front++;
    if (this.#front * 2 < this.#batches.length) return;
    this.#batches.splice(0, this.#front);
    this.#front = 0;
  }
}
