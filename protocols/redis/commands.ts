/**
 * What is known of commands by name: whether one exists, how it is answered, what its reply may be,
 * and which of its arguments are secret. In: requests. Out: facts and names of withheld fields.
 */
import type { RedisReply, RedisRequest, RedisState, Value } from "./types.ts";
import { Kind } from "./types.ts";

const NAMES =
  `ACL APPEND ASKING AUTH BF.ADD BF.EXISTS BGREWRITEAOF BGSAVE BITCOUNT BITFIELD BITFIELD_RO
BITOP BITPOS BLMOVE BLMPOP BLPOP BRPOP BRPOPLPUSH BZMPOP BZPOPMAX BZPOPMIN CLIENT CLUSTER COMMAND
CONFIG COPY DBSIZE DEBUG DECR DECRBY DEL DELIFEQ DISCARD DUMP ECHO EVAL EVALSHA EVALSHA_RO EVAL_RO EXEC
EXISTS EXPIRE EXPIREAT EXPIRETIME FAILOVER FCALL FCALL_RO FLUSHALL FLUSHDB FUNCTION GEOADD GEODIST
GEOHASH GEOPOS GEORADIUS GEORADIUSBYMEMBER GEORADIUSBYMEMBER_RO GEORADIUS_RO GEOSEARCH
GEOSEARCHSTORE GET GETBIT GETDEL GETEX GETRANGE GETSET HDEL HELLO HEXISTS HEXPIRE HEXPIREAT
HEXPIRETIME HGET HGETALL HGETDEL HGETEX HINCRBY HINCRBYFLOAT HKEYS HLEN HMGET HMSET HPERSIST HPEXPIRE
HPEXPIREAT HPEXPIRETIME HPTTL HRANDFIELD HSCAN HSET HSETEX HSETNX HSTRLEN HTTL HVALS INCR INCRBY
INCRBYFLOAT INFO KEYS LASTSAVE LATENCY LCS LINDEX LINSERT LLEN LMOVE LMPOP LOLWUT LPOP LPOS LPUSH
LPUSHX LRANGE LREM LSET LTRIM MEMORY MGET MIGRATE MODULE MONITOR MOVE MSET MSETNX MULTI OBJECT PERSIST
PEXPIRE PEXPIREAT PEXPIRETIME PFADD PFCOUNT PFDEBUG PFMERGE PFSELFTEST PING PSETEX PSUBSCRIBE PSYNC
PTTL PUBLISH PUBSUB PUNSUBSCRIBE QUIT RANDOMKEY READONLY READWRITE RENAME RENAMENX REPLCONF REPLICAOF
RESET RESTORE RESTORE-ASKING ROLE RPOP RPOPLPUSH RPUSH RPUSHX SADD SAVE SCAN SCARD SCRIPT SDIFF
SDIFFSTORE SELECT SENTINEL SET SETBIT SETEX SETNX SETRANGE SHUTDOWN SINTER SINTERCARD SINTERSTORE
SISMEMBER SLAVEOF SLOWLOG SMEMBERS SMISMEMBER SMOVE SORT SORT_RO SPOP SPUBLISH SRANDMEMBER SREM SSCAN
SSUBSCRIBE STRLEN SUBSCRIBE SUBSTR SUNION SUNIONSTORE SUNSUBSCRIBE SWAPDB SYNC TIME TOUCH TTL TYPE
UNLINK UNSUBSCRIBE UNWATCH WAIT WAITAOF WATCH XACK XADD XAUTOCLAIM XCLAIM XDEL XGROUP XINFO XLEN
XPENDING XRANGE XREAD XREADGROUP XREVRANGE XSETID XTRIM ZADD ZCARD ZCOUNT ZDIFF ZDIFFSTORE ZINCRBY
ZINTER ZINTERCARD ZINTERSTORE ZLEXCOUNT ZMPOP ZMSCORE ZPOPMAX ZPOPMIN ZRANDMEMBER ZRANGE ZRANGEBYLEX
ZRANGEBYSCORE ZRANGESTORE ZRANK ZREM ZREMRANGEBYLEX ZREMRANGEBYRANK ZREMRANGEBYSCORE ZREVRANGE
ZREVRANGEBYLEX ZREVRANGEBYSCORE ZREVRANK ZSCAN ZSCORE ZUNION ZUNIONSTORE`;

