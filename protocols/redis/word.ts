/** Arguments as keywords. In: a value. Out: text to compare. */
import type { Value } from "./types.ts";

/** An argument as a keyword; "" when it is no plain text. */
export function word(value: Value | undefined): string {
  return typeof value === "string" ? value.toUpperCase() : "";
}
