/**
 * Which arguments of a command are secret, and which replies tell secrets.
 *
 * In: commands as they were sent, also where the server repeats them (MONITOR, SLOWLOG, errors, the
 * replication stream), and replies. Out: the same with null where a secret was. A command or setting
 * whose name is cut may be any, so its arguments or its value are withheld, too.
 */
import { isSecretName } from "../../lib/secrets/names.ts";
import { splitWords } from "./inline.ts";
import { isReply } from "./reader.ts";
import type { ErrorReply, RedisReply, RedisRequest, StringReply, Value } from "./types.ts";
import { word } from "./word.ts";

/** Names of secret settings, and "passwords", a field of ACL GETUSER's reply. */
const SETTINGS: ReadonlySet<string> = new Set(
  ("requirepass masterauth primaryauth tls-key-file-pass tls-client-key-file-pass auth-pass " +
    "sentinel-pass passwords").split(" "),
);
/**
 * Commands whose arguments can be secret. Settings are no commands, but if client and server were
 * confused, the reply of CONFIG GET looks like a command with the setting's name.
 */
const COMMANDS: ReadonlySet<string> = new Set([
  ..."AUTH HELLO CONFIG ACL MIGRATE SENTINEL".split(" "),
  ...[...SETTINGS].map((name) => name.toUpperCase()),
]);
const NOTABLE: ReadonlySet<string> = new Set([
  ...COMMANDS,
  ..."EXEC MULTI SLOWLOG COMMANDLOG MONITOR".split(" "),
]);
/** Depth to which replies are looked into. */
const MAX_DEPTH = 4;
/** Words of a MONITOR line are not longer than the line. */
const MAX_LINE = 1 << 20;

/** Can the command or its reply have secrets? Told by the name's length first: usual ones are short. */
export function isNotable({ command, command_truncated }: RedisRequest): boolean {
  if (command_truncated) return true;
  if (command.length < 4) return command === "ACL";
  return NOTABLE.has(command);
}

/** Replaces secret arguments by null; returns their positions. */
export function withholdArgs(request: RedisRequest): number[] {
  if (!COMMANDS.has(request.command)) return [];
  if (SETTINGS.has(request.command.toLowerCase())) return withholdAll(request);
  const positions = secretArgs(request.command, request.args, request.args_count);
  for (const position of positions) request.args[position] = null;
  return positions;
}

/** Replaces all arguments by null, as of a command whose name is cut; returns their positions. */
export function withholdAll(request: RedisRequest): number[] {
  const positions = request.args.map((_, i) => i);
  request.args.fill(null);
  return positions;
}

/** Positions in `args` of passwords and their hashes; `sent`: how many arguments there were in all. */
function secretArgs(command: string, args: readonly Value[], sent = args.length): number[] {
  const first = word(args[0]);
  switch (command) {
    case "AUTH":
      return range(sent > 1 ? 1 : 0, args.length);
    case "HELLO":
      return options(args, 0, 2);
    case "MIGRATE":
      // host port key db timeout come first; a key named AUTH is no option.
      return options(args, args.length > 5 ? 5 : 0, 1);
    case "CONFIG":
      return first === "SET" || first === "" ? settings(args, 1) : [];
    case "SENTINEL":
      return first === "SET" || first === "CONFIG" || first === "" ? settings(args, 2) : [];
    case "ACL":
      if (first === "DRYRUN") return inner(args, 2);
      return first === "SETUSER" || first === "" ? aclRules(args) : [];
    default:
      return [];
  }
}

function range(from: number, to: number): number[] {
  const out: number[] = [];
  for (let i = from; i < to; i++) out.push(i);
  return out;
}

