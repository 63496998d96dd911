/**
 * The closing lines of a run. In: what was counted. Out: text: first the records, then every kind of
 * loss; no loss is rounded to zero.
 */
import { describeNotRead } from "../capture/pcap/not_read.ts";
import type { BufferLoss } from "../capture/source.ts";
import { formatSize, plural } from "../sink/format.ts";
import type { StatsJson } from "../stats.ts";

export interface SummaryFacts {
  /** Records written, by protocol. */
  readonly records: ReadonlyMap<string, number>;
  readonly stats: StatsJson;
  readonly losses: readonly BufferLoss[];
  /** The kernel side's own counters; empty for a replay. */
  readonly kernelCounters: Readonly<Record<string, number>>;
  /** What a replay counted while reading (ReplaySource.counts()); empty for a live trace. */
  readonly replayCounts?: Readonly<Record<string, number>>;
  /** Packets of a packet capture that could not be read, by reason. */
  readonly notRead?: Readonly<Record<string, number>>;
  /** Wall-clock length of the trace, and CPU time spent meanwhile (null: not known). */
  readonly seconds: number;
  readonly cpuSeconds: number | null;
}

export function formatSummary(facts: SummaryFacts): string[] {
  const { stats } = facts;
  const total = [...facts.records.values()].reduce((sum, count) => sum + count, 0);
  const byProtocol = [...facts.records].sort(([, a], [, b]) => b - a)
    .map(([protocol, count]) => `${protocol} ${count}`).join(", ");
  const events = (stats.events.data ?? 0) + (stats.events.open ?? 0) + (stats.events.close ?? 0);
  // CPU time comes in steps of 10 ms: over less than a second its share means nothing.
  const share = facts.cpuSeconds === null || facts.seconds < 1
    ? ""
    : `, own CPU ${(100 * facts.cpuSeconds / facts.seconds).toFixed(1)} %`;
  const lines = [
    `${plural(total, "record")}${byProtocol === "" ? "" : `: ${byProtocol}`}`,
    `${plural(events, "event")} of ${plural(stats.connections.opened, "connection")}, ` +
    `${formatSize(stats.payload_bytes)}, in ${facts.seconds.toFixed(1)} s${share}`,
  ];
  const missing = describeLoss(facts);
  const notRead = describeNotRead(facts.notRead ?? {});
  if (missing.length > 0) lines.push(`missing: ${missing.join("; ")}`);
  if (notRead.length > 0) lines.push(`not read: ${notRead.join(", ")}`);
  if (missing.length + notRead.length === 0) lines.push("nothing lost");
  const withheld = withheldBytes(facts);
  if (withheld > 0) {
    const size = formatSize(withheld);
    lines.push(`not kept: ${size} of connections of no known protocol (--unfiltered)`);
  }
  return lines;
}

/** Payload that the kernel side did not send, for want of a known protocol: no record lacks it. */
function withheldBytes({ stats, kernelCounters }: SummaryFacts): number {
  // Live, the kernel side counted all of it; in a replay only the gaps tell.
  return kernelCounters.filtered_bytes ?? stats.gaps.filtered?.bytes ?? 0;
}

/** Every reason why records lack something, with its count. */
function describeLoss({ stats, losses, kernelCounters, replayCounts }: SummaryFacts): string[] {
  const parts: string[] = describeGivenUp(replayCounts ?? {});
  const lost = new Map<string, number>();
  for (const { buffer, events } of losses) lost.set(buffer, (lost.get(buffer) ?? 0) + events);
  // A nested operation uses a sequence number up, so it was counted as lost in data_events, too.
  const nested = kernelCounters.nested ?? 0;
  if (nested > 0) {
    lost.set("data_events", (lost.get("data_events") ?? 0) - nested);
    parts.push(`${plural(nested, "operation")} met while another was at work on the same CPU`);
  }
  const tlsBusy = kernelCounters.tls_busy ?? 0;
  if (tlsBusy > 0) {
    lost.set("tls_events", (lost.get("tls_events") ?? 0) - tlsBusy);
    parts.push(`${plural(tlsBusy, "TLS call")} met while another was at work on the same CPU`);
  }
  const unpaired = kernelCounters.tls_unpaired ?? 0;
  if (unpaired > 0) parts.push(`${plural(unpaired, "TLS call")} without a return`);
  const missed = kernelCounters.missed ?? 0;
  if (missed > 0) {
    parts.push(
      `${plural(missed, "operation")} missed: ` +
        "a program was still running for another task on that CPU",
    );
  }
  for (const [buffer, events] of lost) {
    if (events > 0) parts.push(`${plural(events, "event")} lost in ${buffer} (--ring-mib)`);
  }
  for (const [reason, { count, bytes }] of Object.entries(stats.gaps)) {
    if (reason === "filtered") continue;
    parts.push(`${plural(count, "gap")} ${reason.replaceAll("_", " ")}, ${formatSize(bytes)}`);
  }
  for (const [protocol, reasons] of Object.entries(stats.invalid)) {
    for (const [reason, count] of Object.entries(reasons)) {
      parts.push(`${count} invalid in ${protocol}: ${reason}`);
    }
  }
  if (stats.connections.evicted > 0) {
    parts.push(`${plural(stats.connections.evicted, "connection")} evicted (--memory-limit)`);
  }
  const givenUp = stats.abandoned.memory_limit ?? 0;
  if (givenUp > 0) {
    parts.push(`${plural(givenUp, "message")} given up unanswered (--memory-limit)`);
  }
  if (stats.dropped_records > 0) {
    parts.push(`${plural(stats.dropped_records, "record")} dropped, the reader was too slow`);
  }
  const stateFull = kernelCounters.state_full ?? 0;
  if (stateFull > 0) parts.push(`${plural(stateFull, "connection")} beyond the kernel's table`);
  return parts;
}

/** What a packet capture's source could not keep. */
function describeGivenUp({ evicted_conversations = 0, early_gaps = 0 }): string[] {
  const parts: string[] = [];
  if (evicted_conversations > 0) {
    const evicted = plural(evicted_conversations, "conversation");
    parts.push(`${evicted} of the capture evicted (--memory-limit)`);
  }
  if (early_gaps > 0) {
    parts.push(`${plural(early_gaps, "gap")} not waited for: too many segments were held`);
  }
  return parts;
}

/** CPU seconds of this process so far, from a file that is open before reading is given up. */
export function openOwnCpu(): { seconds(): number | null } {
  const buffer = new Uint8Array(4096);
  let file: Deno.FsFile | null = null;
  try {
    file = Deno.openSync("/proc/self/stat");
  } catch {
    // CPU time is not known then.
  }
  return {
    seconds: () => {
      file?.seekSync(0, Deno.SeekMode.Start);
      const length = file?.readSync(buffer) ?? null;
      if (length === null) return null;
      const stat = new TextDecoder().decode(buffer.subarray(0, length));
      const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
      // Fields 14 and 15 of proc(5), in USER_HZ, which is 100 on every Linux that Deno runs on.
      return (Number(fields[11]) + Number(fields[12])) / 100;
    },
  };
}
