/** "Did you mean". In: a word, and all known words. Out: the nearest one, if it is near enough. */

/** Edits (insert, delete, replace, swap of neighbours) between two short words. */
export function editDistance(a: string, b: string): number {
  const width = b.length + 1;
  const table = new Uint16Array((a.length + 1) * width);
  const cell = (i: number, j: number): number => table[i * width + j] ?? 0;
  for (let i = 0; i <= a.length; i++) {
    for (let j = 0; j <= b.length; j++) {
      if (i === 0 || j === 0) {
        table[i * width + j] = i + j;
        continue;
      }
      const replaced = a[i - 1] === b[j - 1] ? 0 : 1;
      let best = Math.min(cell(i - 1, j) + 1, cell(i, j - 1) + 1, cell(i - 1, j - 1) + replaced);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        best = Math.min(best, cell(i - 2, j - 2) + 1);
      }
      table[i * width + j] = best;
    }
  }
  return cell(a.length, b.length);
}

/** The one known word that `word` begins, else the nearest within two edits and less than half of it. */
export function suggest(word: string, known: readonly string[]): string | null {
  if (word.length > 64) return null;
  const begun = word.length < 3 ? [] : known.filter((candidate) => candidate.startsWith(word));
  if (begun.length === 1) return begun[0] ?? null;
  let best: string | null = null;
  let bestDistance = 3;
  for (const candidate of known) {
    const distance = editDistance(word.toLowerCase(), candidate);
    if (distance < bestDistance && distance * 2 < Math.max(word.length, candidate.length)) {
      [best, bestDistance] = [candidate, distance];
    }
  }
  return best;
}
