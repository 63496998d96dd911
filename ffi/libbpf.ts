/**
 * libbpf as a table of typed calls. In: where the library comes from. Out: its symbols, and what it
 * printed while loading. Nothing is opened when this is imported.
 */
import { BpfError } from "./bpf_error.ts";
import { Libc } from "./libc.ts";
import { describeLibrary, type LibrarySource } from "./library.ts";

const SYMBOLS = {
  libbpf_version_string: { parameters: [], result: "pointer" },
  libbpf_set_print: { parameters: ["function"], result: "pointer" },
  btf__load_vmlinux_btf: { parameters: [], result: "pointer" },
  btf__find_by_name_kind: { parameters: ["pointer", "buffer", "u32"], result: "i32" },
  btf__free: { parameters: ["pointer"], result: "void" },
  bpf_object__open_mem: { parameters: ["buffer", "usize", "buffer"], result: "pointer" },
  bpf_object__load: { parameters: ["pointer"], result: "i32" },
  bpf_object__close: { parameters: ["pointer"], result: "void" },
  bpf_object__next_program: { parameters: ["pointer", "pointer"], result: "pointer" },
  bpf_object__find_program_by_name: { parameters: ["pointer", "buffer"], result: "pointer" },
  bpf_object__find_map_by_name: { parameters: ["pointer", "buffer"], result: "pointer" },
  bpf_program__name: { parameters: ["pointer"], result: "pointer" },
  bpf_program__fd: { parameters: ["pointer"], result: "i32" },
  bpf_program__set_autoload: { parameters: ["pointer", "bool"], result: "i32" },
  bpf_program__set_expected_attach_type: { parameters: ["pointer", "u32"], result: "i32" },
  bpf_program__attach: { parameters: ["pointer"], result: "pointer" },
  bpf_program__attach_cgroup: { parameters: ["pointer", "i32"], result: "pointer" },
  bpf_program__attach_perf_event: { parameters: ["pointer", "i32"], result: "pointer" },
  bpf_link__destroy: { parameters: ["pointer"], result: "i32" },
  bpf_map__fd: { parameters: ["pointer"], result: "i32" },
  bpf_map__value_size: { parameters: ["pointer"], result: "u32" },
  bpf_map__max_entries: { parameters: ["pointer"], result: "u32" },
  bpf_map__set_max_entries: { parameters: ["pointer", "u32"], result: "i32" },
  bpf_map__map_flags: { parameters: ["pointer"], result: "u32" },
  bpf_map__set_map_flags: { parameters: ["pointer", "u32"], result: "i32" },
  bpf_map__initial_value: { parameters: ["pointer", "buffer"], result: "pointer" },
  bpf_map_update_elem: { parameters: ["i32", "buffer", "buffer", "u64"], result: "i32" },
  bpf_map_lookup_elem: { parameters: ["i32", "buffer", "buffer"], result: "i32" },
  bpf_map_delete_elem: { parameters: ["i32", "buffer"], result: "i32" },
  bpf_obj_get_info_by_fd: { parameters: ["i32", "buffer", "buffer"], result: "i32" },
  bpf_prog_test_run_opts: { parameters: ["i32", "buffer"], result: "i32" },
  perf_buffer__new_raw: {
    parameters: ["i32", "usize", "buffer", "pointer", "pointer", "buffer"],
    result: "pointer",
  },
  perf_buffer__buffer_cnt: { parameters: ["pointer"], result: "usize" },
  perf_buffer__buffer: { parameters: ["pointer", "i32", "buffer", "buffer"], result: "i32" },
  perf_buffer__free: { parameters: ["pointer"], result: "void" },
} as const;

/** libbpf calls this with (enum libbpf_print_level, format, va_list). */
const PRINT = { parameters: ["i32", "pointer", "pointer"], result: "i32" } as const;
const LEVEL_WARN = 0;
/** The last lines are kept: a verifier's log has the reason at its end. */
const MAX_LOG_LINES = 4000;

export type LibbpfCalls = Deno.DynamicLibrary<typeof SYMBOLS>["symbols"];

/** libbpf, opened, with libc beside it. */
export interface Libbpf extends Disposable {
  readonly calls: LibbpfCalls;
  readonly libc: Libc;
  /** "v1.1.2". */
  readonly version: string;
  /** Lines that libbpf has printed since the last call: warnings, and the verifier's log. */
  takeLog(): string[];
}

/** Opens libbpf from a path, or from memory when it is bundled. */
export function openLibbpf(source: LibrarySource): Libbpf {
  using stack = new DisposableStack();
  const libc = stack.use(new Libc());
  let path: string;
  if ("path" in source) {
    path = source.path;
  } else {
    // The descriptor stays open as long as the library: the loader knows libraries by their path,
    // and a second one under a path used before would not be loaded.
    path = `/proc/self/fd/${stack.use(libc.memoryFile("libbpf.so", source.bytes)).fd}`;
  }
  const library = stack.adopt(openLibrary(path, describeLibrary(source)), (it) => it.close());
  const calls = library.symbols;
  const log: string[] = [];
  const print = stack.adopt(
    new Deno.UnsafeCallback(PRINT, (level, format, args) => {
      if (level !== LEVEL_WARN) return 0;
      for (const line of libc.format(format, args).split("\n")) {
        if (line.trim() !== "") log.push(line);
      }
      if (log.length > 2 * MAX_LOG_LINES) log.splice(0, log.length - MAX_LOG_LINES);
      return 0;
    }),
    (it) => it.close(),
  );
  calls.libbpf_set_print(print.pointer);
  stack.defer(() => void calls.libbpf_set_print(null));
  const owned = stack.move();
  return {
    calls,
    libc,
    version: readCString(calls.libbpf_version_string()),
    takeLog: () => log.splice(0),
    [Symbol.dispose]: () => owned.dispose(),
  };
}

/** Text at a C pointer; empty for null. */
export function readCString(at: Deno.PointerValue): string {
  return at === null ? "" : Deno.UnsafePointerView.getCString(at);
}

function openLibrary(path: string, name: string): Deno.DynamicLibrary<typeof SYMBOLS> {
  try {
    return Deno.dlopen(path, SYMBOLS);
  } catch (cause) {
    const said = cause instanceof Error ? cause.message : String(cause);
    const reason = said.replace(/^(Could not open library: )+/, "");
    const error = new BpfError(
      `Cannot load ${name}`,
      0,
      reason,
      "libbpf 1.0 or later is needed; without --libbpf the bundled one is used",
    );
    error.cause = cause;
    throw error;
  }
}
