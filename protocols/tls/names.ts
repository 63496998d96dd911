/**
 * Names of the numbers in TLS, as the registries of IANA ("Transport Layer Security (TLS) Parameters")
 * and the RFCs have them; those of cipher suites are in cipher_suites.ts. In: numbers. Out: names.
 */

export const Version = { TLS_1_2: 0x0303, TLS_1_3: 0x0304 } as const;

const VERSIONS = new Map<number, string>([
  [0x0300, "SSL 3.0"],
  [0x0301, "1.0"],
  [0x0302, "1.1"],
  [0x0303, "1.2"],
  [0x0304, "1.3"],
]);

/** Drafts of TLS 1.3: 0x7f and the draft's number. */
const DRAFT = 0x7f;

export function versionName(version: number): string {
  if (version >> 8 === DRAFT) return `1.3 draft ${version & 255}`;
  return VERSIONS.get(version) ?? hex16(version);
}

/** The same with the drafts of 1.3 as what they became; any other number stays. */
export function finalVersion(version: number): number {
  return version >> 8 === DRAFT ? Version.TLS_1_3 : version;
}

export function hex16(value: number): string {
  return `0x${value.toString(16).padStart(4, "0")}`;
}

/** RFC 8701: both bytes alike, 0x?a. */
export function isGrease(value: number): boolean {
  return (value & 0x0f0f) === 0x0a0a && value >> 8 === (value & 255);
}

const LEVELS = ["", "warning", "fatal"];

/** "" where there is no such level: then it is no alert in clear text. */
export function levelName(level: number): string {
  return LEVELS[level] ?? "";
}

const ALERTS = new Map<number, string>([
  [0, "close_notify"],
  [1, "end_of_early_data"],
  [10, "unexpected_message"],
  [20, "bad_record_mac"],
  [21, "decryption_failed"],
  [22, "record_overflow"],
  [30, "decompression_failure"],
  [40, "handshake_failure"],
  [41, "no_certificate"],
  [42, "bad_certificate"],
  [43, "unsupported_certificate"],
  [44, "certificate_revoked"],
  [45, "certificate_expired"],
  [46, "certificate_unknown"],
  [47, "illegal_parameter"],
  [48, "unknown_ca"],
  [49, "access_denied"],
  [50, "decode_error"],
  [51, "decrypt_error"],
  [52, "too_many_cids_requested"],
  [60, "export_restriction"],
  [70, "protocol_version"],
  [71, "insufficient_security"],
  [80, "internal_error"],
  [86, "inappropriate_fallback"],
  [90, "user_canceled"],
  [100, "no_renegotiation"],
  [109, "missing_extension"],
  [110, "unsupported_extension"],
  [111, "certificate_unobtainable"],
  [112, "unrecognized_name"],
  [113, "bad_certificate_status_response"],
  [114, "bad_certificate_hash_value"],
  [115, "unknown_psk_identity"],
  [116, "certificate_required"],
  [117, "general_error"],
  [120, "no_application_protocol"],
  [121, "ech_required"],
]);

export function alertName(description: number): string {
  return ALERTS.get(description) ?? String(description);
}

/** Registry "TLS Supported Groups"; runs as in cipher_suites.ts. */
const GROUPS = `
  0x0001 sect163k1 sect163r1 sect163r2 sect193r1 sect193r2 sect233k1 sect233r1 sect239k1 sect283k1
    sect283r1 sect409k1 sect409r1 sect571k1 sect571r1 secp160k1 secp160r1 secp160r2 secp192k1 secp192r1
    secp224k1 secp224r1 secp256k1 secp256r1 secp384r1 secp521r1 brainpoolP256r1 brainpoolP384r1
    brainpoolP512r1 x25519 x448 brainpoolP256r1tls13 brainpoolP384r1tls13 brainpoolP512r1tls13 GC256A
    GC256B GC256C GC256D GC512A GC512B GC512C curveSM2
  0x0100 ffdhe2048 ffdhe3072 ffdhe4096 ffdhe6144 ffdhe8192
  0x0200 MLKEM512 MLKEM768 MLKEM1024
  0x11eb SecP256r1MLKEM768 X25519MLKEM768 SecP384r1MLKEM1024 curveSM2MLKEM768
  0x6399 X25519Kyber768Draft00 SecP256r1Kyber768Draft00
  0xff01 arbitrary_explicit_prime_curves arbitrary_explicit_char2_curves
`;

let groups: ReadonlyMap<number, string> | null = null;

export function groupName(group: number): string {
  groups ??= readRuns(GROUPS);
  return groups.get(group) ?? hex16(group);
}

/** Reads runs: a number, and the names from that number on. */
export function readRuns(table: string, prefix = ""): Map<number, string> {
  const found = new Map<number, string>();
  let next = 0;
  for (const word of table.trim().split(/\s+/)) {
    if (word.startsWith("0x")) next = Number(word);
    else found.set(next++, prefix + word);
  }
  return found;
}
