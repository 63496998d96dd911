/**
 * Pairs commands with replies: the n-th reply answers the n-th command (lib/stitch/in_order.ts), once
 * everything that is sent unasked is set apart.
 *
 * In: both queues of a connection. Out: exchanges, taken off the fronts.
 *
 * | sent unasked                                    | becomes                                         |
 * | a push, a published message, a line of MONITOR  | request null, "one_way"                         |
 * | the first confirmation of SUBSCRIBE a b         | the response of SUBSCRIBE                       |
 * | its other confirmations                         | request null, "one_way"                         |
 * | the database file, the replication stream       | request null, "one_way"; type "rdb", "command"  |
 *
 * After loss, and on a connection older than the trace, the first replies may answer commands that were
 * not seen. A reply of a type that the command at the front never gives is one of these.
 */
import { joinHalves } from "../../lib/stitch/halves.ts";
import { nothingToPair, pairInOrder } from "../../lib/stitch/in_order.ts";
import type { Due, Part, Roles } from "../../lib/stitch/fronts.ts";
import type { IncompleteReason, StitchContext, Stitched, Timed } from "../protocol.ts";
import { isPlausible } from "./commands.ts";
import {
  isNotable,
  mayTellSecrets,
  withholdArgs,
  withholdReply,
  withholdStrings,
} from "./secrets.ts";
import type { Granted, RedisState } from "./state.ts";
import { Kind, type RedisExchange, type RedisFrame, type RedisReply, type Value } from "./types.ts";

type Response = Timed<RedisFrame>;
type Request = Timed<RedisFrame> | undefined;

export function stitch(
  requests: Timed<RedisFrame>[],
  responses: Timed<RedisFrame>[],
  context: StitchContext<RedisState>,
): Stitched<RedisExchange>[] {
  const front = requests[0]?.frame.kind;
  const isUnanswered = front === Kind.Nothing || front === Kind.OneWay;
  if (!isUnanswered && nothingToPair(requests, responses, context)) return [];
  const { state } = context;
  let out: Stitched<RedisExchange>[] = [];
  pairInOrder(requests, responses, context, (request, response, reason) => {
    const one = exchangeOf(request, response, reason, context);
    // The first push() into an empty list would allocate room for 17.
    if (out.length === 0) out = [one];
    else out.push(one);
  }, new RedisRoles(state));
  return out;
}

class RedisRoles implements Roles<RedisFrame> {
  readonly #granted: Granted;

  constructor({ granted }: RedisState) {
    this.#granted = granted;
  }

  due({ kind, request }: RedisFrame): Due {
    if (kind === Kind.Nothing) return "nothing";
    if (kind === Kind.OneWay) {
      if (request?.command === "REPLCONF") this.#granted.replica = true; // REPLCONF ACK: it is up
      return "never";
    }
    return kind === Kind.Subscription ? "many" : "once";
  }

  isAnswer({ kind }: RedisFrame): boolean {
    const { replica, monitoring, subscribed } = this.#granted;
    if (replica) return false;
    if (kind === Kind.MonitorLine) return !monitoring;
    return kind === Kind.Reply || (kind === Kind.Published && !subscribed);
  }

  part(response: Response, request: Request, isStranger: boolean, mayWait: boolean): Part {
    const granted = this.#granted;
    const { kind } = response.frame;
    if (kind === Kind.Nothing) return "nothing";
    if (kind === Kind.Push) return "unasked";
    if (granted.replica) return replicated(response);
    if (kind === Kind.MonitorLine && granted.monitoring) return "unasked";
    if (kind === Kind.Published && (granted.subscribed || isStranger)) {
      granted.subscribed = true;
      return "unasked";
    }
    if (kind === Kind.Confirmation) return this.#confirms(response, request, mayWait);
    if (kind === Kind.Rdb) {
      granted.replica = true;
      if (request?.frame.request?.command !== "SYNC") return "unasked";
    }
    return "answers";
  }

  fits({ reply }: RedisFrame, { request }: RedisFrame): boolean {
    return reply === null || request === null || isPlausible(request, reply);
  }

