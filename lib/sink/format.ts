/** Quantities as text for people. In: numbers. Out: a few characters; never to be parsed again. */

/** Bytes for people: "512 B", "4 KiB", "1.5 MiB". */
export function formatSize(bytes: number): string {
  let value = bytes;
  let unit = 0;
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${unit === 0 || Number.isInteger(value) ? value : value.toFixed(1)} ${units[unit]}`;
}

/** Nanoseconds for people, three digits: "840ns", "12.3µs", "1.25ms", "30.1s". */
export function formatLatency(ns: number): string {
  if (ns < 1000) return `${ns}ns`;
  if (ns < 999.5e3) return `${(ns / 1e3).toPrecision(3)}µs`;
  if (ns < 999.5e6) return `${(ns / 1e6).toPrecision(3)}ms`;
  if (ns < 1e12) return `${(ns / 1e9).toPrecision(3)}s`;
  return `${Math.round(ns / 1e9)}s`;
}

/** "0", "999", "1.2K", "34M": bytes in at most four or five characters. */
export function shortSize(bytes: number | undefined): string {
  if (bytes === undefined) return "-";
  let value = bytes;
  for (const unit of ["", "K", "M", "G"]) {
    if (value < 1000) {
      return `${value < 10 && unit !== "" ? value.toFixed(1) : Math.round(value)}${unit}`;
    }
    value /= 1024;
  }
  return `${Math.round(value)}T`;
}

/** "1 event", "2 events". */
export function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}
