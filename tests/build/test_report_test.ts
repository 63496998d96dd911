/** Sums of JUnit reports as `deno test` writes them. */
import assert from "node:assert/strict";
import { readReport } from "../../build/test.ts";

const SUITE = '<testsuite name="./a_test.ts" tests="7" disabled="1" errors="0" failures="2">';

const CASES = [
  { name: "no suite", xml: "<testsuites></testsuites>", want: [0, 0, 0] },
  { name: "one suite", xml: `<testsuites>${SUITE}</testsuite></testsuites>`, want: [4, 2, 1] },
  { name: "two suites", xml: `<testsuites>${SUITE}\n${SUITE}</testsuites>`, want: [8, 4, 2] },
];

for (const { name, xml, want } of CASES) {
  Deno.test(`readReport() sums ${name}`, () => {
    const { passed, failed, skipped } = readReport(xml);
    assert.deepEqual([passed, failed, skipped], want);
  });
}
