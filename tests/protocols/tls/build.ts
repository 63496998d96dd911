/** Builds records and messages of TLS, byte by byte. In: what they say. Out: bytes. For tests. */

/** A record of that content type; `minor` of its version. */
export function record(type: number, fragment: Uint8Array | number[], minor = 3): Uint8Array {
  return Uint8Array.of(type, 3, minor, fragment.length >> 8, fragment.length & 255, ...fragment);
}

/** A handshake message. */
export function message(kind: number, body: Uint8Array | number[]): Uint8Array {
  return Uint8Array.of(kind, body.length >> 16, body.length >> 8, body.length & 255, ...body);
}

/** Two-byte numbers, one after the other. */
export function words(...values: number[]): number[] {
  return values.flatMap((value) => [value >> 8, value & 255]);
}

/** A vector: its length in so many bytes, then its bytes. */
export function vector(lengthBytes: number, ...bytes: number[]): number[] {
  const size = bytes.length;
  return [...[size >> 16, size >> 8 & 255, size & 255].slice(3 - lengthBytes), ...bytes];
}

export function extension(type: number, ...data: number[]): number[] {
  return [...words(type), ...vector(2, ...data)];
}

export function textBytes(text: string): number[] {
  return [...new TextEncoder().encode(text)];
}

export interface ClientHelloParts {
  version?: number;
  session?: number[];
  suites?: number[];
  /** Of extension() each. */
  extensions?: number[][];
}

/** The body of a ClientHello. */
export function clientHello(parts: ClientHelloParts = {}): number[] {
  const { version = 0x0303, session = [], suites = [0x1301], extensions } = parts;
  const head = [...words(version), ...Array(32).fill(0xee), ...vector(1, ...session)];
  const lists = [...vector(2, ...words(...suites)), ...vector(1, 0)];
  return [...head, ...lists, ...(extensions === undefined ? [] : vector(2, ...extensions.flat()))];
}

export interface ServerHelloParts {
  /** From 1.3 on it stands in an extension. */
  version?: number;
  session?: number[];
  suite?: number;
  isRetry?: boolean;
  group?: number;
  extensions?: number[][];
}

const RETRY = "cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c";

/** The body of a ServerHello. */
export function serverHello(parts: ServerHelloParts = {}): number[] {
  const { version = 0x0304, session = [], suite = 0x1301, isRetry = false, group } = parts;
  const extensions = [...parts.extensions ?? []];
  if (version > 0x0303) extensions.push(extension(43, ...words(version)));
  if (group !== undefined) extensions.push(extension(51, ...words(group)));
  const random = isRetry ? Uint8Array.fromHex(RETRY) : new Uint8Array(32).fill(0xdd);
  return [
    ...words(Math.min(version, 0x0303)),
    ...random,
    ...vector(1, ...session),
    ...words(suite),
    0,
    ...(extensions.length === 0 ? [] : vector(2, ...extensions.flat())),
  ];
}

/** A client's hello of TLS 1.0 in the form of SSL 2.0. */
export function sslv2Hello(suites: number[]): Uint8Array {
  const specs = suites.flatMap((suite) => [0, ...words(suite)]);
  const rest = [1, 3, 1, ...words(specs.length, 0, 16), ...specs, ...Array(16).fill(7)];
  return Uint8Array.of(0x80, rest.length, ...rest);
}
