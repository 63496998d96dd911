/**
 * Checks the shape of the source tree that ARCHITECTURE.md describes: imports point down the rooms and
 * in no circle, and no file or function is too long to be read in one go.
 *
 * In: the sources. Out: one line for each fault.
 */
import { filesBelow, ROOT } from "./tools.ts";

const MAX_LINES = 400;
const MAX_FUNCTION_LINES = 50;
/** Files that a person writes and reads. */
const CODE = /\.(ts|c|h|sh|py)$/;
const PROGRAM = ["main.ts", "lib", "ffi", "protocols"];
const EVERYTHING = [...PROGRAM, "bpf", "build", "tests", "build.sh"];

/**
 * Rooms from the top down: a file may import from its own room and from those below it. The first
 * that fits a path counts.
 */
const ROOMS: readonly string[] = [
  "main.ts",
  "lib/cli/",
  "lib/doctor/",
  "lib/run.ts",
  "lib/pipeline.ts",
  "lib/sink/",
  "lib/conn/",
  "lib/stats.ts",
  "lib/stream/",
  "lib/capture/live/",
  "lib/capture/replay.ts",
  "lib/capture/pcap/",
  "lib/capture/replay_source.ts",
  "lib/capture/recording/",
  "lib/capture/",
  "lib/privileges/",
  "ffi/",
  "protocols/registry.ts",
  "protocols/*/",
  "protocols/protocol.ts",
  "lib/record/build.ts",
  "lib/stitch/",
  "lib/record/",
  "lib/clock.ts",
  "lib/secrets/",
  "lib/tls/",
  "lib/wire/",
  "lib/",
];

/** Only these may import native code. */
const NATIVE_USERS = [
  "ffi/",
  "lib/capture/live/",
  "lib/privileges/drop.ts",
  "lib/cli/command_process.ts",
  "lib/cli/doctor.ts",
];

/** Every fault in the tree, as a line for people. */
export function structureFaults(): string[] {
  const imports = importsOf(filesOf(PROGRAM));
  return [
    ...longFiles(filesOf(EVERYTHING)),
    ...longFunctions(filesOf([...PROGRAM, "build"])),
    ...arrowsUp(imports),
    ...circles(imports),
  ];
}

/** Paths relative to the root. */
function filesOf(places: readonly string[]): string[] {
  return places.flatMap((place) => filesBelow(ROOT + place))
    .map((path) => path.slice(ROOT.length))
    .filter((path) => CODE.test(path) && !path.startsWith("tests/recordings/"));
}

export function longFiles(files: readonly string[], root: string = ROOT): string[] {
  return files.flatMap((file) => {
    const lines = Deno.readTextFileSync(root + file).split("\n").length - 1;
    return lines > MAX_LINES ? [`${file} has ${lines} lines: ${MAX_LINES} at most`] : [];
  });
}

/** TypeScript functions of more than MAX_FUNCTION_LINES lines, their heads included. */
export function longFunctions(files: readonly string[], root: string = ROOT): string[] {
  return files.filter((file) => file.endsWith(".ts")).flatMap((file) =>
    functionsIn(Deno.readTextFileSync(root + file).split("\n"))
      .filter(({ lines }) => lines > MAX_FUNCTION_LINES)
      .map(({ name, lines }) =>
        `${file}: ${name}() has ${lines} lines: ${MAX_FUNCTION_LINES} at most`
      )
  );
}

