/**
 * Lengths of x86-64 instructions.
 *
 * In: code. Out: of each instruction its length, and what tells calls, jumps and returns. What it does
 * not know it refuses. It never follows a jump. (Intel SDM volume 2, appendix A; VEX and EVEX: 2.3, 2.7.)
 */

/** One instruction. Its map is 1 for opcodes of one byte, 2 behind 0f, 3 behind 0f 38, 4 behind 0f 3a. */
export interface Instruction {
  readonly length: number;
  readonly map: number;
  readonly opcode: number;
  /** -1 without. */
  readonly modrm: number;
  /** The REX prefix, 0 without. */
  readonly rex: number;
  /** Of calls and jumps, and of operands beside the instruction pointer: from the instruction's end. */
  readonly relative: number | null;
}

/*
 * What follows each opcode, 16 a line:
 * `.` nothing, `M` ModRM, `B` 1 byte, `Z` 4 (2 behind 66), `b` `z` ModRM and those, `W` 2, `E` 3,
 * `J` jump of 1, `R` jump of 4, `V` an operand of full size, `A` an address, `F` `G` ModRM and for the
 * first two of the group B or Z, `x` not known, or not in 64-bit mode.
 */
const ONE_BYTE = [
  "MMMMBZxxMMMMBZxx",
  "MMMMBZxxMMMMBZxx",
  "MMMMBZxxMMMMBZxx",
  "MMMMBZxxMMMMBZxx",
  "xxxxxxxxxxxxxxxx",
  "................",
  "xxxMxxxxZzBb....",
  "JJJJJJJJJJJJJJJJ",
  "bzxbMMMMMMMMMMMM",
  "..........x.....",
  "AAAA....BZ......",
  "BBBBBBBBVVVVVVVV",
  "bbW.xxbzE.W..Bx.",
  "MMMMxxx.MMMMMMMM",
  "JJJJBBBBRRxJ....",
  "x.xx..FG......MM",
].join("");
const TWO_BYTES = [
  "MMMMx.....x.xM.x",
  "MMMMMMMMMMMMMMMM",
  "xxxxxxxxMMMMMMMM",
  "......x.xxxxxxxx",
  "MMMMMMMMMMMMMMMM",
  "MMMMMMMMMMMMMMMM",
  "MMMMMMMMMMMMMMMM",
  "bbbbMMM.MMxxMMMM",
  "RRRRRRRRRRRRRRRR",
  "MMMMMMMMMMMMMMMM",
  "...MbMxx...MbMMM",
  "MMMMMMMMMMbMMMMM",
  "MMbMbbbM........",
  "MMMMMMMMMMMMMMMM",
  "MMMMMMMMMMMMMMMM",
  "MMMMMMMMMMMMMMMM",
].join("");
/** Of the maps behind 0f 38, and those of EVEX for halves. */
const MODRM_ONLY = "M".repeat(256);
/** Behind 0f 3a. */
const MODRM_AND_BYTE = "b".repeat(256);

const MAPS: readonly string[] = ["", ONE_BYTE, TWO_BYTES, MODRM_ONLY, MODRM_AND_BYTE];
const MAX_LENGTH = 15;
const REX_W = 8;

/** Where an instruction's prefixes end, and what they say. */
interface Opcode {
  at: number;
  map: number;
  rex: number;
  /** The prefix 66: operands of 2 bytes. */
  isShort: boolean;
  /** The prefix 67: addresses of 4 bytes. */
  isNarrow: boolean;
  opcode: number;
}

/** The instruction at `at`; null for what is not known, or cut. */
export function decode(code: Uint8Array, at: number): Instruction | null {
  const head = readOpcode(code, at);
  if (head === null) return null;
  const { map, opcode, rex } = head;
  const kind = MAPS[map]?.[opcode] ?? "x";
  if (kind === "x") return null;
  let next = head.at + 1;
  const hasModrm = "MbzFG".includes(kind);
  const modrm = hasModrm ? code[next] ?? 0 : -1;
  let relative: number | null = null;
  if (hasModrm) {
    if (isRipRelative(modrm)) relative = signed(code, next + 1, 4);
    next += modrmLength(code, next);
  }
  const operand = operandLength(kind, head, modrm);
  if (kind === "J" || kind === "R") relative = signed(code, next, operand);
  const length = next + operand - at;
  if (length > MAX_LENGTH || at + length > code.length) return null;
  // What is beside the instruction pointer is counted from the end, behind the operand.
  return { length, map, opcode, modrm, rex, relative };
}

