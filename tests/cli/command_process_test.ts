import { equal, match, ok, rejects, throws } from "node:assert/strict";
import { CommandProcess } from "../../lib/cli/command_process.ts";

async function inFolder(body: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await body(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("CommandProcess.hold() returns with COMMAND not yet running, and its pid", async () => {
  await inFolder(async (folder) => {
    const mark = `${folder}/ran`;
    using held = CommandProcess.hold(["sh", "-c", `echo $$ > ${mark}`], true);
    match(await Deno.readLink(`/proc/${held.pid}/exe`), /memfd:gate/);
    await rejects(Deno.stat(mark), Deno.errors.NotFound);
    held.release();
    equal(await held.exitCode(), 0);
    equal((await Deno.readTextFile(mark)).trim(), String(held.pid), "COMMAND keeps the held pid");
  });
});

for (
  const { name, words, want } of [
    { name: "its own status", words: ["sh", "-c", "exit 7"], want: 7 },
    { name: "128 + 9 for SIGKILL", words: ["sh", "-c", "kill -9 $$"], want: 137 },
    { name: "128 + 40 for a real-time signal", words: ["bash", "-c", "kill -40 $$"], want: 168 },
    { name: "words as they are", words: ["test", "a  b;$x", "=", "a  b;$x"], want: 0 },
  ]
) {
  Deno.test(`CommandProcess.exitCode() is ${name}`, async () => {
    using held = CommandProcess.hold(words, true);
    held.release();
    equal(await held.exitCode(), want);
  });
}

Deno.test("CommandProcess.passOn() ends COMMAND with the signal we got", async () => {
  using held = CommandProcess.hold(["sleep", "60"], true);
  held.release();
  held.passOn("SIGTERM");
  equal(await held.exitCode(), 143);
});

for (const after of ["cancel", "dispose"] as const) {
  Deno.test(`CommandProcess: what is held ends by ${after}, and COMMAND never runs`, async () => {
    await inFolder(async (folder) => {
      const held = CommandProcess.hold(["touch", `${folder}/ran`], true);
      if (after === "cancel") held.cancel();
      else held[Symbol.dispose]();
      equal(await held.exitCode(), 125);
      await rejects(Deno.stat(`${folder}/ran`), Deno.errors.NotFound);
    });
  });

  Deno.test(`CommandProcess: what is released goes on behind ${after}`, async () => {
    await inFolder(async (folder) => {
      const held = CommandProcess.hold(["touch", `${folder}/ran`], true);
      held.release();
      if (after === "cancel") held.cancel();
      else held[Symbol.dispose]();
      equal(await held.exitCode(), 0);
      ok((await Deno.stat(`${folder}/ran`)).isFile);
    });
  });
}

Deno.test("CommandProcess.passOn() reaches what is held: COMMAND never runs", async () => {
  await inFolder(async (folder) => {
    using held = CommandProcess.hold(["touch", `${folder}/ran`], true);
    held.passOn("SIGTERM");
    equal(await held.exitCode(), 143);
    await rejects(Deno.stat(`${folder}/ran`), Deno.errors.NotFound);
  });
});

for (
  const { name, head, want } of [
    { name: "a script that names no interpreter", head: "", want: 9 },
    { name: "a script whose interpreter does not exist", head: "#!/nowhere/sh\n", want: 127 },
  ]
) {
  Deno.test(`CommandProcess.exitCode() of ${name} is ${want}, as in a shell`, async () => {
    await inFolder(async (folder) => {
      await Deno.writeTextFile(`${folder}/script`, `${head}[ "$1" = "a b" ] && exit 9\n`);
      await Deno.chmod(`${folder}/script`, 0o755);
      using held = CommandProcess.hold([`${folder}/script`, "a b"], true);
      held.release();
      equal(await held.exitCode(), want);
    });
  });
}

for (
  const { name, words, exitCode } of [
    { name: "a program that does not exist", words: ["no-such-program-here"], exitCode: 127 },
    { name: "a path that does not exist", words: ["/nowhere/at/all"], exitCode: 127 },
    { name: "a file that is no program", words: ["/etc/passwd"], exitCode: 126 },
  ]
) {
  Deno.test(`CommandProcess.hold() refuses ${name} with ${exitCode}`, () => {
    throws(() => CommandProcess.hold(words, true), { name: "OperatorError", exitCode });
  });
}
