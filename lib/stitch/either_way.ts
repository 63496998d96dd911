/**
 * Pairs by an identifier where both ends ask (mDNS, Mux, MQTT, a websocket's pings …).
 *
 * In: the client's frames and the server's, oldest first, and what each of them does. Out: an ask with
 * its answer, whoever asked, and frames that stand alone; taken off the queues. Time limits and late
 * answers are those of in_order.ts.
 */
import type { IncompleteReason } from "../record/record.ts";
import type { StitchContext } from "./context.ts";
import type { Role, Timed } from "./exchange.ts";
import { STRAY_NS } from "./pairing.ts";
import { cutTo } from "./queue.ts";

/** For up to this many answers the asks are searched one by one, without an index. */
const FEW = 8;

/** What a frame does: it asks for an answer, answers, stands alone, or says nothing. */
export type Act = "asks" | "answers" | "alone" | "nothing";

export interface Acts<F> {
  act(timed: Timed<F>, from: Role): Act;
  /** The frame's identifier; an answer has that of its ask. */
  idOf(timed: Timed<F>): number | string;
}

/** `asked` or `answer` is null where it was not seen, or none is due; `initiator` sent `asked`. */
export type EmitActs<F> = (
  asked: Timed<F> | null,
  answer: Timed<F> | null,
  reason: IncompleteReason | null,
  initiator: Role,
) => void;

export function pairEitherWay<F>(
  fromClient: Timed<F>[],
  fromServer: Timed<F>[],
  context: StitchContext<unknown>,
  acts: Acts<F>,
  emit: EmitActs<F>,
): void {
  takeAnswers(fromClient, fromServer, "client", context, acts, emit);
  takeAnswers(fromServer, fromClient, "server", context, acts, emit);
  takeAsks(fromClient, "client", context, acts, emit);
  takeAsks(fromServer, "server", context, acts, emit);
}

/** Takes the answers out of `answers`, each with its ask out of `asks`, which `initiator` sent. */
export function takeAnswers<F>(
  asks: Timed<F>[],
  answers: Timed<F>[],
  initiator: Role,
  { ended, overflow, nowNs }: StitchContext<unknown>,
  acts: Acts<F>,
  emit: EmitActs<F>,
): void {
  const other = initiator === "client" ? "server" : "client";
  const index = answers.length > FEW ? indexOf(asks, initiator, acts) : null;
  const answered = index === null ? null : new Set<Timed<F>>();
  let kept = 0;
  for (const answer of answers) {
    if (acts.act(answer, other) !== "answers") {
      answers[kept++] = answer;
      continue;
    }
    const id = acts.idOf(answer);
    const ask = index === null ? takeAsk(asks, id, initiator, acts) : index.get(id)?.pop();
    if (ask !== undefined) {
      answered?.add(ask);
      emit(ask, answer, ask.shown ? "late" : null, initiator);
    } else if (ended === null && overflow === null && nowNs - answer.endNs < STRAY_NS) {
      answers[kept++] = answer;
    } else emit(null, answer, overflow ?? "mid_stream", initiator);
  }
  cutTo(answers, kept);
  if (answered !== null && answered.size > 0) keep(asks, (ask) => !answered.has(ask));
}

/** Takes the oldest ask with that id off the queue. */
function takeAsk<F>(
  asks: Timed<F>[],
  id: number | string,
  initiator: Role,
  acts: Acts<F>,
): Timed<F> | undefined {
  for (let at = 0; at < asks.length; at++) {
    const ask = asks[at] as Timed<F>;
    if (acts.idOf(ask) !== id || acts.act(ask, initiator) !== "asks") continue;
    if (at === asks.length - 1) asks.pop();
    else asks.splice(at, 1);
    return ask;
  }
  return undefined;
}

/** The asks of each id, the oldest last. */
function indexOf<F>(
  asks: readonly Timed<F>[],
  initiator: Role,
  acts: Acts<F>,
): Map<number | string, Timed<F>[]> {
  const index = new Map<number | string, Timed<F>[]>();
  for (let at = asks.length - 1; at >= 0; at--) {
    const ask = asks[at] as Timed<F>;
    if (acts.act(ask, initiator) !== "asks") continue;
    const id = acts.idOf(ask);
    const same = index.get(id);
    if (same === undefined) index.set(id, [ask]);
    else same.push(ask);
  }
  return index;
}

/** Hands over frames that stand alone at once, and asks when they waited too long or at the end. */
function takeAsks<F>(
  queue: Timed<F>[],
  from: Role,
  context: StitchContext<unknown>,
  acts: Acts<F>,
  emit: EmitActs<F>,
): void {
  const { nowNs, requestTimeoutNs } = context;
  const reason = context.overflow ?? context.ended;
  keep(queue, (timed) => {
    const act = acts.act(timed, from);
    if (act === "answers") return true;
    if (act === "asks") {
      const isLate = !context.answering && nowNs - timed.endNs >= requestTimeoutNs;
      if ((reason !== null || isLate) && !timed.shown) {
        emit(timed, null, reason ?? "no_response", from);
        timed.shown = true;
      }
      return reason === null;
    }
    if (act === "alone") emit(timed, null, "one_way", from);
    return false;
  });
}

/** Takes off the queue the items for which `test` is false. */
function keep<T>(queue: T[], test: (item: T) => boolean): void {
  let kept = 0;
  for (const item of queue) if (test(item)) queue[kept++] = item;
  cutTo(queue, kept);
}
