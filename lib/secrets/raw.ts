/**
 * Bytes of which no parser has made anything: how many of them can be shown.
 *
 * In: bytes as they came, operation by operation. Out: a length. What smells of credentials is not
 * shown, nor what comes behind it: user names, passwords, their protocols, and the messages that have
 * neither name nor text for them. It is a filter and errs on the side of showing less; of a password
 * that somebody types into a protocol of their own it can know nothing. Pure but for SecretWatch,
 * which keeps a few bytes a direction.
 */
import { latin1 } from "../wire/text.ts";
import { codeOf, levelOf, unitAt, widthOf } from "./units.ts";
import { Words } from "./words.ts";

const SMELL = 1;
/** Is one unless letters stand before or behind it. */
const ALONE = 2;

const words = (text: string): readonly string[] => text.split(" ");

/** Between the letters of a word "-", "_" and "." do not count. */
const SMELLS = new Words([
  [
    SMELL,
    words(
      "pass pwd auth secret token credential cookie signature bearer jwt eyj user login logon " +
        "sasl scram ntlm negotiate kerberos gssapi identify session sessid assertion genpass " +
        "apikey appkey applicationkey accesskey privatekey sharedkey accountkey masterkey " +
        "signingkey subscriptionkey functionskey licensekey encryptionkey samlart samlresponse " +
        "codeverifier secwebsocketprotocol",
    ),
  ],
  [SMELL, ["basic "]],
  [
    ALONE,
    words(
      'acl oper pw= sid= sig= otp= totp= pin= pw: sid: sig: otp: pin: pw" sid" sig" otp" pin"',
    ),
  ],
]);
/** The one usual word with "user" in it. */
const AGENT = "-agent";

/** So much of an operation is looked at; what comes behind it may be anything. */
const MAX_LOOK = 8192;
/** So many first bytes tell such a message as has a credential. */
const MAX_HEAD = 36;
/** Longest word: with so many bytes the next operation's go on. */
const CARRY = 24;

