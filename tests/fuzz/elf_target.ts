/**
 * Executables and libraries that lie: made of parts, so that symbols, code and Go's tables are right but
 * for what is changed; sections anywhere and of any size; files cut and damaged.
 *
 * What must hold: examining ends, having read no more than it may, and says the same a second time; all
 * places lie within the file, names and versions are harmless; instructions are as long as they may be.
 */
import { examineFile } from "../../lib/tls/examine.ts";
import type { FileReader } from "../../lib/tls/sites.ts";
import { decode } from "../../lib/tls/x86.ts";
import {
  CODE_AT,
  codeSection,
  elfImage,
  goBuildInfo,
  goTable,
  type ImageSection,
  symbolSections,
} from "../support/elf_image.ts";
import { damagedFile, makePatches, type Patch } from "./files.ts";
import { holdHarmless } from "./outputs.ts";
import type { Random } from "./random.ts";
import { defineTarget, hold, holdSame, type Target } from "./target.ts";

interface ElfInput {
  sections: ImageSection[];
  patches: Patch[];
  cut: number;
}

const NAMES: readonly string[] = [
  ...["SSL_read", "SSL_read_ex", "SSL_read_early_data", "SSL_peek", "SSL_peek_ex", "SSL_write"],
  ...["SSL_write_ex", "SSL_write_ex2", "ssl_read_internal", "ssl_write_internal", "SSL_new"],
  ...["SSL_CTX_set_grease_enabled", "gnutls_record_send", "gnutls_record_send2", "PR_Read"],
  "_ZN6rustls12common_state11CommonState23take_received_plaintext17h0E",
  "_RNvMNtCs_6rustls12common_stateNtB2_11CommonState16buffer_plaintext",
  ...["JNI_CreateJavaVM", "SSL_\x1b[2J", ""],
];
const TEXTS: readonly string[] = [
  ...["OpenSSL 3.0.15 3 Sep 2024", "OpenSSL 9.\x1b[2J", "GnuTLS 3.7.9", "/rustls-0.23.1/"],
  ...["x/ssl/ssl_lib.cc", "received corrupt message of type"],
];
/** Calls, jumps, moves of arguments, returns, and what is not known. */
const PIECES: readonly string[] = [
  ...[
    "e800000000",
    "e8f0ffffff",
    "e9e0ffffff",
    "ff1500000000",
    "ff2500000000",
    "7805",
    "0f8ff0ffffff",
  ],
  ...[
    "4889cf",
    "488d4c2408",
    "4963d2",
    "4989c8",
    "31c9",
    "c3",
    "493b6610",
    "4c8d6424804d3b6610",
    "06",
  ],
  ...["f30f1efa", "c4e3f922c001", "62f1fe486f06", "cc"],
];
const GO_NAMES = ["crypto/tls.(*Conn).Read", "crypto/tls.(*Conn).Write", "main.main"];
/** A function a name, of 16 bytes. */
const GO_CODE = "493b66107601c3cccccccccccccccccc".repeat(GO_NAMES.length);
const MAGICS = [0xfffffff1, 0xfffffff0, 0xfffffffa, 0xfffffffb];
const MOST_READ_BYTES = 200 * 1024 * 1024;

export function elfTarget(): Target {
  return defineTarget("elf", makeInput, checkElf);
}

function makeInput(random: Random): ElfInput {
  const sections = random.chance(0.3) ? strippedSections(random) : namedSections(random);
  for (const section of sections) {
    if (random.chance(0.05)) section.size = random.extreme();
    if (random.chance(0.03)) section.offset = random.extreme();
    if (random.chance(0.03)) section.link = random.extreme() >>> 0;
    if (random.chance(0.03)) section.type = random.below(12);
  }
  return {
    sections,
    patches: makePatches(random),
    cut: random.chance(0.9) ? 0 : random.below(4000),
  };
}

const STRIPPED_TEXTS = [
  ...[
    "OpenSSL 3.0.15 3 Sep",
    "OpenSSL 3.5.0 8 Apr",
    "ssl/ssl_lib.c",
    "x/ssl/ssl_lib.cc",
    "SSL_read",
  ],
  ...["SSL_peek", "SSL_write", "ssl_read_internal", "ssl_write_internal", "SSL_sendfile"],
];
const REASONS = [66, 66, 215, 226];
const FUNCTION_BYTES = 96;

