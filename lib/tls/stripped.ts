/**
 * OpenSSL and BoringSSL without symbols.
 *
 * In: an ELF file. Out: their functions that read and write, told by the errors that these report.
 * Nothing where that is not certain.
 */
import type { Elf } from "./elf.ts";
import { type BareFunction, functionsUsing } from "./references.ts";
import type { FunctionSymbol } from "./symbols.ts";
import { decode } from "./x86.ts";

/** In order: a function that gives several of these names is the first. */
const NAMES: readonly string[] = [
  ...["SSL_read", "SSL_peek", "SSL_write"],
  ...["SSL_read_early_data", "SSL_write_early_data", "SSL_sendfile"],
  ...["ssl_read_internal", "ssl_peek_internal", "ssl_write_internal"],
];

/**
 * OpenSSL from 3.0 on tells ERR_set_debug() the name of the function. One that gives the name of an inner
 * function alone is that one, or a variant that has it inlined, with the same arguments.
 */
export function opensslFunctions(elf: Elf): FunctionSymbol[] {
  return functionsUsing(elf, NAMES).flatMap(({ address, size, texts, isCalled }) => {
    const name = NAMES.find((each) => texts.has(each));
    return name === undefined || !isCalled ? [] : [{ name, address, size }];
  });
}

const SOURCE = "ssl/ssl_lib.cc";
/** Reasons of errors, which BoringSSL never renumbers (include/openssl/ssl.h, err.h). */
const Reason = { shouldNotHaveBeenCalled: 66, handshake: 215, uninitialized: 226 };
const MAX_FUNCTION_BYTES = 4096;

interface Reporting extends BareFunction {
  /** Numbers that are put where ERR_put_error() takes the reason, and the line. */
  readonly reasons: ReadonlySet<number>;
  readonly lines: ReadonlySet<number>;
  readonly calls: ReadonlySet<number>;
}

/**
 * BoringSSL tells ERR_put_error() reason, file and line. SSL_write and what SSL_peek calls have two reasons
 * in common, and SSL_write one more. SSL_peek has one, and SSL_read, of which it is part, has it on the same line and is longer.
 */
export function boringsslFunctions(elf: Elf): FunctionSymbol[] {
  const all = functionsUsing(elf, [SOURCE]).filter(({ size }) => size <= MAX_FUNCTION_BYTES)
    .map((each) => reporting(elf, each));
  const both = all.filter(({ reasons }) =>
    reasons.has(Reason.handshake) && reasons.has(Reason.uninitialized)
  );
  // SSL_peek may be called by nobody, since SSL_read has it inlined.
  const [write, ...otherWrites] = both.filter(({ reasons }) =>
    reasons.has(Reason.shouldNotHaveBeenCalled)
  );
  const [impl, ...otherImpls] = both.filter(({ reasons }) =>
    !reasons.has(Reason.shouldNotHaveBeenCalled)
  );
  if (write === undefined || impl === undefined || otherWrites.length + otherImpls.length > 0) {
    return [];
  }
  const [peek, read, ...others] = all.filter(({ reasons, calls }) =>
    reasons.size === 1 && reasons.has(Reason.shouldNotHaveBeenCalled) && calls.has(impl.address)
  ).sort((a, b) => a.size - b.size);
  if (peek === undefined || read === undefined || others.length > 0) return [];
  if (!read.isCalled || !write.isCalled || read.size === peek.size) return [];
  if (![...read.lines].every((line) => peek.lines.has(line))) return [];
  return [{ name: "SSL_read", ...read }, { name: "SSL_peek", ...peek }, {
    name: "SSL_write",
    ...write,
  }]
    .map(({ name, address, size }) => ({ name, address, size }));
}

function reporting(elf: Elf, bare: BareFunction): Reporting {
  const code = elf.at(bare.address, bare.size);
  const reasons = new Set<number>();
  const lines = new Set<number>();
  const calls = new Set<number>();
  for (let at = 0; at < code.length;) {
    const instruction = decode(code, at);
    if (instruction === null) break;
    const { map, opcode, rex, relative } = instruction;
    at += instruction.length;
    const number = (code[at - 4] ?? 0) | ((code[at - 3] ?? 0) << 8);
    // mov $N,%edx; mov $N,%r8d; call.
    if (map === 1 && opcode === 0xba && rex === 0) reasons.add(number);
    else if (map === 1 && opcode === 0xb8 && rex === 0x41) lines.add(number);
    else if (map === 1 && opcode === 0xe8) calls.add(bare.address + at + (relative ?? 0));
  }
  return { ...bare, reasons, lines, calls };
}
