/** The table's cells of an exchange. In: an exchange. Out: "GET /path", "200 OK". */
import type { Summary } from "../protocol.ts";
import type { HttpExchange } from "./types.ts";

/** Longest cell, characters. */
const MAX_CELL = 200;

export function summarize({ request, response }: HttpExchange): Summary {
  return {
    request: request === null ? "" : cell(`${request.method} ${request.path}`),
    response: response === null ? "" : cell(`${response.status} ${response.reason}`.trimEnd()),
  };
}

function cell(text: string): string {
  return text.length <= MAX_CELL ? text : `${text.slice(0, MAX_CELL - 1)}…`;
}
