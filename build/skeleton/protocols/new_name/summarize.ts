/** One line for people. In: an exchange. Out: short cells; the sink escapes them. */
import type { Summary } from "../protocol.ts";
import type { NewNameExchange, NewNameRequest } from "./types.ts";

const MAX_CELL = 200;

export function summarize({ request, response }: NewNameExchange): Summary {
  const status = response?.status === "error" ? "error: " : "";
  return {
    request: request === null ? "" : cut(shown(request)),
    response: response === null ? "" : cut(status + shown(response)),
  };
}

function shown({ text, text_bytes: size, text_truncated: isCut }: NewNameRequest): string {
  if (text === undefined) return `(binary) (${size} B)`;
  return isCut ? `${text.slice(0, MAX_CELL / 2)}… (${size} B)` : text;
}

function cut(text: string): string {
  return text.length <= MAX_CELL ? text : `${text.slice(0, MAX_CELL - 1)}…`;
}