/** Typed by hand on other text protocols, too (memcached, SMTP, FTP, POP3, NATS, IRC). */
const SHARED = new Set(
  "APPEND AUTH DECR ECHO GET INCR INFO MOVE PING QUIT SET TIME TOUCH TYPE DEBUG MONITOR RESET"
    .split(
      " ",
    ),
);
const KNOWN = new Set(NAMES.split(/\s/));

/** `name` is upper case. Modules' commands ("JSON.SET") count as known. */
export function isKnownCommand(name: string): boolean {
  return KNOWN.has(name) || /^(JSON|FT|BF|CF|CMS|TOPK|TS|TDIGEST|GRAPH)\.[A-Z]+$/.test(name);
}

/** A known command whose name alone does not tell Redis from another line protocol. */
export function isSharedWord(name: string): boolean {
  return SHARED.has(name);
}

const VERBS = new Set([
  "SUBSCRIBE",
  "PSUBSCRIBE",
  "SSUBSCRIBE",
  "UNSUBSCRIBE",
  "PUNSUBSCRIBE",
  "SUNSUBSCRIBE",
]);

/** SUBSCRIBE and its kin, upper case. */
export function isSubscription(name: string): boolean {
  return name.length >= 9 && VERBS.has(name); // most names are shorter: no hash for them
}

/** How a command is answered; follows CLIENT REPLY, which a queued command does not change. */
export function answerKind(request: RedisRequest, state: RedisState): Kind {
  const { command, args } = request;
  const silent = state.replyMode !== "on";
  if (state.replyMode === "skip") state.replyMode = "on";
  switch (command) {
    case "MULTI":
      state.inMulti = true;
      break;
    case "EXEC":
    case "DISCARD":
    case "RESET":
      state.inMulti = false;
      if (command === "RESET") state.replyMode = "on";
      break;
    case "CLIENT":
      if (!state.inMulti && word(args[0]) === "REPLY") return clientReply(args, state);
      break;
    case "REPLCONF": {
      const what = word(args[0]);
      if (what === "ACK" || what === "GETACK") return Kind.OneWay;
      break;
    }
  }
  if (isSubscription(command)) return Kind.Subscription;
  return silent ? Kind.OneWay : Kind.Command;
}

function clientReply(args: Value[], state: RedisState): Kind {
  const mode = word(args[1]);
  if (mode === "ON") {
    state.replyMode = "on";
    return Kind.Command;
  }
  if (mode === "OFF") state.replyMode = "off";
  else if (mode === "SKIP" && state.replyMode !== "off") state.replyMode = "skip";
  else if (mode !== "SKIP") return state.replyMode === "off" ? Kind.OneWay : Kind.Command;
  return Kind.OneWay;
}

/** An argument as a keyword; "" when it is no plain text. */
export function word(value: Value | undefined): string {
  return typeof value === "string" ? value.toUpperCase() : "";
}

const SECRET_SETTINGS = new Set([
  "REQUIREPASS",
  "MASTERAUTH",
  "PRIMARYAUTH",
  "TLS-KEY-FILE-PASS",
  "TLS-CLIENT-KEY-FILE-PASS",
  "AUTH-PASS",
  "SENTINEL-PASS",
]);

/** The positions in `args` of passwords and their hashes. */
export function secretArgs(request: RedisRequest): number[] {
  const { command, args } = request;
  switch (command) {
    case "AUTH": {
      const sent = request.args_count ?? args.length;
      return sent > 1 ? range(1, args.length) : range(0, args.length);
    }
    case "HELLO":
      return behind(args, "AUTH", 2);
    case "MIGRATE":
      return [...behind(args, "AUTH", 1), ...behind(args, "AUTH2", 2)];
    case "CONFIG":
      return word(args[0]) === "SET" ? settings(args, 1) : [];
    case "SENTINEL": {
      const what = word(args[0]);
      if (what === "SET") return settings(args, 2);
      return what === "CONFIG" ? settings(args, 2) : [];
    }
    case "ACL":
      return word(args[0]) === "SETUSER" ? aclRules(args) : [];
    default:
      return [];
  }
}

function range(from: number, to: number): number[] {
  const out: number[] = [];
  for (let i = from; i < to; i++) out.push(i);
  return out;
}