/** A line that may begin a function, a method, or (third group) `const name = (…) => {`. */
const FUNCTION_HEAD =
  /^( *)(?:export )?(?:(?:default|async|static|public|private|protected|override|get|set) )*(?:function\*? |const )?\*?([#\w$]+)(?:: [^=]+)?(?:<[^(]*>)?( = (?:async )?(?:<[^(]*>)?)?\(/;
/** The end of a head: the parameters' parenthesis, perhaps a type, and the brace. */
const BODY_BEGINS = /\)(?:: .+)?(?<!=>) \{$/;
const ARROW_BODY_BEGINS = /\)(?:: .+)? => \{$/;

/**
 * Functions by the layout that deno fmt gives them: a head on one line, or one that ends with "(" and
 * goes on at a line that begins with ")"; then the body, up to the next line that is indented alike.
 */
function functionsIn(lines: readonly string[]): { name: string; lines: number }[] {
  return lines.flatMap((head, first) => {
    const [, indent = "", name = "", arrow] = FUNCTION_HEAD.exec(head) ?? [];
    if (name === "") return [];
    const nextAlike = (from: number): number =>
      lines.findIndex((line, at) =>
        at > from && line.length > indent.length && line.startsWith(indent) &&
        line[indent.length] !== " "
      );
    const brace = head.endsWith("(") ? nextAlike(first) : first;
    const closing = lines[brace] ?? "";
    const isHead = brace === first || closing.startsWith(`${indent})`);
    const begins = arrow === undefined ? BODY_BEGINS : ARROW_BODY_BEGINS;
    if (!isHead || !begins.test(closing)) return [];
    return [{ name, lines: nextAlike(brace) - first + 1 }];
  });
}

/** The files of this tree that each file imports. */
function importsOf(files: readonly string[]): Map<string, string[]> {
  const imports = new Map<string, string[]>();
  for (const file of files.filter((each) => each.endsWith(".ts"))) {
    const text = Deno.readTextFileSync(ROOT + file);
    const found = [...text.matchAll(/(?:\bfrom|\bimport\(|^import)\s*"(\.[^"]+)"/gm)];
    imports.set(file, found.map(([, to = ""]) => resolve(file, to)));
  }
  return imports;
}

function resolve(from: string, to: string): string {
  return new URL(to, `file:///${from}`).pathname.slice(1);
}

export function arrowsUp(imports: ReadonlyMap<string, readonly string[]>): string[] {
  const faults: string[] = [];
  for (const [file, targets] of imports) {
    for (const target of targets) {
      const from = roomOf(file), to = roomOf(target);
      if (to < 0 || from < 0) continue; // build/, which only prepares what is bundled
      if (to < from) faults.push(`${file} imports ${target}: ${ROOMS[to]} is above ${ROOMS[from]}`);
      const isPlugin = ROOMS[from] === "protocols/*/" && folderOf(file) !== folderOf(target);
      if (isPlugin && ROOMS[to] === "protocols/*/") {
        faults.push(`${file} imports ${target}: no plug-in imports another`);
      }
      if (target.startsWith("ffi/") && !NATIVE_USERS.some((user) => file.startsWith(user))) {
        faults.push(`${file} imports ${target}: native code is for ${NATIVE_USERS.join(", ")}`);
      }
    }
  }
  return faults;
}

function roomOf(file: string): number {
  return ROOMS.findIndex((room) =>
    room === "protocols/*/" ? /^protocols\/[^/]+\//.test(file) : file.startsWith(room)
  );
}

function folderOf(file: string): string {
  return file.slice(0, file.lastIndexOf("/"));
}

/** Files that import each other, directly or through others: each circle once (Tarjan's algorithm). */
export function circles(imports: ReadonlyMap<string, readonly string[]>): string[] {
  const order = new Map<string, number>();
  const open: string[] = [], isOpen = new Set<string>(), faults: string[] = [];
  const visit = (file: string): number => {
    const own = order.size;
    order.set(file, own);
    open.push(file);
    isOpen.add(file);
    let low = own;
    for (const target of imports.get(file) ?? []) {
      const reached = order.get(target);
      if (reached === undefined) low = Math.min(low, visit(target));
      else if (isOpen.has(target)) low = Math.min(low, reached);
    }
    if (low === own) {
      const circle = open.splice(open.indexOf(file));
      for (const each of circle) isOpen.delete(each);
      if (circle.length > 1) {
        faults.push(`${circle.sort().join(", ")} import each other in a circle`);
      }
    }
    return low;
  };
  for (const file of imports.keys()) if (!order.has(file)) visit(file);
  return faults;
}
