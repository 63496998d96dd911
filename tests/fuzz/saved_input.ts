/** Inputs as files: JSON, bytes in base64. In: an input with its target's name. Out: the same again. */

export interface SavedInput {
  target: string;
  /** What did not hold. */
  fault: string;
  input: unknown;
}

const BYTES = "base64:";

export function encodeInput(saved: SavedInput): string {
  const replacer = (_key: string, value: unknown): unknown =>
    value instanceof Uint8Array ? BYTES + value.toBase64() : value;
  return `${JSON.stringify(saved, replacer, 2)}\n`;
}

export function decodeInput(text: string): SavedInput {
  const reviver = (_key: string, value: unknown): unknown =>
    typeof value === "string" && value.startsWith(BYTES)
      ? Uint8Array.fromBase64(value.slice(BYTES.length))
      : value;
  const saved: Partial<SavedInput> = JSON.parse(text, reviver);
  const { target, fault = "", input } = saved;
  if (target === undefined) throw new Error("it names no target");
  return { target, fault, input };
}
