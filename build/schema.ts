/**
 * The JSON Schema of all records, joined from its parts.
 *
 * In: lib/record/common.schema.json (the columns) and protocols/NAME/schema.json (what each protocol
 * says in `request` and `response`). Out: one schema, draft 2020-12. A part has `records`, the two
 * halves by the record's protocol, and `$defs` of its own; it refers to the shared ones as
 * "common.schema.json#/$defs/NAME". A protocol without a part is an error.
 */
import type { Step } from "./stamps.ts";
import { BuildError, DIST, exists, ROOT } from "./tools.ts";

export const SCHEMA = `${DIST}record.schema.json`;
const COMMON = `${ROOT}lib/record/common.schema.json`;
const SHARED = "common.schema.json#/$defs/";

export interface Json {
  [key: string]: JsonValue;
}
type JsonValue = null | boolean | number | string | JsonValue[] | Json;

/** One protocol's schema.json. */
interface Part {
  readonly records: Readonly<Record<string, { readonly request: Json; readonly response: Json }>>;
  readonly $defs: Json;
}

/** Writes dist/record.schema.json. */
export function recordSchema(): Step {
  return {
    name: "record schema",
    inputs: [`${ROOT}protocols`, COMMON, `${ROOT}build/schema.ts`],
    outputs: [SCHEMA],
    run() {
      Deno.writeTextFileSync(SCHEMA, `${JSON.stringify(joinedSchema(), null, 2)}\n`);
      return Promise.resolve();
    },
  };
}

/** The schema of every record of this source tree. */
export function joinedSchema(root: string = ROOT): Json {
  const { records, $defs, $comment: _, ...columns } = readCommon();
  const parts = [{ prefix: "", part: { records, $defs } }];
  for (const name of protocolFolders(root)) {
    parts.push({ prefix: `${name}_`, part: readPart(root, name) });
  }
  const rules: JsonValue[] = Array.isArray(columns["allOf"]) ? [...columns["allOf"]] : [];
  const definitions: Json = {};
  for (const { prefix, part } of parts) {
    for (const [name, value] of Object.entries(part.$defs)) {
      definitions[prefix + name] = withReferences(value, prefix);
    }
    for (const [protocol, halves] of Object.entries(part.records)) {
      rules.push({
        if: { properties: { protocol: { const: protocol } } },
        then: {
          properties: {
            request: orNull(withReferences(halves.request, prefix)),
            response: orNull(withReferences(halves.response, prefix)),
          },
        },
      });
    }
  }
  return { ...columns, allOf: rules, $defs: definitions };
}

function readCommon(): Json & Part {
  return JSON.parse(Deno.readTextFileSync(COMMON));
}

/** Folders of plug-ins, in the order of their names. */
function protocolFolders(root: string): string[] {
  return [...Deno.readDirSync(`${root}protocols`)].filter(({ isDirectory }) => isDirectory)
    .map(({ name }) => name).sort();
}

function readPart(root: string, name: string): Part {
  const path = `${root}protocols/${name}/schema.json`;
  if (!exists(path)) {
    throw new BuildError(
      `Cannot join the schema of records: protocols/${name}/schema.json is missing`,
    );
  }
  const part: Part = JSON.parse(Deno.readTextFileSync(path));
  if (typeof part.records !== "object" || typeof part.$defs !== "object") {
    throw new BuildError(
      `Cannot join the schema of records: ${path} has no "records" or no "$defs"`,
    );
  }
  return part;
}

function orNull(half: JsonValue): Json {
  return { oneOf: [{ type: "null" }, half] };
}

/** The same value with a part's references turned into those of the whole schema. */
function withReferences(value: JsonValue, prefix: string): JsonValue {
  if (Array.isArray(value)) return value.map((each) => withReferences(each, prefix));
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, each]) => [
      key,
      key === "$ref" && typeof each === "string"
        ? reference(each, prefix)
        : withReferences(each, prefix),
    ]),
  );
}

function reference(to: string, prefix: string): string {
  if (to.startsWith(SHARED)) return `#/$defs/${to.slice(SHARED.length)}`;
  return to.replace("#/$defs/", `#/$defs/${prefix}`);
}
