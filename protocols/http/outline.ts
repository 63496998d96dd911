/** What statistics say of an exchange: method, path without its query, status. */
import type { Outline } from "../protocol.ts";
import type { HttpExchange } from "./types.ts";

export function outline({ request, response }: HttpExchange): Outline {
  const path = request?.path ?? "";
  const query = path.indexOf("?");
  const status = response?.status;
  return {
    operation: request?.method ?? "",
    target: query < 0 ? path : path.slice(0, query),
    outcome: status !== undefined && status >= 400 ? "error" : "ok",
    status,
    attributes: {},
  };
}
