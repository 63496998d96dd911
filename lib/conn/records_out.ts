/**
 * The exchanges of one session become records.
 *
 * In: exchanges, as they are stitched. Out: records, to the context's emit; counters of what they are.
 * Where one event completes very many, they wait in the outbox.
 */
import type { Exchange, Protocol, Stitched } from "../../protocols/protocol.ts";
import { buildRecord, type RecordFacts } from "../record/build.ts";
import type { ProtocolCounts } from "../stats.ts";
import type { ConnLog, LogSubject } from "./conn_log.ts";
import type { TrackerContext } from "./context.ts";
import type { Handshake } from "./handshake.ts";

/** What it needs of a session's place. */
export interface RecordsPlace {
  readonly context: TrackerContext;
  readonly facts: RecordFacts;
  readonly subject: LogSubject;
  readonly log: ConnLog | null;
  /** Where the record of a handshake waits. */
  readonly handshake?: Handshake;
}

export class RecordsOut<F, S, X extends Exchange, T> {
  readonly #protocol: Protocol<F, S, X, T>;
  readonly #place: RecordsPlace;
  readonly #counts: ProtocolCounts;

  constructor(protocol: Protocol<F, S, X, T>, place: RecordsPlace, counts: ProtocolCounts) {
    this.#protocol = protocol;
    this.#place = place;
    this.#counts = counts;
  }

  /** `heldBytes` of memory are those of all of them; `isOverflow`: they were given up for want of it. */
  send(exchanges: readonly Stitched<X>[], heldBytes: number, isOverflow: boolean): void {
    const { context, facts } = this.#place;
    if (!context.outbox.passes(exchanges.length, heldBytes)) {
      return this.#post(exchanges, heldBytes, isOverflow);
    }
    for (const stitched of exchanges) {
      if (this.#isDeferred(stitched)) this.#defer(stitched, isOverflow);
      else this.#emit(stitched, facts, isOverflow);
    }
  }

  /** Did a handshake succeed? */
  #isDeferred({ exchange }: Stitched<X>): boolean {
    return this.#protocol.isAlwaysTried === true && this.#place.handshake !== undefined &&
      this.#protocol.outline(exchange).outcome === "ok";
  }

  #defer(stitched: Stitched<X>, isOverflow: boolean): void {
    const then = { ...this.#place.facts };
    this.#place.handshake?.defer(() => this.#emit(stitched, then, isOverflow));
  }

  #post(exchanges: readonly Stitched<X>[], heldBytes: number, isOverflow: boolean): void {
    const { context, facts } = this.#place;
    const then = { ...facts }; // the connection may speak another protocol by the time they go out
    context.outbox.add(exchanges.length, heldBytes, (nth) => {
      this.#emit(exchanges[nth] as Stitched<X>, then, isOverflow);
    });
  }

  #emit(stitched: Stitched<X>, facts: RecordFacts, isOverflow: boolean): void {
    const { context, log, subject } = this.#place;
    const { stats } = context;
    if (stitched.request === null) stats.unmatchedResponses++;
    else if (stitched.response === null) stats.unmatchedRequests++;
    if (context.role !== undefined && context.role !== facts.role) {
      stats.filteredRecords++;
      return;
    }
    if (isOverflow) stats.abandon("memory_limit");
    const record = buildRecord(stitched, facts, context.clock);
    const counts = stitched.protocol === undefined
      ? this.#counts
      : stats.protocol(stitched.protocol);
    counts.records++;
    if (context.outlines && this.#protocol.outline(stitched.exchange).outcome === "error") {
      counts.errors++;
    }
    if (record.incomplete !== undefined) {
      if (record.incomplete.includes("late")) stats.cameLate(counts);
      for (const reason of record.incomplete) stats.incompleteRecord(reason);
    }
    log?.record(subject, record, stitched.stream?.id);
    context.emit(record, context.summaries ? this.#protocol.summarize(stitched.exchange) : null);
  }
}
