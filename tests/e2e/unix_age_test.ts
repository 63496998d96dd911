/**
 * Unix sockets that are older than the trace, and such that are not: by name and by socketpair(), in
 * the tracer's network namespace and in another. Both ends are traced. Needs root, python3, unshare.
 */
import assert from "node:assert/strict";
import { Background } from "../support/process.ts";
import { type SeenRecord, startTracer, WAYS } from "../support/tracer.ts";

/**
 * Two requests are always under way: the answer to one comes behind the next one. Pairs of sockets
 * that are made, and asked two requests, before a line comes on the input: "old"; behind it: "new".
 */
const WINDOW = `
import os, socket, sys, tempfile

def answer(name):
    return b"HTTP/1.1 200 OK\\r\\nContent-Length: %d\\r\\n\\r\\n%s" % (len(name), name)

class Pair:
    def __init__(self, name, sockets):
        self.name, (self.client, self.server), self.n = name, sockets, 0
    def ask(self):
        self.client.sendall(b"GET /%s-%d HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n" % (self.name, self.n))
        self.server.recv(65536)
        self.n += 1
    def reply(self, n):
        self.server.sendall(answer(b"%s-%d" % (self.name, n)))
        self.client.recv(65536)

def named(folder, name):
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(folder + "/" + name)
        listener.listen()
        client = socket.socket(socket.AF_UNIX)
        client.connect(folder + "/" + name)
        return client, listener.accept()[0]

with tempfile.TemporaryDirectory() as folder:
    old = [Pair(b"old-named", named(folder, "a")), Pair(b"old-pair", socket.socketpair())]
    for pair in old:
        pair.ask()
        pair.ask()
    print("waiting", flush=True)
    sys.stdin.readline()
    new = [Pair(b"new-named", named(folder, "b")), Pair(b"new-pair", socket.socketpair())]
    for pair in new:
        pair.ask()
        pair.ask()
    for pair in old + new:
        for n in range(20):
            pair.ask()
            pair.reply(n)
        pair.reply(20)
        pair.reply(21)
        pair.client.close()
        pair.server.close()
print("done", flush=True)
sys.stdin.readline()
`;

const SCRIPT = ["python3", "-c", WINDOW];
const ASKED = 22;

function pairOf({ request, response }: SeenRecord): [unknown, unknown] {
  return [request === null ? null : String(request.path).slice(1), response?.body ?? null];
}

for (const way of WAYS) {
  for (const namespace of ["the tracer's network namespace", "another network namespace"]) {
    Deno.test(`e2e unix age: in ${namespace} (${way} way)`, async () => {
      const words = namespace.startsWith("another") ? ["unshare", "--net", ...SCRIPT] : SCRIPT;
      await using python = new Background(words[0] as string, words.slice(1), { stdin: "piped" });
      await python.until(() => python.stdout.includes("waiting\n"), "the old sockets");
      await using tracer = await startTracer("--capture", way, "--pid", `${python.pid}`);
      await python.write("go\n");
      await python.until(() => python.stdout.includes("done\n"), "the new sockets");
      const { records, code } = await tracer.stop();
      assert.equal(code, 0);
      const of = (name: string): SeenRecord[] =>
        records.filter((record) => pairOf(record).some((half) => `${half}`.startsWith(name)));
      for (const role of ["client", "server"]) {
        for (const name of ["new-named", "new-pair"]) {
          const seen = of(name).filter((record) => record.role === role);
          const want = Array.from({ length: ASKED }, (_, n) => [`${name}-${n}`, `${name}-${n}`]);
          assert.deepEqual(seen.map(pairOf), want, `${name}, ${role}`);
          assert.deepEqual(seen.flatMap(({ incomplete = [] }) => incomplete), []);
        }
        for (const name of ["old-named", "old-pair"]) {
          const seen = of(name).filter((record) => record.role === role);
          for (const record of seen.filter(({ incomplete }) => incomplete === undefined)) {
            const [asked, answered] = pairOf(record);
            assert.equal(asked, answered, `${name}, ${role}`);
          }
          const marked = seen.filter(({ incomplete }) => incomplete?.includes("mid_stream"));
          assert.ok(marked.length > 0, `${name}, ${role}: ${seen.length} records, none mid_stream`);
        }
      }
    });
  }
}
