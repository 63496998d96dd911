/** Gives up privileges and tells the operator. In: what is still needed. Out: lines for -v. */
import type { Log } from "../log.ts";
import { dropPrivileges, type Step } from "../privileges/drop.ts";
import type { NeedName } from "../privileges/needs.ts";

/** `command`: pid of the process that may still be signalled. */
export function giveUp(log: Log, needs: readonly NeedName[], command?: number): void {
  const all: NeedName[] = command === undefined ? [...needs] : [...needs, "command"];
  const steps = dropPrivileges({ needs: all, signals: command === undefined ? [] : [command] });
  for (const step of steps) log.verbose(1, describeStep(step));
}

/** "given up: capabilities: kept: none", or why not. */
export function describeStep({ name, done, detail }: Step): string {
  return `${done ? "given up" : "not given up"}: ${name}: ${detail}`;
}

/** What a trace still does while it reads traffic. */
export function needsOf({ tls }: { tls: boolean }): readonly NeedName[] {
  const needs = ["output", "events", "processes"] as const;
  return tls ? [...needs, "libraries"] : needs;
}
