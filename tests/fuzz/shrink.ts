/**
 * Smaller inputs with the same fault (delta debugging). In: an input of plain data, and a question.
 * Out: an input of which no element, no run of bytes and no number can be taken away any more, or the
 * smallest that was found in time.
 */

/** Does this input still have the fault? */
export type Question = (input: unknown) => Promise<boolean>;

export async function shrink(
  input: unknown,
  stillFails: Question,
  until: () => boolean,
): Promise<unknown> {
  let smallest = input;
  for (let progress = true; progress && !until();) {
    progress = false;
    for (const path of pathsIn(smallest)) {
      // Parts that are gone by now have no candidates.
      for (let size = sizeAt(smallest, path); size >= 1; size = Math.floor(size / 2)) {
        for (let at = 0; at < sizeAt(smallest, path);) {
          if (until()) return smallest;
          const candidate = without(smallest, path, at, size);
          if (candidate !== undefined && await stillFails(candidate)) {
            smallest = candidate;
            progress = true;
          } else at += size;
        }
      }
    }
  }
  return smallest;
}

type Path = readonly (string | number)[];

/** Every list, run of bytes and number other than 0, outer ones first. */
function pathsIn(value: unknown, path: Path = []): Path[] {
  if (value instanceof Uint8Array) return [path];
  if (typeof value === "number") return value === 0 ? [] : [path];
  if (typeof value !== "object" || value === null) return [];
  const inner = Object.entries(value).flatMap(([key, each]) => pathsIn(each, [...path, key]));
  return Array.isArray(value) ? [path, ...inner] : inner;
}

function at(value: unknown, path: Path): unknown {
  return path.reduce<unknown>(
    (inner, key) => typeof inner === "object" && inner !== null ? Reflect.get(inner, key) : null,
    value,
  );
}

function sizeAt(value: unknown, path: Path): number {
  const found = at(value, path);
  if (found instanceof Uint8Array || Array.isArray(found)) return found.length;
  return typeof found === "number" && found !== 0 ? 1 : 0;
}

/** `value` without `size` elements of the list at `path`; a number becomes 0. */
function without(value: unknown, path: Path, from: number, size: number): unknown {
  const found = at(value, path);
  if (found instanceof Uint8Array) {
    const out = new Uint8Array(found.length - Math.min(size, found.length - from));
    out.set(found.subarray(0, from));
    out.set(found.subarray(from + size), from);
    return replaced(value, path, out);
  }
  if (Array.isArray(found)) {
    return replaced(value, path, [...found.slice(0, from), ...found.slice(from + size)]);
  }
  return found === 0 ? undefined : replaced(value, path, 0);
}

function replaced(value: unknown, path: Path, by: unknown): unknown {
  const [key, ...rest] = path;
  if (key === undefined) return by;
  if (Array.isArray(value)) {
    return value.map((each, i) => i === Number(key) ? replaced(each, rest, by) : each);
  }
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map((
      [name, each],
    ) => [name, name === key ? replaced(each, rest, by) : each]),
  );
}
