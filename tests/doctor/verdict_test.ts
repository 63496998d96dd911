/** The verdict as a function of the facts: each cause, and which one wins. */
import { deepEqual, equal, match } from "node:assert/strict";
import { diagnose, excludedBy, kernelBytes, nonSocketBytes } from "../../lib/doctor/diagnose.ts";
import type { ConnFacts, DoctorFacts, Snapshot, SocketFact } from "../../lib/doctor/facts.ts";
import { nothingSeen } from "../../lib/doctor/observe.ts";
import { stagesOf } from "../../lib/doctor/stages.ts";
import { judge } from "../../lib/doctor/verdict.ts";
import { plugins } from "../../protocols/registry.ts";

function conn(more: Partial<ConnFacts> = {}): ConnFacts {
  const moved = { start: 0, bytes: 10, payloadBytes: 10, operations: 1, head: new Uint8Array(0) };
  return {
    ...nothingSeen(1),
    pids: new Set([9]),
    fds: new Set([5]),
    comm: "app",
    local: "127.0.0.1:80",
    remote: "127.0.0.1:4000",
    localPort: 80,
    remotePort: 4000,
    inode: 77,
    fresh: true,
    egress: { ...moved },
    ingress: { ...moved },
    turns: 1,
    lastDirection: 0,
    state: "unknown",
    ...more,
  };
}

const HTTP: Partial<ConnFacts> = {
  protocol: "http",
  role: "server",
  records: 2,
  frames: { request: 2, response: 2 },
};
const INVALID: Partial<ConnFacts> = {
  invalid: [{
    side: "request",
    reason: "bad_method",
    position: 3,
    bytes: new Uint8Array(2),
    count: 1,
  }],
};

function snapshot(more: Partial<Snapshot> = {}): Snapshot {
  return {
    processes: [{
      pid: 9,
      comm: "app",
      threads: 1,
      is32Bit: false,
      netNamespace: "net:[1]",
      tlsLibraries: [],
      uringFds: [],
    }],
    sockets: [],
    files: [],
    io: new Map(),
    moved: new Map(),
    ...more,
  };
}

function socket(more: Partial<SocketFact> = {}): SocketFact {
  return {
    pid: 9,
    fd: 5,
    inode: 77,
    family: "tcp",
    type: "stream",
    listening: false,
    local: "127.0.0.1:80",
    remote: "",
    ...more,
  };
}

function facts(connections: ConnFacts[], more: Partial<DoctorFacts> = {}): DoctorFacts {
  return {
    pid: 9,
    follow: true,
    way: "socket",
    seconds: 10,
    targetsEnded: false,
    ownNetNamespace: "net:[1]",
    wanted: { protocols: null, ports: [], comm: [], role: null, fd: null },
    before: snapshot(),
    after: snapshot(),
    diagFailure: null,
    connections,
    uncounted: 0,
    calls: new Map(),
    socketIoBytes: 0,
    lost: new Map(),
    counters: {},
    saved: null,
    ringBytes: 1 << 20,
    ...more,
  };
}

function wanted(more: Partial<DoctorFacts["wanted"]>): Partial<DoctorFacts> {
  return { wanted: { protocols: null, ports: [], comm: [], role: null, fd: null, ...more } };
}

const moved = { read: 0, written: 5000 };
const cases: { name: string; of: DoctorFacts; want: string }[] = [
  { name: "records", of: facts([conn(HTTP)]), want: "records_flow" },
  {
    name: "records beside an unknown protocol",
    of: facts([conn(HTTP), conn()]),
    want: "records_flow",
  },
  {
    name: "loss before records",
    of: facts([conn(HTTP)], { lost: new Map([["data_events", 3]]) }),
    want: "lost",
  },
  {
    name: "errors before records",
    of: facts([conn({ ...HTTP, ...INVALID })]),
    want: "protocol_error",
  },
  { name: "TLS", of: facts([conn({ tls: true })]), want: "tls" },
  { name: "an unknown protocol", of: facts([conn()]), want: "unknown_protocol" },
  {
    name: "an old connection, many turns",
    of: facts([conn({ fresh: false, turns: 5 })]),
    want: "unknown_protocol",
  },
  {
    name: "an old connection, one way",
    of: facts([conn({ fresh: false, turns: 0 })]),
    want: "mid_stream",
  },
  { name: "unix sockets", of: facts([conn({ family: "unix" })]), want: "unix_only" },
  {
    name: "records over unix sockets",
    of: facts([conn({ ...HTTP, family: "unix" })]),
    want: "records_flow",
  },
  { name: "no answers", of: facts([conn({ ...HTTP, withoutResponse: 2 })]), want: "unanswered" },
  {
    name: "one-way messages",
    of: facts([conn({ ...HTTP, withoutResponse: 2, incomplete: new Map([["one_way", 2]]) })]),
    want: "records_flow",
  },
  { name: "a refused protocol", of: facts([conn({ refused: ["redis"] })]), want: "protocol_error" },
  { name: "a message under way", of: facts([conn({ state: "probing" })]), want: "unfinished" },
  {
    name: "a 32-bit program",
    of: facts([conn({ cut: new Map([["abi", 9]]) })]),
    want: "compat_abi",
  },
  { name: "--port", of: facts([conn(HTTP)], wanted({ ports: [81] })), want: "filtered" },
  {
    name: "--protocol",
    of: facts([conn(HTTP)], wanted({ protocols: new Set(["dns"]) })),
    want: "filtered",
  },
  {
    name: "--protocol, and nothing known",
    of: facts([conn()], wanted({ protocols: new Set(["dns"]) })),
    want: "unknown_protocol",
  },
  { name: "nothing at all", of: facts([]), want: "idle" },
  {
    name: "files",
    of: facts([], {
      after: snapshot({
        io: new Map([[9, moved]]),
        files: [{ pid: 9, fd: 1, target: "/tmp/x", position: 5000 }],
      }),
    }),
    want: "not_sockets",
  },
  {
    name: "bytes unseen",
    of: facts([], { after: snapshot({ sockets: [socket()], moved: new Map([[77, moved]]) }) }),
    want: "unseen",
  },
  {
    name: "unix datagrams",
    of: facts([], { after: snapshot({ sockets: [socket({ family: "unix", type: "datagram" })] }) }),
    want: "untraced_sockets",
  },
];
for (const { name, of, want } of cases) {
  Deno.test(`judge() on ${name}: ${want}`, () => {
    const verdict = judge(of);
    equal(verdict.code, want, JSON.stringify(verdict));
    match(verdict.text, /^\S.*\.$/);
    match(verdict.next, /\S/);
    equal(stagesOf(of, plugins).length, 6);
  });
}

