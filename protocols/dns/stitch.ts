/**
 * Pairs DNS queries with their responses.
 *
 * In: both queues of a connection. Out: exchanges. A response belongs to a query of the same id and
 * the same first question; the messages of a zone transfer make one response. QR tells what a message
 * is, not its direction: mDNS peers ask and answer on one socket.
 */
import { type Acts, pairEitherWay } from "../../lib/stitch/either_way.ts";
import { joinHalves } from "../../lib/stitch/halves.ts";
import type { IncompleteReason, StitchContext, Stitched, Timed } from "../protocol.ts";
import { Opcode, opcodeName, rcodeName } from "./codes.ts";
import type { DnsState } from "./parse.ts";
import { gatherRepeated } from "./repeated.ts";
import { continueTransfer, isTransfer, MAX_TRANSFERS, openTransfer } from "./transfer.ts";
import type { DnsExchange, DnsFrame, DnsRequest, DnsResponse } from "./types.ts";

type Queue = Timed<DnsFrame>[];
type Out = Stitched<DnsExchange>[];

const ACTS: Acts<DnsFrame> = {
  act: ({ frame }) => frame.message.isResponse ? "answers" : "asks",
  idOf: ({ frame }) => frame.key,
};

export function stitch(requests: Queue, responses: Queue, context: StitchContext<DnsState>): Out {
  const out: Out = [];
  for (const [asks, answers] of [[requests, responses], [responses, requests]] as const) {
    if (!answers.some(({ frame }) => frame.message.isResponse)) continue;
    gatherTransfers(asks, answers, context.state, out);
    adoptKeys(answers, asks);
    gatherRepeated(asks, answers, context);
  }
  pairEitherWay(requests, responses, context, ACTS, (asked, answer, reason) => {
    out.push(stitched(asked, answer, reason));
  });
  endTransfers(context, out);
  return out;
}

/** A response without a question (errors, mDNS) takes the key of a query with its id and answered name. */
function adoptKeys(responses: Queue, requests: Queue): void {
  let keys: Map<string, string> | null = null;
  for (const { frame } of responses) {
    const { id, questions, answers, isResponse } = frame.message;
    if (questions.length > 0 || !isResponse) continue;
    keys ??= keysOf(requests);
    const key = keys.get(shortKey(id, answers[0]?.name));
    if (key !== undefined) frame.key = key;
  }
}

/** The key of the oldest request of each id, and of each id and name. */
function keysOf(requests: Queue): Map<string, string> {
  const keys = new Map<string, string>();
  for (const { frame: { key, message } } of requests) {
    const { id, questions, isResponse } = message;
    if (isResponse) continue;
    for (const short of [shortKey(id, undefined), shortKey(id, questions[0]?.name)]) {
      if (!keys.has(short)) keys.set(short, key);
    }
  }
  return keys;
}

function shortKey(id: number, name: string | undefined): string {
  return name === undefined ? `${id}` : `${id} ${name.toLowerCase()}`;
}

function gatherTransfers(requests: Queue, responses: Queue, state: DnsState, out: Out): void {
  const isAsked = requests.some(({ frame }) => isTransfer(frame.message));
  if (!isAsked && state.transfers.size === 0) return;
  const asked = askedTransfers(requests);
  const begun = new Set<Timed<DnsFrame>>();
  let kept = 0;
  for (const response of responses) {
    const isTaken = response.frame.message.isResponse && continues(response, state, out);
    if (isTaken) continue;
    const sameId = asked.get(response.frame.message.id);
    const request = sameId?.at(-1);
    if (request !== undefined && begins(request, response, state)) {
      sameId?.pop();
      begun.add(request);
    } else responses[kept++] = response;
  }
  responses.length = kept;
  if (begun.size === 0) return;
  let left = 0;
  for (const request of requests) if (!begun.has(request)) requests[left++] = request;
  requests.length = left;
}

