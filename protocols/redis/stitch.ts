/**
 * Pairs commands with replies: the n-th reply answers the n-th command, once everything that is
 * sent unasked is set apart.
 *
 * In: both queues of a connection. Out: exchanges, taken off the fronts. Never reorders, and never
 * waits longer than for a request that is still under way to user space.
 *
 * | sent unasked                                    | becomes                                         |
 * | a push, a published message, a line of MONITOR  | request null, "one_way"                         |
 * | the first confirmation of SUBSCRIBE a b         | the response of SUBSCRIBE                       |
 * | its other confirmations                         | request null, "one_way"                         |
 * | the database file, the replication stream       | request null, "one_way"; type "rdb", "command"  |
 * | a reply to a request handed over as no_response | request null, "timeout"                         |
 *
 * After loss, and on a connection older than the trace, the first replies belong to commands that
 * were not seen. A reply that ended before the command began, or is of a type the command never
 * gives, is one of those. Behind a loss, a reply is paired where it is known whose it is
 * (lib/stitch/realign.ts).
 */
import { dropFront } from "../../lib/stitch/queue.ts";
import { isOlder, type Placement, STRAY_NS } from "../../lib/stitch/pairing.ts";
import { isDoubtful, notePair, placeBehindLoss } from "../../lib/stitch/realign.ts";
import type { IncompleteReason, StitchContext, Stitched, Timed } from "../protocol.ts";
import { isPlausible, isSubscription, withholdReply } from "./commands.ts";
import {
  Kind,
  type PairState,
  type RedisExchange,
  type RedisFrame,
  type RedisReply,
  type RedisState,
  type Value,
} from "./types.ts";

type Frames = Timed<RedisFrame>[];
type Context = StitchContext<RedisState>;
type Out = Stitched<RedisExchange>[];

/** What became of the response in front. */
enum Fate {
  Taken,
  Paired,
  Waits,
}

export function stitch(requests: Frames, responses: Frames, context: Context): Out {
  const { pair } = context.state;
  if (!pair.started) {
    pair.started = true;
    pair.aligned = !context.midStream;
  }
  const out: Out = [];
  let taken = 0;
  let answered = 0;
  while (answered < responses.length) {
    taken = takeUnanswered(requests, taken, out, pair);
    const response = responses[answered] as Timed<RedisFrame>;
    if (pair.lost !== null || isDoubtful(requests[taken], response, pair)) {
      const placed = placeLost(requests, taken, responses, answered, context, out);
      // What is in front now may be none that is answered.
      taken = takeUnanswered(requests, placed.taken, out, pair);
      if (placed.fate === "wait") break;
      if (placed.fate === "alone") {
        answered++;
        continue;
      }
    }
    const fate = place(requests[taken], response, context, out);
    if (fate === Fate.Waits) break;
    if (fate === Fate.Paired) notePair(requests, taken++, response, pair);
    answered++;
    // Nothing is left over on either side: from here on, replies go with their commands.
    const quiet = taken === requests.length && answered === responses.length;
    if (quiet && fate === Fate.Paired) pair.aligned = true;
  }
  taken = takeUnanswered(requests, taken, out, pair);
  taken = expire(requests, taken, context, out);
  dropFront(requests, taken);
  dropFront(responses, answered);
  return out;
}

/** Hands over the requests in front that are never answered. */
function takeUnanswered(requests: Frames, from: number, out: Out, pair: PairState): number {
  let at = from;
  for (; at < requests.length; at++) {
    const request = requests[at] as Timed<RedisFrame>;
    const { frame } = request;
    if (frame.kind === Kind.Nothing) continue;
    if (frame.kind !== Kind.OneWay) break;
    if (frame.request?.command === "REPLCONF") pair.replica = true; // ACK: a link that is up
    emit(out, request, null, "one_way");
  }
  return at;
}

