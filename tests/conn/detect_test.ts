import assert from "node:assert/strict";
import { detect, type Hints } from "../../lib/conn/detect.ts";
import { bytesOf } from "../support/events.ts";
import type { Plugin, Probe } from "../../protocols/protocol.ts";
import { linesNamed } from "../support/lines.ts";

const NONE: Hints = { role: null, localPort: 1, remotePort: 2, firstSpeaker: null };
const lines = linesNamed("lines", [4000]), other = linesNamed("other", [5000]);

interface Case {
  name: string;
  egress: string;
  ingress: string;
  hints?: Partial<Hints>;
  full?: boolean;
  /** "lines" alone by default. */
  plugins?: Plugin[];
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
    plugins: [lines, other],
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

/** One that answers to heads by what they begin with. */
function answering(name: string, answers: Record<string, Probe>, ports: number[] = []): Plugin {
  const probe = (head: Uint8Array, side: string): Probe =>
    answers[`${side} ${String.fromCharCode(head[0] ?? 0)}`] ?? "no";
  return { ...lines, name, names: [name], ports, probe };
}

const weak = answering("weak", { "request a": "likely", "response b": "likely" }, [7000]);
const strong = answering("strong", { "request a": "yes" });
const both = answering("both", { "request a": "likely", "response b": "yes" });
const twin = answering("a_twin", { "request a": "yes", "response b": "unsure" });

const likely: Case[] = [
  { name: "likely waits for the other direction", egress: "a", ingress: "", want: "unsure" },
  { name: "likely on both", egress: "a", ingress: "b", want: "weak client" },
  {
    name: "likely, at its usual port",
    egress: "a",
    ingress: "",
    hints: { remotePort: 7000 },
    want: "weak client",
  },
  {
    name: "likely, and no more to come",
    egress: "a",
    ingress: "",
    full: true,
    want: "weak client",
  },
  { name: "likely, and contradicted", egress: "a", ingress: "c", want: "no" },
].map((each) => ({ ...each, plugins: [weak] }));
for (const plugins of [[weak, strong], [strong, weak]]) {
  likely.push({
    name: "yes before likely",
    egress: "a",
    ingress: "",
    plugins,
    want: "strong client",
  });
}
for (const plugins of [[weak, both], [both, weak]]) {
  likely.push({
    name: "yes on one of both",
    egress: "a",
    ingress: "b",
    plugins,
    want: "both client",
  });
}
for (const plugins of [[twin, strong], [strong, twin]]) {
  likely.push(
    { name: "a tie waits for more", egress: "a", ingress: "", plugins, want: "unsure" },
    {
      name: "a tie for good",
      egress: "a",
      ingress: "",
      full: true,
      plugins,
      want: "a_twin client",
    },
  );
}
cases.push(...likely);

for (const { name, egress, ingress, hints, full, plugins, want } of cases) {
  Deno.test(`detect(): ${name}`, () => {
    const head = (text: string) => ({ bytes: bytesOf(text), full: full ?? false });
    const asked = plugins ?? [lines];
    const found = detect(asked, "stream", head(egress), head(ingress), { ...NONE, ...hints });
    assert.equal(typeof found === "string" ? found : `${found.plugin.name} ${found.role}`, want);
  });
}
