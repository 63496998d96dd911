/** What statistics say of an exchange: the type asked for, the name, the rcode. */
import type { Outline } from "../protocol.ts";
import type { DnsExchange } from "./types.ts";

/** Response codes that are no error (those of UPDATE are in RFC 2136 section 2.2). */
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
