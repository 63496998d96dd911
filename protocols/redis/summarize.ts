/** One line for people. In: an exchange. Out: short cells; the sink escapes them. */
import type { Summary } from "../protocol.ts";
import { isReply } from "./reader.ts";
import type { RedisExchange, RedisReply, RedisRequest, Value } from "./types.ts";

const MAX_CELL = 200;
const MAX_PARTS = 12;

export function summarize(exchange: RedisExchange): Summary {
  return {
    request: exchange.request === null ? "" : cut(commandText(exchange.request)),
    response: exchange.response === null ? "" : cut(replyText(exchange.response, 0)),
  };
}

function cut(text: string): string {
  return text.length <= MAX_CELL ? text : text.slice(0, MAX_CELL - 1) + "…";
}

function commandText(request: RedisRequest): string {
  const parts = request.args.slice(0, MAX_PARTS).map((arg) => argText(arg));
  const sent = request.args_count ?? request.args.length;
  if (sent > MAX_PARTS) parts.push(`… (${sent} arguments)`);
  return [request.command, ...parts].join(" ");
}

function argText(value: Value): string {
  if (value === null) return "(withheld)";
  if (typeof value !== "string") return valueText(value, 0);
  const plain = value.length > 0 && !/[\s"]/.test(value.slice(0, MAX_CELL));
  return plain ? value.slice(0, MAX_CELL) : quoted(value);
}

function quoted(text: string): string {
  return `"${text.slice(0, MAX_CELL).replaceAll('"', '\\"')}"`;
}

function valueText(value: Value, depth: number): string {
  if (value === null) return "(withheld)";
  if (typeof value === "string") return quoted(value);
  if (Array.isArray(value)) return listText("[", value, value.length, "]", depth);
  return isReply(value) ? replyText(value, depth + 1) : String(value);
}

function replyText(reply: RedisReply, depth: number): string {
  switch (reply.type) {
    case "nil":
      return "(nil)";
    case "error":
      return [reply.code, reply.message].filter((part) => part).join(" ");
    case "rdb":
      return `RDB (${reply.value_bytes} B)`;
    case "command":
      return commandText(reply);
    case "simple_string":
    case "bulk_string":
    case "verbatim_string": {
      const text = reply.value === null ? "(withheld)" : reply.value ?? "(binary)";
      const shown = reply.type === "simple_string" || reply.value === undefined
        ? text
        : quoted(text);
      const sized = reply.value === undefined || reply.value_truncated;
      return sized && reply.value !== null ? `${shown} (${reply.value_bytes} B)` : shown;
    }
    case "array":
    case "set":
    case "push":
    case "map": {
      if (reply.value === null) return "(withheld)";
      const [open, close] = reply.type === "array" ? ["[", "]"] : [`${reply.type}[`, "]"];
      return listText(open, reply.value, reply.count ?? reply.value.length, close, depth);
    }
    default:
      return String(reply.value);
  }
}

function listText(
  open: string,
  items: Value[],
  count: number,
  close: string,
  depth: number,
): string {
  if (count === 0) return open + close;
  if (depth > 2) return `${open}${count}${close}`;
  const parts = items.slice(0, MAX_PARTS).map((item) => valueText(item, depth + 1));
  const more = count > parts.length ? `, … (${count})` : "";
  return open + parts.join(", ") + more + close;
}