/** AUTH and AUTH2 from `from` on: the password is `distance` behind AUTH, and 2 behind AUTH2. */
function options(args: readonly Value[], from: number, distance: 1 | 2): number[] {
  const out: number[] = [];
  for (let i = from; i < args.length; i++) {
    if (typeof args[i] !== "string") return [...out, ...range(i, args.length)];
    const keyword = word(args[i]);
    if (keyword === "KEYS" && from > 0) return out;
    if (keyword === "SETNAME") i++;
    if (keyword !== "AUTH" && keyword !== "AUTH2") continue;
    const at = i + (keyword === "AUTH" ? distance : 2);
    // Fewer arguments follow than the option takes, as without a user: all of them are withheld.
    if (at >= args.length) return [...out, ...range(i + 1, args.length)];
    out.push(at);
    i = at;
  }
  return out;
}

/** Positions of secret values in "name value [name value …]" from `from` on. */
function settings(args: readonly Value[], from: number): number[] {
  const out: number[] = [];
  for (let i = from; i + 1 < args.length; i += 2) if (isSecretSetting(args[i])) out.push(i + 1);
  return out;
}

/** Is the setting secret? One whose name is cut may be any, and counts as secret. */
function isSecretSetting(name: Value | undefined): boolean {
  return typeof name !== "string" || SETTINGS.has(name.toLowerCase()) || isSecretName(name);
}

