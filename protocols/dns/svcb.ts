/** SVCB and HTTPS records (RFC 9460). In: a reader on the data. Out: priority, target, parameters. */
import type { DataReader } from "./reader.ts";
import type { DnsData } from "./types.ts";

type Parameter = string | number | boolean | string[];

/** Index is the key's number (IANA "DNS SVCB": Service Parameter Keys). */
const KEYS = [
  "mandatory",
  "alpn",
  "no-default-alpn",
  "port",
  "ipv4hint",
  "ech",
  "ipv6hint",
  "dohpath",
  "ohttp",
];

/** RFC 9460 section 2.2. `params` is absent in alias mode, where there are none. */
export function svcb(reader: DataReader): DnsData {
  const priority = reader.u16();
  const target = reader.name();
  if (reader.left === 0) return { priority, target };
  const params: Record<string, Parameter> = {};
  while (reader.left > 0) {
    const key = reader.u16();
    const part = reader.part(reader.u16());
    params[keyName(key)] = parameter(key, part);
    if (part.failed || part.left > 0) reader.fail();
  }
  return { priority, target, params };
}

/** Unknown ones as "key667" (RFC 9460 section 2.1). */
function keyName(key: number): string {
  return KEYS[key] ?? `key${key}`;
}

function parameter(key: number, part: DataReader): Parameter {
  switch (key) {
    case 0:
      return list(part, () => keyName(part.u16()));
    case 1:
      return part.strings();
    case 2:
    case 8:
      return true;
    case 3:
      return part.u16();
    case 4:
      return list(part, () => part.ipv4());
    case 6:
      return list(part, () => part.ipv6());
    case 7:
      return part.text(part.left);
    default:
      return part.base64(part.left);
  }
}

function list(part: DataReader, next: () => string): string[] {
  const items: string[] = [];
  while (part.left > 0) items.push(next());
  return items;
}
