/**
 * The kernel's rules (bpf/infer/), compiled as ordinary C. In: heads of operations. Out: which rules
 * take each of them.
 */
import { RULES_FOLDER, writeInferRules } from "../../build/infer_rules.ts";
import { platform, run } from "../../build/tools.ts";

const DRIVER = new URL("../bpf/infer_driver.c", import.meta.url).pathname;
const HEAD_BYTES = 64;
const WARNINGS = ["-O2", "-Wall", "-Wextra", "-Werror"];

/** The first bytes of an operation. */
export interface Head {
  readonly name: string;
  readonly datagram: boolean;
  readonly bytes: Uint8Array;
}

/** A compiled set of rules, in a folder of its own. */
export class InferRules implements Disposable {
  readonly #folder: string;

  private constructor(folder: string) {
    this.#folder = folder;
  }

  static async compile(ruleFolders: readonly string[] = [RULES_FOLDER]): Promise<InferRules> {
    const rules = new InferRules(Deno.makeTempDirSync({ prefix: "sockeye-infer-" }));
    const folder = rules.#folder;
    writeInferRules(folder, ruleFolders);
    const flags = [...WARNINGS, "-Wno-unknown-pragmas", `-I${folder}`];
    await run("cc", [...flags, "-I", RULES_FOLDER, "-o", `${folder}/infer`, DRIVER]);
    return rules;
  }

  /** Throws what the compiler says when they do not compile as BPF. */
  async compileAsBpf(): Promise<void> {
    const include = `-I/usr/include/${platform().multiarch}`;
    const flags = ["-target", "bpf", ...WARNINGS, include, `-I${this.#folder}`];
    await run("clang-19", [...flags, "-c", "-o", `${this.#folder}/infer.o`, DRIVER]);
  }

  /** Names of all rules, with the number of first bytes that each is asked about. */
  async starts(): Promise<Map<string, number>> {
    const lines = (await run(`${this.#folder}/infer`, ["rules"])).trimEnd().split("\n");
    return new Map(lines.map((line) => {
      const [name = "", count = ""] = line.split(" ");
      return [name, Number(count)];
    }));
  }

  /** Names of the rules that take each head; "differs": what lies behind the bytes matters. */
  async takers(heads: readonly Head[]): Promise<string[][]> {
    const lines = heads.map(({ datagram, bytes }) =>
      `${datagram ? 1 : 0} ${bytes.subarray(0, HEAD_BYTES).toHex()}\n`
    );
    const input = `${this.#folder}/heads`;
    Deno.writeTextFileSync(input, lines.join(""));
    const said = await run("sh", ["-c", 'exec "$1" <"$2"', "sh", `${this.#folder}/infer`, input]);
    const found = said.split("\n").slice(0, -1).map((line) => line.split(" ").slice(1));
    if (found.length !== heads.length) throw new Error(`${found.length} of ${heads.length} heads`);
    return found;
  }

  [Symbol.dispose](): void {
    Deno.removeSync(this.#folder, { recursive: true });
  }
}

/** Bytes written as text (each character one byte) and numbers. */
export function bytes(...content: (number | string)[]): Uint8Array {
  return Uint8Array.from(
    content.flatMap((part) =>
      typeof part === "string" ? [...part].map((c) => c.charCodeAt(0)) : part
    ),
  );
}

/** Heads of streams that a rule does not take, each with the name it has in the table. */
export async function refusedBy(
  rule: string,
  heads: Record<string, Uint8Array>,
): Promise<string[]> {
  using rules = await InferRules.compile();
  const asked = Object.entries(heads).map(([name, bytes]) => ({ name, datagram: false, bytes }));
  const takers = await rules.takers(asked);
  return asked.flatMap(({ name }, i) => takers[i]?.includes(rule) ? [] : [name]);
}
