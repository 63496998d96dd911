/** One line for people. In: an exchange. Out: "A example.com" and "NOERROR 192.0.2.1 (+2)". */
import type { Summary } from "../protocol.ts";
import type { DnsExchange, DnsQuestion, DnsRecord, DnsRequest, DnsResponse } from "./types.ts";

const MAX_CELL = 100;

export function summarize(exchange: DnsExchange): Summary {
  return {
    request: exchange.request === null ? "" : cut(requestLine(exchange.request)),
    response: exchange.response === null ? "" : cut(responseLine(exchange.response)),
  };
}

function requestLine(request: DnsRequest): string {
  const asked = questionText(request.questions);
  return request.opcode === "QUERY" ? asked : `${request.opcode} ${asked}`;
}

function questionText(questions: DnsQuestion[]): string {
  const first = questions[0];
  if (first === undefined) return "";
  const more = questions.length > 1 ? ` (+${questions.length - 1})` : "";
  return `${first.type} ${first.name}${more}`;
}

function responseLine(response: DnsResponse): string {
  const count = response.answer_count ?? response.answers.length;
  const first = response.answers[0];
  if (first === undefined) return response.rcode;
  const more = count > 1 ? ` (+${count - 1})` : "";
  return `${response.rcode} ${recordText(first)}${more}`;
}

/** Fields in the order of the wire, which is that of zone files. */
function recordText(record: DnsRecord): string {
  const { data } = record;
  if (data === undefined) return record.type;
  if (typeof data === "string") return data;
  const values = Array.isArray(data) ? data : Object.values(data);
  return values.filter((value) => typeof value === "string" || typeof value === "number").join(" ");
}

function cut(text: string): string {
  return text.length > MAX_CELL ? `${text.slice(0, MAX_CELL - 1)}…` : text;
}
