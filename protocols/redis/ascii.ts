/** Classes of bytes. In: one byte, or undefined behind the end. Out: whether it is of the class. */

/** 0-9. */
export function isDigit(byte: number | undefined): boolean {
  return byte !== undefined && byte >= 0x30 && byte <= 0x39;
}

/** A-Z and a-z. */
export function isLetter(byte: number | undefined): boolean {
  if (byte === undefined) return false;
  return (byte | 0x20) >= 0x61 && (byte | 0x20) <= 0x7a;
}

/** A byte of a command's name: "JSON.SET", "RESTORE-ASKING", "SORT_RO". */
export function isNameByte(byte: number | undefined): boolean {
  return isLetter(byte) || isDigit(byte) || byte === 0x2e || byte === 0x2d || byte === 0x5f;
}
