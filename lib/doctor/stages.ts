/**
 * The six stages of a trace, each as lines that say what was measured there. In: facts. Out: lines, and
 * whether something is wrong at the stage. Bytes of traffic are shown as hexadecimal and escaped text.
 * Pure.
 */
import type { Plugin } from "../../protocols/protocol.ts";
import { escapeText } from "../wire/escape.ts";
import { formatSize, plural } from "../sink/format.ts";
import { latin1 } from "../wire/text.ts";
import {
  busyFiles,
  bytesOf,
  diagnose,
  excludedBy,
  isOlder,
  kernelBytes,
  nonSocketBytes,
  total,
  untracedSockets,
} from "./diagnose.ts";
import type { ConnFacts, DirectionFacts, DoctorFacts, SocketFact } from "./facts.ts";
import type { Stage } from "./findings.ts";
import { nearestMiss } from "./nearest.ts";
import { capturedLine, fileStage, nameOf } from "./saved.ts";

/** Connections and files shown one by one. */
const MAX_SHOWN = 12;
/** Connections with the same diagnosis that are shown. */
const MAX_ALIKE = 3;
const HEX_BYTES = 16;

export function stagesOf(facts: DoctorFacts, plugins: readonly Plugin[]): Stage[] {
  return [
    processStage(facts),
    eventsStage(facts),
    deliveredStage(facts),
    trackedStage(facts, plugins),
    parsedStage(facts),
    stitchedStage(facts),
  ];
}

function processStage(facts: DoctorFacts): Stage {
  if (facts.saved !== null) return fileStage(facts.saved, facts);
  const now = facts.after;
  const main = now.processes.find(({ pid }) => pid === facts.pid) ?? now.processes[0];
  const threads = now.processes.reduce((sum, process) => sum + process.threads, 0);
  const children = now.processes.length - 1;
  const lines = [
    `pid ${facts.pid} (${main?.comm ?? "ended"})` +
    `${children > 0 ? ` and ${children} of its children` : ""}, ${plural(threads, "thread")}` +
    (facts.targetsEnded ? ", ended meanwhile" : ""),
    `sockets: ${describeSockets(now.sockets)}`,
  ];
  const namespaces = new Set(now.processes.map(({ netNamespace }) => netNamespace));
  for (const namespace of namespaces) {
    if (namespace === "" || namespace === facts.ownNetNamespace) continue;
    lines.push(`another network namespace than sockeye's: ${namespace}`);
  }
  const libraries = new Set(now.processes.flatMap(({ tlsLibraries }) => tlsLibraries));
  if (libraries.size > 0) lines.push(`TLS libraries: ${[...libraries].join(", ")}`);
  const rings = now.processes.flatMap(({ uringFds }) => uringFds);
  if (rings.length > 0) lines.push(`io_uring on fd ${rings.slice(0, MAX_SHOWN).join(", ")}`);
  const narrow = now.processes.filter(({ is32Bit }) => is32Bit).map(({ pid }) => pid);
  if (narrow.length > 0) lines.push(`32-bit: pid ${narrow.slice(0, MAX_SHOWN).join(", ")}`);
  return { name: "process", ok: !facts.targetsEnded, lines };
}

function describeSockets(sockets: readonly SocketFact[]): string {
  const kinds = new Map<string, number>();
  const seen = new Set<number>();
  for (const { inode, family, type, listening } of sockets) {
    if (seen.has(inode)) continue;
    seen.add(inode);
    const unix = family === "unix" ? `unix ${type}` : family;
    const kind = family === "other" ? "of another family" : unix;
    const name = listening ? `${kind} listening` : kind;
    kinds.set(name, (kinds.get(name) ?? 0) + 1);
  }
  return kinds.size === 0
    ? "none"
    : [...kinds].map(([name, count]) => `${count} ${name}`).join(", ");
}

function eventsStage(facts: DoctorFacts): Stage {
  const calls = [...facts.calls].sort(([, a], [, b]) => b.bytes - a.bytes);
  const lines = calls.length === 0
    ? [facts.saved === null ? "no bytes on sockets" : "no bytes"]
    : facts.way === "pcap"
    ? [capturedLine(facts)]
    : calls.map(([name, { calls, bytes }]) =>
      `${name.padEnd(9)} ${plural(calls, "call")}, ${formatSize(bytes)}`
    );
  const kernel = kernelBytes(facts);
  if (facts.saved !== null) return { name: "events", ok: calls.length > 0, lines };
  if (kernel === null) {
    lines.push(`the kernel's own counts are not known: ${facts.diagFailure ?? "not asked"}`);
  } else if (kernel.unseen > 0) {
    lines.push(
      `the kernel moved ${formatSize(kernel.moved)} on the TCP sockets open now; ` +
        `${formatSize(kernel.unseen)} not seen, on fd ${kernel.unseenFds.slice(0, 8).join(", ")}`,
    );
  } else if (kernel.moved > 0) {
    const all = kernel.filtered > 0
      ? `${formatSize(kernel.filtered)} without events, of no known protocol (--unfiltered)`
      : "all seen";
    lines.push(`the kernel moved ${formatSize(kernel.moved)} on the TCP sockets open now; ${all}`);
  }
  const moved = nonSocketBytes(facts);
  const files = busyFiles(facts).slice(0, 5);
  if (moved > 0) {
    const names = files.length > 0 ? `: ${files.join(", ")}` : "";
    lines.push(`no sockets: ${formatSize(moved)} read and written on files and pipes${names}`);
  }
  for (const kind of untracedSockets(facts)) lines.push(`not traced: sockets of kind ${kind}`);
  return { name: "events", ok: calls.length > 0 && (kernel?.unseen ?? 0) === 0, lines };
}

