/**
 * Reads a ServerHello, or the HelloRetryRequest that has its form (RFC 8446 section 4.1.3).
 *
 * In: the message's bytes. Out: what a record shows of it, and the version on which both ends agreed.
 *
 *     hello = version(2) random(32) session<8> suite(2) compression(1) extensions<16>
 */
import { Extension, RANDOM_BYTES } from "./client_hello.ts";
import { cipherName } from "./cipher_suites.ts";
import { finalVersion, groupName, Version, versionName } from "./names.ts";
import type { TlsReader } from "./reader.ts";
import type { TlsName, TlsServerHello } from "./types.ts";

/** The random of a HelloRetryRequest. */
const RETRY = "cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c";

export interface ServerHello {
  shown: TlsServerHello;
  /** Drafts of 1.3 count as 1.3. */
  version: number;
  /** It is a HelloRetryRequest; `group`: what it asks for, if it names a group. */
  isRetry: boolean;
  group: string | undefined;
}

/** Null where it breaks off before the suite. `sessionId`: what the client sent, in hexadecimal digits. */
export function readServerHello(message: TlsReader, sessionId: string): ServerHello | null {
  const legacy = message.u16();
  const isRetry = message.hex(RANDOM_BYTES) === RETRY;
  const session = message.vector8();
  const suite = message.u16();
  message.skip(1);
  if (message.failed) return null;
  const said = readExtensions(message, legacy);
  const version = finalVersion(said.version);
  // In 1.3 the session's number is only repeated.
  const goesOn = version < Version.TLS_1_3 && session.left > 0 &&
    session.hex(session.left) === sessionId;
  const shown: TlsServerHello = {
    type: "server_hello",
    version: versionName(said.version),
    cipher: cipherName(suite),
    alpn: said.alpn,
    resumed: goesOn || said.hasPsk ? true : undefined,
    malformed: said.isBroken ? "cut_vector" : undefined,
  };
  return { shown, version, isRetry, group: said.group };
}

interface Extensions {
  version: number;
  alpn: TlsName | undefined;
  group: string | undefined;
  hasPsk: boolean;
  isBroken: boolean;
}

function readExtensions(message: TlsReader, legacy: number): Extensions {
  const said: Extensions = {
    version: legacy,
    alpn: undefined,
    group: undefined,
    hasPsk: false,
    isBroken: false,
  };
  // Up to 1.2 a hello may end before the extensions.
  if (message.left === 0) return said;
  const extensions = message.vector16();
  while (extensions.left > 0) {
    const type = extensions.u16();
    const data = extensions.vector16();
    if (extensions.failed) break;
    if (type === Extension.SUPPORTED_VERSIONS) said.version = data.u16() || legacy;
    else if (type === Extension.ALPN) said.alpn = data.vector16().vector8().name();
    else if (type === Extension.KEY_SHARE) said.group = groupName(data.u16());
    else if (type === Extension.PRE_SHARED_KEY) said.hasPsk = true;
    said.isBroken ||= data.failed;
  }
  said.isBroken ||= message.failed || extensions.failed;
  return said;
}