/** An authority in a URL that is not known to be without user and password. */
const SLASHES = "//";
const AUTHORITIES = ["connect ", "host:"] as const;
const AUTHORITY_ENDS = /[/?#\s"<>\\]/;

/** A message begins here, and its own secrets have names: what smelled before is over. */
const STARTS =
  /^(?:(?:GET|POST|PUT|HEAD|DELETE|OPTIONS|PATCH|TRACE|CONNECT|PROPFIND) [/*h]|HTTP\/1\.\d \d|\*[1-9]\d{0,5}\r\n\$\d{1,6}\r\n)/;

/** Of `bytes`, the beginning of a direction, so many first ones may be shown. */
export function harmlessHead(bytes: Uint8Array): number {
  return isCredentialMessage(bytes) ? 0 : harmless(latin1(bytes, 0, bytes.length), 0);
}

/** Of the characters from `from` on. */
function harmless(text: string, from: number): number {
  const at = smellIn(text);
  if (at < 0) return text.length - from;
  // In text the name comes first; in binary messages it may come last.
  return isText(text) ? Math.max(0, at - from) : 0;
}

/** End of the first thing that smells; -1 when nothing does. */
function smellIn(text: string): number {
  if (fieldsIn(text)) return 0;
  let first = -1;
  for (const at of [wordIn(text), userinfoIn(text), hiddenIn(text)]) {
    if (at >= 0 && (first < 0 || at < first)) first = at;
  }
  return first;
}

function wordIn(text: string): number {
  let state = 0;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === 0x2d || code === 0x5f || code === 0x2e) continue; // - _ .
    state = SMELLS.step(state, code);
    if (state === 0) continue;
    const marks = SMELLS.marks(state);
    if (marks === 0) continue;
    if ((marks & SMELL) !== 0) {
      if (text.slice(at + 1, at + 1 + AGENT.length).toLowerCase() !== AGENT) return at + 1;
    } else {
      const start = at - SMELLS.length(state);
      if (!isLetter(text, start) && !(isLetter(text, at) && isLetter(text, at + 1))) return at + 1;
    }
  }
  return -1;
}

function isLetter(text: string, at: number): boolean {
  const lower = text.charCodeAt(at) | 32;
  return lower >= 0x61 && lower <= 0x7a;
}

/** Who encodes a letter, a digit, "-", "_", "%" or "//" in a URL may be hiding a key. */
function hiddenIn(text: string): number {
  for (let at = text.indexOf("%"); at >= 0; at = text.indexOf("%", at + 1)) {
    const unit = unitAt(text, at);
    const code = codeOf(unit);
    if (levelOf(unit) === 0) continue;
    const lower = code | 32;
    const isName = (lower >= 0x61 && lower <= 0x7a) || (code >= 0x30 && code <= 0x39);
    if (isName || levelOf(unit) > 1 || code === 0x2d || code === 0x5f) return at;
    if (code === 0x2f && codeOf(unitAt(text, at + widthOf(unit))) === 0x2f) return at;
  }
  return -1;
}

/** Where an authority begins that has an "@", or no end; CONNECT and Host name one, too. */
function userinfoIn(text: string): number {
  for (const before of AUTHORITIES) {
    const lower = text.toLowerCase();
    for (let at = lower.indexOf(before); at >= 0; at = lower.indexOf(before, at + 1)) {
      let from = at + before.length;
      while (text[from] === " " || text[from] === "\t") from++;
      if (hasUser(text, from)) return from;
    }
  }
  for (let at = text.indexOf(SLASHES); at >= 0; at = text.indexOf(SLASHES, at + 2)) {
    if (hasUser(text, at + 2)) return at + 2;
  }
  return -1;
}

function hasUser(text: string, from: number): boolean {
  for (let at = from; at < text.length; at++) {
    const character = text[at] ?? "";
    if (character === "@") return true;
    if (AUTHORITY_ENDS.test(character)) return false;
  }
  return text.length > from;
}

/** Printable runs with a NUL between them, as of user and password: SASL PLAIN, rlogin, PostgreSQL. */
function fieldsIn(text: string): boolean {
  for (let at = text.indexOf("\0"); at >= 0; at = text.indexOf("\0", at + 1)) {
    if (isPrintable(text, at + 1) && isPrintable(text, at + 2)) {
      for (let end = at + 1; end < text.length; end++) {
        if (text.charCodeAt(end) === 0) {
          if (isPrintable(text, end + 1)) return true;
          break;
        }
        if (!isPrintable(text, end)) break;
      }
      if (isPrintable(text, at - 1) && isPrintable(text, at - 2)) return true;
    }
  }
  return false;
}

function isPrintable(text: string, at: number): boolean {
  const code = text.charCodeAt(at);
  return code > 0x20 && code < 0x7f;
}

function isText(text: string): boolean {
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code < 0x20 ? code !== 10 && code !== 13 && code !== 9 : code === 0x7f) return false;
  }
  return true;
}

/**
 * First messages that have a credential in a place of its own: nothing names it. Also what may begin
 * such a message, or be followed by it without a word.
 */
function isCredentialMessage(bytes: Uint8Array): boolean {
  const [first = 0, second = 0, third = 0, fourth = 0] = bytes;
  switch (first) {
    case 0x04: // SOCKS 4: a command, a port, an address, a user
      return second === 1 || second === 2;
    case 0x05: // SOCKS 5: methods, then user and password
      return second > 0 && second <= 8;
    case 0x10: // MQTT CONNECT, TDS login
    case 0x12: // TDS prelogin
      return true;
    case 0x30: // BER: LDAP bind, SNMP community
      return second >= 0x80 || third === 0x02;
    case 0x52: // PostgreSQL's authentication requests, then its keys
      return second === 0 && third === 0;
    case 0x80: // memcached, binary: SASL
      return second >= 0x20 && second <= 0x22;
    case 0xff: // telnet: options, then what is typed
      return second >= 0xfa && second <= 0xfe && bytes.length > 2;
    case 0x00: // PostgreSQL's start and cancel requests
      return isPgStart(bytes);
  }
  return isMysqlLogin(bytes) || (first === 0x52 && second === 0x46 && third === 0x42) || // RFB
    (first === 0x50 && second === 0x52 && third === 0x49 && fourth === 0x20) || // HTTP/2's preface
    (first === 0x41 && second === 0x4d && third === 0x51 && fourth === 0x50); // AMQP
}

/** A length, then the version 3.x, or 1234 and what is asked for. */
function isPgStart(bytes: Uint8Array): boolean {
  if (bytes.length < 8) return false;
  const major = ((bytes[4] as number) << 8) | (bytes[5] as number);
  return (major === 3 && bytes[6] === 0) || (major === 1234 && bytes[6] === 0x16);
}

