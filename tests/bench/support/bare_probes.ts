/**
 * Probes that do nothing, where sockeye puts its own: on entry and return of the functions that read and
 * write in a process's OpenSSL. Says "ready" on stderr, and ends with SIGINT.
 *
 *     deno run -A tests/bench/support/bare_probes.ts PID      root
 */
import { compileBpf } from "../../../build/steps.ts";
import { BpfObject } from "../../../ffi/bpf_object.ts";
import { openLibbpf } from "../../../ffi/libbpf.ts";
import { UPROBE_MULTI, Uprobes } from "../../../ffi/uprobes.ts";
import { executableFiles, mayHoldTls } from "../../../lib/capture/live/tls_files.ts";
import { examineFile } from "../../../lib/tls/examine.ts";

const SOURCE = new URL("bare_probes.bpf.c", import.meta.url).pathname;

if (import.meta.main) {
  const [pid = ""] = Deno.args;
  const folder = Deno.makeTempDirSync({ prefix: "sockeye-bare-" });
  using libbpf = openLibbpf({ path: "libbpf.so.1" });
  await compileBpf(`${folder}/bare.bpf.o`, `${folder}/`, [], SOURCE);
  using object = new BpfObject(libbpf, Deno.readFileSync(`${folder}/bare.bpf.o`));
  Deno.removeSync(folder, { recursive: true });
  for (const name of ["bare_entry", "bare_return"]) object.setAttachType(name, UPROBE_MULTI);
  object.load();
  using uprobes = new Uprobes(libbpf.libc, "multi");
  for (const { path } of executableFiles(Deno.readTextFileSync(`/proc/${pid}/maps`))) {
    using file = mayHoldTls(path) ? libbpf.libc.files.openFile(`/proc/${pid}/root${path}`) : null;
    const codes = file === null ? [] : examineFile(file).codes;
    const offsets = codes.flatMap(({ sites }) => sites.map(({ entry }) => entry));
    if (file === null || offsets.length === 0) continue;
    const at = offsets.map((offset) => ({ offset, cookie: 0 }));
    const place = { path: file.path, at, pid: 0 };
    uprobes.attach(object.programFd("bare_return"), { ...place, isReturn: true });
    uprobes.attach(object.programFd("bare_entry"), { ...place, isReturn: false });
  }
  console.error("ready");
  await new Promise<void>((resolve) => Deno.addSignalListener("SIGINT", resolve));
}
