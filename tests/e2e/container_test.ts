/**
 * The column `container`, with cgroups as a runtime names them and real processes in them. Needs
 * root, nginx, curl, and a cgroup2 that may be written.
 */
import assert from "node:assert/strict";
import { containerOf } from "../../lib/capture/live/container.ts";
import { cgroup2Root } from "../../lib/capture/live/machine.ts";
import { run } from "../support/process.ts";
import { startNginx } from "../support/servers.ts";
import { bySide, SOCKEYE, startTracer, WAYS } from "../support/tracer.ts";

const POD = "8c1bd2a4-5c0e-4d6f-9a1e-0b2c3d4e5f60";

/** Cgroups below the root, removed again when whoever was in them is gone. */
class Cgroup implements Disposable {
  readonly #made: string[] = [];
  readonly #path: string;

  constructor(root: string, ...names: string[]) {
    let path = root;
    for (const name of names) {
      path = `${path}/${name}`;
      Deno.mkdirSync(path);
      this.#made.unshift(path);
    }
    this.#path = path;
  }

  take(pid: number): void {
    Deno.writeTextFileSync(`${this.#path}/cgroup.procs`, `${pid}`);
  }

  [Symbol.dispose](): void {
    for (const path of this.#made) Deno.removeSync(path);
  }
}

function randomId(): string {
  return Array.from(
    crypto.getRandomValues(new Uint8Array(32)),
    (byte) => byte.toString(16).padStart(2, "0"),
  ).join("");
}

/** Null where no cgroup can be made. */
function writableRoot(): string | null {
  const root = cgroup2Root();
  if (root === null) return null;
  try {
    using _probe = new Cgroup(root, `sockeye-${randomId()}`);
    return root;
  } catch {
    return null;
  }
}

const root = writableRoot();

for (const way of WAYS) {
  Deno.test({
    name: `records name the container of their process, and a replay does (${way} way)`,
    ignore: root === null,
    fn: async () => {
      const [id, folder] = [randomId(), await Deno.makeTempDir({ prefix: "sockeye-container-" })];
      // A pod's slice, unique by its prefix, so that two runs do not meet.
      const pod = `sockeye-${id.slice(0, 8)}-pod${POD.replaceAll("-", "_")}.slice`;
      using cgroup = new Cgroup(root ?? "", pod, `cri-containerd-${id}.scope`);
      try {
        await using nginx = await startNginx();
        const file = `${folder}/recording`;
        const port = ["--port", `${nginx.port}`, "--protocol", "http"];
        await using tracer = await startTracer("--capture", way, ...port, "--record", file);
        const ask = async (count: number): Promise<void> => {
          await run("curl", ["--silent", `http://127.0.0.1:${nginx.port}/index.html`]);
          await tracer.untilRecords(count);
        };
        for (const pid of [nginx.pid, ...nginx.workers]) cgroup.take(pid);
        await ask(2);
        await ask(4);
        const { records, code } = await tracer.stop();
        assert.equal(code, 0);
        const { client, server } = bySide(records);
        assert.deepEqual(server.map(({ container }) => container), [
          { id, pod_uid: POD },
          { id, pod_uid: POD },
        ]);
        // curl is where the tests are: in no container, unless they run in one.
        const own = containerOf(await Deno.readTextFile("/proc/self/cgroup")) ?? undefined;
        assert.deepEqual(client.map(({ container }) => container), [own, own]);
        const replayed = await run(SOCKEYE, ["replay", file, "-q", "-o", "ndjson", ...port]);
        assert.deepEqual(
          replayed.stdout.trimEnd().split("\n").map((line) => JSON.parse(line)),
          records,
        );
      } finally {
        await Deno.remove(folder, { recursive: true });
      }
    },
  });
}
