/**
 * What live traces and replays have in common: the pipeline put together from the options, run to
 * its end, and summed up. In: a source, options, a sink. Out: records on the sink; a summary.
 */
import { plugins } from "../../protocols/registry.ts";
import type { SocketEvent } from "../capture/event.ts";
import { type Recorder } from "../capture/recording/recorder.ts";
import type { ReplaySource } from "../capture/replay_source.ts";
import type { CaptureSource } from "../capture/source.ts";
import { WallClock } from "../clock.ts";
import type { Log } from "../log.ts";
import { Pipeline, type PipelineOptions } from "../pipeline.ts";
import type { Summary, TraceRecord } from "../record/record.ts";
import { Run } from "../run.ts";
import type { OutputFile } from "../output_file.ts";
import type { Sink } from "../sink/sink.ts";
import { Stats } from "../stats.ts";
import { type ConnLogFile, openConnTrace } from "./conn_trace.ts";
import { openStatsFile, saveStats, showLiveStats, statsLines } from "./live_stats.ts";
import type { OutputOptions } from "./options.ts";
import { type Selection, selectProtocols } from "./protocols.ts";
import { checkWritten, openRecordsFile, openSink, outputFormat } from "./sinks.ts";
import { formatSummary, openOwnCpu } from "./summary.ts";

/** What is checked and opened before the source, so that wrong options attach nothing. */
export interface Prepared {
  readonly selection: Selection;
  readonly connLog: ConnLogFile;
  readonly statsFile: OutputFile | null;
  readonly sink: Sink;
  /** Empties the output files; called once everything else has succeeded. */
  begin(): void;
}

export function prepare(options: OutputOptions): Prepared {
  const selection = selectProtocols(options.protocol, plugins);
  const connLog = openConnTrace(options);
  const statsFile = openStatsFile(options);
  const recordsFile = openRecordsFile(options);
  const begin = (): void => {
    recordsFile?.begin();
    statsFile?.begin();
    connLog.begin();
  };
  const names = [...plugins.flatMap((plugin) => plugin.names), "unknown"];
  return { selection, connLog, statsFile, sink: openSink(options, recordsFile, names), begin };
}

/** What differs between a live trace and a replay. */
export interface TraceRunParts {
  readonly filter?: PipelineOptions["filter"];
  readonly verdict?: PipelineOptions["verdict"];
  /** Ports were chosen. */
  readonly boundOnly: boolean;
  /** Processes were chosen: their connections of no known protocol get records, too. */
  readonly targeted: boolean;
  /** The source can wait for a slow reader. */
  readonly patient: boolean;
  readonly recorder?: Recorder | null;
}

export class TraceRun {
  readonly run: Run;
  readonly #source: CaptureSource;
  readonly #options: OutputOptions;
  readonly #sink: Sink;
  readonly #connLog: ConnLogFile;
  readonly #statsFile: OutputFile | null;
  readonly #stats = new Stats();
  readonly #pipeline: Pipeline;
  readonly #only: ReadonlySet<string> | null;
  readonly #shown = new Map<string, number>();
  readonly #recorder: Recorder | null;
  readonly #startMs = performance.now();
  readonly #cpu = openOwnCpu();
  readonly #startCpu = this.#cpu.seconds();

