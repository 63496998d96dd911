/**
 * What is known of commands by name: whether one exists, how it is answered, and of which type its
 * reply may be. In: requests. Out: facts. (Which arguments are secret: secrets.ts.)
 */
import type { RedisState } from "./state.ts";
import { Kind, type RedisReply, type RedisRequest, type Value } from "./types.ts";
import { word } from "./word.ts";

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

/** Commands that other text protocols have, too (memcached, SMTP, FTP, POP3, NATS, IRC). */
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

/** How a command is answered. Also keeps track of CLIENT REPLY; one that MULTI queues has no effect. */
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
