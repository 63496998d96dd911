/**
 * Values as JSON text. In: what JSON.stringify() takes, but for toJSON(). Out: the same text, sooner:
 * records are small objects of many short strings, and parts of them come again and again.
 */

/** Anything but printable ASCII, and what must be escaped of that. */
const UNUSUAL = /[^ !#-[\]-~]/;
/** From here on the engine's own escaping, which looks at many characters at once, is faster. */
const LONG_STRING = 96;

const keyTexts = new Map<string, string>();
/** Keys come from traffic, too (header names): no more of them are kept. */
const MAX_KEYS = 4096;
const sharedTexts = new WeakMap<object, string>();

/** Promises that `value` will not change any more: its text is made once. */
export function shareJson(value: object): void {
  if (!sharedTexts.has(value)) sharedTexts.set(value, "");
}

/** As JSON.stringify(): undefined is left out of objects and null in lists. */
export function toJson(value: unknown): string {
  switch (typeof value) {
    case "string":
      return quoted(value);
    case "number":
      return Number.isFinite(value) ? String(value) : "null";
    case "boolean":
      return value ? "true" : "false";
    case "object":
      if (value === null) return "null";
      return Array.isArray(value) ? listJson(value) : objectJson(value);
    default:
      return "null";
  }
}

function objectJson(value: object): string {
  const known = sharedTexts.get(value);
  if (known !== undefined && known !== "") return known;
  let text = "";
  for (const key in value) {
    const field: unknown = value[key as keyof typeof value];
    if (field === undefined) continue;
    text += text === "" ? keyText(key) : "," + keyText(key);
    text += typeof field === "string" ? quoted(field) : toJson(field);
  }
  text = "{" + text + "}";
  if (known !== undefined) sharedTexts.set(value, text);
  return text;
}

function listJson(values: readonly unknown[]): string {
  let text = "[";
  for (let i = 0; i < values.length; i++) {
    text += i === 0 ? toJson(values[i]) : "," + toJson(values[i]);
  }
  return text + "]";
}

function keyText(key: string): string {
  const known = keyTexts.get(key);
  if (known !== undefined) return known;
  const text = quoted(key) + ":";
  if (keyTexts.size < MAX_KEYS) keyTexts.set(key, text);
  return text;
}

function quoted(text: string): string {
  return text.length > LONG_STRING || UNUSUAL.test(text) ? JSON.stringify(text) : '"' + text + '"';
}
