/** The recordings of the test suite: tests/recordings/<protocol>/<case>. */

export const RECORDINGS: string = new URL("../recordings/", import.meta.url).pathname;

/** "http/gzip" and the others, in order. */
export function recordings(): string[] {
  return folders(RECORDINGS).flatMap((protocol) =>
    folders(`${RECORDINGS}${protocol}`).map((name) => `${protocol}/${name}`)
  );
}

function folders(path: string): string[] {
  return [...Deno.readDirSync(path)].filter((entry) => entry.isDirectory)
    .map((entry) => entry.name).sort();
}