function deliveredStage(facts: DoctorFacts): Stage {
  const lines: string[] = [];
  for (const [buffer, count] of facts.lost) {
    if (count > 0) lines.push(`lost: ${plural(count, "event")} in ${buffer}`);
  }
  const cuts = new Map<string, number>();
  for (const { cut } of facts.connections) {
    for (const [name, bytes] of cut) cuts.set(name, (cuts.get(name) ?? 0) + bytes);
  }
  for (const [name, bytes] of cuts) {
    if (bytes > 0) lines.push(`${CUT_TEXTS[name] ?? name}: ${formatSize(bytes)}`);
  }
  for (const [name, text] of Object.entries(COUNTER_TEXTS)) {
    const count = facts.counters[name] ?? 0;
    if (count > 0) lines.push(`${text}: ${count}`);
  }
  const excluded = facts.connections.filter((conn) =>
    bytesOf(conn) > 0 && excludedBy(conn, facts.wanted).length > 0
  );
  const options = new Set(excluded.flatMap((conn) => excludedBy(conn, facts.wanted)));
  for (const option of options) {
    const out = excluded.filter((conn) => excludedBy(conn, facts.wanted).includes(option));
    lines.push(
      `left out by ${option}: ${plural(out.length, "connection")}, ` +
        `${formatSize(total(out, bytesOf))}`,
    );
  }
  const payload = total(
    facts.connections,
    ({ egress, ingress }) => egress.payloadBytes + ingress.payloadBytes,
  );
  lines.unshift(`${formatSize(payload)} of ${formatSize(total(facts.connections, bytesOf))} came`);
  const lost = [...facts.lost.values()].some((count) => count > 0) ||
    (facts.counters.missed ?? 0) > 0;
  return { name: "delivered", ok: !lost && options.size === 0, lines };
}

const CUT_TEXTS: Readonly<Record<string, string>> = {
  filtered: "not sent, of no known protocol (--unfiltered sends it)",
  snaplen: "cut by --snaplen",
  unreadable: "not readable in the process's memory",
  unseen: "without a buffer to read (sendfile, splice)",
  abi: "of a 32-bit program, not decoded",
};
const COUNTER_TEXTS: Readonly<Record<string, string>> = {
  state_full: "operations on connections beyond the kernel's table",
  nested: "operations met while another was at work on the same CPU",
  missed: "operations missed, a program was still running for another task on that CPU",
};

function trackedStage(facts: DoctorFacts, plugins: readonly Plugin[]): Stage {
  const active = facts.connections.filter((conn) => bytesOf(conn) > 0)
    .toSorted((a, b) => bytesOf(b) - bytesOf(a));
  const kinds = new Map<string, ConnFacts[]>();
  for (const conn of active) {
    const kind = `${diagnose(conn)} ${conn.protocol ?? ""}`;
    const same = kinds.get(kind);
    if (same === undefined) kinds.set(kind, [conn]);
    else same.push(conn);
  }
  const lines: string[] = [];
  for (const same of [...kinds.values()].slice(0, MAX_SHOWN)) {
    for (const conn of same.slice(0, MAX_ALIKE)) {
      lines.push(
        `${nameOf(conn)}  ${conn.local} - ${conn.remote}` +
          `${isOlder(conn) ? "  older than the trace" : ""}`,
        `  ${describeConn(conn, facts, plugins)}`,
      );
    }
    const more = same.slice(MAX_ALIKE);
    if (more.length > 0) {
      lines.push(
        `${more.length} more like it, ${plural(total(more, (it) => it.records), "record")}`,
      );
    }
  }
  if (facts.uncounted > 0) lines.push(`${plural(facts.uncounted, "connection")} not looked at`);
  if (lines.length === 0) lines.push("no connections");
  const ok = active.some((conn) => conn.protocol !== null);
  return { name: "tracked", ok, lines };
}

