/** Traces of conversations in the protocol of lines.ts, and their records in short. */
import { Conversation, Trace } from "./events.ts";
import { linesNamed } from "./lines.ts";

/** The protocol. */
export const lines = linesNamed("lines");

/** A trace that knows nothing but it, unless told otherwise. */
export function trace(more: Partial<ConstructorParameters<typeof Trace>[0]> = {}): Trace {
  return new Trace({ protocols: [lines], ...more });
}

/** "protocol role request/response reasons" of each record. */
export function brief(of: Trace): string[] {
  return of.records.map(({ protocol, role, request, response, incomplete }) => {
    const text = (message: object | null): string =>
      message === null ? "null" : "text" in message ? String(message.text) : "?";
    const half = protocol === "unknown" ? "" : ` ${text(request)}/${text(response)}`;
    return `${protocol} ${role ?? "-"}${half}${incomplete ? ` ${incomplete.join(",")}` : ""}`;
  });
}

/** What a trace makes of the whole conversation. */
export function run(conversation: Conversation, more: Parameters<typeof trace>[0] = {}): Trace {
  const of = trace(more);
  of.feedAll(conversation.entries);
  of.finish();
  return of;
}
