/**
 * A process whose main thread ends before the others: traced until its last thread ends. Needs root,
 * gcc and curl.
 */
import assert from "node:assert/strict";
import { livingFolder } from "../../lib/capture/live/sweep.ts";
import { runtimeFiles } from "../../lib/system_files.ts";
import { Background, run } from "../support/process.ts";
import { freePort } from "../support/servers.ts";
import { lossIn, startTracer, WAYS } from "../support/tracer.ts";

const SOURCE = new URL("programs/headless.c", import.meta.url).pathname;

function stateOf(pid: number): string {
  return /^State:\t(\w)/m.exec(Deno.readTextFileSync(`/proc/${pid}/status`))?.[1] ?? "";
}

for (const way of WAYS) {
  Deno.test(`a process is traced until its last thread ends (${way} way)`, async () => {
    const folder = Deno.makeTempDirSync({ prefix: "sockeye-headless-" });
    try {
      await run("gcc", ["-O1", "-pthread", "-o", `${folder}/headless`, SOURCE]);
      const port = freePort();
      await using server = new Background(`${folder}/headless`, [`${port}`]);
      await server.until(() => server.stdout.includes("ready"), "the server");
      await server.until(() => stateOf(server.pid) === "Z", "the end of its main thread");
      assert.equal(runtimeFiles.readLink(`/proc/${server.pid}/ns/net`), null);
      const namespace = runtimeFiles.readLink(`${livingFolder(runtimeFiles, server.pid)}/ns/net`);
      assert.equal(namespace, runtimeFiles.readLink("/proc/self/ns/net"));

      await using tracer = await startTracer("--capture", way, "--pid", `${server.pid}`);
      // The end of each child makes sockeye look for targets that still run.
      for (let asked = 1; asked <= 3; asked++) {
        await run("curl", ["--silent", `http://127.0.0.1:${port}/${asked}`]);
        await tracer.untilRecords(asked);
      }
      server.kill("SIGKILL");
      const status = await tracer.process.end();
      assert.equal(status.code, 0);
      const paths = tracer.records.map((record) => record.request?.["path"]);
      assert.deepEqual(paths, ["/1", "/2", "/3"]);
      assert.equal(lossIn(tracer.process.stderr), "");
    } finally {
      Deno.removeSync(folder, { recursive: true });
    }
  });
}
