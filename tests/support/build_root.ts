/**
 * A root file system with nothing but the executable and the libraries it is linked to.
 *
 * In: the executable. Out: a command line that runs it there: read-only, /proc and /sys mounted, an
 * empty HOME, no /dev, no /tmp, and no environment but HOME. Needs root.
 */
import { outcome } from "./build_paths.ts";

const ENTER = `
root=$1; shift
mount --bind "$root" "$root"
mount --rbind /proc "$root/proc"
mount --rbind /sys "$root/sys"
mount -o remount,bind,ro "$root"
exec env -i HOME=/home /usr/sbin/chroot "$root" "$@"
`;

export class MinimalRoot implements AsyncDisposable {
  readonly path: string;

  private constructor(path: string) {
    this.path = path;
  }

  static async create(executable: string): Promise<MinimalRoot> {
    const root = new MinimalRoot(await Deno.makeTempDir({ prefix: "sockeye-root-" }));
    for (const folder of ["proc", "sys", "home"]) await Deno.mkdir(`${root.path}/${folder}`);
    await Deno.copyFile(executable, `${root.path}/sockeye`);
    for (const library of await linkedLibraries(executable)) {
      await Deno.mkdir(root.path + library.slice(0, library.lastIndexOf("/")), { recursive: true });
      await Deno.copyFile(await Deno.realPath(library), root.path + library);
    }
    return root;
  }

  /** Program and arguments that run sockeye inside; the process is sockeye itself after exec. */
  command(args: readonly string[]): [string, string[]] {
    const shell = ["sh", "-ec", ENTER, "sh", this.path, "/sockeye", ...args];
    return ["unshare", ["--mount", "--propagation", "private", ...shell]];
  }

  /** Every file inside, without /proc and /sys. */
  files(): string[] {
    const files: string[] = [];
    const walk = (folder: string): void => {
      for (const entry of Deno.readDirSync(this.path + folder)) {
        const path = `${folder}/${entry.name}`;
        if (entry.isDirectory) walk(path);
        else files.push(path);
      }
    };
    walk("");
    return files.sort();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.path, { recursive: true });
  }
}

/** Paths of the shared libraries and of the loader, as `ldd` resolves them. */
async function linkedLibraries(executable: string): Promise<string[]> {
  const { stdout } = await outcome("ldd", [executable]);
  return [...stdout.matchAll(/(\/\S+) \(0x/g)].flatMap((match) => match[1] ?? []);
}
