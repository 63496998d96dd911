/**
 * The skeleton of a new protocol: ./build.sh new-protocol NAME
 *
 * In: a name, and the templates in skeleton/, which lie as what is made of them will. Out: protocols/NAME/, bpf/infer/NAME.bpf.h and tests/protocols/NAME/: a trivial line
 * protocol that compiles and keeps the plug-in contract, to be turned into the real one a file at a
 * time. It never writes over anything, and leaves the lines to be added elsewhere to the reader.
 */
import { BuildError, exists, filesBelow, ROOT, run } from "./tools.ts";

const SKELETON = `${ROOT}build/skeleton/`;
/** What their names end with, so that nobody takes them for sources. */
const TEMPLATE = ".txt";
const NAME = /^[a-z][a-z0-9_]{0,31}$/;
/** Words of TypeScript, and names that the skeleton or the common parts use themselves. */
const TAKEN = new Set(
  ("abandon await break case catch class const continue debugger default delete do else enum " +
    "export extends false finally for function if implements import in infer instanceof interface " +
    "let new null package plugins private probe protected public return static stitch super switch " +
    "this throw true try typeof unknown var void while with yield").split(" "),
);

/** Writes the skeleton below `root`, a folder that ends with "/"; the paths, relative to it. */
export async function newProtocol(name: string, root: string = ROOT): Promise<string[]> {
  if (!NAME.test(name)) {
    throw new BuildError(
      `Cannot name a protocol "${name}": a letter, then letters, digits or _, all lower case, ` +
        "32 at most",
    );
  }
  if (TAKEN.has(name)) throw new BuildError(`Cannot name a protocol "${name}": the word is taken`);
  const sources = `protocols/${name}/`, tests = `tests/protocols/${name}/`;
  const rule = `bpf/infer/${name}.bpf.h`;
  for (const path of [sources, tests, rule]) {
    if (exists(root + path)) throw new BuildError(`Cannot make ${path}: it exists already`);
  }
  const paths = filesBelow(SKELETON).map((template) => {
    const path = filledIn(template.slice(SKELETON.length, -TEMPLATE.length), name);
    Deno.mkdirSync(`${root}${path}`.replace(/[^/]*$/, ""), { recursive: true });
    Deno.writeTextFileSync(root + path, filledIn(Deno.readTextFileSync(template), name));
    return path;
  });
  // Where lines break depends on the name.
  const formatted = paths.filter((path) => !path.endsWith(".h"));
  await run(Deno.execPath(), ["fmt", "--quiet", ...formatted], { cwd: root });
  return paths;
}

/** What is to be done by hand, as lines for people. */
export function nextSteps(name: string): string {
  return `Next, in protocols/registry.ts:
  import { ${name} } from "./${name}/mod.ts";
  and ${name} in the list of plugins. Then: ./build.sh test contract_test infer_test protocols/${name}
CONTRIBUTING.md, "Adding a protocol", goes on from there.`;
}

function filledIn(template: string, name: string): string {
  const type = name.split("_").map((word) => word.slice(0, 1).toUpperCase() + word.slice(1)).join(
    "",
  );
  return template.replaceAll("__NAME__", name).replaceAll("__Type__", type)
    .replaceAll("__CAPITALS__", name.toUpperCase())
    .replaceAll("__FIRST__", name.slice(0, 1)).replaceAll("__LENGTH__", `${name.length}`);
}
