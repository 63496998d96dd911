/**
 * A protocol for tests of the common parts: small enough to see through, with every kind of result.
 *
 *     request   "?" text "\n"
 *     response  "!" text "\n" · "#" size "\n" and so many bytes (skipped) · ">" name "\n" (switch)
 */
import {
  definePlugin,
  type ParseContext,
  type Plugin,
  type Timed,
} from "../../protocols/protocol.ts";
import { pairInOrder } from "../../lib/stitch/in_order.ts";

interface Line {
  text: string;
}

interface State {
  /** A body was skipped: its frame is due. */
  body: string | null;
}

const LF = 10;
const STARTS = { request: "?", response: "!#>" };

function isStart(byte: number | undefined, side: "request" | "response"): boolean {
  return byte !== undefined && STARTS[side].includes(String.fromCharCode(byte));
}

function textOf(bytes: Uint8Array): string {
  return String.fromCharCode(...bytes);
}

/** `name` and `ports` tell apart several of the kind. */
export function linesNamed(name: string, ports: number[] = [4000]): Plugin {
  return definePlugin<Line, State, { request: Line | null; response: Line | null }, null>({
    name,
    ports,
    transports: ["stream", "datagram"],
    probe: (head, side) =>
      head.length === 0
        ? "unsure"
        : !isStart(head[0], side)
        ? "no"
        : head.includes(LF)
        ? "yes"
        : "unsure",
    createTrace: () => null,
    createState: () => ({ body: null }),
    parseFrame(bytes, context) {
      const { state } = context;
      if (state.body !== null) {
        const frame = { text: state.body };
        state.body = null;
        return { kind: "frame", frame, length: 0 };
      }
      if (bytes.length === 0) return { kind: "need_more", minBytes: 1 };
      if (!isStart(bytes[0], context.side)) return { kind: "invalid", reason: "bad_start" };
      const end = bytes.indexOf(LF);
      if (end < 0) return { kind: "need_more", minBytes: bytes.length + 1 };
      const text = textOf(bytes.subarray(1, end));
      if (bytes[0] === 0x23) {
        state.body = `body of ${text}`;
        return { kind: "skip", length: end + 1 + Number(text) };
      }
      const frame = { text };
      if (bytes[0] !== 0x3e) return { kind: "frame", frame, length: end + 1 };
      return { kind: "frame", frame, length: end + 1, next: { to: text === "" ? null : text } };
    },
    findBoundary(bytes, from, context) {
      for (let i = from; i < bytes.length; i++) if (isStart(bytes[i], context.side)) return i;
      return bytes.length;
    },
    abandon(context: ParseContext<State>) {
      const text = context.state.body;
      context.state.body = null;
      return text === null ? null : { frame: { text } };
    },
    stitch(requests, responses, context) {
      const out: ReturnType<typeof pairOf>[] = [];
      pairInOrder(requests, responses, context, (request, response, reason) => {
        const pair = pairOf(request, response);
        if (reason !== null) pair.incomplete.push(reason);
        out.push(pair);
      });
      return out;
    },
    outline: ({ request }) => ({
      operation: "line",
      target: request?.text ?? "",
      outcome: "ok",
      attributes: {},
    }),
    summarize: ({ request, response }) => ({
      request: request?.text ?? "",
      response: response?.text ?? "",
    }),
  });
}

function pairOf(request: Timed<Line> | null, response: Timed<Line> | null) {
  return {
    exchange: { request: request?.frame ?? null, response: response?.frame ?? null },
    request,
    response,
    incomplete: [...request?.incomplete ?? [], ...response?.incomplete ?? []],
    redacted: [],
  };
}