/** The requests for zone transfers by id, the oldest last. */
function askedTransfers(requests: Queue): Map<number, Queue> {
  const asked = new Map<number, Queue>();
  for (let at = requests.length - 1; at >= 0; at--) {
    const request = requests[at] as Timed<DnsFrame>;
    const { message } = request.frame;
    if (message.isResponse || !isTransfer(message)) continue;
    const sameId = asked.get(message.id);
    if (sameId === undefined) asked.set(message.id, [request]);
    else sameId.push(request);
  }
  return asked;
}

/** True when the response belongs to a transfer that has begun. */
function continues(response: Timed<DnsFrame>, { transfers }: DnsState, out: Out): boolean {
  const { message, key } = response.frame;
  const under = transfers.get(message.id);
  if (under === undefined) return false;
  if (message.questions.length > 0 && key !== under.request.frame.key) return false;
  if (continueTransfer(under, response)) {
    transfers.delete(message.id);
    out.push(stitched(under.request, under.response, null));
  }
  return true;
}

/** True when the response is a transfer's first. */
function begins(
  request: Timed<DnsFrame>,
  response: Timed<DnsFrame>,
  { transfers }: DnsState,
): boolean {
  const { message, key } = response.frame;
  if (message.answers.length === 0 || transfers.size >= MAX_TRANSFERS) return false;
  if (transfers.has(message.id) || !message.isResponse) return false;
  if (message.questions.length > 0 && (!isTransfer(message) || key !== request.frame.key)) {
    return false;
  }
  const transfer = openTransfer(request, response);
  if (transfer === null) return false;
  transfers.set(message.id, transfer);
  return true;
}

/** Ends transfers that stall or whose connection ended: what came of them is the exchange. */
function endTransfers(context: StitchContext<DnsState>, out: Out): void {
  for (const [id, { request, response }] of context.state.transfers) {
    const late = context.nowNs - response.endNs >= context.requestTimeoutNs;
    if (context.ended === null && !late) continue;
    context.state.transfers.delete(id);
    out.push(stitched(request, response, context.ended ?? "timeout"));
  }
}

function stitched(
  request: Timed<DnsFrame> | null,
  response: Timed<DnsFrame> | null,
  reason: IncompleteReason | null,
): Stitched<DnsExchange> {
  const exchange = {
    request: request === null ? null : toRequest(request.frame),
    response: response === null ? null : toResponse(response.frame, request === null),
  };
  return joinHalves(exchange, request, response, reason);
}

function toRequest({ message, retransmitted }: DnsFrame): DnsRequest {
  const request: DnsRequest = {
    id: message.id,
    opcode: opcodeName(message.opcode),
    ...message.flags,
    questions: message.questions,
  };
  const isUpdate = message.opcode === Opcode.UPDATE;
  if (message.answers.length > 0) {
    request[isUpdate ? "prerequisites" : "answers"] = message.answers;
  }
  if (message.authorities.length > 0) {
    request[isUpdate ? "updates" : "authorities"] = message.authorities;
  }
  if (message.additionals.length > 0) request.additionals = message.additionals;
  if (message.edns !== null) request.edns = message.edns;
  if (retransmitted > 0) request.retransmitted = retransmitted;
  if (message.malformed !== null) request.malformed = message.malformed;
  return request;
}

function toResponse({ message, messages }: DnsFrame, alone: boolean): DnsResponse {
  const head = message.opcode === Opcode.QUERY
    ? { id: message.id, rcode: rcodeName(message.rcode) }
    : { id: message.id, opcode: opcodeName(message.opcode), rcode: rcodeName(message.rcode) };
  const response: DnsResponse = alone
    ? { ...head, ...message.flags, questions: message.questions, answers: message.answers }
    : { ...head, ...message.flags, answers: message.answers };
  if (message.answers.length < message.answerCount && message.dropped > 0) {
    response.answer_count = message.answerCount;
  }
  if (messages > 1) response.messages = messages;
  if (message.authorities.length > 0) response.authorities = message.authorities;
  if (message.additionals.length > 0) response.additionals = message.additionals;
  if (message.edns !== null) response.edns = message.edns;
  if (message.malformed !== null) response.malformed = message.malformed;
  return response;
}