/** What the connection is, or comes closest to. */
export function describeConn(
  conn: ConnFacts,
  facts: DoctorFacts,
  plugins: readonly Plugin[],
): string {
  if (conn.protocol !== null) {
    return `${conn.protocol}, ${conn.role ?? "either"}: ${plural(conn.records, "record")}`;
  }
  if (conn.tls && facts.saved !== null) return "TLS records: encrypted";
  if (conn.tls) {
    const libraries = new Set(facts.after.processes.flatMap(({ tlsLibraries }) => tlsLibraries));
    return `TLS records: encrypted by ${
      libraries.size === 0 ? "the program itself" : [...libraries].join(", ")
    }`;
  }
  if (conn.refused.length > 0) {
    return `taken for ${conn.refused.join(", ")} at first, but no valid message came`;
  }
  const { egress, ingress } = conn;
  const transport = conn.isDatagram ? "datagram" : "stream";
  const miss = nearestMiss(plugins, transport, egress.head, ingress.head);
  if (miss === null) {
    return `no protocol comes near: ${firstBytes(egress.head.length > 0 ? egress : ingress)}`;
  }
  const beyond = miss.matchedBytes < miss.ofBytes
    ? `but not from byte ${miss.matchedBytes} on`
    : `but ${miss.direction === "sent" ? "what it received" : "what it sent"} does not`;
  return `${miss.direction} bytes start like ${miss.protocol} (a ${miss.side}), ${beyond}: ` +
    firstBytes(miss.direction === "sent" ? egress : ingress);
}

function parsedStage(facts: DoctorFacts): Stage {
  const lines: string[] = [];
  const frames = new Map<string, { request: number; response: number }>();
  for (const conn of facts.connections) {
    if (conn.protocol === null) continue;
    const sum = frames.get(conn.protocol) ?? { request: 0, response: 0 };
    sum.request += conn.frames.request;
    sum.response += conn.frames.response;
    frames.set(conn.protocol, sum);
  }
  for (const [protocol, { request, response }] of frames) {
    lines.push(`${protocol}: ${plural(request, "request")}, ${plural(response, "response")}`);
  }
  if (lines.length === 0) lines.push("nothing to parse");
  const invalid = facts.connections.flatMap((conn) => conn.invalid.map((one) => ({ conn, one })));
  for (const { conn, one } of invalid.slice(0, MAX_SHOWN)) {
    const name = conn.protocol ?? conn.refused[0] ?? "?";
    lines.push(
      `${nameOf(conn)}: ${one.count} × ${one.reason} in ${name} ${one.side}s, ` +
        `first at byte ${one.position}: ${shownText(one.bytes, one.withheld ?? 0)}`,
    );
  }
  const gaps = new Map<string, number>();
  for (const conn of facts.connections) {
    for (const [reason, bytes] of conn.gaps) gaps.set(reason, (gaps.get(reason) ?? 0) + bytes);
  }
  for (const [reason, bytes] of gaps) lines.push(`gaps, ${reason}: ${formatSize(bytes)}`);
  const resyncs = total(facts.connections, (conn) => conn.resyncs);
  if (resyncs > 0) lines.push(`resyncs: ${resyncs}`);
  return { name: "parsed", ok: frames.size > 0 && invalid.length === 0, lines };
}

function stitchedStage(facts: DoctorFacts): Stage {
  const conns = facts.connections;
  const records = total(conns, (conn) => conn.records);
  const lines = [plural(records, "record")];
  const withoutResponse = total(conns, (conn) => conn.withoutResponse);
  const withoutRequest = total(conns, (conn) => conn.withoutRequest);
  if (withoutResponse > 0) lines.push(`requests without a response: ${withoutResponse}`);
  if (withoutRequest > 0) lines.push(`responses without a request: ${withoutRequest}`);
  const incomplete = new Map<string, number>();
  for (const conn of conns) {
    for (const [reason, count] of conn.incomplete) {
      incomplete.set(reason, (incomplete.get(reason) ?? 0) + count);
    }
  }
  for (const [reason, count] of incomplete) lines.push(`incomplete, ${reason}: ${count}`);
  return { name: "stitched", ok: conns.some((conn) => diagnose(conn) === "records"), lines };
}

function firstBytes({ head, headShown = head.length }: DirectionFacts): string {
  const first = head.subarray(0, HEX_BYTES);
  const shown = Math.min(first.length, headShown);
  return shownText(first.subarray(0, shown), first.length - shown);
}

/** Bytes in hexadecimal and as text, and the number of those withheld because they may be secrets. */
function shownText(bytes: Uint8Array, withheld: number): string {
  const head = bytes.subarray(0, HEX_BYTES);
  const hex = Array.from(head, (byte) => byte.toString(16).padStart(2, "0")).join(" ");
  const text = `${hex} "${escapeText(latin1(head, 0, head.length)).replaceAll('"', "\\x22")}"`;
  if (withheld === 0) return text;
  return `${head.length > 0 ? `${text} ` : ""}(${withheld} bytes withheld)`;
}
