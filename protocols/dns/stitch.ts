/**
 * Pairs DNS queries with their responses.
 *
 * In: both queues of a connection. Out: exchanges. A response belongs to a query of the same id and
 * the same first question; the messages of a zone transfer make one response.
 */
import { pairById } from "../../lib/stitch/by_id.ts";
import type { IncompleteReason, StitchContext, Stitched, Timed } from "../protocol.ts";
import { Opcode, opcodeName, rcodeName } from "./codes.ts";
import type { DnsState } from "./parse.ts";
import { continueTransfer, isTransfer, MAX_TRANSFERS, openTransfer } from "./transfer.ts";
import type { DnsExchange, DnsFrame, DnsMessage, DnsRequest, DnsResponse } from "./types.ts";

type Queue = Timed<DnsFrame>[];
type Out = Stitched<DnsExchange>[];

export function stitch(requests: Queue, responses: Queue, context: StitchContext<DnsState>): Out {
  const out: Out = [];
  swapSides(requests, responses);
  if (responses.length > 0) {
    gatherTransfers(requests, responses, context.state, out);
    for (const response of responses) adoptKey(response.frame, requests);
  }
  pairById(requests, responses, context, (frame) => frame.key, (request, response, reason) => {
    out.push(stitched(request, response, reason));
  });
  endTransfers(context, out);
  return out;
}

/** mDNS peers ask and answer on one socket: QR tells, not the direction. */
function swapSides(requests: Queue, responses: Queue): void {
  const requestCount = requests.length;
  const responseCount = responses.length;
  moveMisplaced(requests, requestCount, responses, true);
  moveMisplaced(responses, responseCount, requests, false);
}

function moveMisplaced(from: Queue, count: number, to: Queue, isResponse: boolean): void {
  let kept = 0;
  for (let i = 0; i < from.length; i++) {
    const timed = from[i] as Timed<DnsFrame>;
    if (i < count && timed.frame.message.isResponse === isResponse) to.push(timed);
    else from[kept++] = timed;
  }
  from.length = kept;
}

/** A response need not repeat the question (errors, mDNS): then the id and the name answered decide. */
function adoptKey(frame: DnsFrame, requests: Queue): void {
  if (frame.message.questions.length > 0) return;
  const answered = frame.message.answers[0]?.name.toLowerCase();
  for (const { frame: { key, message } } of requests) {
    if (message.id !== frame.message.id) continue;
    if (answered !== undefined && message.questions[0]?.name.toLowerCase() !== answered) continue;
    frame.key = key;
    return;
  }
}

function gatherTransfers(requests: Queue, responses: Queue, state: DnsState, out: Out): void {
  let kept = 0;
  for (const response of responses) {
    if (!gather(requests, response, state, out)) responses[kept++] = response;
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
    isTransfer(frame.message) && frame.message.id === message.id
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
  const incomplete = new Set<IncompleteReason>(request?.incomplete);
  for (const each of response?.incomplete ?? []) incomplete.add(each);
  if (reason !== null) incomplete.add(reason);
  return {
    exchange: {
      request: request === null ? null : toRequest(request.frame.message),
      response: response === null ? null : toResponse(response.frame, request === null),
    },
    request,
    response,
    incomplete: [...incomplete],
    redacted: [],
  };
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
