/**
 * Secrets inside a field: values of keys like "password", and the user and password of URLs.
 *
 * In: the text of a request target, a header field or a form. Out: the ranges that are secret, or the
 * text without them, and their names. Pure, one pass over any text.
 *
 *     /a?password=hunter2&x=1                        → /a?password=&x=1
 *     https://bob:hunter2@host/                      → https://@host/
 *     /r?to=https%3A%2F%2Fh%2F%3Ftoken%3Dhunter2     → /r?to=https%3A%2F%2Fh%2F%3Ftoken%3D
 */
import { isSecretKey } from "./names.ts";
import { codeOf, levelOf, unitAt, widthOf } from "./units.ts";

/**
 * What a text is, and so where a value in it ends.
 *
 *     target   a request target, Location or Referer: "&" and "#"; in the path "/", "?" and ";", too
 *     text     any other field; "name: value" is a pair here as well: & " > , ;
 *     form     application/x-www-form-urlencoded: "&"
 */
export type TextKind = "target" | "text" | "form";

/** A range of the text. */
export interface Secret {
  start: number;
  end: number;
  /** "?password" for the value of that key; "@userinfo" for that of a URL. */
  name: string;
}

/** Longest key that is looked at; longest that is named. */
const MAX_KEY = 256;
const MAX_NAME = 64;
/** Names that nameSecrets() lists for one field. */
const MAX_NAMES = 16;

const AMPERSAND = 0x26;
const QUESTION = 0x3f;
const HASH = 0x23;
const SEMICOLON = 0x3b;
const COMMA = 0x2c;
const SLASH = 0x2f;
const BACKSLASH = 0x5c;
const COLON = 0x3a;
const EQUALS = 0x3d;
const AT = 0x40;
const QUOTE = 0x22;
const LESS = 0x3c;
const GREATER = 0x3e;
const SPACE = 0x20;

/** Can the text hold a secret? For most texts no more than this is done. */
export function mayHoldSecrets(text: string, kind: TextKind): boolean {
  if (text.includes("%") || text.includes("@")) return true;
  return hasSecretKey(text, "=") || (kind === "text" && hasSecretKey(text, ":"));
}

/** Does a key before some `behind` ("=" or ":") stand for a secret? */
function hasSecretKey(text: string, behind: string): boolean {
  for (let at = text.indexOf(behind); at >= 0; at = text.indexOf(behind, at + 1)) {
    let start = at;
    const least = Math.max(0, at - MAX_KEY);
    while (start > least && isKeyCharacter(text.charCodeAt(start - 1))) start--;
    if (start < at && isSecretKey(text, start, at)) return true;
  }
  return false;
}

/** May the character be part of a key? Yes for more characters than in #take(): no key is missed. */
function isKeyCharacter(code: number): boolean {
  return code > SPACE && code !== EQUALS && code !== AMPERSAND && code !== SLASH &&
    code !== COLON && code !== SEMICOLON && code !== QUESTION && code !== HASH;
}

/** All secrets of a text, in order, none overlapping another. */
export function secretsIn(text: string, kind: TextKind): Secret[] {
  return mayHoldSecrets(text, kind) ? new Scan(text, kind).run() : [];
}

/** The text without its secrets; adds their names behind `field`, each once, to `names`. */
export function withoutSecrets(
  text: string,
  kind: TextKind,
  field: string,
  names: string[],
): string {
  const secrets = secretsIn(text, kind);
  if (secrets.length === 0) return text;
  let out = "";
  let from = 0;
  for (const { start, end } of secrets) {
    out += text.substring(from, start);
    from = end;
  }
  nameSecrets(secrets, field, names);
  return out + text.substring(from);
}

/** Adds names like "request.path?password", each once; behind MAX_NAMES of them only the field. */
export function nameSecrets(secrets: readonly Secret[], field: string, names: string[]): void {
  const known = new Set(names);
  let told = 0;
  for (const { name } of secrets) {
    const full = told < MAX_NAMES ? field + name : field;
    if (known.has(full)) continue;
    known.add(full);
    names.push(full);
    told++;
  }
}

/** One pass over a text. */
class Scan {
  readonly #text: string;
  readonly #kind: TextKind;
  readonly #found: Secret[] = [];
  /** Where the key before the next "=" begins. */
  #key = 0;
  #inQuery: boolean;
  /** Where an authority may have begun (-1: nowhere), its level, and whether "//" stood before it. */
  #authority = 0;
  #authorityLevel = 0;
  #behindSlashes = false;
  #hasColon = false;
  /** Slashes since a character that a URL can follow; -1: other characters came in between. */
  #slashes = 0;

  constructor(text: string, kind: TextKind) {
    this.#text = text;
    this.#kind = kind;
    this.#inQuery = kind === "form";
    if (kind === "form") this.#authority = -1;
  }

  run(): Secret[] {
    const text = this.#text;
    for (let at = 0; at < text.length;) {
      const unit = unitAt(text, at);
      at = this.#take(codeOf(unit), levelOf(unit), at, at + widthOf(unit));
    }
    return this.#found;
  }

