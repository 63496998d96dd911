/**
 * Shell completions, made by walking the commands and options there are.
 * In: the program. Out: a script for bash, zsh or fish. Hidden commands and options stay hidden.
 */
import type { CommandUnknownOpts, Option } from "@commander-js/extra-typings";
import { quote, usageError } from "./errors.ts";

export const SHELLS = ["bash", "zsh", "fish"] as const;
export type Shell = (typeof SHELLS)[number];

/** What is completed behind an option's name. */
interface Word {
  readonly flags: readonly string[];
  readonly description: string;
  readonly takesValue: boolean;
  /** Values to offer; null: file names. */
  readonly values: readonly string[] | null;
}
interface CommandWords {
  readonly name: string;
  readonly description: string;
  readonly options: readonly Word[];
}

/** Values of options that have a fixed list; `protocol` is filled in from the registry. */
export type KnownValues = Readonly<Record<string, readonly string[]>>;

/** `sockeye completions SHELL`. */
export function completions(
  shell: string,
  program: CommandUnknownOpts,
  protocols: readonly string[],
): string {
  const known = SHELLS.find((name) => name === shell);
  if (known === undefined) {
    throw usageError(`Cannot complete for ${quote(shell)}: not one of ${SHELLS.join(", ")}`);
  }
  return completionScript(known, program, {
    protocol: [...protocols, "unknown"],
    output: ["ndjson", "table"],
    role: ["client", "server"],
    capture: ["socket", "syscall"],
  });
}

export function completionScript(
  shell: Shell,
  program: CommandUnknownOpts,
  values: KnownValues,
): string {
  const help = program.createHelp();
  const describe = (command: CommandUnknownOpts): CommandWords => ({
    name: command.name(),
    description: command.description(),
    options: help.visibleOptions(command).map((option) => describeOption(option, values)),
  });
  const root = describe(program);
  const commands = help.visibleCommands(program).map(describe);
  if (shell === "bash") return bashScript(root, commands);
  return shell === "zsh" ? zshScript(root, commands) : fishScript(root, commands);
}

function describeOption(option: Option, values: KnownValues): Word {
  const flags = [option.short, option.long].filter((flag) => flag !== undefined);
  return {
    flags,
    description: option.description,
    takesValue: option.required,
    values: values[option.attributeName()] ?? (option.flags.includes("<file>") ||
        option.flags.includes("<path>")
      ? null
      : []),
  };
}

const flagsOf = (command: CommandWords): string =>
  command.options.flatMap((option) => option.flags).join(" ");

function bashScript(root: CommandWords, commands: readonly CommandWords[]): string {
  const valueCases = root.options.filter((option) => option.takesValue).map((option) => {
    const reply = option.values === null
      ? 'COMPREPLY=($(compgen -f -- "$cur"))'
      : `COMPREPLY=($(compgen -W "${option.values.join(" ")}" -- "$cur"))`;
    return `    ${option.flags.join("|")}) ${reply}; return ;;\n`;
  });
  const commandCases = commands.map((command) =>
    `      ${command.name}) words="${flagsOf(command)}${
      command.name === "completions" ? ` ${SHELLS.join(" ")}` : ""
    }" ;;\n`
  );
  return `# bash completion for sockeye: source it, or put it into /etc/bash_completion.d/
_sockeye() {
  local cur=\${COMP_WORDS[COMP_CWORD]} prev=\${COMP_WORDS[COMP_CWORD-1]} word words i
  for ((i = 1; i < COMP_CWORD; i++)); do
    if [[ \${COMP_WORDS[i]} == -- ]]; then COMPREPLY=($(compgen -c -- "$cur")); return; fi
  done
  case $prev in
${valueCases.join("")}  esac
  words="${flagsOf(root)} ${commands.map((command) => command.name).join(" ")}"
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case $word in
${commandCases.join("")}    esac
  done
  COMPREPLY=($(compgen -W "$words" -- "$cur"))
}
complete -F _sockeye sockeye
`;
}

/** Safe inside single quotes, and inside zsh's [description]. */
function plain(text: string): string {
  return text.replace(/['\[\]:\\]/g, " ");
}

function zshOption(option: Word): string {
  const value = !option.takesValue
    ? ""
    : option.values === null
    ? ":file:_files"
    : `:value:(${option.values.join(" ")})`;
  return option.flags.map((flag) => `'*${flag}[${plain(option.description)}]${value}'`).join(" ");
}

function zshScript(root: CommandWords, commands: readonly CommandWords[]): string {
  const names = commands.map((command) => `'${command.name}:${plain(command.description)}'`);
  const cases = commands.map((command) => {
    const words = command.name === "completions" ? ` '1:shell:(${SHELLS.join(" ")})'` : "";
    return `    ${command.name}) _arguments ${
      command.options.map(zshOption).join(" ")
    }${words} ;;\n`;
  });
  return `#compdef sockeye
# zsh completion for sockeye: put it into a folder of $fpath as _sockeye
_sockeye() {
  local -a commands=(${names.join(" ")})
  local word
  for word in $words[2,CURRENT-1]; do
    case $word in
    --) _command_names -e; return ;;
    esac
  done
  case $words[2] in
${cases.join("")}    *)
      local state
      _arguments -C ${root.options.map(zshOption).join(" ")} '1: :->command'
      [[ $state == command ]] && _describe command commands ;;
  esac
}
compdef _sockeye sockeye
`;
}

function fishScript(root: CommandWords, commands: readonly CommandWords[]): string {
  const line = (condition: string, option: Word): string => {
    const flags = option.flags.map((flag) =>
      flag.startsWith("--") ? `-l ${flag.slice(2)}` : `-s ${flag.slice(1)}`
    ).join(" ");
    const value = !option.takesValue
      ? ""
      : option.values === null
      ? " -r -F"
      : ` -x -a '${option.values.join(" ")}'`;
    return `complete -c sockeye -n '${condition}' ${flags}${value} -d '${
      plain(option.description)
    }'\n`;
  };
  let text =
    "# fish completion for sockeye: put it into ~/.config/fish/completions/sockeye.fish\n" +
    "complete -c sockeye -f\n";
  for (const command of commands) {
    text += `complete -c sockeye -n __fish_use_subcommand -a ${command.name} -d '${
      plain(command.description)
    }'\n`;
    const seen = `__fish_seen_subcommand_from ${command.name}`;
    for (const option of command.options) text += line(seen, option);
    if (command.name === "completions") {
      text += `complete -c sockeye -n '${seen}' -a '${SHELLS.join(" ")}'\n`;
    }
  }
  for (const option of root.options) text += line("__fish_use_subcommand", option);
  return text;
}
