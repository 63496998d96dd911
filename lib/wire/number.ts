/** Numbers and times as records show them. In: what was decoded. Out: JSON values. */

/** The last second of the year 9999. */
const LAST_SECOND = 253402300799;

/** A number where that is exact, else digits. `integer`: "-12", or a BigInt. */
export function exactNumber(integer: string | bigint): number | string {
  const number = Number(integer);
  return Number.isSafeInteger(number) ? number : `${integer}`;
}

/** Seconds since 1970 as RFC 3339 in UTC; null before 1970 and after 9999. */
export function isoTime(seconds: number): string | null {
  if (!(seconds >= 0 && seconds <= LAST_SECOND)) return null;
  return new Date(seconds * 1000).toISOString().replace(".000Z", "Z");
}
