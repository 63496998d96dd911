import { equal, ok, rejects } from "node:assert/strict";
import { CommandProcess } from "../../lib/cli/command_process.ts";
import { OperatorError } from "../../lib/cli/errors.ts";

Deno.test("CommandProcess.hold() resolves with COMMAND not yet running", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const mark = `${folder}/ran`;
    const held = await CommandProcess.hold(["sh", "-c", `echo $$ > ${mark}`], true);
    const stat = await Deno.readTextFile(`/proc/${held.pid}/stat`);
    ok(stat.includes(") T "), stat);
    await rejects(Deno.stat(mark), Deno.errors.NotFound);
    held.resume();
    equal(await held.exitCode(), 0);
    equal((await Deno.readTextFile(mark)).trim(), String(held.pid), "COMMAND keeps the held pid");
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

for (
  const { name, words, want } of [
    { name: "its own status", words: ["sh", "-c", "exit 7"], want: 7 },
    { name: "128 + 9 for SIGKILL", words: ["sh", "-c", "kill -9 $$"], want: 137 },
    { name: "words as they are", words: ["test", "a  b;$x", "=", "a  b;$x"], want: 0 },
  ]
) {
  Deno.test(`CommandProcess.exitCode() is ${name}`, async () => {
    const held = await CommandProcess.hold(words, true);
    held.resume();
    equal(await held.exitCode(), want);
  });
}

Deno.test("CommandProcess.passOn() ends COMMAND with the signal we got", async () => {
  const held = await CommandProcess.hold(["sleep", "60"], true);
  held.resume();
  held.passOn("SIGTERM");
  equal(await held.exitCode(), 143);
});

Deno.test("CommandProcess.cancel() removes COMMAND before it ran", async () => {
  const held = await CommandProcess.hold(["sleep", "60"], true);
  held.cancel();
  equal(await held.exitCode(), 137);
});

for (
  const { name, words, exitCode } of [
    { name: "a program that does not exist", words: ["no-such-program-here"], exitCode: 127 },
    { name: "a path that does not exist", words: ["/nowhere/at/all"], exitCode: 127 },
    { name: "a file that is no program", words: ["/etc/passwd"], exitCode: 126 },
  ]
) {
  Deno.test(`CommandProcess.hold() refuses ${name} with ${exitCode}`, async () => {
    await rejects(CommandProcess.hold(words, true), { name: "OperatorError", exitCode });
  });
}

Deno.test({
  name: "CommandProcess.hold() gives up, and leaves nothing stopped, where /proc cannot be read",
  permissions: { run: true, env: true, read: ["/bin", "/usr", "/sbin", "/etc"] },
  fn: async () => {
    const error = await CommandProcess.hold(["/bin/sh", "-c", "exit 3"], true).then(
      () => null,
      (reason) => reason,
    );
    ok(error instanceof OperatorError);
    equal(error.exitCode, 125);
  },
});
