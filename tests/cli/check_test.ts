import { equal } from "node:assert/strict";
import { formatFindings } from "../../lib/cli/check.ts";

Deno.test("formatFindings() has a line for each finding, and remedies below", () => {
  const text = formatFindings([
    { name: "kernel", ok: true, detail: "Linux 6.18" },
    { name: "BTF", ok: false, detail: "\x1b[2J missing", remedy: "boot another kernel" },
  ], false);
  equal(
    text,
    "ok    kernel  Linux 6.18\n" +
      "FAIL  BTF     \\x1b[2J missing\n" +
      "              → boot another kernel\n",
  );
});

Deno.test("formatFindings() colours only when told to", () => {
  const findings = [{ name: "kernel", ok: true, detail: "x" }];
  equal(formatFindings(findings, true), "\x1b[32mok  \x1b[0m  kernel  x\n");
});
