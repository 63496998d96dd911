/**
 * The doctor's verdict: one cause, in a sentence or two, and the next thing to do. In: facts. Out: a
 * stable code, and text for people. Pure; bytes of the traffic go into no sentence.
 */
import { formatSize, plural } from "../sink/format.ts";
import {
  busyFiles,
  bytesOf,
  diagnose,
  type Diagnosis,
  excludedBy,
  kernelBytes,
  nonSocketBytes,
  total,
  untracedSockets,
} from "./diagnose.ts";
import type { ConnFacts, DoctorFacts } from "./facts.ts";
import type { Verdict } from "./findings.ts";
import { fileRemark, nothingInFile, showCommand } from "./saved.ts";

/** The verdict on a trace of some seconds, or on a file. */
export function judge(facts: DoctorFacts): Verdict {
  const active = facts.connections.filter((conn) => bytesOf(conn) > 0);
  const chosen = active.filter((conn) => excludedBy(conn, facts.wanted).length === 0);
  const excluded = active.filter((conn) => !chosen.includes(conn));
  const working = chosen.filter((conn) => diagnose(conn) === "records");
  const lost = [...facts.lost.values()].reduce((sum, count) => sum + count, 0);
  if (lost > 0 && chosen.length > 0) return lostVerdict(facts, lost);
  const broken = chosen.filter((conn) => conn.protocol !== null && conn.invalid.length > 0);
  if (working.length > 0) {
    return broken.length > 0 ? protocolError(facts, broken, chosen) : recordsCome(facts, working);
  }
  if (excluded.some((conn) => conn.records > 0) || (chosen.length === 0 && excluded.length > 0)) {
    return filtered(facts, excluded);
  }
  return chosen.length === 0 ? nothingSeen(facts) : noRecords(facts, chosen);
}

function recordsCome(facts: DoctorFacts, working: readonly ConnFacts[]): Verdict {
  const protocols = [...new Set(working.map((conn) => conn.protocol))].join(", ");
  const records = total(working, (conn) => conn.records);
  const where = working.every((conn) => conn.family === "unix") ? " over unix sockets only" : "";
  const inside = isElsewhere(facts)
    ? " Its network namespace is its own: addresses are those inside, and the host's tcpdump and " +
      "ss do not show these connections."
    : "";
  return {
    code: "records_flow",
    text: `${plural(records, "record")} of ${protocols} in ${facts.seconds.toFixed(1)} s on ` +
      `${plural(working.length, "connection")}${where}.${inside}${fileRemark(facts)}`,
    next: `${facts.saved === null ? "trace it" : "see them"}: ${showCommand(facts)}`,
  };
}

function lostVerdict(facts: DoctorFacts, lost: number): Verdict {
  return {
    code: "lost",
    text:
      `${plural(lost, "event")} lost: the perf buffers (${formatSize(facts.ringBytes)} on each ` +
      "CPU) were full before they could be read.",
    next: "use a larger --ring-mib; or send less: --port, or a smaller --snaplen",
  };
}

function filtered(facts: DoctorFacts, excluded: readonly ConnFacts[]): Verdict {
  const options = new Map<string, number>();
  for (const conn of excluded) {
    for (const option of excludedBy(conn, facts.wanted)) {
      options.set(option, (options.get(option) ?? 0) + 1);
    }
  }
  const [option = ""] = [...options].sort(([, a], [, b]) => b - a)[0] ?? [];
  const records = total(excluded, (conn) => conn.records);
  const what = records > 0 ? `${plural(records, "record")} on ` : "";
  const seen = option.startsWith("--port") && isElsewhere(facts)
    ? " Ports here are those inside its network namespace, not those published on the host."
    : "";
  return {
    code: "filtered",
    text:
      `${option} excludes all of its traffic: ${what}${plural(excluded.length, "connection")} ` +
      `${alternative(option, excluded)}.${seen}`,
    next: `leave ${option.split(" ", 1)[0]} out, or name what the process uses`,
  };
}

/** The option's values with which the excluded connections would have matched. */
function alternative(option: string, excluded: readonly ConnFacts[]): string {
  const few = (values: Iterable<string | number | null>): string =>
    [...new Set(values)].filter((value) => value !== null).slice(0, 5).join(", ");
  if (option.startsWith("--port")) {
    const unix = excluded.every((conn) => conn.family === "unix");
    return unix
      ? "of unix sockets, which have no port"
      : `of local port ${few(excluded.map((conn) => conn.localPort))}`;
  }
  if (option.startsWith("--fd")) return `on fd ${few(excluded.flatMap((conn) => [...conn.fds]))}`;
  if (option.startsWith("--comm")) return `of ${few(excluded.map((conn) => conn.comm))}`;
  if (option.startsWith("--role")) return `as ${few(excluded.map((conn) => conn.role))}`;
  return `speaking ${few(excluded.map((conn) => conn.protocol))}`;
}

