import assert from "node:assert/strict";
import { detect, type Hints, looksLikeTls } from "../../lib/conn/detect.ts";
import { bytesOf } from "../support/events.ts";
import { linesNamed } from "../support/lines.ts";

const NONE: Hints = { role: null, localPort: 1, remotePort: 2, firstSpeaker: null };
const plugins = [linesNamed("lines", [4000]), linesNamed("other", [5000])];

interface Case {
  name: string;
  egress: string;
  ingress: string;
  hints?: Partial<Hints>;
  full?: boolean;
  want: string;
}

const cases: Case[] = [
  { name: "a request sent", egress: "?a\n", ingress: "", want: "lines client" },
  { name: "a response sent", egress: "!a\n", ingress: "", want: "lines server" },
  { name: "both sides", egress: "!a\n", ingress: "?a\n", want: "lines server" },
  {
    name: "one side settles the other's doubt",
    egress: "!a",
    ingress: "?a\n",
    want: "lines server",
  },
  { name: "two requests are no conversation", egress: "?a\n", ingress: "?a\n", want: "no" },
  { name: "too short to tell", egress: "?a", ingress: "", want: "unsure" },
  { name: "too short for ever", egress: "?a", ingress: "", full: true, want: "no" },
  { name: "neither", egress: "x", ingress: "y", want: "no" },
  { name: "nothing yet", egress: "", ingress: "", want: "unsure" },
  {
    name: "the server's port",
    egress: "!a\n",
    ingress: "",
    hints: { localPort: 5000 },
    want: "other server",
  },
  {
    name: "the other end's port does not count for a server",
    egress: "!a\n",
    ingress: "",
    hints: { remotePort: 5000 },
    want: "lines server",
  },
  {
    name: "a wrong hint",
    egress: "!a\n",
    ingress: "",
    hints: { role: "client" },
    want: "lines server",
  },
];

for (const { name, egress, ingress, hints, full, want } of cases) {
  Deno.test(`detect(): ${name}`, () => {
    const head = (text: string) => ({ bytes: bytesOf(text), full: full ?? false });
    const found = detect(plugins, "stream", head(egress), head(ingress), { ...NONE, ...hints });
    assert.equal(typeof found === "string" ? found : `${found.plugin.name} ${found.role}`, want);
  });
}

Deno.test("looksLikeTls() knows a record header, and nothing else", () => {
  const cases: [number[], boolean][] = [
    [[22, 3, 1, 2, 0], true],
    [[23, 3, 3, 0, 64, 1], true],
    [[22, 3, 1, 2], false],
    [[22, 3, 1, 0, 0], false],
    [[22, 3, 1, 255, 255], false],
    [[22, 2, 1, 0, 9], false],
    [[24, 3, 1, 0, 9], false],
    [[], false],
  ];
  for (const [bytes, want] of cases) assert.equal(looksLikeTls(Uint8Array.from(bytes)), want);
});
