/** Which kernels need programs that cannot be preempted. */
import assert from "node:assert/strict";
import { preemptsPrograms } from "../../../lib/capture/live/steady.ts";

const RELEASES = [
  { release: "5.10.0-46-cloud-amd64", want: false },
  { release: "6.18.44", want: false },
  { release: "7.0.0-rc1", want: true },
  { release: "7.3-cloud-amd64", want: true },
  { release: "10.1.0", want: true },
  { release: "", want: false },
];
for (const { release, want } of RELEASES) {
  Deno.test(`preemptsPrograms() of ${JSON.stringify(release)}`, () => {
    assert.equal(preemptsPrograms(release), want);
  });
}
