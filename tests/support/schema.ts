/**
 * Checks records against the schema that the build joins of its parts (build/schema.ts).
 * In: a parsed line of NDJSON. Out: what is wrong with it; null when nothing is.
 */
import { Ajv2020 } from "ajv/dist/2020.js";
import { joinedSchema } from "../../build/schema.ts";

const schema = joinedSchema();

const validate = new Ajv2020({ allErrors: true, strict: true, strictRequired: false })
  .compile(schema);

/** Every violation, as "/path message"; null for a record that keeps the contract. */
export function recordViolations(record: unknown): string | null {
  if (validate(record)) return null;
  return (validate.errors ?? []).map((error) => `${error.instancePath} ${error.message ?? ""}`)
    .join("; ");
}

const KEY_ORDER = Object.keys(schema["properties"] ?? {});

/** The common columns come in the order of the schema's properties. */
export function keysInOrder(record: object): boolean {
  const places = Object.keys(record).map((key) => KEY_ORDER.indexOf(key));
  return places.every((place, i) => place >= 0 && place > (places[i - 1] ?? -1));
}
