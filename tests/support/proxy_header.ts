/** PROXY headers, as a proxy would send them. */

/** Version 1: "PROXY" and what stands behind it. */
export function proxyLine(text: string): Uint8Array {
  return new TextEncoder().encode(`PROXY ${text}\r\n`);
}

/** Version 2; `command` 0 is LOCAL, 1 PROXY; `family` holds the transport, too. */
export function proxyV2(
  command: number,
  family: number,
  rest: readonly number[],
): Uint8Array<ArrayBuffer> {
  const signature = [13, 10, 13, 10, 0, 13, 10, 0x51, 0x55, 0x49, 0x54, 10];
  const size = [rest.length >> 8, rest.length & 255];
  return Uint8Array.from([...signature, 0x20 | command, family, ...size, ...rest]);
}
