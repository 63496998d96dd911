import assert from "node:assert/strict";
import { ByteReader } from "../../lib/wire/byte_reader.ts";

const reader = (...bytes: number[]): ByteReader =>
  new ByteReader(Uint8Array.from([9, ...bytes, 9]), 1, 1 + bytes.length);

Deno.test("ByteReader reads numbers of every width, and fails on each that is cut", () => {
  const f = 0xff;
  const table: {
    name: string;
    bytes: number[];
    read: (r: ByteReader) => unknown;
    want: unknown;
  }[] = [
    { name: "u8", bytes: [200], read: (r) => r.u8(), want: 200 },
    { name: "u16", bytes: [1, 2], read: (r) => r.u16(), want: 258 },
    { name: "u32", bytes: [f, f, f, f], read: (r) => r.u32(), want: 4294967295 },
    { name: "i32", bytes: [f, f, f, 254], read: (r) => r.i32(), want: -2 },
    { name: "u48", bytes: [1, 0, 0, 0, 0, 2], read: (r) => r.u48(), want: 2 ** 40 + 2 },
    { name: "u64", bytes: [0, 31, f, f, f, f, f, f], read: (r) => r.u64(), want: 2 ** 53 - 1 },
    {
      name: "u64 2^53",
      bytes: [0, 32, 0, 0, 0, 0, 0, 0],
      read: (r) => r.u64(),
      want: "9007199254740992",
    },
    {
      name: "u64 max",
      bytes: [f, f, f, f, f, f, f, f],
      read: (r) => r.u64(),
      want: "18446744073709551615",
    },
    { name: "i64", bytes: [f, f, f, f, f, f, f, f], read: (r) => r.i64(), want: -1 },
    {
      name: "i64 least",
      bytes: [128, 0, 0, 0, 0, 0, 0, 0],
      read: (r) => r.i64(),
      want: "-9223372036854775808",
    },
    {
      name: "i64 -2^53",
      bytes: [f, 224, 0, 0, 0, 0, 0, 0],
      read: (r) => r.i64(),
      want: "-9007199254740992",
    },
    {
      name: "i64 -2^53+1",
      bytes: [f, 224, 0, 0, 0, 0, 0, 1],
      read: (r) => r.i64(),
      want: 1 - 2 ** 53,
    },
    { name: "u16le", bytes: [1, 2], read: (r) => r.u16le(), want: 513 },
    { name: "u24le", bytes: [1, 0, f], read: (r) => r.u24le(), want: 0xff0001 },
    { name: "u32le", bytes: [1, 0, 0, f], read: (r) => r.u32le(), want: 0xff000001 },
    { name: "i32le", bytes: [254, f, f, f], read: (r) => r.i32le(), want: -2 },
    { name: "u64le", bytes: [5, 0, 0, 0, 1, 0, 0, 0], read: (r) => r.u64le(), want: 2 ** 32 + 5 },
    { name: "i64le", bytes: [254, f, f, f, f, f, f, f], read: (r) => r.i64le(), want: -2 },
    { name: "varint", bytes: [0xac, 2], read: (r) => r.varint(), want: 300 },
    { name: "varint max", bytes: [f, f, f, f, 15], read: (r) => r.varint(), want: 4294967295 },
    { name: "zigzag", bytes: [3], read: (r) => r.zigzag(), want: -2 },
    { name: "zigzag least", bytes: [f, f, f, f, 15], read: (r) => r.zigzag(), want: -2147483648 },
    { name: "text", bytes: [0xc3, 0xbc], read: (r) => r.text(2), want: "ü" },
    { name: "hex", bytes: [1, 0xab], read: (r) => r.hex(2, ":"), want: "01:ab" },
    { name: "base64", bytes: [1, 2], read: (r) => r.base64(2), want: "AQI=" },
    { name: "ipv4", bytes: [10, 0, 0, 1], read: (r) => r.ipv4(), want: "10.0.0.1" },
    { name: "ipv4 cut", bytes: [10, 1], read: (r) => r.ipv4(2), want: "10.1.0.0" },
  ];
  for (const { name, bytes, read, want } of table) {
    const whole = reader(...bytes);
    assert.equal(read(whole), want, name);
    assert.deepEqual([whole.failed, whole.left], [false, 0], name);
    if (name === "ipv4 cut") continue;
    const cut = reader(...bytes.slice(0, -1));
    read(cut);
    assert.deepEqual([cut.failed, cut.left], [true, 0], `${name}, cut`);
  }
});

