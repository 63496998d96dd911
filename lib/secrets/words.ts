/**
 * Finds many words at once, with one look-up a character (Aho and Corasick). In: lists of words, then
 * characters. Out: states; marks() and length() say which words end in one. Case does not count.
 */

/** Characters besides letters that words may have. */
const OTHERS = ' =:"';
const CLASSES = 32;

/** Class of each character code below 128; 0 for those that no word has. */
const classes = new Uint8Array(128);
for (let letter = 0; letter < 26; letter++) {
  classes[0x41 + letter] = classes[0x61 + letter] = 1 + letter;
}
for (let i = 0; i < OTHERS.length; i++) classes[OTHERS.charCodeAt(i)] = 27 + i;

export class Words {
  /** Next state by state and class. */
  readonly #next: Uint16Array;
  /** By state: the marks of the words that end there, and the length of the longest one. */
  readonly #marks: Uint8Array;
  readonly #lengths: Uint8Array;

  /** Lists of words, each with its mark: a bit. */
  constructor(lists: readonly (readonly [mark: number, words: readonly string[]])[]) {
    const letters = lists.reduce((sum, [, words]) => sum + words.join("").length, 1);
    this.#next = new Uint16Array(letters * CLASSES);
    this.#marks = new Uint8Array(letters);
    this.#lengths = new Uint8Array(letters);
    let states = 1;
    for (const [mark, words] of lists) {
      for (const word of words) states = this.#insert(word, mark, states);
    }
    this.#link(states);
  }

  /** The state after one more character; in state 0 no word has begun. */
  step(state: number, code: number): number {
    return code < 128 ? this.#next[state * CLASSES + (classes[code] as number)] as number : 0;
  }

  /** Marks of the words that end in this state. */
  marks(state: number): number {
    return this.#marks[state] as number;
  }

  /** Characters of the longest word that ends in this state. */
  length(state: number): number {
    return this.#lengths[state] as number;
  }

  #insert(word: string, mark: number, states: number): number {
    let state = 0;
    let count = states;
    for (let i = 0; i < word.length; i++) {
      const at = state * CLASSES + (classes[word.charCodeAt(i)] as number);
      if (this.#next[at] === 0) this.#next[at] = count++;
      state = this.#next[at] as number;
    }
    this.#marks[state] = (this.#marks[state] as number) | mark;
    this.#lengths[state] = word.length;
    return count;
  }

  /** Where a word does not go on, the search goes on with the longest end of it that begins a word. */
  #link(states: number): void {
    const next = this.#next;
    const fail = new Uint16Array(states);
    const queue: number[] = [];
    for (let c = 0; c < CLASSES; c++) if (next[c] !== 0) queue.push(next[c] as number);
    for (const state of queue) {
      const back = fail[state] as number;
      this.#marks[state] = (this.#marks[state] as number) | (this.#marks[back] as number);
      if (this.#lengths[state] === 0) this.#lengths[state] = this.#lengths[back] as number;
      for (let c = 0; c < CLASSES; c++) {
        const at = state * CLASSES + c;
        const other = next[back * CLASSES + c] as number;
        if (next[at] === 0) next[at] = other;
        else {
          fail[next[at] as number] = other;
          queue.push(next[at] as number);
        }
      }
    }
  }
}