/** Functions that report errors and call each other, constants, and the table of frames. */
function strippedSections(random: Random): ImageSection[] {
  const count = 3 + random.below(5);
  const code = new Uint8Array(count * FUNCTION_BYTES).fill(0xcc);
  const view = new DataView(code.buffer);
  const constantsAt = CODE_AT + code.length;
  const framesAt = constantsAt + 256;
  const texts = STRIPPED_TEXTS.filter(() => random.chance(0.8));
  const frames = new Uint8Array(12 + 8 * count);
  const frameView = new DataView(frames.buffer);
  frames.set([1, 0x1b, 3, 0x3b]);
  frameView.setUint32(8, count, true);
  for (let i = 0; i < count; i++) {
    frameView.setInt32(12 + 8 * i, CODE_AT + i * FUNCTION_BYTES - framesAt, true);
    let at = i * FUNCTION_BYTES;
    for (let error = random.below(4); error >= 0; error--) {
      // lea TEXT(%rip),%rcx; mov $REASON,%edx; call.
      const text = 1 + texts.slice(0, random.below(texts.length)).join("\0").length;
      const target = random.below(count) * FUNCTION_BYTES;
      code.set([0x48, 0x8d, 0x0d], at);
      view.setInt32(at + 3, constantsAt + text - (CODE_AT + at + 7), true);
      code.set([0xba, random.pick(REASONS), 0, 0, 0], at + 7);
      code[at + 12] = 0xe8;
      view.setInt32(at + 13, target - (at + 17), true);
      at += 17;
    }
    code[at] = 0xc3;
  }
  const constants = new Uint8Array(256);
  constants.set(new TextEncoder().encode(`\0${texts.join("\0")}\0`).subarray(0, 256));
  return [
    codeSection(code),
    { name: ".rodata", type: 1, bytes: constants },
    { name: ".eh_frame_hdr", type: 1, bytes: frames },
  ];
}

function namedSections(random: Random): ImageSection[] {
  const pieces = Array.from({ length: random.small(200) }, () => random.pick(PIECES)).join("");
  const code = Uint8Array.fromHex(GO_CODE + pieces);
  const place = (): number => random.chance(0.9) ? random.below(code.length) : random.extreme();
  const symbols = Array.from({ length: random.small(20) }, () => ({
    name: random.pick(NAMES),
    ...random.chance(0.9) ? { at: place() } : {},
    size: random.chance(0.9) ? random.below(200) : random.extreme(),
  }));
  const sections = [codeSection(code), ...symbolSections(symbols, 2)];
  if (random.chance(0.5)) {
    const functions = GO_NAMES.map((name, i) => (
      { name, entry: random.chance(0.9) ? 16 * i : place() }
    ));
    const textStart = random.chance(0.8) ? CODE_AT : random.extreme();
    sections.push(goBuildInfo("go1.22.3"));
    sections.push(goTable({ magic: random.pick(MAGICS), functions, end: place(), textStart }));
  }
  if (random.chance(0.7)) {
    const bytes = new TextEncoder().encode(`\0${random.pick(TEXTS)}\0`);
    sections.push({ name: ".rodata", type: 1, bytes });
  }
  if (random.chance(0.3)) {
    const bytes = random.bytes(24 * random.small(8));
    sections.push({ name: ".rela.plt", type: 4, bytes, link: random.below(5) });
  }
  return sections;
}

function checkElf({ sections, patches, cut }: ElfInput): void {
  const bytes = damagedFile(elfImage(sections), patches, cut);
  let readBytes = 0;
  const file: FileReader = {
    size: bytes.length,
    read(offset, length) {
      hold(offset >= 0 && length >= 0, () => `it reads ${length} bytes from ${offset} on`);
      const part = bytes.subarray(offset, offset + length);
      readBytes += part.length;
      return part;
    },
  };
  const examined = examineFile(file);
  hold(readBytes < MOST_READ_BYTES, () => `${readBytes} bytes were read`);
  holdSame([JSON.stringify(examineFile(file))], [JSON.stringify(examined)], "a second time");
  for (const { version, sites } of examined.codes) {
    holdHarmless(version ?? "");
    for (const { name, entry, exits } of sites) {
      holdHarmless(name);
      for (const place of [entry, ...exits ?? []]) {
        hold(place >= 0 && place < bytes.length, () => `a place of ${place}`);
      }
    }
  }
  for (const { family } of examined.unreadable) holdHarmless(family);
  for (let at = 0; at < bytes.length; at += 7) {
    const length = decode(bytes, at)?.length ?? 1;
    hold(length >= 1 && length <= 15 && at + length <= bytes.length, () => `${length} bytes long`);
  }
}
