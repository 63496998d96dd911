/**
 * Executables and libraries that lie: made of parts, so that symbols, code and Go's tables are right but
 * for what is changed; sections anywhere and of any size; files cut and damaged.
 *
 * What must hold: examining ends, having read no more than it may, and says the same a second time; all
 * places lie within the file, names and versions are harmless; instructions are as long as they may be.
 */
import { examineFile, mayHoldTls } from "../../lib/tls/examine.ts";
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
  mayHoldTls(file);
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
