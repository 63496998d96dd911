/**
 * The skeleton of a new protocol: ./build.sh new-protocol NAME
 *
 * In: a name, and build/skeleton/, laid out like this repository. Out: the same files with that name in
 * their paths and texts: a trivial line protocol that compiles and keeps the plug-in contract, to be
 * turned into the real one a file at a time. It never overwrites a file, and only prints which lines
 * have to be added to existing ones.
 */
import { BuildError, exists, filesBelow, ROOT, run } from "./tools.ts";

const SKELETON = `${ROOT}build/skeleton/`;

const NAME = /^[a-z][a-z0-9_]{0,31}$/;
/** Words of TypeScript, and names that the skeleton or the common parts use themselves. */
const TAKEN = new Set(
  ("abandon await break case catch class const continue debugger default delete do else enum " +
    "export extends false finally for function if implements import in infer instanceof interface " +
    "let new null outline package plugins private probe protected public return static stitch summarize super switch " +
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
  const files = filesBelow(SKELETON).map((from) => ({
    from,
    to: named(from.slice(SKELETON.length), name),
  }));
  for (const { to } of files) {
    if (exists(root + to)) throw new BuildError(`Cannot make ${to}: it exists already`);
  }
  for (const { from, to } of files) {
    Deno.mkdirSync(root + to.slice(0, to.lastIndexOf("/")), { recursive: true });
    Deno.writeTextFileSync(root + to, named(Deno.readTextFileSync(from), name));
  }
  const paths = files.map(({ to }) => to);
  // Where lines break depends on the name.
  const formatted = paths.filter((path) => /\.(ts|json)$/.test(path));
  await run(Deno.execPath(), ["fmt", "--quiet", ...formatted], { cwd: root });
  return paths;
}

/** Lines for people: what has to be done by hand. */
export function nextSteps(name: string): string {
  return `Next, in protocols/registry.ts:
  import { ${name} } from "./${name}/mod.ts";
  and ${name} in the list of plugins. Then: ./build.sh test contract_test infer_test protocols/${name}
CONTRIBUTING.md, "Adding a protocol", goes on from there.`;
}

/** Puts `name` in place of new_name, NEW_NAME and NewName. */
function named(text: string, name: string): string {
  const type = name.replace(/(?:^|_)([a-z0-9]?)/g, (_, first: string) => first.toUpperCase());
  return text.replaceAll("new_name", name).replaceAll("NEW_NAME", name.toUpperCase())
    .replaceAll("NewName", type);
}
