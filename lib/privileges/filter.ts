/**
 * The system call filter, as a program of classic BPF (seccomp(2)). In: which calls are allowed, with
 * which arguments. Out: struct sock_filter, one after another. A call that is not allowed fails with
 * EPERM; the process is not killed. Pure: it makes no system call.
 */
import { NEWEST_KNOWN, SYSTEM_CALLS, type SystemCall, UNREADABLE } from "./system_calls.ts";

/** Allowed when the argument's bits under `mask` are one of `values`. */
export interface Condition {
  readonly argument: number;
  /** 32 bits of an int; without it a whole register, which must then be one of the values. */
  readonly mask?: number;
  readonly values: readonly number[];
}

/** Calls that are allowed; null: with any arguments. */
export type Rules = ReadonlyMap<SystemCall, Condition | null>;
export type Machine = "x86_64" | "aarch64";

const LD_W_ABS = 0x20;
const JMP_JEQ_K = 0x15;
const JMP_JGE_K = 0x35;
const ALU_AND_K = 0x54;
const RET_K = 0x06;
const RET_ALLOW = 0x7fff0000;
const RET_ERRNO = 0x00050000;
const EPERM = 1;
const ENOSYS = 38;
/** struct seccomp_data. */
const DATA_NR = 0;
const DATA_ARCH = 4;
const DATA_ARGUMENTS = 16;
const AUDIT_ARCH = { x86_64: 0xc000003e, aarch64: 0xc00000b7 } as const;
const INSTRUCTION_BYTES = 8;

type Instruction = readonly [code: number, ifTrue: number, ifFalse: number, k: number];

/** The program for a machine; on another one's calls it refuses everything. */
export function encodeFilter(rules: Rules, machine: Machine): Uint8Array<ArrayBuffer> {
  const column = machine === "x86_64" ? 0 : 1;
  const program: Instruction[] = [
    [LD_W_ABS, 0, 0, DATA_ARCH],
    [JMP_JEQ_K, 1, 0, AUDIT_ARCH[machine]],
    [RET_K, 0, 0, RET_ERRNO | EPERM],
    [LD_W_ABS, 0, 0, DATA_NR],
  ];
  for (const [call, condition] of rules) {
    const number = SYSTEM_CALLS[call][column];
    if (number === null) continue;
    const body = condition === null ? ALLOW : encodeCondition(condition);
    program.push([JMP_JEQ_K, 0, body.length, number], ...body);
  }
  for (const call of UNREADABLE) {
    program.push([JMP_JEQ_K, 0, 1, SYSTEM_CALLS[call][column] ?? 0], REFUSE_UNKNOWN);
  }
  program.push([JMP_JGE_K, 0, 1, NEWEST_KNOWN], REFUSE_UNKNOWN, REFUSE);
  return encode(program);
}

const ALLOW: readonly Instruction[] = [[RET_K, 0, 0, RET_ALLOW]];
const REFUSE: Instruction = [RET_K, 0, 0, RET_ERRNO | EPERM];
const REFUSE_UNKNOWN: Instruction = [RET_K, 0, 0, RET_ERRNO | ENOSYS];

/** Instructions that end in a verdict on the call, whatever the argument is. */
function encodeCondition({ argument, mask, values }: Condition): readonly Instruction[] {
  const at = DATA_ARGUMENTS + 8 * argument;
  const body: Instruction[] = [];
  if (mask === undefined) body.push([LD_W_ABS, 0, 0, at + 4], [JMP_JEQ_K, 1, 0, 0], REFUSE);
  body.push([LD_W_ABS, 0, 0, at]);
  if (mask !== undefined && mask !== INT) body.push([ALU_AND_K, 0, 0, mask]);
  for (const value of values) body.push([JMP_JEQ_K, 0, 1, value], ...ALLOW);
  return [...body, REFUSE];
}

/** All bits of an int: the kernel ignores the register's other 32. */
export const INT = 0xffffffff;

function encode(program: readonly Instruction[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(program.length * INSTRUCTION_BYTES);
  const view = new DataView(bytes.buffer);
  program.forEach(([code, ifTrue, ifFalse, k], i) => {
    const at = i * INSTRUCTION_BYTES;
    view.setUint16(at, code, true);
    view.setUint8(at + 2, ifTrue);
    view.setUint8(at + 3, ifFalse);
    view.setUint32(at + 4, k >>> 0, true);
  });
  return bytes;
}
