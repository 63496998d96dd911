/** What statistics say of an exchange: the type asked for, the name, the rcode. */
import type { Outline } from "../protocol.ts";
import type { DnsExchange } from "./types.ts";

/** Answers that are no failure (RFC 2136 section 2.2 names those of updates). */
const OK = new Set(["NOERROR", "NXDOMAIN", "YXDOMAIN", "YXRRSET", "NXRRSET"]);

export function outline({ request, response }: DnsExchange): Outline {
  const [question] = request?.questions ?? [];
  const rcode = response?.rcode;
  return {
    operation: question?.type ?? request?.opcode ?? "",
    target: question?.name ?? "",
    outcome: rcode === undefined || OK.has(rcode) ? "ok" : "error",
    status: rcode,
    attributes: {},
  };
}
