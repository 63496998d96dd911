/**
 * Pairs by order: the n-th response answers the n-th request (HTTP/1, Redis …).
 *
 * In: both queues of a connection, oldest first, and what a protocol's messages are to each other.
 * Out: pairs, handed to `emit` and taken off the queues. It waits only as the rules below say, and
 * never reorders.
 *
 * | a request                            | becomes                                              |
 * | answered within --request-timeout    | a pair                                               |
 * | unanswered for that long             | "no_response", at once; it keeps its place           |
 * | answered after that                  | the whole pair once more, "late"                     |
 * | unanswered while a response is begun | nothing yet: that may take its time                  |
 * | that is never answered               | "one_way"                                            |
 * | paired while that is not certain     | a pair that says why (pairing.ts)                    |
 *
 * Where messages were lost, order alone would pair everything that follows with the wrong half, for
 * good: there realign.ts decides. Besides, a response that ended before the request in front began
 * does not answer it; where requests may be unseen, nor does one that began before it.
 */
import type { IncompleteReason } from "../record/record.ts";
import type { EmitPair, StitchContext } from "./context.ts";
import type { Timed } from "./exchange.ts";
import type { Part, Roles } from "./fronts.ts";
import { wholeNs } from "./habit.ts";
import { mergeReasons } from "./halves.ts";
import { STRAY_NS } from "./pairing.ts";
import { dropFront } from "./queue.ts";
import { isDoubtful, placeBehindLoss } from "./realign.ts";

/**
 * Every request has one answer, and nothing is sent unasked. What differs is put over it:
 * `{ ...ONE_EACH, due: (request) => … }`.
 */
export const ONE_EACH: Roles<unknown> = {
  due: () => "once",
  isAnswer: () => true,
  part: () => "answers",
  fits: () => true,
  paired: () => {},
  lost: () => {},
};

type Queue<F> = Timed<F>[];

/** Would pairInOrder() do nothing? Yes without a response while the oldest request is in time. */
export function nothingToPair(
  requests: Queue<unknown>,
  responses: Queue<unknown>,
  context: StitchContext<unknown>,
): boolean {
  if (responses.length > 0 || context.ended !== null || context.overflow !== null) return false;
  const oldest = requests[context.pairing.shown];
  return oldest === undefined || !isLate(oldest, context) || context.answering;
}

export function pairInOrder<F>(
  requests: Queue<F>,
  responses: Queue<F>,
  context: StitchContext<unknown>,
  emit: EmitPair<F>,
  roles: Roles<F> = ONE_EACH,
): void {
  if (!pairOnly(requests, responses, context, emit, roles)) {
    new PairingCall(requests, responses, context, emit, roles).run();
  }
}

/** Most turns are one request and its response, nothing in doubt: as in PairingCall, but quicker. */
function pairOnly<F>(
  requests: Queue<F>,
  responses: Queue<F>,
  { pairing, overflow }: StitchContext<unknown>,
  emit: EmitPair<F>,
  roles: Roles<F>,
): boolean {
  if (requests.length !== 1 || responses.length !== 1 || overflow !== null) return false;
  const request = requests[0] as Timed<F>, response = responses[0] as Timed<F>;
  if (!pairing.isPlain || isDoubtful(request, response, pairing)) return false;
  if (pairing.isOlder(response, request) || roles.due(request.frame) !== "once") return false;
  const part = roles.part(response, request, false, false);
  if (part !== "answers") {
    if (part === "unasked") emit(null, response, "one_way");
    responses.pop();
    return false;
  }
  pairing.habit.turn(request, response);
  roles.paired(response.frame, request.frame);
  emit(request, response, null);
  pairing.restNs = response.endNs;
  requests.pop();
  responses.pop();
  return true;
}

/** One call of pairInOrder(): how far it has come in both queues. */
class PairingCall<F> {
  #taken = 0;
  #answered = 0;
  /** No request before this one was sent since the last answer. */
  #newest = 0;
  readonly #requests: Queue<F>;
  readonly #responses: Queue<F>;
  readonly #context: StitchContext<unknown>;
  readonly #emit: EmitPair<F>;
  readonly #roles: Roles<F>;

