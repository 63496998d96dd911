/**
 * The command line: the commands and their help. In: what to run for each. Out: a commander program
 * that has run nothing yet, and commander's errors in our own words.
 */
import {
  Argument,
  Command,
  type CommanderError,
  type CommandUnknownOpts,
} from "@commander-js/extra-typings";
import { ExitCode, OperatorError, quote, usageError } from "./errors.ts";
import { SHELLS } from "./completions.ts";
import {
  doctorCommand,
  type DoctorOptions,
  type OutputOptions,
  replayCommand,
  traceCommand,
  type TraceOptions,
} from "./options.ts";
import { suggest } from "./suggest.ts";
import { VERSION } from "./version.ts";

/** What each command does. */
export interface Actions {
  trace(options: TraceOptions): Promise<void>;
  replay(options: OutputOptions, file: string): Promise<void>;
  /** Takes the options of a trace. */
  demo(options: TraceOptions): Promise<void>;
  demoPeer(role: string, url: string | undefined): Promise<void>;
  /** `file`: a recording or packet capture in place of a process. */
  doctor(options: DoctorOptions, file: string | undefined): Promise<void>;
  check(): Promise<void>;
  protocols(): Promise<void>;
  completions(shell: string, program: CommandUnknownOpts): Promise<void>;
}

const EXAMPLES = `
Examples:
  sudo sockeye                                   everything on this host, until Ctrl-C
  sudo sockeye --pid 1234 | jq 'select(.latency_ns > 1e7)'
  sudo sockeye --comm nginx --protocol http --duration 10s --output-file records.ndjson
  sudo sockeye -- curl http://example.com/       start a program and trace it
  sudo sockeye doctor --pid 1234                 why is a record missing?
`;

/** Usual file names of recordings and packet captures: "x.rec", "y.pcap0.gz". */
const SAVED_FILE = /\.(rec|cap|dmp|pcap|pcapng)(\d+)?(\.(gz|zst))?$/i;

export function buildProgram(actions: Actions): CommandUnknownOpts {
  const program = traceCommand("sockeye", (options, words) => {
    refuseWords(words, program);
    return actions.trace(options);
  });
  program
    .description("Shows what processes say on sockets: one record per request and response.")
    .usage("[trace] [options] [-- COMMAND [ARG...]]")
    .version(`sockeye ${VERSION}`, "-V, --version", "print the version")
    .addHelpText("after", EXAMPLES)
    .enablePositionalOptions()
    .configureHelp({ subcommandTerm: (command) => command.name() })
    .helpCommand("help [command]", "print this, or the options of a command");
  const trace = traceCommand("trace", (options, words) => {
    refuseWords(words, program);
    return actions.trace(options);
  });
  trace.description("trace live (what happens without a command)")
    .usage("[options] [-- COMMAND [ARG...]]");
  program.addCommand(trace);
  addCommands(program, actions);
  for (const command of [program, ...program.commands]) {
    command.helpOption("-h, --help", "print this").exitOverride().showSuggestionAfterError(false)
      .configureOutput({
        writeErr: () => {},
        outputError: () => {},
      });
  }
  return program;
}

function addCommands(program: CommandUnknownOpts, actions: Actions): void {
  program.addCommand(replayCommand(actions.replay));
  program.addCommand(doctorCommand(actions.doctor));
  const demo = traceCommand("demo", (options, words) => {
    refuseWords(words, program);
    return actions.demo(options);
  });
  program.addCommand(
    demo.description("trace a small server and its clients for a few seconds").usage("[options]"),
  );
  program.command("demo-peer", { hidden: true }).argument("<role>").argument("[url]")
    .action((role, url) => actions.demoPeer(role, url));
  program.command("check").description("what this kernel and these privileges allow")
    .action(() => actions.check());
  program.command("protocols").description("list the protocols")
    .action(() => actions.protocols());
  program.addCommand(
    new Command("completions").description("print completions for bash, zsh or fish")
      .addArgument(new Argument("<shell>", SHELLS.join(", ")))
      .action((shell) => actions.completions(shell, program)),
  );
}

/** Refuses a word that is neither an option nor a command: a slip, or a program without its "--". */
function refuseWords(words: readonly string[], program: CommandUnknownOpts): void {
  const word = words[0];
  if (word === undefined) return;
  if (SAVED_FILE.test(word)) {
    throw usageError(
      `Cannot run ${quote(word)}: no such command`,
      `to read a recording or a packet capture: sockeye replay ${words.join(" ")}`,
    );
  }
  const commands = program.createHelp().visibleCommands(program).map((command) => command.name());
  const meant = suggest(word, commands);
  if (meant !== null) {
    throw usageError(`Cannot run ${quote(word)}: did you mean ${quote(meant)}?`);
  }
  throw usageError(
    `Cannot run ${quote(word)}: no such command`,
    `to start and trace a program: sockeye -- ${words.join(" ")}`,
  );
}

/** What commander threw, as an error of ours; null when it only printed help or the version. */
export function translateError(
  error: CommanderError,
  program: CommandUnknownOpts,
): OperatorError | null {
  if (error.exitCode === ExitCode.OK) return null;
  const subject = /'([^']*)'/.exec(error.message)?.[1] ?? "";
  const seeHelp = "sockeye --help lists commands and options";
  switch (error.code) {
    case "commander.unknownOption": {
      const flag = subject.split("=", 1)[0] ?? subject;
      const flags = [program, ...program.commands].flatMap((command) =>
        command.createHelp().visibleOptions(command).map((option) => option.long ?? "")
      );
      if (flags.includes(flag)) {
        return usageError(`Cannot use ${flag}: not an option of this command`, seeHelp);
      }
      const meant = flag.startsWith("--") ? suggest(flag, [...new Set(flags)]) : null;
      return meant === null
        ? usageError(`Cannot use ${quote(flag)}: no such option`, seeHelp)
        : usageError(`Cannot use ${quote(flag)}: did you mean ${quote(meant)}?`);
    }
    case "commander.optionMissingArgument": {
      const flag = subject.split(" ").find((word) => word.startsWith("--")) ?? subject;
      return usageError(`Cannot use ${flag}: its value is missing`, seeHelp);
    }
    case "commander.help":
      return usageError(
        `Cannot explain ${quote(program.args.at(-1) ?? "")}: no such command`,
        seeHelp,
      );
    case "commander.missingMandatoryOptionValue": {
      const flag = /--[a-z-]+/.exec(subject)?.[0] ?? subject;
      return usageError(`Cannot go on: option ${flag} is missing`, seeHelp);
    }
    case "commander.missingArgument":
      return usageError(`Cannot go on: argument ${quote(subject)} is missing`, seeHelp);
    case "commander.excessArguments":
      return usageError(`Cannot go on: too many arguments for ${subject}`, seeHelp);
    default:
      return usageError(error.message.replace(/^error: /, "Cannot go on: "), seeHelp);
  }
}
