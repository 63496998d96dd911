/**
 * --protocol, and the list that `sockeye protocols` prints.
 * In: names and the registry. Out: which plug-ins run and which records are shown.
 */
import type { Plugin } from "../../protocols/protocol.ts";
import { quote, usageError } from "./errors.ts";
import { suggest } from "./suggest.ts";

/** The name under which connections of no known protocol are reported. */
export const UNKNOWN = "unknown";

export interface Selection {
  /** Plug-ins to try on each connection. */
  readonly plugins: readonly Plugin[];
  /** Records of other protocols are not shown; null: all are. */
  readonly only: ReadonlySet<string> | null;
  /** Connections of no known protocol are reported; null: not said. */
  readonly showUnknown: boolean | null;
}

/** Resolves --protocol; no name means all. */
export function selectProtocols(names: readonly string[], known: readonly Plugin[]): Selection {
  if (names.length === 0) return { plugins: known, only: null, showUnknown: null };
  const all = [...namesOf(known), UNKNOWN];
  for (const name of names) {
    if (all.includes(name)) continue;
    const meant = suggest(name, all);
    throw meant === null
      ? usageError(
        `Cannot use --protocol ${quote(name)}: not one of ${all.join(", ")}`,
      )
      : usageError(`Cannot use --protocol ${quote(name)}: did you mean ${quote(meant)}?`);
  }
  const only = new Set(names);
  const showUnknown = only.has(UNKNOWN);
  // Whether a connection is of no known protocol is known only after all were tried. Opaque ones (TLS)
  // are always tried: once recognised, their payload need not be sent.
  const plugins = showUnknown
    ? known
    : known.filter((plugin) => plugin.isAlwaysTried || plugin.names.some((name) => only.has(name)));
  return { plugins, only, showUnknown };
}

/** Names for --protocol: every name that a record can have. */
export function namesOf(known: readonly Plugin[]): string[] {
  return known.flatMap((plugin) => plugin.names);
}

/** A line for each name of records: the kinds of sockets and usual ports. */
export function listProtocols(known: readonly Plugin[]): string {
  const rows = known.flatMap(({ names, transports, ports }) =>
    names.map((name) => [
      name,
      transports.map((transport) => transport === "stream" ? "TCP, unix" : "UDP").join(", "),
      ports.join(" "),
    ])
  );
  rows.unshift(["PROTOCOL", "SOCKETS", "USUAL PORTS (a hint only)"]);
  rows.push([UNKNOWN, "any", "connections of no known protocol: totals and first bytes"]);
  return rows.map(([name = "", sockets = "", ports = ""]) =>
    `${name.padEnd(12)}${sockets.padEnd(18)}${ports}`.trimEnd() + "\n"
  ).join("");
}
