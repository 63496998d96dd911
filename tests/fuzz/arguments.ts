/** What ./build.sh fuzz was asked for. In: its arguments. Out: settings, or an error in words. */

export interface Settings {
  seconds: number;
  seed: number;
  jobs: number;
  /** None: every target. */
  names: string[];
  replay: string | null;
}

const USAGE = "[--seconds N] [--seed S] [--jobs N] [NAME…] | --replay FILE";

export function parseArgs(args: readonly string[], known: readonly string[]): Settings {
  const settings: Settings = { seconds: 60, seed: 1, jobs: 1, names: [], replay: null };
  const left = [...args];
  for (let arg = left.shift(); arg !== undefined; arg = left.shift()) {
    const [flag = "", value = left[0] ?? ""] = arg.split("=", 2);
    if (!flag.startsWith("--")) settings.names.push(nameOf(flag, known));
    else {
      if (!arg.includes("=")) left.shift();
      if (flag === "--seconds") settings.seconds = numberOf(flag, value, 1);
      else if (flag === "--seed") settings.seed = numberOf(flag, value, 0);
      else if (flag === "--jobs") settings.jobs = numberOf(flag, value, 1);
      else if (flag === "--replay" && value !== "") settings.replay = value;
      else throw new Error(`Cannot use ${flag}: usage: fuzz ${USAGE}`);
    }
  }
  return settings;
}

function nameOf(name: string, known: readonly string[]): string {
  if (known.includes(name)) return name;
  throw new Error(`Cannot fuzz ${name}: there are ${known.join(", ")}`);
}

function numberOf(flag: string, text: string, least: number): number {
  const number = Number(text);
  if (text !== "" && Number.isSafeInteger(number) && number >= least) return number;
  throw new Error(`Cannot use ${flag} ${text}: it is no whole number from ${least} on`);
}
