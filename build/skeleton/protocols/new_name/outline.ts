/** What statistics count an exchange by: few different values, but for the target. In: an exchange. */
import type { Outline } from "../protocol.ts";
import type { NewNameExchange } from "./types.ts";

export function outline({ request, response }: NewNameExchange): Outline {
  const isError = response?.status === "error";
  return {
    operation: request === null ? "" : "SAY", // TODO: the command
    target: "", // TODO: the key, path or name that it is about
    outcome: isError ? "error" : "ok",
    status: isError ? response.status : undefined, // TODO: its code
    attributes: {},
  };
}
