/**
 * The doctor's report. In: facts, stages and a verdict. Out: text for people, or one JSON object.
 * Text of the traced processes is escaped.
 */
import { bytesOf, diagnose, excludedBy, kernelBytes, nonSocketBytes } from "../doctor/diagnose.ts";
import type { ConnFacts, DoctorFacts } from "../doctor/facts.ts";
import type { Stage, Verdict } from "../doctor/findings.ts";
import { escapeJson, escapeText } from "../wire/escape.ts";
import { base64 } from "../wire/text.ts";

export interface Report {
  readonly facts: DoctorFacts;
  readonly stages: readonly Stage[];
  readonly verdict: Verdict;
}

const NAME_COLUMNS = 14;
const WIDTH = 98;

/** Six stages and the verdict, each with its name in front. */
export function reportText({ stages, verdict }: Report, colour: boolean): string {
  let text = "";
  stages.forEach((stage, i) => {
    text += block(`${i + 1} ${stage.name}`, stage.lines.map(escapeText), colour && !stage.ok);
  });
  const good = verdict.code === "records_flow";
  text += `\n${block("verdict", wrap(verdict.text), colour && !good)}`;
  return `${text}${block("next", wrap(verdict.next), false)}`;
}

function block(name: string, lines: readonly string[], marked: boolean): string {
  const padded = name.padEnd(NAME_COLUMNS);
  const head = marked ? `\x1b[31m${padded}\x1b[0m` : padded;
  return lines.map((line, i) => `${i === 0 ? head : " ".repeat(NAME_COLUMNS)}${line}\n`).join("");
}

/** Escaped text on lines that fit beside the names. */
function wrap(text: string): string[] {
  const lines = [""];
  for (const word of escapeText(text).split(" ")) {
    const line = lines.at(-1) ?? "";
    if (line === "") lines[lines.length - 1] = word;
    else if (line.length + 1 + word.length <= WIDTH - NAME_COLUMNS) {
      lines[lines.length - 1] = `${line} ${word}`;
    } else lines.push(word);
  }
  return lines;
}

/** The report for programs, as one JSON object: `verdict.code` is stable, texts are not. */
export function reportJson({ facts, stages, verdict }: Report): string {
  const kernel = kernelBytes(facts);
  const report = {
    pid: facts.saved === null ? facts.pid : undefined,
    file: facts.saved ?? undefined,
    way: facts.way,
    seconds: facts.seconds,
    verdict,
    stages,
    processes: facts.after.processes.map((process) => ({
      pid: process.pid,
      comm: process.comm,
      threads: process.threads,
      net_namespace: process.netNamespace,
      own_net_namespace: process.netNamespace === facts.ownNetNamespace,
      tls_libraries: process.tlsLibraries,
      io_uring_fds: process.uringFds,
    })),
    sockets: facts.after.sockets,
    calls: Object.fromEntries(facts.calls),
    kernel_bytes: kernel === null ? undefined : { moved: kernel.moved, unseen: kernel.unseen },
    non_socket_bytes: nonSocketBytes(facts),
    lost: Object.fromEntries(facts.lost),
    counters: facts.counters,
    connections: facts.connections.filter((conn) => bytesOf(conn) > 0)
      .map((conn) => connJson(conn, facts)),
  };
  return `${escapeJson(JSON.stringify(report, null, 2))}\n`;
}

function connJson(conn: ConnFacts, facts: DoctorFacts): object {
  return {
    conn: conn.conn,
    pids: [...conn.pids],
    fds: [...conn.fds],
    local: conn.local,
    remote: conn.remote,
    older_than_trace: !conn.fresh,
    diagnosis: diagnose(conn),
    excluded_by: excludedBy(conn, facts.wanted),
    protocol: conn.protocol ?? undefined,
    role: conn.role ?? undefined,
    refused: conn.refused,
    tls: conn.tls,
    sent_bytes: conn.egress.bytes,
    received_bytes: conn.ingress.bytes,
    cut: Object.fromEntries(conn.cut),
    gaps: Object.fromEntries(conn.gaps),
    frames: conn.frames,
    invalid: conn.invalid.map(({ side, reason, position, count, bytes, withheld }) => ({
      side,
      reason,
      position,
      count,
      bytes_base64: base64(bytes, 0, bytes.length),
      withheld: withheld === 0 ? undefined : withheld,
    })),
    resyncs: conn.resyncs,
    records: conn.records,
    without_request: conn.withoutRequest,
    without_response: conn.withoutResponse,
    incomplete: Object.fromEntries(conn.incomplete),
  };
}
