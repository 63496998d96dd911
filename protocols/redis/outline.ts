/** What statistics say of an exchange: the command, its first argument, the error's code. */
import type { Outline } from "../protocol.ts";
import type { RedisExchange } from "./types.ts";

export function outline({ request, response }: RedisExchange): Outline {
  const first = request?.args[0];
  const isError = response?.type === "error";
  return {
    operation: request?.command ?? "",
    target: typeof first === "string" ? first : "",
    outcome: isError ? "error" : "ok",
    status: isError ? response.code : undefined,
    attributes: {},
  };
}
