/**
 * The steps of a build: BPF object, libbpf, gate, type check and bundle, each independent of the others.
 *
 * In: the sources. Out: dist/sockeye.bpf.o, dist/libbpf.so, dist/gate, dist/threads.so, dist/sockeye.js,
 * of which executable.ts makes the executable.
 */
import { RULES_FOLDER, writeInferRules } from "./infer_rules.ts";
import type { Step } from "./stamps.ts";
import { BuildError, DIST, exists, OBJ, platform, ROOT, run } from "./tools.ts";

const CLANG = "clang-19";
const CLANG_FILE = `/usr/bin/${CLANG}`;

export const BPF_OBJECT = `${DIST}sockeye.bpf.o`;
export const LIBBPF = `${DIST}libbpf.so`;
export const GATE = `${DIST}gate`;
export const THREADS = `${DIST}threads.so`;
export const BUNDLE = `${DIST}sockeye.js`;
/** Parts of the packed executable; made only when that is made. */
export const PACKED_PROGRAM = `${OBJ}program.js`;
export const PACKED_LOADER = `${OBJ}loader.js`;
export const STUB = `${OBJ}stub.bin`;
/** What the stub and the gate have instead of libc. */
export const SYSTEM_CALLS = `${ROOT}build/system_call.h`;

const SOURCES = ["main.ts", "lib", "ffi", "protocols", "build", "deno.json", "package-lock.json"]
  .map((name) => ROOT + name);

/** One CO-RE object for every kernel: without debugging information, with type information (BTF). */
export function bpfObject(): Step {
  return {
    name: "BPF object",
    inputs: [`${ROOT}bpf`, `${ROOT}build/infer_rules.ts`],
    tools: [CLANG_FILE, "/usr/include/bpf/bpf_helpers.h"],
    options: bpfFlags(),
    outputs: [BPF_OBJECT],
    run: () => compileBpf(BPF_OBJECT, OBJ, [RULES_FOLDER]),
  };
}

/** Compiles the kernel side with the rules of these folders; `folder` gets intermediate files. */
export async function compileBpf(
  output: string,
  folder: string,
  ruleFolders: readonly string[],
  source = `${ROOT}bpf/sockeye.bpf.c`,
): Promise<void> {
  const raw = `${folder}sockeye.bpf.o`;
  if (!exists(source)) throw new BuildError(`Cannot compile ${source}: it does not exist`);
  writeInferRules(folder, ruleFolders);
  await run(CLANG, [...bpfFlags(), `-I${folder}`, "-c", source, "-o", raw]);
  await run(bpftool(), ["gen", "object", output, raw]);
}

function bpfFlags(): string[] {
  const { bpfArch, multiarch } = platform();
  const flags = ["-O2", "-g", "-target", "bpf", "-mcpu=v3", "-Wall"];
  return [...flags, `-D__TARGET_ARCH_${bpfArch}`, `-I/usr/include/${multiarch}`, `-I${ROOT}bpf`];
}

/** Debian's static libbpf, libelf and zlib as one library that needs libc only. */
export function libbpf(): Step {
  const folder = `/usr/lib/${platform().multiarch}/`;
  const archives = ["libbpf.a", "libelf.a", "libz.a"].map((name) => folder + name);
  const renamed = `${OBJ}libbpf.a`, shims = `${OBJ}shims.o`, temporary = `${OBJ}libbpf.so`;
  const linkFlags = [
    `--version-script=${ROOT}build/libbpf/exports.map`,
    "-Bsymbolic",
    "--gc-sections",
    "-z,defs",
    "-z,now",
    "-z,relro",
    "-soname,libsockeye-bpf.so",
    "--as-needed",
    "--hash-style=gnu",
    "--build-id=none",
    "-s",
  ].map((flag) => `-Wl,${flag}`);
  return {
    name: "libbpf",
    inputs: [`${ROOT}build/libbpf`],
    tools: [CLANG_FILE, ...archives],
    options: linkFlags,
    outputs: [LIBBPF],
    async run() {
      const [bpf = "", elf = "", zlib = ""] = archives;
      await run("objcopy", ["--redefine-sym", "stderr=sockeye_stderr", bpf, renamed]);
      const source = `${ROOT}build/libbpf/shims.c`;
      await run(CLANG, ["-O2", "-Wall", "-fno-builtin", "-fPIC", "-c", source, "-o", shims]);
      const whole = ["-Wl,--whole-archive", renamed, "-Wl,--no-whole-archive"];
      await run(CLANG, ["-shared", "-o", temporary, shims, ...whole, elf, zlib, ...linkFlags]);
      Deno.renameSync(temporary, LIBBPF);
    },
  };
}