/** Positions of secret ACL rules: >password <password #hash !hash. */
function aclRules(args: readonly Value[]): number[] {
  const out: number[] = [];
  for (let i = 2; i < args.length; i++) {
    const rule = args[i];
    if (typeof rule !== "string" || /^\(?[><#!]/.test(rule)) out.push(i);
  }
  return out;
}

/** Secret positions of a command that stands among the arguments of another, from `at` on. */
function inner(args: readonly Value[], at: number): number[] {
  return secretArgs(word(args[at]), args.slice(at + 1)).map((position) => position + at + 1);
}

/**
 * Takes the strings out of a reply that may be part of another, or of a command. Returns whether there
 * were any.
 */
export function withholdStrings(reply: RedisReply): boolean {
  if (reply.type === "bulk_string") delete reply.value_base64;
  else if (reply.type !== "array") return false;
  reply.value = null;
  return true;
}

/** Can the reply have secrets somewhere? (That of EXEC if those of the queued commands can.) */
export function mayTellSecrets({ command, command_truncated, args }: RedisRequest): boolean {
  if (command_truncated) return true;
  switch (command) {
    case "ACL":
    case "CONFIG":
    case "SENTINEL":
      return !["SET", "SETUSER", "WHOAMI", "REWRITE", "RESETSTAT"].includes(word(args[0]));
    case "SLOWLOG":
    case "COMMANDLOG":
    case "MONITOR":
      return true;
    default:
      return false;
  }
}

/** Is the whole reply secret? */
export function asksForSecrets({ command, command_truncated, args }: RedisRequest): boolean {
  if (command !== "ACL") return command_truncated === true;
  const what = word(args[0]);
  return what === "GETUSER" || what === "LIST" || what === "GENPASS" || what === "";
}

/**
 * Takes the secrets out of a reply. `secretQueue`: the reply is of an EXEC, and a queued command asks
 * for secrets. Returns whether anything was withheld.
 */
export function withholdReply(
  request: RedisRequest | null,
  reply: RedisReply,
  secretQueue: boolean,
): boolean {
  if (reply.type === "error") return withholdError(request, reply);
  if (reply.type === "command") return false;
  if (reply.type === "simple_string") return withholdLine(reply);
  if (!("value" in reply) || reply.value === null) return false;
  if (secretQueue || (request !== null && asksForSecrets(request))) {
    if (typeof reply.value !== "string" && !Array.isArray(reply.value)) return false;
    reply.value = null;
    return true;
  }
  return Array.isArray(reply.value) && mayRepeat(request) && withholdList(reply.value, 0);
}

/** Can the reply repeat settings, users or commands? Yes if the request was not seen. */
function mayRepeat(request: RedisRequest | null): boolean {
  switch (request?.command) {
    case undefined:
    case "CONFIG":
    case "SENTINEL":
    case "EXEC":
    case "SLOWLOG":
    case "COMMANDLOG":
      return true;
    default:
      return false;
  }
}

/** Withholds in a list that may be a command, pairs of name and value, or a list of such lists. */
function withholdList(values: Value[], depth: number): boolean {
  const name = word(values[0]);
  let found = false;
  if (COMMANDS.has(name)) {
    for (const position of secretArgs(name, values.slice(1))) {
      found ||= values[position + 1] !== null;
      values[position + 1] = null;
    }
  }
  for (let i = 0; i < values.length; i++) {
    const value = values[i];
    if (typeof value === "string") {
      const isUser = value.startsWith("user ") && /[ (][#>]/.test(value);
      if (isUser) values[i] = null;
      else if (isShown(values[i + 1]) && SETTINGS.has(value.toLowerCase())) values[++i] = null;
      else continue;
      found = true;
    } else if (depth < MAX_DEPTH) {
      const list = isReply(value) && "value" in value ? value.value : value;
      if (Array.isArray(list)) found = withholdList(list, depth + 1) || found;
    }
  }
  return found;
}

function isShown(value: Value | undefined): boolean {
  return value !== undefined && value !== null && value !== "";
}

/** Of MONITOR's line `1339518083.107412 [0 127.0.0.1:60866] "AUTH" "hunter2"` leaves "AUTH" "". */
function withholdLine(reply: StringReply): boolean {
  if (typeof reply.value !== "string") {
    // No server sends a line of MONITOR that is no UTF-8, so it may hold anything.
    const isOdd = reply.value_base64 !== undefined && atob(reply.value_base64).includes('] "');
    if (isOdd) {
      delete reply.value_base64;
      reply.value = null;
    }
    return isOdd;
  }
  const bracket = reply.value.indexOf('] "');
  if (bracket < 0 || !/^\d+\.\d+ \[/.test(reply.value)) return false;
  const parts = quotedWords(reply.value, bracket + 2);
  const texts = parts.map(({ text }) => text);
  const command = word(texts[0]);
  if (!COMMANDS.has(command)) return false;
  const secret = secretArgs(command, texts.slice(1));
  let line = reply.value;
  for (const position of secret.toSorted((a, b) => b - a)) {
    const part = parts[position + 1];
    if (part !== undefined) line = `${line.slice(0, part.start)}""${line.slice(part.end)}`;
  }
  reply.value = line;
  return secret.length > 0;
}

/** Words in quotes with backslash escapes, and where they stand; the last may be cut. */
function quotedWords(line: string, from: number): { text: string; start: number; end: number }[] {
  const out: { text: string; start: number; end: number }[] = [];
  for (let at = line.indexOf('"', from); at >= 0; at = line.indexOf('"', at)) {
    const start = at++;
    while (at < line.length && line[at] !== '"') at += line[at] === "\\" ? 2 : 1;
    at = Math.min(at + 1, line.length);
    const bytes = new TextEncoder().encode(line.slice(start, at));
    const text = splitWords(bytes, MAX_LINE)?.[0];
    out.push({ text: typeof text === "string" ? text : "", start, end: at });
  }
  return out;
}

/** Error messages repeat arguments in quotes, as those of a command that the server does not know. */
function withholdError(request: RedisRequest | null, reply: ErrorReply): boolean {
  const unknown = /^unknown command [\'`"](\w+)/i.exec(reply.message)?.[1]?.toUpperCase();
  const hasSecrets = request?.args.includes(null) === true || /^Error in ACL/i.test(reply.message);
  if (!hasSecrets && (unknown === undefined || !COMMANDS.has(unknown))) return false;
  const from = unknown === undefined ? 0 : reply.message.indexOf(",");
  const quote = from < 0 ? -1 : reply.message.slice(from).search(/[\'`"]/);
  if (quote < 0) return false;
  reply.message = reply.message.slice(0, from + quote);
  return true;
}
