/**
 * The queues that stitchers take from. In: a queue, and how many of its oldest were taken. Out: the
 * queue without them.
 */

/** An empty queue with room for a few. */
export function emptyQueue<T>(): T[] {
  // An array made as [] frees its memory whenever it becomes empty; this one keeps it.
  const queue: (T | null)[] = [null, null, null, null];
  dropFront(queue, queue.length);
  return queue as T[];
}

/** Takes off the `count` oldest. */
export function dropFront(queue: unknown[], count: number): void {
  if (count === 0) return;
  if (count < queue.length) queue.splice(0, count);
  else while (queue.length > 0) queue.pop();
}

/** Leaves the first `count`. */
export function cutTo(queue: unknown[], count: number): void {
  if (count > 0) queue.length = count;
  else while (queue.length > 0) queue.pop();
}