function readOpcode(code: Uint8Array, from: number): Opcode | null {
  let at = from;
  let rex = 0;
  let isShort = false;
  let isNarrow = false;
  for (; at < from + MAX_LENGTH && at < code.length; at++) {
    const byte = code[at] ?? 0;
    if ((byte & 0xf0) === 0x40) rex = byte;
    else if (isPrefix(byte)) {
      if (byte === 0x66) isShort = true;
      if (byte === 0x67) isNarrow = true;
      // A REX prefix counts only right before the opcode.
      rex = 0;
    } else break;
  }
  const first = code[at];
  if (first === undefined) return null;
  const head = { at, map: 1, rex, isShort, isNarrow, opcode: first };
  if (first === 0x0f) return readEscaped(code, head);
  if (first === 0xc5 || first === 0xc4 || first === 0x62) return readVector(code, head);
  // Of 8f only the first of its group is pop; the others are XOP's.
  return first === 0x8f && ((code[at + 1] ?? 0) & 0x38) !== 0 ? null : head;
}

function isPrefix(byte: number): boolean {
  return byte === 0x66 || byte === 0x67 || byte === 0xf2 || byte === 0xf3 || byte === 0xf0 ||
    byte === 0x64 || byte === 0x65 || (byte & 0xe7) === 0x26;
}

function readEscaped(code: Uint8Array, head: Opcode): Opcode | null {
  const second = code[head.at + 1];
  const isLonger = second === 0x38 || second === 0x3a;
  const at = head.at + (isLonger ? 2 : 1);
  const opcode = code[at];
  if (opcode === undefined) return null;
  return { ...head, at, map: !isLonger ? 2 : second === 0x38 ? 3 : 4, opcode };
}

/** VEX (c5, c4) and EVEX (62): one to three bytes that say the map, then the opcode. */
function readVector(code: Uint8Array, head: Opcode): Opcode | null {
  const first = head.opcode;
  const second = code[head.at + 1] ?? 0;
  const third = code[head.at + 2] ?? 0;
  const at = head.at + (first === 0xc5 ? 2 : first === 0xc4 ? 3 : 4);
  const opcode = code[at];
  if (opcode === undefined) return null;
  const map = vectorMap(first, second, third);
  // 1: as behind 0f, where nothing else has operands than what has them there; 77 is vzeroupper.
  if (map === 1) return isLegacyOnly(opcode) ? null : { ...head, at, map: 2, opcode };
  if (map === 2) return { ...head, at, map: 3, opcode };
  if (map === 3) return { ...head, at, map: 4, opcode };
  return map === 5 || map === 6 ? { ...head, at, map: 3, opcode } : null;
}

function vectorMap(first: number, second: number, third: number): number {
  if (first === 0xc5) return 1;
  if (first === 0xc4) return second & 0x1f;
  // Fixed bits: a zero, and a one.
  return (second & 8) === 0 && (third & 4) !== 0 ? second & 7 : 0;
}

/** Opcodes of the map 0f whose operands differ, or that do not exist, behind VEX. */
function isLegacyOnly(opcode: number): boolean {
  return opcode < 0x10 || (opcode >= 0x30 && opcode < 0x40) || (opcode & 0xf0) === 0x80 ||
    (opcode >= 0xa0 && opcode < 0xae) || (opcode >= 0xb0 && opcode < 0xc0) || opcode === 0xaf ||
    (opcode >= 0xc7 && opcode < 0xd0);
}

function isRipRelative(modrm: number): boolean {
  return (modrm & 0xc7) === 0x05;
}

/** ModRM, SIB and displacement. */
function modrmLength(code: Uint8Array, at: number): number {
  const modrm = code[at] ?? 0;
  const mode = modrm >>> 6;
  if (mode === 3) return 1;
  const hasSib = (modrm & 7) === 4;
  const length = hasSib ? 2 : 1;
  if (mode === 1) return length + 1;
  const base = hasSib ? (code[at + 1] ?? 0) & 7 : modrm & 7;
  return mode === 2 || base === 5 ? length + 4 : length;
}

function operandLength(kind: string, head: Opcode, modrm: number): number {
  const isWide = (head.rex & REX_W) !== 0;
  const full = head.isShort && !isWide ? 2 : 4;
  const hasGroupOperand = (modrm & 0x30) === 0;
  switch (kind) {
    case "B":
    case "b":
    case "J":
      return 1;
    case "W":
      return 2;
    case "E":
      return 3;
    case "Z":
    case "z":
      return full;
    // The prefix 66 changes no jump in 64-bit mode.
    case "R":
      return 4;
    case "V":
      return isWide ? 8 : full;
    case "A":
      return head.isNarrow ? 4 : 8;
    case "F":
      return hasGroupOperand ? 1 : 0;
    case "G":
      return hasGroupOperand ? full : 0;
    default:
      return 0;
  }
}

function signed(code: Uint8Array, at: number, length: number): number {
  if (length === 1) return ((code[at] ?? 0) << 24) >> 24;
  const low = (code[at] ?? 0) | ((code[at + 1] ?? 0) << 8);
  return low | ((code[at + 2] ?? 0) << 16) | ((code[at + 3] ?? 0) << 24);
}