  constructor(
    source: CaptureSource,
    options: OutputOptions,
    { selection, connLog, statsFile, sink }: Prepared,
    parts: TraceRunParts,
  ) {
    this.#source = source;
    this.#options = options;
    this.#sink = sink;
    this.#connLog = connLog;
    this.#statsFile = statsFile;
    this.#only = selection.only;
    this.#recorder = parts.recorder ?? null;
    this.run = new Run(source, [sink], {
      durationNs: options.duration === undefined ? null : options.duration * 1e6,
      maxRecords: options.maxRecords ?? null,
      patient: parts.patient,
    });
    const clock = new WallClock(source.start);
    const pipelineOptions: PipelineOptions = {
      protocols: selection.plugins,
      showUnknown: selection.showUnknown ?? parts.targeted,
      showEncrypted: selection.showUnknown ?? false,
      role: options.role,
      maxBodyBytes: options.maxBody,
      showSecrets: options.showSecrets === true,
      requestTimeoutMs: options.requestTimeout ?? null,
      memoryLimitBytes: options.memoryLimit,
      source,
      summaries: outputFormat(options) === "table",
      hasOpens: true,
      outlines: options.stats === true || options.statsFile !== undefined,
      filter: parts.filter,
      boundOnly: parts.boundOnly,
      verdict: parts.verdict,
      connLog: connLog.open(clock),
      clock,
    };
    this.#pipeline = new Pipeline(
      source.start,
      pipelineOptions,
      this.#stats,
      (record, summary) => this.#show(record, summary),
    );
  }

  /** Runs to the end; throws when records or the recording could not be written. */
  async work(): Promise<void> {
    const pipeline = this.#pipeline;
    const recorder = this.#recorder;
    using _connLog = this.#connLog;
    using _live = showLiveStats(this.#options, this.#stats, this.#leavesTerminalAlone());
    await this.run.loop({
      onEvent: recorder === null ? (event) => pipeline.onEvent(event) : (event: SocketEvent) => {
        recorder.onEvent(event);
        pipeline.onEvent(event);
      },
      get isBehind(): boolean {
        return pipeline.isBehind;
      },
      catchUp: (turn) => pipeline.catchUp(turn),
      finish: (turn) => pipeline.finish(turn),
    });
    recorder?.close(this.#source.losses());
  }

  /** The summary on stderr; nothing when the reader went away. Throws when records were not written. */
  conclude(
    log: Log,
    kernelCounters: Readonly<Record<string, number>>,
    saved: ReplaySource | null = null,
  ): void {
    checkWritten(this.#sink, this.#options);
    this.#connLog.check();
    this.#stats.droppedRecords = this.#sink.state.droppedRecords;
    const notRead = saved?.notRead() ?? {};
    const replayCounts = saved?.counts() ?? {};
    const replay = saved === null ? {} : { ...replayCounts, not_read: notRead };
    const stats = { ...this.#stats.toJSON(), kernel: kernelCounters, replay };
    if (this.#statsFile !== null) saveStats(this.#statsFile, this.#options, stats);
    // It may have been found gone only as the last records were written, behind the run's end.
    if (this.run.endReason === "reader_gone" || this.#sink.state.readerGone) return;
    if (this.#options.stats === true) {
      for (const line of statsLines({ ...stats })) {
        log.error(line);
      }
    }
    const cpu = this.#cpu.seconds();
    const facts = {
      records: this.#shown,
      stats,
      losses: this.#source.losses(),
      kernelCounters,
      replayCounts,
      notRead,
      seconds: (performance.now() - this.#startMs) / 1000,
      cpuSeconds: cpu === null || this.#startCpu === null ? null : cpu - this.#startCpu,
    };
    for (const line of formatSummary(facts)) log.info(line);
    const emptiness = this.#connLog.emptiness();
    if (emptiness !== null) log.info(emptiness);
  }

  /** Neither records nor connection logs go to the terminal. */
  #leavesTerminalAlone(): boolean {
    const { outputFile, logFile } = this.#options;
    const showsRecords = outputFile === undefined && Deno.stdout.isTerminal();
    return !showsRecords && (this.#connLog.silent || logFile !== undefined);
  }

  #show(record: TraceRecord, summary: Summary | null): void {
    const protocol = record.protocol;
    if (this.#only !== null && !this.#only.has(protocol)) return;
    const before = this.run.records;
    this.run.emit(record, summary);
    if (this.run.records > before) {
      this.#shown.set(protocol, (this.#shown.get(protocol) ?? 0) + 1);
    }
  }
}
