/**
 * How many bytes can be shown of those that no parser has understood.
 *
 * In: bytes as they came, operation by operation. Out: a length. It ends before anything that smells of
 * credentials: words like "user" and "password", URLs with an "@", runs of text between NULs, and first
 * messages whose credentials nothing names (SOCKS, MySQL). It is a filter and errs on the side of
 * showing less, but it cannot know a password in a protocol of somebody's own. Pure but for
 * SecretWatch, which keeps a few bytes of each direction.
 */
import { latin1 } from "../wire/text.ts";
import { codeOf, levelOf, unitAt, widthOf } from "./units.ts";
import { Words } from "./words.ts";

const SMELL = 1;
/** A word of this mark counts only without letters before and behind it. */
const ALONE = 2;

const words = (text: string): readonly string[] => text.split(" ");

/** "-", "_" and "." between a word's letters are passed over: "pass-word" smells like "password". */
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
/** "user-agent" is the one usual word with "user" in it that names no user. */
const AGENT = "-agent";

/** Bytes of an operation that are searched; those behind them are not shown. */
const MAX_LOOK = 8192;
/** First bytes of a direction by which isCredentialMessage() knows a message. */
const MAX_HEAD = 36;
/** Longest word: so many last bytes are searched again with the next operation's. */
const CARRY = 24;

/** What stands before an authority (RFC 3986 section 3.2), which may have user and password. */
const SLASHES = "//";
const AUTHORITIES = ["connect ", "host:"] as const;
const AUTHORITY_ENDS = /[/?#\s"<>\\]/;

/** Starts of HTTP and Redis messages, whose secrets have names: what smelled before no longer counts. */
const STARTS =
  /^(?:(?:GET|POST|PUT|HEAD|DELETE|OPTIONS|PATCH|TRACE|CONNECT|PROPFIND) [/*h]|HTTP\/1\.\d \d|\*[1-9]\d{0,5}\r\n\$\d{1,6}\r\n)/;

/** How many of `bytes`, the first ones of a direction, can be shown. */
export function harmlessHead(bytes: Uint8Array): number {
  return isCredentialMessage(bytes) ? 0 : harmless(latin1(bytes, 0, bytes.length), 0);
}

/** How many characters from `from` on can be shown; those before it came with earlier operations. */
function harmless(text: string, from: number): number {
  const at = smellIn(text);
  if (at < 0) return text.length - from;
  // In text a secret stands behind its name; in binary messages it may stand before.
  return isText(text) ? Math.max(0, at - from) : 0;
}

/** Where the first thing that smells ends; -1 when nothing does. */
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

/** Finds a percent-encoded letter, digit, "-", "_", "%" or "//". URLs need not encode these, so it may
 * hide a key or another URL. */
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

/** Where an authority begins that has an "@" or is cut: in a URL, behind CONNECT or in Host. */
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

/** Are there printable runs behind NULs, as user and password are in SASL PLAIN, rlogin, PostgreSQL? */
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
 * Is this the first message of a protocol that sends credentials at a fixed place, without a name for
 * them? Also if it only begins like one, or if such a message follows it.
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

/** PostgreSQL: a length, then version 3.x, or 1234 and a request code (as for TLS). */
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

/** A position further than this from the told start: that was read before the handshake, and is wrong. */
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
  /** Stream position of the next byte; -1 before the first. */
  next: number;
  /** Its first MAX_HEAD characters, and its last CARRY ones. */
  head: string;
  tail: string;
  /** The next bytes may belong to a secret. */
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
   * `fromStart`: the connection had moved nothing before. `starts`: positions of the first byte of each
   * direction; null where they are not known.
   */
  constructor(fromStart: boolean, starts: readonly [number, number] | null = null) {
    for (const seen of this.#seen) seen.isTainted = !fromStart;
    this.#hasSmelled = !fromStart;
    this.#starts = starts;
  }

  /** How many of `bytes` can be shown, which may be from anywhere in the streams. */
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
      // One side's "password:" asks for the other side's secret.
      if (shown < text.length) {
        this.#hasSmelled = true;
        for (const one of this.#seen) one.isTainted = true;
      }
    }
    if (end - start > MAX_LOOK) this.#lose(seen);
    return shown;
  }

  /** Is the direction's first message one that has a credential? Its bytes may come in pieces. */
  #beginsSecret(seen: Seen, text: string): boolean {
    if (seen.head.length >= MAX_HEAD) return false;
    seen.head += text.slice(0, MAX_HEAD - seen.head.length);
    return isCredentialMessage(Uint8Array.from(seen.head, (one) => one.charCodeAt(0)));
  }

  /** Bytes are missing. They may have begun a secret, or asked the other side for one. */
  #lose(seen: Seen): void {
    for (const one of this.#seen) one.isTainted = true;
    seen.tail = "";
    this.#hasSmelled = true;
  }
}
