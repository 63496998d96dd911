/** What replay.ts opens: a recording or a packet capture. Types only. */
import type { RecordingError, RecordingFacts } from "./recording/format.ts";
import type { CaptureSource } from "./source.ts";

/** A source whose events were saved before. */
export interface ReplaySource extends CaptureSource {
  /** "recording" or "pcap". */
  readonly format: "recording" | "pcap";
  /** Once `ended`: why reading stopped before the file's end; null when it did not. */
  readonly failure: RecordingError | null;
  /** What a recording says about itself; null for packet captures. */
  readonly facts: RecordingFacts | null;
  /** What was counted while reading, by a stable snake_case name. */
  counts(): Readonly<Record<string, number>>;
  /** Packets of a packet capture that could not be read, by a stable snake_case reason. */
  notRead(): Readonly<Record<string, number>>;
}