/** Behind a loss: hands over what cannot be placed. */
function placeLost(
  requests: Frames,
  from: number,
  responses: Frames,
  at: number,
  context: Context,
  out: Out,
): { taken: number; fate: Placement["fate"] } {
  const { pair } = context.state;
  const response = responses[at] as Timed<RedisFrame>;
  const roles = { isDue, isAnswer: (frame: RedisFrame): boolean => isAnswer(frame, pair) };
  pair.aligned = false;
  if (response.afterGap === true) pair.due = 0;
  if (!roles.isAnswer(response.frame)) {
    if (response.afterGap === true) pair.lost = response.gapReason ?? "gap";
    response.afterGap = false;
    return { taken: from, fate: "pair" };
  }
  if (pair.lost !== null) {
    response.afterGap = true;
    response.gapReason ??= pair.lost;
    pair.lost = null;
  }
  const fronts = { requests, from, responses, at, context, memory: pair, roles };
  const { drop, fate } = placeBehindLoss(fronts);
  for (const request of requests.slice(from, from + drop)) {
    const { kind } = request.frame;
    if (kind !== Kind.Nothing) {
      emit(out, request, null, kind === Kind.OneWay ? "one_way" : pair.reason);
    }
  }
  if (fate === "alone") emit(out, null, response, pair.reason, context);
  return { taken: from + drop, fate };
}

/** One reply is due to it. Subscriptions have as many as they have channels. */
function isDue({ kind }: RedisFrame): boolean {
  return kind !== Kind.Nothing && kind !== Kind.OneWay && kind !== Kind.Subscription;
}

/** It is the reply to a command. */
function isAnswer({ kind }: RedisFrame, pair: PairState): boolean {
  if (pair.replica) return false;
  if (kind === Kind.MonitorLine) return !pair.monitoring;
  return kind === Kind.Reply || (kind === Kind.Published && !pair.subscribed);
}

/** Finds where one response belongs. */
function place(
  request: Timed<RedisFrame> | undefined,
  response: Timed<RedisFrame>,
  context: Context,
  out: Out,
): Fate {
  const { pair } = context.state;
  const { kind } = response.frame;
  if (kind === Kind.Nothing) return Fate.Taken;
  if (kind === Kind.Push) return unasked(response, out);
  if (pair.replica) return replicated(response, out);
  if (kind === Kind.MonitorLine && pair.monitoring) return unasked(response, out);
  if (kind === Kind.Published && (pair.subscribed || isStranger(request, response, context))) {
    pair.subscribed = true;
    return unasked(response, out);
  }
  if (kind === Kind.Confirmation) return confirm(request, response, context, out);
  if (kind === Kind.Rdb) {
    pair.replica = true;
    if (request?.frame.request?.command !== "SYNC") return unasked(response, out);
  }
  return answer(request, response, context, out);
}

/** The response came to a command sent before the trace began, or before bytes were lost. */
function isStranger(
  request: Timed<RedisFrame> | undefined,
  response: Timed<RedisFrame>,
  context: Context,
): boolean {
  const { aligned } = context.state.pair;
  if (request === undefined) return !aligned;
  if (isOlder(response, request, !aligned)) return true;
  const { reply } = response.frame;
  const command = request.frame.request;
  return !aligned && reply !== null && command !== null && !isPlausible(command, reply);
}

function answer(
  request: Timed<RedisFrame> | undefined,
  response: Timed<RedisFrame>,
  context: Context,
  out: Out,
): Fate {
  const { pair } = context.state;
  if (pair.owed > 0) {
    pair.owed--;
    emit(out, null, response, "timeout", context);
    return Fate.Taken;
  }
  if (request === undefined) {
    if (context.ended === null && context.nowNs - response.endNs < STRAY_NS) return Fate.Waits;
    emit(out, null, response, "mid_stream", context);
    return Fate.Taken;
  }
  if (isStranger(request, response, context)) {
    emit(out, null, response, "mid_stream", context);
    return Fate.Taken;
  }
  pair.due = 0;
  note(request.frame, response.frame, pair);
  emit(out, request, response, null, context);
  return Fate.Paired;
}

/** Commands that change what comes next, once they have been granted. */
function note(request: RedisFrame, response: RedisFrame, pair: PairState): void {
  const command = request.request?.command;
  const reply = response.reply;
  if (reply === null || reply.type !== "simple_string" || typeof reply.value !== "string") return;
  const { value } = reply;
  if (command === "MONITOR") pair.monitoring = value === "OK";
  else if (command === "RESET") pair.monitoring = pair.subscribed = false;
  else if (command === "PSYNC") {
    pair.replica = value.startsWith("FULLRESYNC") || value.startsWith("CONTINUE");
  }
}

function unasked(response: Timed<RedisFrame>, out: Out): Fate {
  emit(out, null, response, "one_way");
  return Fate.Taken;
}

