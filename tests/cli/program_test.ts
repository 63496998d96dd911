import { deepEqual, equal, match, ok, rejects } from "node:assert/strict";
import { CommanderError } from "@commander-js/extra-typings";
import { completions, SHELLS } from "../../lib/cli/completions.ts";
import { OperatorError } from "../../lib/cli/errors.ts";
import type { OutputOptions, TraceOptions } from "../../lib/cli/options.ts";
import { type Actions, buildProgram, translateError } from "../../lib/cli/program.ts";
import { listProtocols, selectProtocols } from "../../lib/cli/protocols.ts";
import { VERSION } from "../../lib/cli/version.ts";
import type { Plugin } from "../../protocols/protocol.ts";

/** What a command line would have run. */
interface Ran {
  command: string;
  trace?: TraceOptions;
  replay?: OutputOptions;
  word?: string;
}

async function parse(...args: string[]): Promise<Ran> {
  let ran: Ran | null = null;
  const run = (result: Ran): Promise<void> => {
    ran = result;
    return Promise.resolve();
  };
  const actions: Actions = {
    trace: (options) => run({ command: "trace", trace: options }),
    replay: (options, file) => run({ command: "replay", replay: options, word: file }),
    demo: (options) => run({ command: "demo", trace: options }),
    demoPeer: (role) => run({ command: "demo-peer", word: role }),
    doctor: ({ pid }) => run({ command: "doctor", word: `${pid}` }),
    check: () => run({ command: "check" }),
    protocols: () => run({ command: "protocols" }),
    completions: (shell) => run({ command: "completions", word: shell }),
  };
  const program = buildProgram(actions);
  try {
    await program.parseAsync(args, { from: "user" });
  } catch (error) {
    throw error instanceof CommanderError ? translateError(error, program) : error;
  }
  return ran ?? { command: "none" };
}

Deno.test("buildProgram() traces without a command, with the defaults of the design", async () => {
  const { command, trace } = await parse();
  equal(command, "trace");
  deepEqual({ ...trace }, {
    pid: [],
    comm: [],
    port: [],
    protocol: [],
    maxBody: 4096,
    memoryLimit: 256 * 1024 * 1024,
    verbose: 0,
    follow: true,
    tls: true,
    snaplen: (1024 + 64) * 1024,
  });
});

const lines: { name: string; args: string[]; want: Partial<TraceOptions> }[] = [
  { name: "repeated --pid", args: ["-p", "1", "--pid=2", "-p3"], want: { pid: [1, 2, 3] } },
  { name: "trace by name", args: ["trace", "--pid", "7"], want: { pid: [7] } },
  {
    name: "lists",
    args: ["--protocol", "http,dns", "--protocol=redis"],
    want: { protocol: ["http", "dns", "redis"] },
  },
  {
    name: "ports and names",
    args: ["--port", "80", "--port", "443", "--comm", "nginx"],
    want: { port: [80, 443], comm: ["nginx"] },
  },
  {
    name: "lists of ports and names",
    args: ["--port", "80,81", "--port=443", "--comm", "nginx,php-fpm", "--comm", "redis"],
    want: { port: [80, 81, 443], comm: ["nginx", "php-fpm", "redis"] },
  },
  { name: "-vv", args: ["-vv"], want: { verbose: 2 } },
  { name: "-v -v", args: ["-v", "--verbose"], want: { verbose: 2 } },
  { name: "--no-tls", args: ["--no-tls"], want: { tls: false } },
  { name: "--no-follow", args: ["--no-follow"], want: { follow: false } },
  {
    name: "flags",
    args: ["-q", "--show-secrets", "--unfiltered"],
    want: { quiet: true, showSecrets: true, unfiltered: true },
  },
  {
    name: "units",
    args: ["--max-body", "0", "--snaplen", "64KiB", "--duration", "2m"],
    want: { maxBody: 0, snaplen: 65536, duration: 120_000 },
  },
  {
    name: "output",
    args: ["-o", "table", "--output-file", "x", "-c", "5"],
    want: { output: "table", outputFile: "x", maxRecords: 5 },
  },
  {
    name: "capture",
    args: ["--capture", "syscall", "--ring-mib", "8", "--libbpf", "system", "-w", "r"],
    want: { capture: "syscall", ringMib: 8, libbpf: "system", record: "r" },
  },
  {
    name: "the seed's spelling",
    args: ["--test_only_socket_trace_target_pid=9"],
    want: { test_only_socket_trace_target_pid: 9 },
  },
];
for (const { name, args, want } of lines) {
  Deno.test(`buildProgram() reads ${name}`, async () => {
    const { trace } = await parse(...args);
    ok(trace);
    deepEqual({ ...trace, ...want }, { ...trace });
  });
}