/** The argument `distance` behind each keyword. */
function behind(args: Value[], keyword: string, distance: number): number[] {
  const out: number[] = [];
  for (let i = 0; i + distance < args.length; i++) {
    if (word(args[i]) === keyword) out.push(i + distance);
    if (word(args[i]) === "KEYS") break;
  }
  return out;
}

/** name value [name value …] from `from` on. */
function settings(args: Value[], from: number): number[] {
  const out: number[] = [];
  for (let i = from; i + 1 < args.length; i += 2) {
    if (SECRET_SETTINGS.has(word(args[i]))) out.push(i + 1);
  }
  return out;
}

/** ACL rules: >password <password #hash !hash. */
function aclRules(args: Value[]): number[] {
  const out: number[] = [];
  for (let i = 2; i < args.length; i++) {
    const rule = args[i];
    if (typeof rule !== "string" || "><#!".includes(rule.charAt(0))) out.push(i);
  }
  return out;
}

/**
 * Takes the secrets out of a reply: the whole of ACL GETUSER, LIST and GENPASS, the passwords in
 * CONFIG GET (also inside EXEC). Returns whether anything was withheld.
 */
export function withholdReply(request: RedisRequest | null, reply: RedisReply): boolean {
  if (reply.type === "error" || !("value" in reply)) return false;
  if (request?.command === "ACL") {
    const what = word(request.args[0]);
    if (what !== "GETUSER" && what !== "LIST" && what !== "GENPASS") return false;
    if (reply.type !== "array" && reply.type !== "map" && reply.type !== "bulk_string") {
      return false;
    }
    reply.value = null;
    return true;
  }
  const get = request?.command === "CONFIG" && word(request.args[0]) === "GET";
  const other = request === null || request.command === "EXEC";
  if (!get && !other) return false;
  return Array.isArray(reply.value) && withholdSettings(reply.value, 0);
}

function withholdSettings(values: Value[], depth: number): boolean {
  let found = false;
  for (let i = 0; i < values.length; i++) {
    const value = values[i];
    if (Array.isArray(value) && depth < 2) {
      found = withholdSettings(value, depth + 1) || found;
    } else if (typeof value === "object" && value !== null && "value" in value && depth < 2) {
      if (Array.isArray(value.value)) found = withholdSettings(value.value, depth + 1) || found;
    } else if (typeof value === "string" && i + 1 < values.length) {
      if (!SECRET_SETTINGS.has(value.toUpperCase()) || values[i + 1] === "") continue;
      values[++i] = null;
      found = true;
    }
  }
  return found;
}

/** Types of the replies a common command can have; other commands can have any. */
const REPLIES: ReadonlyMap<string, string> = new Map([
  ["GET", "bulk_string nil"],
  ["SET", "simple_string bulk_string nil"],
  ["PING", "simple_string bulk_string array"],
  ["ECHO", "bulk_string"],
  ["INCR", "integer"],
  ["DECR", "integer"],
  ["INCRBY", "integer"],
  ["DEL", "integer"],
  ["UNLINK", "integer"],
  ["EXISTS", "integer"],
  ["EXPIRE", "integer"],
  ["TTL", "integer"],
  ["PTTL", "integer"],
  ["LPUSH", "integer"],
  ["RPUSH", "integer"],
  ["LLEN", "integer"],
  ["SADD", "integer"],
  ["SREM", "integer"],
  ["HSET", "integer"],
  ["HGET", "bulk_string nil"],
  ["HGETALL", "array map"],
  ["HMGET", "array"],
  ["MGET", "array"],
  ["MSET", "simple_string"],
  ["SETEX", "simple_string"],
  ["LRANGE", "array"],
  ["SMEMBERS", "array set"],
  ["ZADD", "integer double nil bulk_string"],
  ["PUBLISH", "integer"],
  ["EXEC", "array nil"],
  ["MULTI", "simple_string"],
  ["SELECT", "simple_string"],
  ["AUTH", "simple_string"],
]);

/** May this reply answer this command? Errors and QUEUED may answer any. */
export function isPlausible(request: RedisRequest, reply: RedisReply): boolean {
  if (reply.type === "error") return true;
  if (reply.type === "simple_string" && reply.value === "QUEUED") return true;
  const types = REPLIES.get(request.command);
  return types === undefined || types.split(" ").includes(reply.type);
}
