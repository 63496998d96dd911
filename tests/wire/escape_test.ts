import { equal, ok } from "node:assert/strict";
import { escapeJson, escapeText, fitText, textWidth } from "../../lib/wire/escape.ts";

const texts: { name: string; text: string; want: string; width: number }[] = [
  { name: "plain text", text: "GET /a?b=c", want: "GET /a?b=c", width: 10 },
  { name: "a terminal's colour sequence", text: "\x1b[31mred", want: "\\x1b[31mred", width: 11 },
  { name: "newline, return and tab", text: "a\nb\r\tc", want: "a\\nb\\r\\tc", width: 9 },
  { name: "NUL and DEL", text: "\0\x7f", want: "\\x00\\x7f", width: 8 },
  { name: "C1: an 8-bit CSI", text: "\x9b2J", want: "\\x9b2J", width: 6 },
  { name: "bidi override", text: "a\u202eb", want: "a\\u{202e}b", width: 10 },
  { name: "bidi isolate and mark", text: "\u2066\u200f", want: "\\u{2066}\\u{200f}", width: 16 },
  { name: "zero-width space", text: "a\u200bb", want: "a\\u{200b}b", width: 10 },
  { name: "line separator", text: "\u2028", want: "\\u{2028}", width: 8 },
  { name: "a lone surrogate", text: "\ud800x", want: "\\u{d800}x", width: 9 },
  { name: "a tag character", text: "\u{e0041}", want: "\\u{e0041}", width: 9 },
  { name: "wide characters", text: "日本", want: "日本", width: 4 },
  { name: "an emoji", text: "🐟", want: "🐟", width: 2 },
  { name: "a combining accent", text: "e\u0301", want: "e\u0301", width: 1 },
  { name: "Latin with accents", text: "café", want: "café", width: 4 },
];
for (const { name, text, want, width } of texts) {
  Deno.test(`escapeText() and textWidth(): ${name}`, () => {
    equal(escapeText(text), want);
    equal(textWidth(want), width);
  });
}

const fits: { name: string; text: string; width: number; want: string }[] = [
  { name: "pads", text: "ab", width: 4, want: "ab  " },
  { name: "keeps what fits exactly", text: "abcd", width: 4, want: "abcd" },
  { name: "cuts with an ellipsis", text: "abcdef", width: 4, want: "abc…" },
  { name: "does not cut a wide character in two", text: "日本語", width: 4, want: "日… " },
  { name: "width 1", text: "abc", width: 1, want: "…" },
  { name: "width 0", text: "abc", width: 0, want: "" },
];
for (const { name, text, width, want } of fits) {
  Deno.test(`fitText() ${name}`, () => equal(fitText(text, width), want));
}

Deno.test("escapeJson() leaves nothing that a terminal obeys, and no value changed", () => {
  const value = { a: "\x9b\x7f\u202e日\ud800.", b: ["\x1b[2J"] };
  const escaped = escapeJson(JSON.stringify(value));
  ok(!/[\p{C}]/u.test(escaped), escaped);
  equal(JSON.stringify(JSON.parse(escaped)), JSON.stringify(value));
});