/** A primary sends commands to its replica, as arrays. */
function replicated(response: Timed<RedisFrame>, out: Out): Fate {
  const { reply } = response.frame;
  if (reply?.type === "array" && reply.value !== null) {
    response.frame.reply = asCommand(reply.value, reply.count ?? reply.value.length);
  }
  return unasked(response, out);
}

function asCommand(items: Value[], count: number): RedisReply {
  const name = items[0];
  const command = typeof name === "string" ? name.toUpperCase() : "";
  const args = items.slice(1);
  const whole = args.length >= count - 1;
  if (whole) return { type: "command", command, args };
  return { type: "command", command, args, args_count: count - 1, args_truncated: true };
}

/** SUBSCRIBE a b: the first confirmation is its response, the second is sent unasked. */
function confirm(
  request: Timed<RedisFrame> | undefined,
  response: Timed<RedisFrame>,
  context: Context,
  out: Out,
): Fate {
  const { pair } = context.state;
  const reply = response.frame.reply;
  const items = reply !== null && "value" in reply && Array.isArray(reply.value) ? reply.value : [];
  const verb = typeof items[0] === "string" ? items[0].toUpperCase() : "";
  const left = typeof items[2] === "number" ? items[2] : 0;
  const asks = request?.frame.request?.command === verb;
  if (pair.due > 0 && pair.verb === verb) {
    pair.due--;
    pair.subscribed = left > 0;
    return unasked(response, out);
  }
  if (request === undefined || !asks) {
    const push = reply?.type === "push";
    if (request !== undefined && !push && !pair.subscribed) {
      return answer(request, response, context, out); // a script may return anything
    }
    const waits = context.ended === null && context.nowNs - response.endNs < STRAY_NS;
    if (request === undefined && waits && !verb.endsWith("UNSUBSCRIBE")) return Fate.Waits;
    if (request === undefined && waits && !pair.subscribed) return Fate.Waits;
    pair.subscribed = left > 0;
    return unasked(response, out);
  }
  const fate = answer(request, response, context, out);
  if (fate !== Fate.Paired) return fate;
  const channels = request.frame.request?.args.length ?? 0;
  pair.due = channels > 0 ? channels - 1 : left; // without channels: every one there is
  pair.verb = verb;
  pair.subscribed = left > 0;
  return fate;
}

/** Requests that waited too long, or at the end all of them. */
function expire(requests: Frames, from: number, context: Context, out: Out): number {
  let at = from;
  for (; at < requests.length; at++) {
    const request = requests[at] as Timed<RedisFrame>;
    const late = context.nowNs - request.endNs >= context.requestTimeoutNs;
    if (context.ended === null && !late) break;
    const { kind } = request.frame;
    if (kind === Kind.Nothing) continue;
    if (kind === Kind.OneWay) {
      emit(out, request, null, "one_way");
      continue;
    }
    emit(out, request, null, context.ended ?? "no_response");
    const command = request.frame.request?.command ?? "";
    if (context.ended === null && !isSubscription(command)) context.state.pair.owed++;
  }
  return at;
}

function emit(
  out: Out,
  request: Timed<RedisFrame> | null,
  response: Timed<RedisFrame> | null,
  reason: IncompleteReason | null,
  context?: Context,
): void {
  const command = request === null ? null : request.frame.request;
  const reply = response === null ? null : response.frame.reply;
  const incomplete: IncompleteReason[] = [];
  if (request !== null) addAll(incomplete, request.incomplete);
  if (response !== null) addAll(incomplete, response.incomplete);
  if (reason !== null && !incomplete.includes(reason)) incomplete.push(reason);
  const redacted: string[] = [];
  if (request !== null) addNames(redacted, request);
  if (context !== undefined && reply !== null && !context.state.options.showSecrets) {
    if (withholdReply(command, reply)) redacted.push("response.value");
  }
  out.push({
    exchange: { request: command, response: reply },
    request,
    response,
    incomplete,
    redacted,
  });
}

/** Names of withheld arguments; a command cut short comes without them. */
function addNames(to: string[], request: Timed<RedisFrame>): void {
  for (const name of request.redacted) to.push(name);
  const args = request.frame.request?.args;
  if (to.length > 0 || request.incomplete.length === 0 || args === undefined) return;
  for (let i = 0; i < args.length; i++) if (args[i] === null) to.push(`request.args[${i}]`);
}

function addAll(to: IncompleteReason[], from: readonly IncompleteReason[]): void {
  for (const reason of from) if (!to.includes(reason)) to.push(reason);
}
