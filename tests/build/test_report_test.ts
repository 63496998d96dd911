/** Which files `./build.sh test NAME…` takes, and sums of JUnit reports as `deno test` writes them. */
import assert from "node:assert/strict";
import { ROOT } from "../../build/tools.ts";
import { isNamed, readReport } from "../../build/test.ts";

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

Deno.test("isNamed() takes a file by the beginning of any name of its path", () => {
  const taken = (path: string, ...parts: string[]): string[] =>
    parts.filter((part) => isNamed(`${ROOT}tests/${path}`, part));
  const parts = ["contract_test", "contract", "recordings", "test", "./tests/contract_test.ts"];
  assert.deepEqual(taken("contract_test.ts", ...parts, "act_test"), [
    "contract_test",
    "contract",
    "test",
    "./tests/contract_test.ts",
  ]);
  assert.deepEqual(taken("recordings_contract_test.ts", ...parts), ["recordings", "test"]);
  const [deep, whole] = ["protocols/redis/parse_test.ts", `${ROOT}tests/protocols/redis`];
  assert.deepEqual(taken(deep, "redis", "protocols/redis", "dis/parse", whole), [
    "redis",
    "protocols/redis",
    whole,
  ]);
});