Deno.test("judge() takes the cause that most bytes have", () => {
  const large = { start: 0, bytes: 9999, payloadBytes: 0, operations: 9, head: new Uint8Array(0) };
  equal(judge(facts([conn(), conn({ tls: true, egress: large })])).code, "tls");
  equal(judge(facts([conn({ egress: large }), conn({ tls: true })])).code, "unknown_protocol");
});

Deno.test("kernelBytes() compares by socket, and forgives a SYN", () => {
  const before = snapshot({ moved: new Map([[77, { read: 100, written: 100 }]]) });
  const after = (written: number): Snapshot =>
    snapshot({
      sockets: [socket(), socket({ fd: 6 })],
      moved: new Map([[77, { read: 110, written }]]),
    });
  const of = (written: number): DoctorFacts => facts([conn()], { before, after: after(written) });
  deepEqual(kernelBytes(of(111)), { moved: 21, unseen: 0, filtered: 0, unseenFds: [] });
  const missing = { moved: 1020, unseen: 1000, filtered: 0, unseenFds: [5] };
  deepEqual(kernelBytes(of(1110)), missing);
  const unknown = facts([conn({ cut: new Map([["filtered", 5]]) })], {
    before,
    after: after(1110),
  });
  deepEqual(kernelBytes(unknown), { moved: 1020, unseen: 0, filtered: 1000, unseenFds: [] });
  const [, events] = stagesOf(unknown, plugins);
  match(events?.lines.join("\n") ?? "", /1000 B without events, of no known protocol/);
  equal(kernelBytes(facts([], { after: snapshot({ moved: null }) })), null);
});

Deno.test("nonSocketBytes() leaves out what went over sockets", () => {
  const after = snapshot({ io: new Map([[9, { read: 300, written: 200 }]]) });
  const before = snapshot({ io: new Map([[9, { read: 100, written: 0 }]]) });
  equal(nonSocketBytes(facts([], { before, after, socketIoBytes: 150 })), 250);
  equal(nonSocketBytes(facts([], { before, after, socketIoBytes: 999 })), 0);
});

Deno.test("excludedBy() names every option that leaves a connection out", () => {
  const none = { protocols: null, ports: [], comm: [], role: null, fd: null };
  deepEqual(excludedBy(conn(HTTP), none), []);
  deepEqual(
    excludedBy(conn(HTTP), {
      protocols: new Set(["dns"]),
      ports: [81, 82],
      comm: ["x"],
      role: "client",
      fd: 6,
    }),
    ["--port 81, 82", "--comm x", "--fd 6", "--role client", "--protocol dns"],
  );
  deepEqual(excludedBy(conn(HTTP), { ...none, ports: [4000], fd: 5, role: "server" }), []);
});

Deno.test("diagnose() sees records first", () => {
  equal(diagnose(conn({ ...HTTP, ...INVALID })), "records");
});

Deno.test("judge() blames the syscall way for what io_uring moved", () => {
  const [process] = snapshot().processes;
  if (process === undefined) throw new Error("Cannot test without a process");
  const after = snapshot({
    processes: [{ ...process, uringFds: [4] }],
    sockets: [socket()],
    moved: new Map([[77, moved]]),
  });
  match(judge(facts([], { after, way: "syscall" })).next, /--capture socket/);
  match(judge(facts([], { after, way: "socket" })).next, /strace/);
});