  /** Keeps what a reply granted: SUBSCRIBE, MONITOR and PSYNC change what the server sends next. */
  paired({ kind, reply }: RedisFrame, { request }: RedisFrame): void {
    const granted = this.#granted;
    granted.due = 0;
    if (request === null || reply === null) return;
    const { command, args } = request;
    if (kind === Kind.Confirmation && command === verbOf(reply)) {
      const left = channelsLeft(reply);
      granted.due = args.length > 0 ? args.length - 1 : left; // UNSUBSCRIBE alone: of every channel
      granted.verb = command;
      granted.subscribed = left > 0;
    } else if (reply.type === "simple_string" && typeof reply.value === "string") {
      const { value } = reply;
      if (command === "MONITOR") granted.monitoring = value === "OK";
      else if (command === "RESET") granted.monitoring = granted.subscribed = false;
      else if (command === "PSYNC") {
        granted.replica = value.startsWith("FULLRESYNC") || value.startsWith("CONTINUE");
      }
    }
  }

  lost(): void {
    this.#granted.due = 0;
  }

  /** SUBSCRIBE a b: the first confirmation is its response, the second is sent unasked. */
  #confirms({ frame: { reply } }: Response, request: Request, mayWait: boolean): Part {
    const granted = this.#granted;
    const verb = verbOf(reply), left = channelsLeft(reply);
    if (granted.due > 0 && granted.verb === verb) {
      granted.due--;
      granted.subscribed = left > 0;
      return "unasked";
    }
    if (request?.frame.request?.command === verb) return "answers";
    if (request !== undefined && reply?.type !== "push" && !granted.subscribed) {
      return "answers"; // a script may return anything
    }
    if (request === undefined && mayWait) {
      if (!verb.endsWith("UNSUBSCRIBE") || !granted.subscribed) return "waits";
    }
    granted.subscribed = left > 0;
    return "unasked";
  }
}

function verbOf(reply: RedisReply | null): string {
  const [verb] = itemsOf(reply);
  return typeof verb === "string" ? verb.toUpperCase() : "";
}

/** How many channels a confirmation says are left. */
function channelsLeft(reply: RedisReply | null): number {
  const left = itemsOf(reply)[2];
  return typeof left === "number" ? left : 0;
}

function itemsOf(reply: RedisReply | null): readonly Value[] {
  return reply !== null && "value" in reply && Array.isArray(reply.value) ? reply.value : [];
}

/** The part of what a primary sends to its replica: commands, as arrays. */
function replicated({ frame }: Response): Part {
  const { reply } = frame;
  if (reply?.type === "array" && reply.value !== null) {
    frame.reply = asCommand(reply.value, reply.count ?? reply.value.length);
  }
  return "unasked";
}

function asCommand(items: Value[], count: number): RedisReply {
  const name = items[0];
  const command = typeof name === "string" ? name.toUpperCase() : "";
  const args = items.slice(1);
  const whole = args.length >= count - 1;
  if (whole) return { type: "command", command, args };
  return { type: "command", command, args, args_count: count - 1, args_truncated: true };
}

function exchangeOf(
  request: Timed<RedisFrame> | null,
  response: Timed<RedisFrame> | null,
  reason: IncompleteReason | null,
  context: StitchContext<RedisState>,
): Stitched<RedisExchange> {
  const command = request === null ? null : request.frame.request;
  const reply = response === null ? null : response.frame.reply;
  const joined = joinHalves({ request: command, response: reply }, request, response, reason);
  if (response !== null && reply !== null && !context.state.options.showSecrets) {
    const names = withholdFrom(response, reply, request, context);
    if (names.length > 0) joined.redacted = [...joined.redacted, ...names];
  }
  return joined;
}

const NOTHING: readonly string[] = [];

/** Takes the secrets out of a reply; the names of the fields that were withheld. */
function withholdFrom(
  response: Timed<RedisFrame>,
  reply: RedisReply,
  request: Timed<RedisFrame> | null,
  { state, pairing }: StitchContext<RedisState>,
): readonly string[] {
  if (reply.type === "command") return withholdArgs(reply).map((at) => `response.args[${at}]`);
  const command = request === null ? null : request.frame.request;
  const isUsual = command !== null && !state.mayTell && reply.type !== "error";
  if (isUsual && !isNotable(command)) return NOTHING;
  const isStray = command === null && (!state.isServerKnown || state.mayTell);
  const tells = command !== null && (command.command === "EXEC" || mayTellSecrets(command));
  const isCut = tells && response.incomplete.length > 0;
  const isInner = state.mayTell && pairing.mayBeInside && reply.type === "bulk_string";
  const mayBePart = isStray || isCut || isInner;
  const asks = request?.frame.queueAsks === true;
  if ((mayBePart && withholdStrings(reply)) || withholdReply(command, reply, asks)) {
    return [reply.type === "error" ? "response.message" : "response.value"];
  }
  return NOTHING;
}
