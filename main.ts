/**
 * sockeye shows what processes say on sockets, one record for each request and its response.
 *
 *   command line → lib/capture (live, or a recording) → lib/pipeline → lib/sink → exit code
 *
 * This file only joins the command line to the commands, and turns what they return or throw into
 * an exit code. Each command is loaded when it runs, so that --help answers at once.
 */
import { CommanderError } from "@commander-js/extra-typings";
import { describeError, ExitCode, quote, usageError } from "./lib/cli/errors.ts";
import { answer, tell } from "./lib/cli/messages.ts";
import { type Actions, buildProgram, translateError } from "./lib/cli/program.ts";

/** Runs one command line to its end; the exit code. */
async function main(args: readonly string[]): Promise<number> {
  const split = args.indexOf("--");
  const command = split < 0 ? null : args.slice(split + 1);
  let exitCode: number = ExitCode.OK;
  const program = buildProgram(actionsFor(command, (code) => exitCode = code));
  program.hook("preAction", (_, running) => {
    if (command === null || ["sockeye", "trace"].includes(running.name())) return;
    throw usageError(`Cannot use ${quote("--")}: ${running.name()} takes no command`);
  });
  try {
    const own = split < 0 ? args : args.slice(0, split);
    await program.parseAsync([...own], { from: "user" });
    return exitCode;
  } catch (error) {
    const translated = error instanceof CommanderError ? translateError(error, program) : error;
    if (translated === null) return ExitCode.OK;
    const { text, exitCode: failed } = describeError(translated);
    tell(`${text}\n`);
    // A status below 126 could be COMMAND's own.
    return command !== null && failed < 126 ? ExitCode.COMMAND_FAILED : failed;
  }
}

/** What each command does. `command`: the words behind "--"; `ended` gets a command's exit code. */
function actionsFor(command: readonly string[] | null, ended: (exitCode: number) => void): Actions {
  return {
    trace: async (options) => {
      if (command?.length === 0) throw usageError('Cannot trace a command: none behind "--"');
      const { trace } = await import("./lib/cli/trace.ts");
      ended(await trace(options, command ?? []));
    },
    replay: async (options, file) => {
      const { replay } = await import("./lib/cli/replay.ts");
      ended(await replay(options, file));
    },
    demo: async (options) => {
      const { demoCommand, demoOptions } = await import("./lib/cli/demo.ts");
      const { trace } = await import("./lib/cli/trace.ts");
      ended(await trace(demoOptions(options), demoCommand(), "a small server"));
    },
    demoPeer: async (role, url) => {
      const { demoPeer } = await import("./lib/cli/demo.ts");
      await demoPeer(role, url);
    },
    check: async () => {
      const { check } = await import("./lib/cli/check.ts");
      ended(await check());
    },
    doctor: async (options, file) => {
      const { doctor } = await import("./lib/cli/doctor.ts");
      ended(await doctor(options, file));
    },
    protocols: async () => {
      const { listProtocols } = await import("./lib/cli/protocols.ts");
      const { plugins } = await import("./protocols/registry.ts");
      answer(listProtocols(plugins));
    },
    completions: async (shell, all) => {
      const { completions } = await import("./lib/cli/completions.ts");
      const { namesOf } = await import("./lib/cli/protocols.ts");
      const { plugins } = await import("./protocols/registry.ts");
      answer(completions(shell, all, namesOf(plugins)));
    },
  };
}

// Listeners and unfinished writes must not keep the process alive.
if (import.meta.main) Deno.exit(await main(Deno.args));
