/**
 * What a function calls, and in which registers it hands on its arguments.
 *
 * In: the code of one function. Out: its calls, jumps to other functions, and returns, in order of
 * address. It reads from the first instruction to the last, and follows no jump.
 */
import type { Elf } from "./elf.ts";
import type { FunctionSymbol } from "./symbols.ts";
import { decode, type Instruction } from "./x86.ts";

/** The functions that are looked at have hundreds of bytes, some of Go's thousands. */
const MAX_FUNCTION_BYTES = 65_536;
const MAX_STUB_BYTES = 16;
const MAX_CALLS = 256;

/** Numbers of registers, as instructions have them. */
export const Register = { rcx: 1, rsi: 6, rdi: 7, r8: 8 } as const;

export interface Call {
  /** Address of the function, or of the linker's stub; of a call through a slot, the slot's. */
  readonly target: number;
  readonly isThroughSlot: boolean;
  /** Registers that were written on the way to it, by calls, plain moves and the like: a bit each. */
  readonly written: number;
}

/** The calls and jumps out of a function, up to what cannot be decoded. */
export function callsOf(elf: Elf, { address, size }: FunctionSymbol): Call[] {
  const code = elf.at(address, Math.min(size, MAX_FUNCTION_BYTES));
  const calls: Call[] = [];
  const registers = new WrittenRegisters();
  for (let at = 0; at < code.length && calls.length < MAX_CALLS;) {
    const instruction = decode(code, at);
    if (instruction === null) break;
    const written = registers.before(address + at);
    at += instruction.length;
    const target = targetOf(instruction, address + at);
    const isThroughSlot = isSlot(instruction);
    const isOutside = target !== null && (target < address || target >= address + size);
    if (target !== null && (isThroughSlot || isCall(instruction) || isOutside)) {
      calls.push({ target, isThroughSlot, written });
    }
    registers.after(instruction, target);
  }
  return calls;
}

/** Registers that a called function may write (x86-64 psABI, 3.2.1). */
const CALLERS = [0, 1, 2, 6, 7, 8, 9, 10, 11].reduce((bits, register) => bits | (1 << register), 0);

/** Which registers were written, along the ways that lead forward to each instruction. */
class WrittenRegisters {
  #written = 0;
  /** The instruction before goes on with the next. */
  #isReached = true;
  /** By the targets of jumps. */
  readonly #jumped = new Map<number, number>();

  before(address: number): number {
    const jumped = this.#jumped.get(address);
    if (!this.#isReached) this.#written = jumped ?? 0;
    else if (jumped !== undefined) this.#written |= jumped;
    this.#isReached = true;
    return this.#written;
  }

  after(instruction: Instruction, target: number | null): void {
    if (isCall(instruction)) this.#written |= CALLERS;
    else if (target !== null && !isSlot(instruction)) {
      this.#jumped.set(target, this.#written | (this.#jumped.get(target) ?? 0));
    }
    const register = writtenBy(instruction);
    if (register !== null) this.#written |= 1 << register;
    this.#isReached = !endsHere(instruction);
  }
}

/** The slot that a stub of the linker jumps through; null for other code. */
export function slotOfStub(elf: Elf, address: number): number | null {
  const code = elf.at(address, MAX_STUB_BYTES);
  // endbr64
  let at = code[0] === 0xf3 && code[1] === 0x0f && code[2] === 0x1e && code[3] === 0xfa ? 4 : 0;
  const jump = decode(code, at);
  if (jump === null || !isSlot(jump) || jump.modrm !== JUMP_THROUGH) return null;
  at += jump.length;
  return targetOf(jump, address + at);
}

/** Addresses of the returns; null when something in between is not known. */
export function returnsOf(code: Uint8Array, address: number): number[] | null {
  const returns: number[] = [];
  for (let at = 0; at < code.length;) {
    const instruction = decode(code, at);
    if (instruction === null) return null;
    if (instruction.map === 1 && (instruction.opcode === 0xc3 || instruction.opcode === 0xc2)) {
      returns.push(address + at);
    }
    at += instruction.length;
  }
  return returns;
}

const CALL_THROUGH = 0x15;
const JUMP_THROUGH = 0x25;

/** A call or jump through an address beside the instruction pointer. */
function isSlot({ map, opcode, modrm }: Instruction): boolean {
  return map === 1 && opcode === 0xff && (modrm === CALL_THROUGH || modrm === JUMP_THROUGH);
}

function isCall({ map, opcode, modrm }: Instruction): boolean {
  return map === 1 && (opcode === 0xe8 || (opcode === 0xff && (modrm & 0x38) === 0x10));
}

function targetOf(instruction: Instruction, end: number): number | null {
  const { map, opcode, relative } = instruction;
  if (relative === null) return null;
  const isJump = map === 1
    ? opcode === 0xe8 || opcode === 0xe9 || opcode === 0xeb || (opcode & 0xf0) === 0x70
    : map === 2 && (opcode & 0xf0) === 0x80;
  return isJump || isSlot(instruction) ? end + relative : null;
}

/** A return, or a jump that is always taken. */
function endsHere({ map, opcode, modrm }: Instruction): boolean {
  if (map !== 1) return false;
  const isJumpThrough = opcode === 0xff && (modrm & 0x38) === 0x20;
  return opcode === 0xc3 || opcode === 0xe9 || opcode === 0xeb || isJumpThrough;
}

/** The general register that a move, load, xor, pop or sign extension writes; null for others. */
function writtenBy({ map, opcode, modrm, rex }: Instruction): number | null {
  if (map !== 1) return null;
  const inReg = ((modrm >>> 3) & 7) | ((rex & 4) << 1);
  const inRm = (modrm & 7) | ((rex & 1) << 3);
  const isRegister = modrm >= 0xc0;
  switch (opcode) {
    // mov, lea, movslq, xor: to the register of the middle bits.
    case 0x8b:
    case 0x8d:
    case 0x63:
    case 0x33:
      return inReg;
    // mov, xor, mov of a number: to a register in place of memory.
    case 0x89:
    case 0x31:
    case 0xc7:
      return isRegister ? inRm : null;
    default:
      return opcode >= 0xb8 && opcode <= 0xbf ? (opcode & 7) | ((rex & 1) << 3) : null;
  }
}
