/**
 * What the doctor says when it examines a recording or packet capture in place of a process. In:
 * facts. Out: the first stage, and parts of verdicts. Pure.
 */
import { formatSize, plural } from "../sink/format.ts";
import { bytesOf, total } from "./diagnose.ts";
import type { ConnFacts, DoctorFacts, SavedFacts } from "./facts.ts";
import type { Stage, Verdict } from "./findings.ts";

/** What the file has, and what of it was not read. */
export function fileStage(saved: SavedFacts, facts: DoctorFacts): Stage {
  const isCapture = saved.format === "pcap";
  const size = isCapture
    ? plural(saved.counts.packets ?? 0, "packet")
    : plural(saved.counts.events ?? 0, "event");
  const lines = [
    `${saved.path}: ${isCapture ? "a packet capture" : "a recording"}, ${size} ` +
    `in ${facts.seconds.toFixed(1)} s`,
  ];
  if (isCapture) {
    const others = (saved.counts.not_ip ?? 0) + (saved.counts.not_tcp_or_udp ?? 0);
    if (others > 0) lines.push(`without messages (ARP, ICMP and the like): ${others}`);
    lines.push("the client's end stands for the traced process");
  }
  for (const text of saved.notRead) lines.push(`not read: ${text}`);
  if (saved.failure !== null) lines.push(`it ends early: ${saved.failure}`);
  return { name: "file", ok: saved.notRead.length === 0 && saved.failure === null, lines };
}

/** The verdict on a file in which no chosen connection moved a byte. */
export function nothingInFile(saved: SavedFacts): Verdict {
  if (saved.notRead.length > 0) {
    return {
      code: "not_read",
      text: `What the file has could not be read: ${saved.notRead.slice(0, 5).join(", ")}.`,
      next: "capture where the traffic is TCP or UDP: at an end, behind what wraps it",
    };
  }
  return {
    code: "idle",
    text: `The file has no byte of a conversation${
      saved.failure === null ? "" : `: ${saved.failure}`
    }.`,
    next: "capture for longer, at another interface, or with a wider filter",
  };
}

/** What follows the verdict when not all of the file was read; "" when all was. */
export function fileRemark(facts: DoctorFacts): string {
  if (facts.saved === null) return "";
  const { notRead, failure } = facts.saved;
  const unread = notRead.length === 0 ? "" : ` Not read: ${notRead.slice(0, 3).join(", ")}.`;
  return unread + (failure === null ? "" : ` The file ends early: ${failure}.`);
}

/** The command that shows the records. */
export function showCommand(facts: DoctorFacts): string {
  return facts.saved === null ? `sockeye --pid ${facts.pid}` : `sockeye replay ${facts.saved.path}`;
}

/** "fd 5,6" where descriptors are known, else "connection 3". */
export function nameOf(conn: ConnFacts): string {
  return conn.fds.size > 0 ? `fd ${[...conn.fds].join(",")}` : `connection ${conn.conn}`;
}

/** "3 segments and datagrams, 2 KiB": a capture knows no calls. */
export function capturedLine(facts: DoctorFacts): string {
  const operations = total(
    facts.connections,
    ({ egress, ingress }) => egress.operations + ingress.operations,
  );
  const bytes = formatSize(total(facts.connections, bytesOf));
  return `${operations} segments and datagrams with data, ${bytes}`;
}