Deno.test("ByteReader fails on what is no number, text or length, and then on everything", () => {
  const table: {
    name: string;
    bytes: number[];
    read: (r: ByteReader) => unknown;
    want: unknown;
  }[] = [
    {
      name: "varint beyond 32 bits",
      bytes: [255, 255, 255, 255, 16],
      read: (r) => r.varint(),
      want: 0,
    },
    {
      name: "varint without end",
      bytes: [128, 128, 128, 128, 128, 0],
      read: (r) => r.varint(),
      want: 0,
    },
    { name: "no UTF-8", bytes: [0xc3, 0x28], read: (r) => r.text(2), want: "" },
    { name: "negative length", bytes: [1], read: (r) => r.text(-1), want: "" },
    {
      name: "17 bytes of address",
      bytes: new Array<number>(17).fill(0),
      read: (r) => r.ipv6(17),
      want: "",
    },
  ];
  for (const { name, bytes, read, want } of table) {
    const each = reader(...bytes, 7);
    assert.equal(read(each), want, name);
    assert.deepEqual([each.failed, each.u8(), each.hex(1)], [true, 0, ""], name);
  }
});

/** A number as a varint of as few bytes as it takes. */
function varint(value: bigint): number[] {
  const bytes: number[] = [];
  for (; value > 127n; value >>= 7n) bytes.push(Number(value & 127n) | 128);
  return [...bytes, Number(value)];
}

/** As records show it. */
function shown(value: bigint): number | string {
  return Number.isSafeInteger(Number(value)) ? Number(value) : `${value}`;
}

Deno.test("ByteReader reads varints of every width up to 64 bits, and fails on each that is cut", () => {
  const values = [0n, 1n, 300n];
  for (let bits = 1n; bits <= 64n; bits++) values.push((1n << bits) - 1n, (1n << bits - 1n) + 1n);
  for (let bits = 1n; bits < 64n; bits++) values.push(1n << bits);
  for (const value of values) {
    const bytes = varint(value);
    const sign = value & 1n ? -(value >> 1n) - 1n : value >> 1n;
    const fits = value < 1n << 32n;
    const table = [
      { read: (r: ByteReader) => r.varint64(), want: shown(value) },
      { read: (r: ByteReader) => r.zigzag64(), want: shown(sign) },
      { read: (r: ByteReader) => r.varint(), want: fits ? Number(value) : 0 },
      { read: (r: ByteReader) => r.zigzag(), want: fits ? Number(sign) : 0 },
    ];
    for (const [i, { read, want }] of table.entries()) {
      const whole = reader(...bytes);
      assert.equal(read(whole), want, `${value} ${i}`);
      assert.equal(whole.failed, i > 1 && !fits, `${value} ${i}`);
      if (!whole.failed) assert.equal(whole.left, 0, `${value} ${i}`);
      const cut = reader(...bytes.slice(0, -1));
      read(cut);
      assert.equal(cut.failed, true, `${value} ${i}, cut`);
    }
  }
});

Deno.test("ByteReader reads varints with idle bytes, and fails on those beyond 64 bits", () => {
  const full = Array<number>(9).fill(255);
  const table = [
    { name: "idle bytes", bytes: [0x85, 0x80, 0x80, 0], want: 5, failed: false },
    { name: "nine idle bytes", bytes: [...full.map(() => 128), 0], want: 0, failed: false },
    { name: "the most", bytes: [...full, 1], want: "18446744073709551615", failed: false },
    { name: "a bit beyond", bytes: [...full, 2], want: 0, failed: true },
    { name: "eleven bytes", bytes: [...full, 129, 0], want: 0, failed: true },
  ];
  for (const { name, bytes, want, failed } of table) {
    const each = reader(...bytes);
    assert.deepEqual([each.varint64(), each.failed], [want, failed], name);
  }
  const least = reader(...full, 1);
  assert.deepEqual([least.zigzag64(), least.failed], ["-9223372036854775808", false]);
});