  /** Takes the character in [at, next); returns where to go on. */
  #take(code: number, level: number, at: number, next: number): number {
    if (code === SLASH) {
      this.#slash(level, next);
      return next;
    }
    this.#slashes = -1;
    switch (code) {
      case EQUALS:
        return this.#value(level, at, next);
      case COLON:
        return this.#colon(at, next);
      case AT:
        if (level <= this.#authorityLevel) this.#userinfo(at);
        this.#key = next;
        return next;
      case QUESTION:
        this.#inQuery ||= level === 0;
        this.#endAuthority(level, next, false);
        break;
      case HASH:
      case BACKSLASH:
        this.#endAuthority(level, next, false);
        break;
      case AMPERSAND:
      case SEMICOLON:
        break;
      case COMMA:
      case LESS:
      case GREATER:
      case QUOTE:
        if (this.#kind !== "text") return next;
        this.#endAuthority(level, next, true);
        break;
      default:
        if (code > SPACE) return next;
        this.#endAuthority(level, next, true);
    }
    this.#key = next;
    return next;
  }

  #slash(level: number, next: number): void {
    this.#key = next;
    if (this.#slashes >= 0) this.#slashes++;
    this.#endAuthority(level, next, false);
    if (this.#slashes !== 2) return;
    this.#authority = next;
    this.#authorityLevel = level;
    this.#behindSlashes = true;
    this.#hasColon = false;
  }

  /** `restarts`: another authority may begin at `next`. */
  #endAuthority(level: number, next: number, restarts: boolean): void {
    if (level > this.#authorityLevel) return;
    this.#authority = restarts && this.#kind === "text" ? next : -1;
    this.#authorityLevel = 0;
    this.#behindSlashes = false;
    this.#hasColon = false;
    if (restarts) this.#slashes = 0;
  }

  #colon(at: number, next: number): number {
    this.#hasColon = true;
    this.#slashes = 0;
    if (this.#kind === "text" && this.#isSecret(at)) {
      // "x\r\nCookie: y": another field's line hidden in this field's value.
      this.#add(next, this.#text.length, this.#nameBefore(at));
      return this.#text.length;
    }
    this.#key = next;
    return next;
  }

  /** Withholds what stands before "@" in an authority; in text without "//" only if it has a colon. */
  #userinfo(at: number): void {
    const start = this.#authority;
    const isOne = this.#behindSlashes || this.#hasColon || this.#kind === "target";
    if (start < 0 || at <= start || !isOne) return;
    // "bob:p@ss@host": the last "@" counts.
    while ((this.#found.at(-1)?.start ?? -1) >= start) this.#found.pop();
    this.#add(start, at, "@userinfo");
  }

  #value(level: number, at: number, next: number): number {
    this.#slashes = 0;
    if (!this.#isSecret(at)) {
      this.#key = next;
      return next;
    }
    const end = this.#valueEnd(level, next);
    // "//bob:token=x@host": the password looks like a key with a value.
    const isPassword = this.#behindSlashes && this.#text.substring(next, end).includes("@");
    this.#add(isPassword ? this.#authority : next, end, this.#nameBefore(at));
    this.#key = end;
    return end;
  }

  #valueEnd(level: number, from: number): number {
    const text = this.#text;
    if (this.#kind === "text" && text.charCodeAt(from) === QUOTE) return quoteEnd(text, from + 1);
    const isPath = this.#kind === "target" && !this.#inQuery && level === 0;
    for (let at = from; at < text.length;) {
      const unit = unitAt(text, at);
      if (levelOf(unit) <= level && this.#endsValue(codeOf(unit), isPath)) return at;
      at += widthOf(unit);
    }
    return text.length;
  }

  #endsValue(code: number, isPath: boolean): boolean {
    switch (code) {
      case AMPERSAND:
        return true;
      case HASH:
        return this.#kind === "target";
      case SLASH:
      case QUESTION:
        return isPath;
      case SEMICOLON:
        return isPath || this.#kind === "text";
      case QUOTE:
      case GREATER:
      case COMMA:
        return this.#kind === "text";
      default:
        return false;
    }
  }

  #isSecret(keyEnd: number): boolean {
    return isSecretKey(this.#text, Math.max(this.#key, keyEnd - MAX_KEY), keyEnd);
  }

  #nameBefore(keyEnd: number): string {
    return `?${this.#text.substring(Math.max(this.#key, keyEnd - MAX_NAME), keyEnd)}`;
  }

  #add(start: number, end: number, name: string): void {
    if (end > start) this.#found.push({ start, end, name });
  }
}

/** Where a quoted value ends: at its last quote, or at the text's end. */
function quoteEnd(text: string, from: number): number {
  let at = from;
  while (at < text.length && text.charCodeAt(at) !== QUOTE) {
    at += text.charCodeAt(at) === BACKSLASH ? 2 : 1;
  }
  return Math.min(at, text.length);
}