/** No byte moved on any socket that is traced. */
function nothingSeen(facts: DoctorFacts): Verdict {
  if (facts.saved !== null) return nothingInFile(facts.saved);
  const kernel = kernelBytes(facts);
  if (kernel !== null && kernel.unseen > 0) return unseen(facts, kernel.unseen, kernel.unseenFds);
  const moved = nonSocketBytes(facts);
  const files = busyFiles(facts);
  if (moved > 0 && files.length > 0) {
    const more = files.length > 3 ? ` and ${files.length - 3} more` : "";
    return {
      code: "not_sockets",
      text: `The process reads and writes (${formatSize(moved)}), but on files and pipes, not on ` +
        `sockets: ${files.slice(0, 3).join(", ")}${more}.`,
      next: "look at the process at the other end of the pipe, or the one that owns the connection",
    };
  }
  const kinds = untracedSockets(facts);
  const traced = facts.after.sockets.some(({ family, type }) =>
    family === "tcp" || family === "udp" || (family === "unix" && type === "stream")
  );
  if (kinds.length > 0 && !traced) {
    return {
      code: "untraced_sockets",
      text: `Its sockets are of kinds that are not traced: ${kinds.join("; ")}. ` +
        "Traced are TCP, UDP and unix streams.",
      next: `strace -f -e trace=network -p ${facts.pid} shows what goes over them`,
    };
  }
  return idle(facts);
}

function idle(facts: DoctorFacts): Verdict {
  const listening = facts.after.sockets.filter((socket) => socket.listening).length;
  const state = facts.targetsEnded
    ? "The process ended"
    : listening > 0
    ? `Nothing came: it listens on ${plural(listening, "socket")} and no byte moved`
    : "No byte moved on any socket";
  const children = facts.follow ? "" : ", or leave out --no-follow: a child may do the work";
  return {
    code: "idle",
    text: `${state} in ${facts.seconds.toFixed(1)} s.`,
    next: `make it talk while the doctor watches (--duration 60s)${children}`,
  };
}

function unseen(facts: DoctorFacts, bytes: number, fds: readonly number[]): Verdict {
  const uring = facts.after.processes.some(({ uringFds }) => uringFds.length > 0);
  const cause = uring && facts.way === "syscall"
    ? "It uses io_uring, which the syscall way does not see."
    : "They moved by a path that no hook sees, such as splice() from a socket, or by another " +
      "process that shares the socket.";
  return {
    code: "unseen",
    text: `The kernel moved ${formatSize(bytes)} on fd ${fds.slice(0, 5).join(", ")} ` +
      `that no event told of. ${cause}`,
    next: uring && facts.way === "syscall"
      ? "use --capture socket, on a kernel that has it (sockeye check)"
      : `strace -f -p ${facts.pid} names the calls`,
  };
}

/** Bytes moved, but no record came: the verdict is the diagnosis that most of the bytes have. */
function noRecords(facts: DoctorFacts, chosen: readonly ConnFacts[]): Verdict {
  const bytes = new Map<Diagnosis, number>();
  for (const conn of chosen) {
    const diagnosis = diagnose(conn);
    bytes.set(diagnosis, (bytes.get(diagnosis) ?? 0) + bytesOf(conn));
  }
  const [main = "unknown_protocol"] = [...bytes].sort(([, a], [, b]) => b - a)[0] ?? [];
  const those = chosen.filter((conn) => diagnose(conn) === main);
  const fds = fdsOf(those);
  switch (main) {
    case "tls":
      return tls(facts, those);
    case "protocol_error":
      return protocolError(facts, those, chosen);
    case "unanswered":
      return {
        code: main,
        text: `Requests are seen on ${fds}, but no answer came in ${facts.seconds.toFixed(1)} s.`,
        next: facts.saved === null
          ? "watch for longer (--duration 60s); a trace prints them with response null"
          : `${showCommand(facts)} prints them with response null`,
      };
    case "mid_stream":
      return {
        code: main,
        text: `${plural(those.length, "connection")} (${fds}) began before the trace, and what ` +
          "passed is the middle of a message: no protocol can be told from that.",
        next: facts.saved === null
          ? "wait for the next message, or open the connection anew while the doctor watches"
          : "begin before the connection does, or go on until its next message",
      };
    case "unfinished":
      return {
        code: main,
        text: `Messages on ${fds} had begun, but not ended, after ${facts.seconds.toFixed(1)} s.`,
        next: facts.saved === null ? "watch for longer: --duration 60s" : "go on for longer",
      };
    case "compat_abi":
      return {
        code: main,
        text: "This is a 32-bit program: its bytes are counted, but not read.",
        next: "trace the other end of its connections",
      };
    default:
      return unknown(facts, those, chosen);
  }
}

