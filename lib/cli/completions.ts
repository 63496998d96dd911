/**
 * Shell completions, made from the program's own commands and options.
 * In: the program. Out: a script for bash, zsh or fish. Hidden commands and options stay hidden.
 */
import type { CommandUnknownOpts, Option } from "@commander-js/extra-typings";
import { quote, usageError } from "./errors.ts";

export const SHELLS = ["bash", "zsh", "fish"] as const;
export type Shell = (typeof SHELLS)[number];

/** An option, and what is completed behind it. */
interface Word {
  readonly name: string;
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
  /** Its arguments; null: a file name. */
  readonly words: readonly string[] | null;
}

/** Options' values, by option ("output"), or by command and option ("doctor output") where they differ. */
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
    "doctor output": ["table", "json"],
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
    options: help.visibleOptions(command).map((option) =>
      describeOption(option, command.name(), values)
    ),
    words: wordsOf(command, names),
  });
  const visible = help.visibleCommands(program);
  const names = visible.map((command) => command.name()).filter((name) => name !== "help");
  const root = describe(program);
  const commands = visible.map(describe);
  if (shell === "bash") return bashScript(root, commands);
  return shell === "zsh" ? zshScript(root, commands) : fishScript(root, commands);
}

function wordsOf(
  command: CommandUnknownOpts,
  commands: readonly string[],
): readonly string[] | null {
  switch (command.registeredArguments[0]?.name()) {
    case "file":
      return null;
    case "shell":
      return SHELLS;
    case "command":
      return commands;
    default:
      return [];
  }
}

function describeOption(option: Option, command: string, values: KnownValues): Word {
  const flags = [option.short, option.long].filter((flag) => flag !== undefined);
  const name = option.attributeName();
  return {
    name,
    flags,
    description: option.description,
    takesValue: option.required,
    values: values[`${command} ${name}`] ?? values[name] ??
      (/<file>|<path>/.test(option.flags) ? null : []),
  };
}

/** Options that the main command lacks, or has with other values. */
function ownOptions(command: CommandWords, root: CommandWords): readonly Word[] {
  return command.options.filter((option) => {
    const same = root.options.find((it) => it.name === option.name);
    return option.takesValue && same?.values?.join() !== option.values?.join();
  });
}

function bashReply(values: readonly string[] | null): string {
  return values === null
    ? 'compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen -f -- "$cur"))'
    : `COMPREPLY=($(compgen -W "${values.join(" ")}" -- "$cur"))`;
}

function bashScript(root: CommandWords, commands: readonly CommandWords[]): string {
  const valueCases = [
    ...commands.flatMap((command) =>
      ownOptions(command, root).map(({ flags, values }) => {
        const words = flags.map((flag) => `"${command.name} ${flag}"`);
        return `    ${words.join("|")}) ${bashReply(values)}; return ;;\n`;
      })
    ),
    ...root.options.filter((option) => option.takesValue).map(({ flags, values }) => {
      const words = flags.map((flag) => `*" ${flag}"`);
      return `    ${words.join("|")}) ${bashReply(values)}; return ;;\n`;
    }),
  ];
  const commandCases = commands.map(({ name, options, words }) => {
    const flags = options.flatMap((option) => option.flags);
    const files = words === null ? " files=1" : "";
    return `    ${name}) words="${[...words ?? [], ...flags].join(" ")}"${files} ;;\n`;
  });
  const names = commands.map((command) => command.name);
  return `# bash completion for sockeye: source it, or put it into /etc/bash_completion.d/
_sockeye() {
  local cur=\${COMP_WORDS[COMP_CWORD]} prev=\${COMP_WORDS[COMP_CWORD-1]} command="" words files="" i
  for ((i = 1; i < COMP_CWORD; i++)); do
    case \${COMP_WORDS[i]} in
    --) COMPREPLY=($(compgen -c -- "$cur")); return ;;
    ${names.join("|")}) command=\${command:-\${COMP_WORDS[i]}} ;;
    esac
  done
  case "$command $prev" in
${valueCases.join("")}  esac
  case $command in
${commandCases.join("")}    *) words="${names.join(" ")} ${
    root.options.flatMap((option) => option.flags).join(" ")
  }" ;;
  esac
  COMPREPLY=($(compgen -W "$words" -- "$cur"))
  if [[ $files && $cur != -* ]]; then ${bashReply(null)}; fi
}
complete -F _sockeye sockeye
`;
}

/** The text without characters that would end single quotes or zsh's [description]. */
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
    const words = command.words === null
      ? " '1:file:_files'"
      : command.words.length > 0
      ? ` '1:word:(${command.words.join(" ")})'`
      : "";
    return `    ${command.name}) _arguments ${
      command.options.map(zshOption).join(" ")
    }${words} ;;\n`;
  });
  return `#compdef sockeye
# zsh completion for sockeye: put it into a folder of $fpath as _sockeye
_sockeye() {
  local -a commands=(${names.join(" ")})
  local -i dashes=$words[(i)--]
  if (( dashes < CURRENT )); then
    shift $dashes words
    (( CURRENT -= dashes ))
    _normal
    return
  fi
  local command=
  (( CURRENT > 2 )) && command=$words[2]
  # What follows a command is completed as if it stood first.
  (( \${commands[(I)$command:*]} )) && shift words && (( CURRENT-- ))
  case $command in
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
    if (command.words === null) text += `complete -c sockeye -n '${seen}' -F\n`;
    else if (command.words.length > 0) {
      text += `complete -c sockeye -n '${seen}' -a '${command.words.join(" ")}'\n`;
    }
  }
  for (const option of root.options) text += line("__fish_use_subcommand", option);
  return text;
}