  constructor(
    requests: Queue<F>,
    responses: Queue<F>,
    context: StitchContext<unknown>,
    emit: EmitPair<F>,
    roles: Roles<F>,
  ) {
    this.#requests = requests;
    this.#responses = responses;
    this.#context = context;
    this.#emit = emit;
    this.#roles = roles;
  }

  run(): void {
    const { overflow } = this.#context;
    if (overflow !== null) return this.#giveUpAll(overflow);
    const responses = this.#responses;
    while (this.#answered < responses.length) {
      this.#takeUnanswered();
      const response = responses[this.#answered] as Timed<F>;
      if (!this.#context.pairing.isCertain) this.#settleByHabit(response);
      if (this.#context.pairing.restNs < Infinity) this.#settleRest(response);
      const fate = this.#placeLost(response) ?? this.#place(response);
      if (fate === "waits") break;
      this.#answered++;
    }
    this.#takeUnanswered();
    this.#expire();
    dropFront(this.#requests, this.#taken);
    dropFront(responses, this.#answered);
  }

  /** Hands over the requests in front that are never answered. */
  #takeUnanswered(): void {
    while (this.#taken < this.#requests.length) {
      const request = this.#requests[this.#taken] as Timed<F>;
      const due = this.#roles.due(request.frame);
      if (due === "once" || due === "many") return;
      this.#giveUp(request);
    }
  }

  /** If a request was sent when all was answered, and nothing was lost since, this is its response. */
  #settleByHabit(response: Timed<F>): void {
    const { pairing } = this.#context;
    const { habit } = pairing;
    if (response.loss !== null || !this.#roles.isAnswer(response.frame)) return;
    const at = habit.newest(this.#requests, Math.max(this.#taken, this.#newest));
    this.#newest = at;
    const request = this.#requests[at];
    if (request === undefined || request.loss !== null) return;
    if (wholeNs(request) > response.startNs) return;
    if (at === this.#taken && habit.isOutOfSilence(request)) return pairing.settled();
    if (at > this.#taken) {
      if (!habit.isTurns) return;
      habit.doubt();
      while (this.#taken < at) this.#giveUp(this.#requests[this.#taken] as Timed<F>);
    }
    if (habit.beginsTurn(request) && habit.rests(request)) pairing.settled();
  }

  /** Behind a loss: hands over messages that cannot be placed. Null: order decides for the response. */
  #placeLost(response: Timed<F>): "done" | "waits" | null {
    const { pairing } = this.#context;
    const request = this.#requests[this.#taken];
    if (pairing.carried === null && !isDoubtful(request, response, pairing)) return null;
    pairing.isAligned = false;
    pairing.wasDisturbed ||= isLoss(response) || (request !== undefined && isLoss(request));
    if (response.loss !== null) this.#roles.lost();
    if (!this.#roles.isAnswer(response.frame)) {
      pairing.carried = response.loss ?? pairing.carried;
      response.loss = null;
      return null;
    }
    response.loss ??= pairing.carried;
    pairing.carried = null;
    const { drop, fate, isCertain } = placeBehindLoss({
      requests: this.#requests,
      from: this.#taken,
      responses: this.#responses,
      at: this.#answered,
      context: this.#context,
      roles: this.#roles,
    });
    for (let i = 0; i < drop; i++) this.#giveUp(this.#requests[this.#taken] as Timed<F>);
    // The request in front now may be one that is never answered.
    this.#takeUnanswered();
    if (fate === "wait") return "waits";
    if (isCertain) pairing.settled();
    else pairing.doubt();
    if (fate === "pair") return null;
    this.#emit(null, response, pairing.reason);
    pairing.habit.answered(response);
    return "done";
  }

  #place(response: Timed<F>): Part {
    const { pairing } = this.#context;
    const request = this.#requests[this.#taken];
    const isStranger = this.#isStranger(request, response);
    const mayWait = request === undefined && this.#mayWait(response);
    const part = this.#roles.part(response, request, isStranger, mayWait);
    if (part === "unasked") this.#emit(null, response, "one_way");
    if (part !== "answers") return part;
    if (mayWait) return "waits";
    if (request === undefined || isStranger) {
      this.#emit(null, response, pairing.noRequest);
      pairing.habit.answered(response);
      pairing.habit.doubt();
      return part;
    }
    const { isCertain, habit } = pairing;
    habit.learn(this.#requests, this.#taken, response, isCertain);
    if (!isCertain) response.incomplete = mergeReasons(response.incomplete, [], pairing.reason);
    this.#roles.paired(response.frame, request.frame);
    this.#emit(request, response, request.shown ? "late" : null);
    this.#take(request);
    habit.answered(response);
    const isRest = this.#taken === this.#requests.length &&
      this.#answered + 1 === this.#responses.length;
    if (isRest) pairing.restNs = response.endNs;
    return part;
  }

  /** Settles whether the last pair left nothing over: so it did if the messages in front moved later. */
  #settleRest(response: Timed<F>): void {
    const { pairing } = this.#context;
    const request = this.#requests[this.#taken];
    const nextNs = Math.min(response.startNs, request?.startNs ?? Infinity);
    if (nextNs > pairing.restNs) pairing.aligned();
    pairing.restNs = Infinity;
  }

  /** Does the response answer a request that was not seen? */
  #isStranger(request: Timed<F> | undefined, response: Timed<F>): boolean {
    const { pairing } = this.#context;
    if (request === undefined) return !pairing.isAligned;
    if (pairing.isOlder(response, request)) return true;
    return !pairing.isAligned && !this.#roles.fits(response.frame, request.frame);
  }

  /** May the event of the response's request still be on its way to user space? */
  #mayWait(response: Timed<F>): boolean {
    const { ended, nowNs } = this.#context;
    return ended === null && nowNs - response.endNs < STRAY_NS;
  }

  #take(request: Timed<F>): void {
    const { pairing } = this.#context;
    if (request.shown) pairing.shown--;
    pairing.habit.asked(request);
    this.#taken++;
  }

  /** Gives up the request in front: it will not be answered, or its answer is not known. */
  #giveUp(request: Timed<F>): void {
    this.#show(request, this.#context.pairing.reason);
    this.#take(request);
  }

  /** Hands a request over alone, once. */
  #show(request: Timed<F>, reason: IncompleteReason): void {
    if (request.shown) return;
    const due = this.#roles.due(request.frame);
    if (due !== "nothing") this.#emit(request, null, due === "never" ? "one_way" : reason);
  }

