import assert from "node:assert/strict";
import { hasAt, utf8, utf8CutBefore } from "../../lib/wire/text.ts";

const encoder = new TextEncoder();

Deno.test("utf8() tells long texts of one length apart, however often each comes", () => {
  const long = (letter: string): string => `<${letter.repeat(998)}>`;
  const texts = [long("a"), long("a"), long("a"), long("b"), long("b"), long("a"), long("b")];
  for (const text of [...texts, long("c").slice(1), ...texts]) {
    for (const before of [2, 10_000]) {
      const bytes = encoder.encode(`${".".repeat(before)}${text}..`);
      assert.equal(utf8(bytes, before, before + text.length), text);
    }
  }
});

Deno.test("utf8() of long bytes that are no ASCII, between equal ones that are", () => {
  const plain = encoder.encode("x".repeat(1000));
  const umlauts = encoder.encode("ü".repeat(500));
  const broken = plain.slice();
  broken[999] = 0xff;
  for (let i = 0; i < 3; i++) {
    assert.equal(utf8(plain, 0, 1000), "x".repeat(1000));
    assert.equal(utf8(umlauts, 0, 1000), "ü".repeat(500));
    assert.equal(utf8(broken, 0, 1000), null);
  }
});

Deno.test("utf8() of texts longer than what is kept", () => {
  const bytes = encoder.encode("y".repeat(5000));
  for (let i = 0; i < 3; i++) assert.equal(utf8(bytes, 0, 5000), "y".repeat(5000));
});

Deno.test("hasAt() compares no more than the known bytes, and nothing beyond the end", () => {
  const known = encoder.encode("GET /xyz");
  const cases = [
    { bytes: "GET /abc", start: 0, length: 5, want: true },
    { bytes: "GET /", start: 0, length: 5, want: true },
    { bytes: "GET ", start: 0, length: 5, want: false },
    { bytes: "PUT /", start: 0, length: 5, want: false },
    { bytes: "..............GET /.", start: 14, length: 5, want: true },
    { bytes: "..............GET /.", start: 15, length: 5, want: false },
    { bytes: "GET /xyz and more", start: 0, length: 9, want: false },
    { bytes: "", start: 0, length: 0, want: true },
  ];
  for (const { bytes, start, length, want } of cases) {
    assert.equal(hasAt(encoder.encode(bytes), start, known, length), want, bytes);
  }
});

Deno.test("utf8CutBefore() cuts no character in two", () => {
  const bytes = encoder.encode("aü€😀b");
  const whole = new Set([0, 1, 3, 6, 10, 11]);
  for (let end = 0; end <= bytes.length; end++) {
    const cut = utf8CutBefore(bytes, 0, end);
    assert.ok(cut <= end && whole.has(cut), `${end} → ${cut}`);
  }
});
