/** Opens files that options name. In: an option and its path. Out: the file, or an OperatorError. */
import { OutputFile, UnsafePathError } from "../output_file.ts";
import { systemReason } from "../system_reason.ts";
import { OperatorError, quote } from "./errors.ts";

/** Opens the file without emptying it. */
export function openNamed(option: string, path: string): OutputFile {
  try {
    return new OutputFile(path);
  } catch (error) {
    const hint = error instanceof UnsafePathError
      ? "name a file in a folder of yours, or where it really is"
      : "name a file that you may write, in a folder that exists";
    throw cannotWrite(option, path, error, hint);
  }
}

export function cannotWrite(
  option: string,
  path: string,
  cause: unknown,
  hint: string | null = null,
): OperatorError {
  const message = `Cannot write to ${option} ${quote(path)}: ${systemReason(cause)}`;
  return new OperatorError(message, hint, 1, { cause });
}
