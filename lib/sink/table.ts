/**
 * Records as lines for people. In: records with their summaries. Out: text for an Output, as wide
 * as the terminal. All text that comes from traffic or from processes is escaped.
 */
import type { Summary, TraceRecord } from "../record/record.ts";
import { escapeText, fitText, textWidth } from "../wire/escape.ts";
import { formatLatency, shortSize } from "./format.ts";
import type { Output } from "./output.ts";
import { LineSink } from "./sink.ts";

/** One column: its heading and its least width. */
interface Column {
  readonly name: ColumnName;
  readonly heading: string;
  readonly width: number;
  readonly right?: boolean;
}
type ColumnName =
  | "time"
  | "process"
  | "role"
  | "remote"
  | "protocol"
  | "request"
  | "response"
  | "sizes"
  | "latency";

const COLUMNS: readonly Column[] = [
  { name: "time", heading: "TIME UTC", width: 12 },
  { name: "process", heading: "PID/COMM", width: 15 },
  { name: "role", heading: "ROLE", width: 6 },
  { name: "remote", heading: "REMOTE", width: 21 },
  { name: "protocol", heading: "PROTOCOL", width: 8 },
  { name: "request", heading: "REQUEST", width: 18 },
  { name: "response", heading: "RESPONSE", width: 12 },
  { name: "sizes", heading: "SIZES", width: 11, right: true },
  { name: "latency", heading: "LATENCY", width: 7, right: true },
];
/** Columns that a narrow terminal does without, the first ones first. */
const EXPENDABLE: readonly ColumnName[] = [
  "role",
  "sizes",
  "remote",
  "protocol",
  "process",
  "time",
  "latency",
];
const GAP = "  ";
/** Columns when there is neither a terminal nor COLUMNS. */
export const DEFAULT_WIDTH = 160;

/** A column with the width it has been given. */
export interface Placed {
  readonly name: ColumnName;
  readonly heading: string;
  readonly width: number;
  readonly right: boolean;
}

/**
 * The columns that fit into `width`, with the request and response sharing what is left over.
 * `protocolWidth`: columns of the longest protocol name.
 */
export function layout(width: number, protocolWidth = 0): Placed[] {
  let columns = COLUMNS.map((column) =>
    column.name === "protocol"
      ? { ...column, width: Math.max(column.width, protocolWidth) }
      : column
  );
  const needed = (): number =>
    columns.reduce((sum, column) => sum + column.width, (columns.length - 1) * GAP.length);
  for (const name of EXPENDABLE) {
    if (needed() <= width) break;
    columns = columns.filter((column) => column.name !== name);
  }
  const spare = width - needed();
  const requestExtra = Math.floor(spare * 3 / 5);
  return columns.map((column) => {
    const extra = column.name === "request"
      ? requestExtra
      : column.name === "response"
      ? spare - requestExtra
      : 0;
    return {
      name: column.name,
      heading: column.heading,
      width: Math.max(1, column.width + extra),
      right: column.right ?? false,
    };
  });
}

function cellText(name: ColumnName, record: TraceRecord, summary: Summary | null): string {
  switch (name) {
    case "time":
      return record.time.toString().slice(11, 23);
    case "process":
      return record.pid === undefined ? "-" : `${record.pid}/${record.comm ?? "?"}`;
    case "role":
      return record.role ?? "-";
    case "remote":
      return record.remote ?? "-";
    case "protocol":
      return record.protocol;
    case "request":
      return record.request === null ? "-" : summary?.request ?? "";
    case "response":
      return responseText(record, summary);
    case "sizes":
      return `${shortSize(record.request_bytes)}→${shortSize(record.response_bytes)}`;
    case "latency":
      return record.latency_ns === undefined ? "-" : formatLatency(record.latency_ns);
  }
}

function responseText(record: TraceRecord, summary: Summary | null): string {
  const missing = record.incomplete?.join(" ") ?? "";
  if (record.response === null) return missing === "" ? "-" : `(${missing})`;
  const text = summary?.response ?? "";
  return missing === "" ? text : `${text} (${missing})`;
}

