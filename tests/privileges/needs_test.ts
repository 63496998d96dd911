/** What the needs of each command add up to. */
import assert from "node:assert/strict";
import { allow, type NeedName } from "../../lib/privileges/needs.ts";

const COMMANDS: readonly { name: string; needs: readonly NeedName[]; permissions: string[] }[] = [
  { name: "a replay", needs: ["output"], permissions: [] },
  {
    name: "a trace of a command",
    needs: ["output", "events", "processes", "hiddenProcesses", "command"],
    permissions: [],
  },
  { name: "a doctor", needs: ["events", "processes", "examination"], permissions: [] },
  { name: "an exporter", needs: ["output", "events", "export"], permissions: ["net"] },
  { name: "later probes", needs: ["events", "processes", "libraries"], permissions: [] },
];

for (const { name, needs, permissions } of COMMANDS) {
  const kept = permissions.join(", ") || "none";
  Deno.test(`allow() keeps of the runtime's permissions for ${name}: ${kept}`, () => {
    assert.deepEqual([...allow(needs, []).permissions], permissions);
  });
}