/** Libraries inside of which traces see plain text. */
const READ_BY_TRACES = /\/lib(ssl|gnutls)\.so/;

function tls(facts: DoctorFacts, those: readonly ConnFacts[]): Verdict {
  const libraries = new Set(facts.after.processes.flatMap(({ tlsLibraries }) => tlsLibraries));
  const by = facts.saved !== null
    ? ""
    : libraries.size > 0
    ? ` by ${[...libraries].slice(0, 3).join(", ")}`
    : " by TLS code inside the program itself";
  return {
    code: "tls",
    text: `The traffic on ${fdsOf(those)} is encrypted${by}: ` +
      "on the socket there are TLS records only.",
    next: facts.saved === null && [...libraries].some((path) => READ_BY_TRACES.test(path))
      ? "trace without --no-tls: a trace reads the plain text inside of this library, the doctor does not"
      : "trace where it is in clear text: behind a proxy that ends TLS, or without TLS in a test",
  };
}

function protocolError(
  facts: DoctorFacts,
  those: readonly ConnFacts[],
  chosen: readonly ConnFacts[],
): Verdict {
  const conn = those.toSorted((a, b) => b.invalid.length - a.invalid.length)[0];
  const first = conn?.invalid[0];
  const protocol = conn?.protocol ?? conn?.refused[0] ?? "its protocol";
  const pid = [...conn?.pids ?? []][0] ?? 0;
  const fd = [...conn?.fds ?? []][0];
  const where = first === undefined
    ? "no valid message came"
    : `${first.reason} at byte ${first.position} of the ${first.side}s`;
  const records = total(chosen, (one) => one.records);
  const before = records > 0 ? ` ${plural(records, "record")} came nevertheless.` : "";
  return {
    code: "protocol_error",
    text: `${fdsOf(those)} speaks ${protocol}, but breaks its rules: ${where}.${before}`,
    next: `see the bytes under (5), or all steps: ` +
      `${facts.saved === null ? `sockeye --pid ${pid}` : showCommand(facts)} ` +
      `--conn-trace-pid ${pid}${fd === undefined ? "" : ` --conn-trace-fd ${fd}`}`,
  };
}

function unknown(
  facts: DoctorFacts,
  those: readonly ConnFacts[],
  chosen: readonly ConnFacts[],
): Verdict {
  const moved = formatSize(total(those, bytesOf));
  const protocols = facts.wanted.protocols;
  const none = protocols === null ? "no known protocol" : `not ${[...protocols].join(" or ")}`;
  const all = facts.saved === null ? " --unfiltered" : "";
  const next = `${showCommand(facts)} --protocol unknown${all} shows their bytes`;
  if (chosen.every((conn) => conn.family === "unix")) {
    const names = those.map((conn) => conn.local.length > 5 ? conn.local : conn.remote);
    return {
      code: "unix_only",
      text: `All of its traffic (${moved}) is on unix sockets, and is ${none}: ` +
        `${[...new Set(names)].slice(0, 3).join(", ")}.`,
      next,
    };
  }
  return {
    code: "unknown_protocol",
    text: `${moved} on ${fdsOf(those)} match no message of ${
      protocols === null ? "a known protocol" : [...protocols].join(" or ")
    }.`,
    next,
  };
}

/** "fd 5, 6 and 3 more"; of a packet capture, which has no descriptors, "connection 1, 2". */
function fdsOf(conns: readonly ConnFacts[]): string {
  const fds = [...new Set(conns.flatMap((conn) => [...conn.fds]))].sort((a, b) => a - b);
  const numbers = fds.length > 0 ? fds : conns.map((conn) => conn.conn);
  const more = numbers.length > 5 ? ` and ${numbers.length - 5} more` : "";
  return `${fds.length > 0 ? "fd" : "connection"} ${numbers.slice(0, 5).join(", ")}${more}`;
}

function isElsewhere(facts: DoctorFacts): boolean {
  return facts.after.processes.some(({ netNamespace }) =>
    netNamespace !== "" && netNamespace !== facts.ownNetNamespace
  );
}