/** Packet 1, or 2 behind TLS: capabilities, 23 zeros, user, an answer to the challenge. */
function isMysqlLogin(bytes: Uint8Array): boolean {
  if (bytes.length < 36 || (bytes[3] !== 1 && bytes[3] !== 2)) return false;
  for (let at = 13; at < 32; at++) if (bytes[at] !== 0) return false;
  return true;
}

/** Further from the first byte than this, a start that was told is wrong: taken before the handshake. */
const MAX_MISSED = 64 << 20;

/** Is `position` not where the direction began? TCP's handshake counts as one byte. */
export function missesStart(position: number, told: number | undefined, isTcp: boolean): boolean {
  if (told === undefined) return false;
  const missed = isTcp ? (position - told) | 0 : position - told;
  return missed > (isTcp ? 1 : 0) && missed < MAX_MISSED;
}

/** Do bytes follow those before `next`? */
export function follows(position: number, next: number, isTcp: boolean): boolean {
  return isTcp ? ((position - next) | 0) === 0 : position === next;
}

/** What was seen of one direction. */
interface Seen {
  /** Position behind its last byte, as events tell it; -1 before the first. */
  next: number;
  /** Its first characters, and its last ones. */
  head: string;
  tail: string;
  /** Secrets may go on here. */
  isTainted: boolean;
}

/** Bytes of one operation, or of one part of it. */
export interface RawBytes {
  direction: number;
  bytes: Uint8Array;
  start: number;
  end: number;
  /** Stream position of the first one; modulo 2^32 with `isTcp`. */
  position: number;
  isTcp: boolean;
  isDatagram: boolean;
}

/** One connection's bytes, as they come: what of each operation can be shown. */
export class SecretWatch {
  readonly #seen: Seen[] = [0, 1].map(() => ({ next: -1, head: "", tail: "", isTainted: false }));
  readonly #starts: readonly [number, number] | null;
  #hasSmelled = false;

  /**
   * `fromStart`: the connection had moved nothing before. `starts`: position of the first byte in each
   * direction, where that was told.
   */
  constructor(fromStart: boolean, starts: readonly [number, number] | null = null) {
    for (const seen of this.#seen) seen.isTainted = !fromStart;
    this.#hasSmelled = !fromStart;
    this.#starts = starts;
  }

  /** Of bytes from anywhere in what came, so many first ones can be shown. */
  harmless(bytes: Uint8Array): number {
    return this.#hasSmelled ? 0 : bytes.length;
  }

  /** How many of the first bytes of this operation can be shown. */
  take(raw: RawBytes): number {
    const { bytes, start, end } = raw;
    if (raw.isDatagram) return harmlessHead(bytes.subarray(start, end));
    const seen = this.#seen[raw.direction & 1] as Seen;
    const isFirst = seen.next < 0;
    const { position, isTcp } = raw;
    const told = this.#starts?.[raw.direction & 1];
    const isBehindOthers = isFirst
      ? missesStart(position, told, isTcp)
      : !follows(position, seen.next, isTcp);
    if (isBehindOthers) this.#lose(seen);
    seen.next = position + (end - start);
    const text = latin1(bytes, start, Math.min(end, start + MAX_LOOK));
    if (seen.isTainted && STARTS.test(text)) {
      seen.isTainted = false;
      seen.tail = "";
    }
    let shown = 0;
    if (!seen.isTainted) {
      const joined = seen.tail + text;
      shown = this.#beginsSecret(seen, text) ? 0 : harmless(joined, seen.tail.length);
      seen.tail = joined.slice(-CARRY);
      // What one side asks for may be the other side's answer.
      if (shown < text.length) {
        this.#hasSmelled = true;
        for (const one of this.#seen) one.isTainted = true;
      }
    }
    if (end - start > MAX_LOOK) this.#lose(seen);
    return shown;
  }

  /** Is the direction's first message one that has a credential? It may come in pieces. */
  #beginsSecret(seen: Seen, text: string): boolean {
    if (seen.head.length >= MAX_HEAD) return false;
    seen.head += text.slice(0, MAX_HEAD - seen.head.length);
    return isCredentialMessage(Uint8Array.from(seen.head, (one) => one.charCodeAt(0)));
  }

  /** Bytes are missing: they may have been the beginning of a secret, or have asked for one. */
  #lose(seen: Seen): void {
    for (const one of this.#seen) one.isTainted = true;
    seen.tail = "";
    this.#hasSmelled = true;
  }
}
