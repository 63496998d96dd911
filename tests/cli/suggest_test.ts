import { equal } from "node:assert/strict";
import { suggest } from "../../lib/cli/suggest.ts";

const known = ["http", "redis", "dns", "unknown", "--pid", "--protocol", "--port"];
for (
  const { word, want } of [
    { word: "redsi", want: "redis" },
    { word: "Redis", want: "redis" },
    { word: "htp", want: "http" },
    { word: "--prot", want: "--protocol" },
    { word: "--por", want: "--port" },
    { word: "--pidd", want: "--pid" },
    { word: "mysql", want: null },
    { word: "x", want: null },
    { word: "", want: null },
    { word: "h".repeat(10_000), want: null },
  ]
) {
  Deno.test(`suggest() for ${word.slice(0, 12)} is ${want}`, () =>
    equal(suggest(word, known), want));
}