/** Cut at its start, since a port says more than the first digits of an address: "…0.0.1:80". */
function fitRemote(text: string, width: number): string {
  if (text.length <= width || textWidth(text) !== text.length) return fitText(text, width);
  return `…${text.slice(text.length - width + 1)}`;
}

function fitCell(column: Placed, text: string): string {
  if (column.name === "remote") return fitRemote(text, column.width);
  if (column.right && text.length < column.width) return text.padStart(column.width);
  return fitText(text, column.width);
}

/** Escape sequences around a cell; empty strings without colour. */
interface Paint {
  heading: string;
  dim: string;
  warn: string;
  reset: string;
}
const COLOURED: Paint = {
  heading: "\x1b[1m",
  dim: "\x1b[2m",
  warn: "\x1b[33m",
  reset: "\x1b[0m",
};
const PLAIN: Paint = { heading: "", dim: "", warn: "", reset: "" };

/** The screen that the table is written to; asked repeatedly, since windows change size. */
export interface TableScreen {
  /** Columns of the terminal, else of COLUMNS, else DEFAULT_WIDTH. */
  width(): number;
  /** Lines after which the heading is shown again; 0 for never. */
  height(): number;
  readonly colour: boolean;
}

export class TableSink extends LineSink {
  readonly #screen: TableScreen;
  readonly #paint: Paint;
  readonly #protocolWidth: number;
  #columns: Placed[] = [];
  #width = 0;
  #linesSinceHeading = 0;

  /** `protocols`: every name that may stand in the column. */
  constructor(output: Output, screen: TableScreen, protocols: readonly string[] = []) {
    super(output);
    this.#protocolWidth = Math.max(0, ...protocols.map((name) => name.length));
    this.#screen = screen;
    this.#paint = screen.colour ? COLOURED : PLAIN;
  }

  override write(record: TraceRecord, summary: Summary | null): void {
    // The window's size costs an ioctl: asking once in 16 lines does not show in the CPU time.
    if ((this.#linesSinceHeading & 15) === 0) this.#fitWindow();
    this.#linesSinceHeading++;
    this.output.write(this.#line(record, summary), 1);
  }

  #fitWindow(): void {
    const width = this.#screen.width();
    const height = this.#screen.height();
    const scrolledOff = height > 0 && this.#linesSinceHeading >= height - 2;
    if (width === this.#width && !scrolledOff) return;
    this.#width = width;
    this.#columns = layout(width, this.#protocolWidth);
    this.#linesSinceHeading = 0;
    const headings = this.#columns.map((column) =>
      column.right ? column.heading.padStart(column.width) : fitText(column.heading, column.width)
    );
    const text = headings.join(GAP).trimEnd();
    this.output.write(`${this.#paint.heading}${text}${this.#paint.reset}\n`, 0);
  }

  #line(record: TraceRecord, summary: Summary | null): string {
    const paint = this.#paint;
    let line = "";
    for (let i = 0; i < this.#columns.length; i++) {
      const column = this.#columns[i];
      if (column === undefined) break;
      let cell = fitCell(column, escapeText(cellText(column.name, record, summary)));
      if (column.name === "time") cell = paint.dim + cell + paint.reset;
      if (column.name === "response" && record.incomplete !== undefined) {
        cell = paint.warn + cell + paint.reset;
      }
      line += i === 0 ? cell : GAP + cell;
    }
    return `${line.trimEnd()}\n`;
  }
}

/** The screen of this process: terminal size, COLUMNS, NO_COLOR (no-color.org), TERM=dumb. */
export function terminalScreen(isTerminal: boolean): TableScreen {
  const columns = Number(Deno.env.get("COLUMNS"));
  const given = Number.isInteger(columns) && columns > 0 ? Math.min(columns, 1000) : null;
  const size = (): { columns: number; rows: number } | null => {
    try {
      return isTerminal ? Deno.consoleSize() : null;
    } catch {
      return null;
    }
  };
  return {
    width: () => Math.max(20, size()?.columns || given || DEFAULT_WIDTH),
    height: () => size()?.rows ?? 0,
    colour: isTerminal && !Deno.env.get("NO_COLOR") && Deno.env.get("TERM") !== "dumb",
  };
}
