/**
 * How brotli changes the words of its dictionary (RFC 7932 section 8 and appendix B).
 *
 * In: a word, and the number of one of 121 transforms. Out: the bytes that they stand for.
 */

/** What is done to a word: below 10, so many bytes at its end are dropped; 12 and more, that less 11 at
 * its beginning. */
const UPPERCASE_FIRST = 10;
const UPPERCASE_ALL = 11;

/** Text before the word | what is done to the word, by number | text behind it. */
const TRANSFORM_LINES: readonly string[] = [
  ...["|0|", "|0| ", " |0| ", "|12|", "|10| ", "|0| the ", " |0|", "s |0| ", "|0| of "],
  ...["|10|", "|0| and ", "|13|", "|1|", ", |0| ", "|0|, ", " |10| ", "|0| in ", "|0| to "],
  ...["e |0| ", '|0|"', "|0|.", '|0|">', "|0|\n", "|3|", "|0|]", "|0| for ", "|14|", "|2|"],
  ...["|0| a ", "|0| that ", " |10|", "|0|. ", ".|0|", " |0|, ", "|15|", "|0| with "],
  ...["|0|'", "|0| from ", "|0| by ", "|16|", "|17|", " the |0|", "|4|", "|0|. The "],
  ...["|11|", "|0| on ", "|0| as ", "|0| is ", "|7|", "|1|ing ", "|0|\n\t", "|0|:"],
  ...[" |0|. ", "|0|ed ", "|20|", "|18|", "|6|", "|0|(", "|10|, ", "|8|", "|0| at "],
  ...["|0|ly ", " the |0| of ", "|5|", "|9|", " |10|, ", '|10|"', ".|0|(", "|11| "],
  ...['|10|">', '|0|="', " |0|.", ".com/|0|", " the |0| of the ", "|10|'", "|0|. This "],
  ...["|0|,", ".|0| ", "|10|(", "|10|.", "|0| not ", ' |0|="', "|0|er ", " |11| "],
  ...["|0|al ", " |11|", "|0|='", '|11|"', "|10|. ", " |0|(", "|0|ful ", " |10|. "],
  ...["|0|ive ", "|0|less ", "|11|'", "|0|est ", " |10|.", '|11|">', " |0|='", "|10|,"],
  ...["|0|ize ", "|11|.", "\u00a0|0|", " |0|,", '|10|="', '|11|="', "|0|ous ", "|11|, "],
  ...["|10|='", " |10|,", ' |11|="', " |11|, ", "|11|,", "|11|(", "|11|. ", " |11|."],
  ...["|11|='", " |11|. ", ' |10|="', " |11|='", " |10|='"],
];

const encoder = new TextEncoder();
const ENCODED = TRANSFORM_LINES.map((line) => {
  const [before, change, behind] = line.split("|");
  return { before: encoder.encode(before), change: Number(change), behind: encoder.encode(behind) };
});

export const TRANSFORMS: number = TRANSFORM_LINES.length;
/** The most bytes that a word of 24 bytes becomes. */
export const MAX_WORD_BYTES: number = 24 + 16;

/** Writes the word at `from` of `words`, transformed, to `out`; returns where it ends there. */
export function writeWord(
  words: Uint8Array,
  from: number,
  length: number,
  transform: number,
  out: Uint8Array,
  at: number,
): number {
  const known = ENCODED[transform];
  if (known === undefined) return at;
  const { before, change, behind } = known;
  out.set(before, at);
  const start = at + before.length;
  const first = change > UPPERCASE_ALL ? Math.min(length, change - UPPERCASE_ALL) : 0;
  const last = change < UPPERCASE_FIRST ? Math.max(first, length - change) : length;
  out.set(words.subarray(from + first, from + last), start);
  const end = start + last - first;
  if (change === UPPERCASE_FIRST) uppercase(out, start, end);
  else if (change === UPPERCASE_ALL) {
    for (let next = start; next < end;) next = uppercase(out, next, end);
  }
  out.set(behind, end);
  return end + behind.length;
}

/** Makes one letter upper case as brotli does, which suits Latin, Greek and Cyrillic; returns where the
 * next begins. */
function uppercase(out: Uint8Array, at: number, end: number): number {
  const byte = out[at] as number;
  if (byte < 0xc0) {
    if (byte >= 0x61 && byte <= 0x7a) out[at] = byte ^ 32;
    return at + 1;
  }
  const isTwo = byte < 0xe0;
  const last = at + (isTwo ? 1 : 2);
  if (last < end) out[last] = (out[last] as number) ^ (isTwo ? 32 : 5);
  return last + 1;
}
