/**
 * The user's own environment, in the packed executable.
 *
 * Its stub sets a few of Deno's variables before Deno starts. What sockeye starts (`-- COMMAND`) must
 * not inherit them, so the values of before are put back; /proc/self/environ still has them.
 * Elsewhere this does nothing.
 */
import { DENO_ENVIRONMENT } from "./packed/environment.ts";

function restoreEnvironment(): void {
  const before = new Map<string, string>();
  for (const entry of Deno.readTextFileSync("/proc/self/environ").split("\0")) {
    const equals = entry.indexOf("=");
    if (equals > 0) before.set(entry.slice(0, equals), entry.slice(equals + 1));
  }
  for (const name of Object.keys(DENO_ENVIRONMENT)) {
    const value = before.get(name);
    if (value === undefined) Deno.env.delete(name);
    else Deno.env.set(name, value);
  }
}

if (import.meta.url.startsWith("file:///proc/")) restoreEnvironment();