  /** Gives up all messages, which take too much memory; then pairing goes on as after a join. */
  #giveUpAll(reason: IncompleteReason): void {
    const { pairing } = this.#context;
    for (const request of this.#requests) {
      this.#show(request, reason);
      pairing.habit.asked(request);
    }
    for (const response of this.#responses) {
      this.#emit(null, response, reason);
      pairing.habit.answered(response);
    }
    this.#requests.length = 0;
    this.#responses.length = 0;
    pairing.isAligned = false;
    pairing.doubt();
    pairing.restNs = Infinity;
    pairing.joined = reason;
    pairing.reason = reason;
    pairing.doubted = 0;
    pairing.shown = 0;
  }

  /** Hands over requests that waited too long, which stay in the queue; at the end, all of them. */
  #expire(): void {
    const { ended, pairing, answering } = this.#context;
    const requests = this.#requests;
    if (ended !== null) {
      for (; this.#taken < requests.length; this.#taken++) {
        this.#show(requests[this.#taken] as Timed<F>, ended);
      }
      pairing.shown = 0;
    } else if (!answering) {
      for (let at = this.#taken + pairing.shown; at < requests.length; at++) {
        const request = requests[at] as Timed<F>;
        if (!isLate(request, this.#context)) return;
        this.#show(request, "no_response");
        request.shown = true;
        pairing.shown++;
      }
    }
  }
}

/** Was something lost in front of the message, other than by joining the stream? */
function isLoss({ loss }: Timed<unknown>): boolean {
  return loss !== null && !loss.isJoin;
}

function isLate({ endNs }: Timed<unknown>, context: StitchContext<unknown>): boolean {
  return context.nowNs - endNs >= context.requestTimeoutNs;
}