const refused: { args: string[]; message: RegExp; hint?: RegExp }[] = [
  { args: ["--port", "80,"], message: /^Cannot use --port "80,": a port is empty$/ },
  { args: ["--port", "80,x"], message: /--port "x"/ },
  { args: [`--port=${Array(17).fill(1)}`], message: /more than 16 ports/ },
  { args: ["--comm", "a,,b"], message: /^Cannot use --comm "a,,b": a name is empty$/ },
  { args: ["--port", "0"], message: /^Cannot use --port "0": not between 1 and 65535$/ },
  { args: ["--port", "65536"], message: /--port "65536"/ },
  { args: Array.from({ length: 17 }, () => "--port=1"), message: /more than 16 ports/ },
  { args: ["--pid", "-1"], message: /^Cannot use --pid "-1": not a whole number$/ },
  { args: ["--pid"], message: /^Cannot use --pid: its value is missing$/ },
  {
    args: ["--comm", "a-name-of-16-byte"],
    message: /longer than 15 bytes/,
    hint: /"a-name-of-16-by"/,
  },
  { args: ["--comm", ""], message: /name is empty/ },
  { args: ["--role", "both"], message: /not one of client, server/ },
  { args: ["-o", "xml"], message: /not one of ndjson, table/ },
  { args: ["--capture", "pcap"], message: /not one of socket, syscall/ },
  { args: ["--protocol", "http,,dns"], message: /a name is empty/ },
  { args: ["--unfilterd"], message: /did you mean "--unfiltered"\?$/ },
  { args: ["--nonsense"], message: /no such option/, hint: /--help/ },
  { args: ["-Z"], message: /^Cannot use "-Z": no such option$/ },
  { args: ["--\x1b[2J"], message: /^Cannot use "--\\x1b\[2J"/ },
  { args: ["chek"], message: /^Cannot run "chek": did you mean "check"\?$/ },
  { args: ["curl", "http://x/"], message: /no such command/, hint: /sockeye -- curl http/ },
  ...["dump.pcap", "/tmp/x.pcapng.gz", "trace.rec", "a.pcap0"].map((file) => ({
    args: [file],
    message: /no such command$/,
    hint: new RegExp(`sockeye replay ${file}$`),
  })),
  { args: ["replay"], message: /"file" is missing/ },
  {
    args: ["replay", "--snaplen", "5", "f"],
    message: /^Cannot use --snaplen: not an option of this/,
  },
  { args: ["check", "more"], message: /too many arguments/ },
];
for (const { args, message, hint } of refused) {
  const shown = JSON.stringify(args.slice(0, 3).join(" "));
  Deno.test(`buildProgram() refuses ${shown} with exit code 2`, async () => {
    await rejects(parse(...args), (error) => {
      ok(error instanceof OperatorError, String(error));
      match(error.message, message);
      ok(!error.message.endsWith("."));
      if (hint !== undefined) match(error.hint ?? "", hint);
      equal(error.exitCode, 2);
      return true;
    });
  });
}

Deno.test("buildProgram() hands replay its file and the options that shape records", async () => {
  const { command, replay, word } = await parse("replay", "--pid", "3", "-o", "ndjson", "-");
  equal(command, "replay");
  equal(word, "-");
  deepEqual(replay?.pid, [3]);
});

function plugin(name: string, ports: number[]): Plugin {
  return {
    name,
    ports,
    transports: ["stream"],
    probe: () => "no",
    names: [name],
    isAlwaysTried: false,
    start: () => {
      throw new Error("not opened in this test");
    },
  };
}
const plugins = [plugin("http", [80, 8080]), plugin("redis", [6379])];

Deno.test("selectProtocols() picks plug-ins, and tries all when unknown is asked for", () => {
  deepEqual(selectProtocols([], plugins), { plugins, only: null, showUnknown: null });
  const redis = selectProtocols(["redis"], plugins);
  deepEqual(redis.plugins.map((chosen) => chosen.name), ["redis"]);
  equal(redis.showUnknown, false);
  const unknown = selectProtocols(["unknown"], plugins);
  equal(unknown.plugins.length, 2);
  equal(unknown.showUnknown, true);
});

