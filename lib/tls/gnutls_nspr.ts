/**
 * GnuTLS, and NSPR, through whose functions NSS reads and writes.
 *
 * In: the functions of a file. Out: which to probe. Corked GnuTLS sessions call gnutls_record_send again
 * to flush, without bytes but with a result: whoever reads the arguments leaves that out. NSPR's functions
 * serve every layer and every file: whoever reads the arguments tells TLS by the layer. What is received
 * without a copy (gnutls_record_recv_packet) and written from several places (PR_Writev) is not seen.
 */
import { candidatesOf, codeOf, type KnownFunctions, sitesOf } from "./candidates.ts";
import type { Elf } from "./elf.ts";
import type { Family, TlsCode } from "./sites.ts";
import type { Symbols } from "./symbols.ts";
import { versionIn } from "./version.ts";

const GNUTLS: KnownFunctions = {
  gnutls_record_recv: { role: "read", shape: "record" },
  gnutls_record_recv_seq: { role: "read", shape: "record" },
  gnutls_record_recv_early_data: { role: "read", shape: "record" },
  gnutls_record_send: { role: "write", shape: "record" },
  gnutls_record_send2: { role: "write", shape: "record" },
  gnutls_record_send_range: { role: "write", shape: "record" },
  gnutls_record_send_early_data: { role: "write", shape: "record" },
};

const NSPR: KnownFunctions = {
  PR_Read: { role: "read", shape: "record" },
  PR_Recv: { role: "read", shape: "record" },
  PR_Write: { role: "write", shape: "record" },
  PR_Send: { role: "write", shape: "record" },
};

export const GNUTLS_NSPR_NAMES: readonly string[] = [...Object.keys(GNUTLS), ...Object.keys(NSPR)];

const GNUTLS_VERSION = /^GnuTLS \d+\.\d+\.\d+\b/;

export function gnutls(elf: Elf, symbols: Symbols): TlsCode | null {
  return code(elf, symbols, "gnutls", GNUTLS);
}

export function nspr(elf: Elf, symbols: Symbols): TlsCode | null {
  return code(elf, symbols, "nss", NSPR);
}

function code(
  elf: Elf,
  symbols: Symbols,
  family: Family,
  known: KnownFunctions,
): TlsCode | null {
  const candidates = candidatesOf(elf, symbols.functions, known);
  const sites = candidates.length === 0 ? [] : sitesOf(elf, symbols, candidates);
  if (sites.length === 0) return null;
  const version = family === "gnutls" ? versionIn(elf, ["GnuTLS "], GNUTLS_VERSION) : null;
  return codeOf(family, version, sites);
}
