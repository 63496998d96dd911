/**
 * Reads a ClientHello (RFC 8446 section 4.1.2), also in the form of SSL 2.0 (RFC 5246 appendix E.2).
 *
 * In: the message's bytes. Out: what a record shows of it, and what the answer is understood by. Where
 * it breaks off, what came before that is shown. Randoms, tickets and identities are passed over.
 *
 *     hello     = version(2) random(32) session<8> suites<16> compressions<8> extensions<16>
 *     extension = type(2) data<16>
 */
import { showField, shownNames } from "../../lib/wire/shown.ts";
import { ja4Of } from "./ja4.ts";
import { cipherName } from "./cipher_suites.ts";
import { finalVersion, groupName, isGrease, versionName } from "./names.ts";
import { TlsReader } from "./reader.ts";
import type { TlsName, TlsRequest } from "./types.ts";

/** Extension types. */
export const Extension = {
  SERVER_NAME: 0,
  SIGNATURE_ALGORITHMS: 13,
  ALPN: 16,
  SESSION_TICKET: 35,
  PRE_SHARED_KEY: 41,
  SUPPORTED_VERSIONS: 43,
  KEY_SHARE: 51,
} as const;

export const RANDOM_BYTES = 32;
const HOST_NAME = 0;
/** Of no list more is shown; the registries are smaller. */
const MAX_SHOWN = 1000;
const SNI = shownNames("sni");

/** A hello as it is shown, and what only the parser needs of it. */
export interface ClientHello {
  shown: TlsRequest;
  /** In hexadecimal digits; a server that goes on with the session repeats it. */
  sessionId: string;
  /** A list was too long to be shown whole. */
  isCut: boolean;
}

/** Null where not even the random is there. `maxBytes`: as many of a name are shown. */
export function readClientHello(message: TlsReader, maxBytes: number): ClientHello | null {
  const version = message.u16();
  message.skip(RANDOM_BYTES);
  const session = message.vector8();
  if (message.failed) return null;
  const sessionId = session.hex(session.left);
  const hello = new HelloReader(version, maxBytes);
  hello.suites = message.vector16().numbers();
  message.vector8();
  if (message.left > 0) hello.readExtensions(message.vector16());
  const shown = hello.shown();
  // Up to 1.2 a session's number says that it shall go on; in 1.3 it says nothing.
  if (sessionId !== "" && !shown.versions.includes("1.3")) shown.session_resumption = true;
  if (message.failed || hello.isBroken) shown.malformed = "cut_vector";
  return { shown: inOrder(shown), sessionId, isCut: hello.isCut };
}

/** The bytes behind the two of the length: kind(1) version(2) sizes(2 2 2) suites(3 each) … */
export function readSslv2Hello(message: TlsReader): ClientHello | null {
  message.skip(1);
  const version = message.u16();
  const suiteBytes = message.u16();
  message.skip(4);
  const suites = message.part(suiteBytes);
  if (message.failed) return null;
  const hello = new HelloReader(version, 0);
  // Suites whose first byte is not 0 are those of SSL 2.0.
  while (suites.left > 0) {
    const isTls = suites.u8() === 0;
    const suite = suites.u16();
    if (isTls) hello.suites.push(suite);
  }
  const shown = hello.shown();
  shown.format = "sslv2";
  shown.ja4 = undefined;
  return { shown: inOrder(shown), sessionId: "", isCut: hello.isCut };
}

/** Gathers what the extensions say. */
class HelloReader {
  suites: number[] = [];
  isCut = false;
  isBroken = false;
  readonly #version: number;
  readonly #maxBytes: number;
  readonly #types: number[] = [];
  readonly #shown: Partial<TlsRequest> = {};
  #versions: number[] | null = null;
  #groups: number[] | null = null;
  #signatures: number[] = [];
  #firstAlpn = new Uint8Array(0);
  #alpn: TlsName[] | null = null;

  constructor(version: number, maxBytes: number) {
    this.#version = version;
    this.#maxBytes = maxBytes;
  }