Deno.test("selectProtocols() goes by the names of records, and keeps what is always tried", () => {
  const grpc = { ...plugin("http2", [443]), names: ["http2", "grpc"] };
  const opaque = { ...plugin("tls", [443]), isAlwaysTried: true };
  const known = [...plugins, grpc, opaque];
  const chosen = (name: string): string[] =>
    selectProtocols([name], known).plugins.map((each) => each.name);
  deepEqual(chosen("grpc"), ["http2", "tls"]);
  deepEqual(chosen("redis"), ["redis", "tls"]);
  deepEqual(chosen("tls"), ["tls"]);
  match(listProtocols(known), /^grpc +TCP, unix +443$/m);
});

Deno.test("selectProtocols() asks what was meant", async () => {
  const refusal = (name: string): Promise<unknown> =>
    Promise.resolve().then(() => selectProtocols([name], plugins));
  await rejects(refusal("redsi"), {
    message: 'Cannot use --protocol "redsi": did you mean "redis"?',
    exitCode: 2,
  });
  await rejects(refusal("mysql"), {
    message: 'Cannot use --protocol "mysql": not one of http, redis, unknown',
  });
});

Deno.test("listProtocols() has a line for each protocol, with ports", () => {
  const list = listProtocols(plugins);
  match(list, /^http +TCP, unix +80 8080$/m);
  match(list, /^unknown /m);
});

for (const shell of SHELLS) {
  Deno.test(`completions() for ${shell} names every visible command and option`, async () => {
    const script = await scriptFor(shell);
    for (const word of ["trace", "demo", "check", "protocols", "completions", "replay"]) {
      ok(script.includes(word), word);
    }
    for (const option of ["pid", "protocol", "max-records", "no-follow", "help", "version"]) {
      ok(script.includes(option), option);
    }
    ok(script.includes("redis"));
    ok(!script.includes("demo-peer"));
    ok(!script.includes("test_only"));
  });
}

async function scriptFor(shell: "bash" | "zsh" | "fish"): Promise<string> {
  const nothing = (): Promise<void> => Promise.resolve();
  let script = "";
  const program = buildProgram({
    trace: nothing,
    replay: nothing,
    demo: nothing,
    demoPeer: nothing,
    doctor: nothing,
    check: nothing,
    protocols: nothing,
    completions: (_, all) => {
      script = completions(shell, all, ["http", "redis"]);
      return Promise.resolve();
    },
  });
  await program.parseAsync(["completions", shell], { from: "user" });
  return script;
}

/** Asks bash itself what it would offer. */
async function bashOffers(words: string[]): Promise<string[]> {
  const script = `${await scriptFor("bash")}
COMP_WORDS=(${words.map((word) => `'${word}'`).join(" ")})
COMP_CWORD=${words.length - 1}
_sockeye
printf '%s\\n' "\${COMPREPLY[@]}"`;
  const { success, stdout, stderr } = await new Deno.Command("bash", {
    args: ["--norc", "-c", script],
  }).output();
  ok(success, new TextDecoder().decode(stderr));
  return new TextDecoder().decode(stdout).trim().split("\n");
}

Deno.test("completions() for bash completes commands, options and values", async () => {
  deepEqual(await bashOffers(["sockeye", "chec"]), ["check"]);
  deepEqual(await bashOffers(["sockeye", "--max-r"]), ["--max-records"]);
  deepEqual(await bashOffers(["sockeye", "--protocol", "re"]), ["redis"]);
  deepEqual(await bashOffers(["sockeye", "completions", "f"]), ["fish"]);
  deepEqual(await bashOffers(["sockeye", "help", "rep"]), ["replay"]);
  deepEqual(await bashOffers(["sockeye", "-o", ""]), ["ndjson", "table"]);
  deepEqual(await bashOffers(["sockeye", "doctor", "-o", ""]), ["table", "json"]);
  deepEqual(await bashOffers(["sockeye", "replay", "/proc/self/statu"]), ["/proc/self/status"]);
  deepEqual(await bashOffers(["sockeye", "replay", "--output-file", "/proc/self/statu"]), [
    "/proc/self/status",
  ]);
  ok((await bashOffers(["sockeye", "--pid", "1", "--", "bas"])).includes("bash"));
});

Deno.test("VERSION is package.json's", async () => {
  const text = await Deno.readTextFile(new URL("../../package.json", import.meta.url));
  equal(JSON.parse(text).version, VERSION);
});
