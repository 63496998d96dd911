/** What commander uses of node:path to derive a program's name from its path. POSIX paths only. */

export default {
  basename(path: string, suffix = ""): string {
    const name = path.slice(path.lastIndexOf("/") + 1);
    return suffix !== "" && name !== suffix && name.endsWith(suffix)
      ? name.slice(0, -suffix.length)
      : name;
  },
  extname(path: string): string {
    const dot = path.lastIndexOf(".");
    return dot > path.lastIndexOf("/") + 1 ? path.slice(dot) : "";
  },
};