/** ffi/every_thread.c as a library that needs libc only, of any version. */
export function threads(): Step {
  const source = `${ROOT}ffi/every_thread.c`, temporary = `${OBJ}threads.so`;
  const flags = ["-O2", "-Wall", "-Wextra", "-Werror", "-fPIC", "-shared", "-s"];
  flags.push("-Wl,--build-id=none", "-Wl,-z,defs", "-Wl,-z,now", "-Wl,-z,relro");
  return {
    name: "threads",
    inputs: [source],
    tools: [CLANG_FILE],
    options: flags,
    outputs: [THREADS],
    async run() {
      await run(CLANG, [...flags, "-o", temporary, source]);
      Deno.renameSync(temporary, THREADS);
    },
  };
}

export function typeCheck(): Step {
  return {
    name: "type check",
    inputs: SOURCES,
    outputs: [],
    async run() {
      await run(Deno.execPath(), ["check", "--quiet", "main.ts"]);
    },
  };
}

/** main.ts and all it imports as one module without any import. */
export function bundle(): Step {
  return bundled("bundle", "main.ts", BUNDLE, []);
}

/** The same for the packed executable: as the body of a function, which may not have import.meta. */
export function packedProgram(): Step {
  return bundled("packed program", "main.ts", PACKED_PROGRAM, [
    "--define:import.meta.main=true",
    '--define:import.meta.dirname="/proc/self"',
    '--define:import.meta.url="file:///proc/self/exe"',
  ]);
}

/** The main module of the packed executable, which runs the packed program. */
export function packedLoader(): Step {
  return bundled("packed loader", "build/packed/loader.ts", PACKED_LOADER, []);
}

function bundled(name: string, entry: string, output: string, more: readonly string[]): Step {
  const esbuild = `${ROOT}node_modules/@esbuild/${platform().esbuild}/bin/esbuild`;
  const flags = ["--bundle", "--format=esm", "--platform=neutral", "--target=esnext", ...more];
  flags.push("--log-level=warning", "--legal-comments=inline", "--charset=ascii");
  flags.push(`--banner:js=${NOTICE}`);
  for (const [module, file] of Object.entries(SHIMS)) {
    flags.push(`--alias:${module}=${ROOT}build/shims/${file}`);
  }
  return {
    name,
    inputs: SOURCES,
    tools: [esbuild],
    options: flags,
    outputs: [output],
    async run() {
      if (!exists(esbuild)) throw new BuildError(`Cannot bundle: ${esbuild} is missing (npm ci)`);
      await run(esbuild, [...flags, `--outfile=${output}`, ROOT + entry]);
    },
  };
}

/** Node's modules that commander imports, and what stands in for them. */
const SHIMS: Readonly<Record<string, string>> = {
  "node:process": "process.ts",
  "node:events": "events.ts",
  "node:path": "path.ts",
  "node:util": "util.ts",
  "node:fs": "unused.ts",
  "node:child_process": "unused.ts",
};

const NOTICE = "/* sockeye, Apache-2.0. Contains commander, MIT, " +
  "Copyright (c) 2011 TJ Holowaychuk <tj@vision-media.ca>. */";

/** C for a place without libc, where nothing is initialised and no helper can be called. */
const FREESTANDING = [
  "-Os",
  "-Wall",
  "-Wextra",
  "-ffreestanding",
  "-fno-builtin",
  "-fno-stack-protector",
  "-fcf-protection=none",
  "-fno-asynchronous-unwind-tables",
  "-mgeneral-regs-only",
  `-I${ROOT}build`,
];

/** The entry stub of the packed executable: one flat image. */
export function stub(): Step {
  const object = `${OBJ}stub.o`, folder = `${ROOT}build/packed/`;
  const flags = [...FREESTANDING, "-fPIC"];
  return {
    name: "stub",
    inputs: [`${folder}stub.c`, `${folder}stub.ld`, SYSTEM_CALLS],
    tools: [CLANG_FILE],
    options: flags,
    outputs: [STUB],
    async run() {
      await run(CLANG, [...flags, "-c", `${folder}stub.c`, "-o", object]);
      const script = ["-T", `${folder}stub.ld`, "--oformat", "binary", "-e", "stub_start"];
      await run("ld", [...script, "-o", STUB, object]);
    },
  };
}

/** The gate before COMMAND: a static program of some 2 KiB. */
export function gate(): Step {
  const object = `${OBJ}gate.o`, source = `${ROOT}build/gate/gate.c`;
  const flags = [...FREESTANDING, "-fno-pic"];
  return {
    name: "gate",
    inputs: [source, SYSTEM_CALLS],
    tools: [CLANG_FILE],
    options: flags,
    outputs: [GATE],
    async run() {
      await run(CLANG, [...flags, "-c", source, "-o", object]);
      const small = ["-static", "-s", "-z", "noseparate-code", "-z", "noexecstack"];
      await run("ld", [...small, "--build-id=none", "-o", GATE, object]);
    },
  };
}

/** Debian puts bpftool into /usr/sbin, which is on root's PATH only. */
function bpftool(): string {
  return exists("/usr/sbin/bpftool") ? "/usr/sbin/bpftool" : "bpftool";
}
