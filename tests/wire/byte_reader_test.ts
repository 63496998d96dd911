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
