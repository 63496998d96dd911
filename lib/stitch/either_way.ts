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
function takeAnswers<F>(
  asks: Timed<F>[],
  answers: Timed<F>[],
  initiator: Role,
  { ended, overflow, nowNs }: StitchContext<unknown>,
  acts: Acts<F>,
  emit: EmitActs<F>,
): void {
  const other = initiator === "client" ? "server" : "client";
  const isAnswer = (timed: Timed<F>): boolean => acts.act(timed, other) === "answers";
  if (!answers.some(isAnswer)) return;
  const waiting = new Map<number | string, Timed<F>[]>();
  for (const ask of asks) {
    if (acts.act(ask, initiator) !== "asks") continue;
    const id = acts.idOf(ask);
    const same = waiting.get(id);
    if (same === undefined) waiting.set(id, [ask]);
    else same.push(ask);
  }
  const answered = new Set<Timed<F>>();
  keep(answers, (answer) => {
    if (!isAnswer(answer)) return true;
    const ask = waiting.get(acts.idOf(answer))?.shift();
    if (ask !== undefined) {
      answered.add(ask);
      emit(ask, answer, ask.shown ? "late" : null, initiator);
      return false;
    }
    const mayWait = ended === null && overflow === null && nowNs - answer.endNs < STRAY_NS;
    if (!mayWait) emit(null, answer, overflow ?? "mid_stream", initiator);
    return mayWait;
  });
  if (answered.size > 0) keep(asks, (ask) => !answered.has(ask));
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
  queue.length = kept;
}