  readExtensions(extensions: TlsReader): void {
    this.isBroken ||= extensions.failed;
    while (extensions.left > 0) {
      const type = extensions.u16();
      const data = extensions.vector16();
      if (extensions.failed) break;
      this.#types.push(type);
      this.#read(type, data);
      this.isBroken ||= data.failed;
    }
    this.isBroken ||= extensions.failed;
  }

  #read(type: number, data: TlsReader): void {
    switch (type) {
      case Extension.SERVER_NAME:
        return this.#readName(data);
      case Extension.SIGNATURE_ALGORITHMS:
        this.#signatures = data.vector16().numbers();
        return;
      case Extension.ALPN:
        return this.#readAlpn(data.vector16());
      case Extension.SESSION_TICKET:
        if (data.left > 0) this.#shown.session_resumption = true;
        return;
      case Extension.PRE_SHARED_KEY:
        this.#shown.session_resumption = true;
        return;
      case Extension.SUPPORTED_VERSIONS:
        this.#versions = data.vector8().numbers();
        return;
      case Extension.KEY_SHARE:
        this.#groups = readShares(data.vector16());
    }
  }

  #readName(data: TlsReader): void {
    const names = data.vector16();
    while (names.left > 0) {
      const type = names.u8();
      const name = names.vector16().rest();
      if (type !== HOST_NAME || names.failed) continue;
      const end = Math.min(name.length, this.#maxBytes);
      showField(this.#shown, SNI, name, 0, end, end < name.length);
      return;
    }
  }

  #readAlpn(names: TlsReader): void {
    const list: TlsName[] = [];
    while (names.left > 0) {
      const name = names.vector8();
      if (names.failed) break;
      if (list.length === 0) this.#firstAlpn = name.rest().slice();
      if (list.length < MAX_SHOWN) list.push(name.name());
      else this.isCut = true;
    }
    this.#alpn = list;
  }

  shown(): TlsRequest {
    const versions = this.#versions?.filter((version) => !isGrease(version)) ?? [this.#version];
    const highest = versions.reduce((a, b) => finalVersion(b) > finalVersion(a) ? b : a, 0);
    const [suites, types, groups = []] = [this.suites, this.#types, this.#groups ?? []];
    const all = [suites, types, groups, this.#versions ?? [], this.#signatures];
    return {
      ...this.#shown,
      type: "client_hello",
      version: versionName(highest),
      alpn: this.#alpn ?? undefined,
      versions: this.#named(versions, versionName),
      cipher_suites: this.#named(suites, cipherName),
      key_share_groups: this.#groups === null ? undefined : this.#named(groups, groupName),
      grease: all.some((list) => list.some(isGrease)) ? true : undefined,
      ja4: ja4Of({
        version: highest,
        hasSni: types.includes(Extension.SERVER_NAME),
        suites,
        extensions: types,
        alpn: this.#firstAlpn,
        signatures: this.#signatures,
      }),
    };
  }

  #named(values: readonly number[], name: (value: number) => string): string[] {
    const meant = values.filter((value) => !isGrease(value));
    this.isCut ||= meant.length > MAX_SHOWN;
    return meant.slice(0, MAX_SHOWN).map(name);
  }
}

function readShares(shares: TlsReader): number[] {
  const groups: number[] = [];
  while (shares.left > 0) {
    const group = shares.u16();
    shares.vector16();
    if (!shares.failed) groups.push(group);
  }
  return groups;
}

/** The fields in the order in which they are printed; those that are not known are not there. */
function inOrder(shown: TlsRequest): TlsRequest {
  const { type, version, sni, sni_base64, sni_truncated, alpn, versions, cipher_suites } = shown;
  const { key_share_groups, session_resumption, format, grease, ja4, malformed } = shown;
  return {
    type,
    version,
    sni,
    sni_base64,
    sni_truncated,
    alpn,
    versions,
    cipher_suites,
    key_share_groups,
    session_resumption,
    format,
    grease,
    ja4,
    malformed,
  };
}
