/**
 * A saved trace through the pipeline, in this process: what `sockeye replay FILE` prints as NDJSON.
 * For tests only.
 */
import type { SocketEvent } from "../../lib/capture/event.ts";
import { openReplay } from "../../lib/capture/replay.ts";
import { Pipeline, type PipelineOptions } from "../../lib/pipeline.ts";
import type { TraceRecord } from "../../lib/record/record.ts";
import { Stats } from "../../lib/stats.ts";
import { plugins } from "../../protocols/registry.ts";

/** The command line's defaults, with every connection of an unknown protocol shown. */
export const DEFAULTS: PipelineOptions = {
  protocols: plugins,
  showUnknown: true,
  maxBodyBytes: 4096,
  showSecrets: false,
  requestTimeoutMs: null,
  memoryLimitBytes: 256 << 20,
  summaries: false,
};

/** Records of a recording or packet capture; `tap` sees each event first. */
export function replayRecords(
  path: string,
  options: Partial<PipelineOptions> = {},
  tap?: (event: SocketEvent) => void,
): TraceRecord[] {
  using source = openReplay(path);
  const records: TraceRecord[] = [];
  const pipeline = new Pipeline(
    source.start,
    { ...DEFAULTS, ...options },
    new Stats(),
    (record) => records.push(record),
  );
  while (!source.ended) {
    source.drain((event) => {
      tap?.(event);
      pipeline.onEvent(event);
    });
  }
  pipeline.finish();
  if (source.failure !== null) throw source.failure;
  return records;
}

/** As they are written: one object a line. */
export function toNdjson(records: readonly TraceRecord[]): string {
  return records.map((record) => `${JSON.stringify(record)}\n`).join("");
}
