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
import { continueTransfer, isTransfer, MAX_TRANSFERS, openTransfer } from "./transfer.ts";
import type { DnsExchange, DnsFrame, DnsMessage, DnsRequest, DnsResponse } from "./types.ts";

type Queue = Timed<DnsFrame>[];
type Out = Stitched<DnsExchange>[];

const ACTS: Acts<DnsFrame> = {
  act: ({ frame }) => frame.message.isResponse ? "answers" : "asks",
  idOf: ({ frame }) => frame.key,
};

export function stitch(requests: Queue, responses: Queue, context: StitchContext<DnsState>): Out {
  const out: Out = [];
  for (const [asks, answers] of [[requests, responses], [responses, requests]] as const) {
    gatherTransfers(asks, answers, context.state, out);
    for (const { frame } of answers) if (frame.message.isResponse) adoptKey(frame, asks);
  }
  pairEitherWay(requests, responses, context, ACTS, (asked, answer, reason) => {
    out.push(stitched(asked, answer, reason));
  });
  endTransfers(context, out);
  return out;
}

/** A response need not repeat the question (errors, mDNS): then the id and the name answered decide. */
function adoptKey(frame: DnsFrame, requests: Queue): void {
  if (frame.message.questions.length > 0) return;
  const answered = frame.message.answers[0]?.name.toLowerCase();
  for (const { frame: { key, message } } of requests) {
    if (message.isResponse || message.id !== frame.message.id) continue;
    if (answered !== undefined && message.questions[0]?.name.toLowerCase() !== answered) continue;
    frame.key = key;
    return;
  }
}

function gatherTransfers(requests: Queue, responses: Queue, state: DnsState, out: Out): void {
  let kept = 0;
  for (const response of responses) {
    const isTaken = response.frame.message.isResponse && gather(requests, response, state, out);
    if (!isTaken) responses[kept++] = response;
  }
  responses.length = kept;
}

/** True when the response was taken into a transfer, old or new. */
function gather(
  requests: Queue,
  response: Timed<DnsFrame>,
  state: DnsState,
  out: Out,
): boolean {
  const { transfers } = state;
  const { message } = response.frame;
  const under = transfers.get(message.id);
  if (under !== undefined) {
    if (message.questions.length > 0 && response.frame.key !== under.request.frame.key) {
      return false;
    }
    if (continueTransfer(under, response)) {
      transfers.delete(message.id);
      out.push(stitched(under.request, under.response, null));
    }
    return true;
  }
  if (message.answers.length === 0 || transfers.size >= MAX_TRANSFERS) return false;
  if (message.questions.length > 0 && !isTransfer(message)) return false;
  const index = requests.findIndex(({ frame }) =>
    !frame.message.isResponse && isTransfer(frame.message) && frame.message.id === message.id
  );
  const request = requests[index];
  if (request === undefined) return false;
  if (message.questions.length > 0 && response.frame.key !== request.frame.key) return false;
  const transfer = openTransfer(request, response);
  if (transfer === null) return false;
  requests.splice(index, 1);
  transfers.set(message.id, transfer);
  return true;
}

/** A transfer that stalls, or whose connection ends, is handed over as far as it came. */
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
    request: request === null ? null : toRequest(request.frame.message),
    response: response === null ? null : toResponse(response.frame, request === null),
  };
  return joinHalves(exchange, request, response, reason);
}

function toRequest(message: DnsMessage): DnsRequest {
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
