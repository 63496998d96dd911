/** Arguments as keywords. In: a value. Out: text to compare. */
import type { Value } from "./types.ts";

/** An argument in upper case; "" when it is no plain string. */
export function word(value: Value | undefined): string {
  return typeof value === "string" ? value.toUpperCase() : "";
}
