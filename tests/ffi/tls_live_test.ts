/**
 * Probes on TLS functions in the running kernel, by links and by perf events. Needs root, nginx, python3
 * and the built BPF object (dist/).
 */
import assert from "node:assert/strict";
import { Direction, EntryKind, OPERATIONS, PLAINTEXT_IDS, SOURCES } from "../../lib/capture/abi.ts";
import { type LiveSource, openLive } from "../../lib/capture/live/source.ts";
import { Background } from "../support/process.ts";
import { startTlsNginx } from "../support/tls.ts";

interface Seen {
  readonly pid: number;
  readonly conn: number;
  readonly position: number;
  readonly operation: string;
  readonly text: string;
}

async function collect(live: LiveSource, seen: Seen[], isDone: () => boolean): Promise<void> {
  const deadline = performance.now() + 60_000;
  while (!live.ended && !isDone()) {
    assert.ok(performance.now() < deadline, `${seen.length} events`);
    live.drain((event) => {
      if (event.kind !== EntryKind.DATA || event.source !== SOURCES.indexOf("openssl")) return;
      const { pid, conn, position, bytes, payloadStart, payloadLength } = event;
      const payload = bytes.slice(payloadStart, payloadStart + payloadLength);
      const operation = OPERATIONS[event.operation] ?? "";
      assert.equal(event.direction === Direction.EGRESS, operation === "tls_write");
      seen.push({ pid, conn, position, operation, text: new TextDecoder().decode(payload) });
    });
    await live.wait();
  }
}

const PROGRAM = `
import http.client, ssl, sys
context = ssl.create_default_context()
context.check_hostname = False
context.verify_mode = ssl.CERT_NONE
connection = http.client.HTTPSConnection("127.0.0.1", int(sys.argv[1]), context=context)
print("here", flush=True)
for line in sys.stdin:
    connection.request("GET", "/a.txt")
    print(connection.getresponse().read(), flush=True)
`;

const CASES = [
  { uprobes: "multi", follow: true },
  { uprobes: "multi", follow: false },
  { uprobes: "perf", follow: true },
] as const;

for (const { uprobes, follow } of CASES) {
  const who = follow ? "a process and its children" : "one process";
  Deno.test(`openLive() sees the plain text of ${who}, probed by ${uprobes}`, async () => {
    await using nginx = await startTlsNginx({ files: { "a.txt": "a" } });
    const begin = (): Background =>
      new Background("python3", ["-c", PROGRAM, `${nginx.port}`], { stdin: "piped" });
    await using traced = begin();
    await using other = begin();
    for (const program of [traced, other]) {
      await program.until(() => program.stdout.includes("here"), "the client");
    }
    const live = openLive({
      ...{ pids: [traced.pid], comm: [], ports: [], follow, tls: true, uprobes },
      ...{ unfiltered: false, snaplen: 1 << 20, libbpf: "system" },
      warn: (message) => assert.fail(message),
    });
    const seen: Seen[] = [];
    {
      using _ = live;
      for (const program of [other, traced]) {
        await program.write("\n");
        await program.until(() => program.stdout.includes("b'a'"), "the answer");
      }
      await collect(live, seen, () => seen.some(({ text }) => text.endsWith("a")));
      live.stop();
      await collect(live, seen, () => false);
      assert.equal(live.counters().tls_unpaired, 0);
    }
    assert.ok(seen.every(({ pid, conn }) => pid === traced.pid && conn < PLAINTEXT_IDS));
    assert.equal(new Set(seen.map(({ conn }) => conn)).size, 1);
    const said = (operation: string): string =>
      seen.filter((each) => each.operation === operation).map(({ text }) => text).join("");
    assert.match(said("tls_write"), /^GET \/a\.txt HTTP\/1\.1\r\n.*\r\n\r\n$/s);
    assert.match(said("tls_read"), /^HTTP\/1\.1 200 OK\r\n.*\r\n\r\na$/s);
    let position = 0;
    for (const each of seen.filter(({ operation }) => operation === "tls_read")) {
      assert.equal(each.position, position);
      position += each.text.length;
    }
  });
}
