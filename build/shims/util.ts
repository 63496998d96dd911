/** What commander uses of node:util: the width of a help line without its colours. */

const ESCAPE = "\u001b";
const SEQUENCE = new RegExp(`${ESCAPE}\\[[0-9;]*[A-Za-z]`, "g");

/** Text without terminal control sequences. Only ever given sockeye's own help texts. */
export function stripVTControlCharacters(text: string): string {
  return text.replace(SEQUENCE, "");
}
