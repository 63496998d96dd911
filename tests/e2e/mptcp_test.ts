/**
 * Connections of MPTCP, which Go's servers accept by default: their end is seen, and what it means for
 * the last message. Needs root, python3, and a kernel with MPTCP.
 */
import assert from "node:assert/strict";
import { readFirstLine } from "../../lib/capture/live/machine.ts";
import { Background } from "../support/process.ts";
import { lossIn, startTracer, WAYS } from "../support/tracer.ts";

const hasMptcp = readFirstLine("/proc/sys/net/mptcp/enabled") === "1";

/** Answers a line of its input by one exchange with itself, whose response ends with the connection. */
const PEER = `
import socket, sys
listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, 262)
listening.bind(("127.0.0.1", 0))
listening.listen()
for line in sys.stdin:
    client = socket.socket(socket.AF_INET, socket.SOCK_STREAM, 262)
    client.connect(listening.getsockname())
    server = listening.accept()[0]
    client.sendall(b"GET / HTTP/1.0\\r\\n\\r\\n")
    server.recv(100)
    server.sendall(b"HTTP/1.0 200 OK\\r\\n\\r\\nuntil the end")
    server.close()
    while client.recv(100):
        pass
    client.close()
`;

for (const way of WAYS) {
  Deno.test({
    name: `the end of an MPTCP connection is seen (${way} way)`,
    ignore: !hasMptcp,
    fn: async () => {
      await using peer = new Background("python3", ["-c", PEER], { stdin: "piped" });
      await using tracer = await startTracer("--capture", way, "--pid", `${peer.pid}`);
      await peer.write("\n");
      // Both come while the process runs on.
      await tracer.untilRecords(2);
      for (const { request, response, incomplete } of tracer.records) {
        assert.equal(request?.["path"], "/");
        assert.equal(response?.["body"], "until the end");
        assert.equal(incomplete, undefined);
      }
      const { summary, records } = await tracer.stop();
      assert.equal(records.length, 2);
      assert.equal(lossIn(summary), "");
    },
  });
}
