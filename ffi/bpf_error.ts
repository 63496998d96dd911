/**
 * What the kernel refuses, as errors. In: what was tried and an errno. Out: one line with the reason
 * in words and the errno's name, and a hint where one is known. It never retries and never prints.
 */

/** Name and text of the errno values that BPF, perf and mapping calls return. */
const ERRNO: Readonly<Record<number, readonly [string, string]>> = {
  1: ["EPERM", "operation not permitted"],
  2: ["ENOENT", "no such file or directory"],
  3: ["ESRCH", "no such process"],
  4: ["EINTR", "interrupted"],
  7: ["E2BIG", "argument list too long"],
  9: ["EBADF", "bad file descriptor"],
  11: ["EAGAIN", "resource temporarily unavailable"],
  12: ["ENOMEM", "out of memory"],
  13: ["EACCES", "permission denied"],
  14: ["EFAULT", "bad address"],
  16: ["EBUSY", "device or resource busy"],
  17: ["EEXIST", "file exists"],
  19: ["ENODEV", "no such device"],
  20: ["ENOTDIR", "not a directory"],
  22: ["EINVAL", "invalid argument"],
  24: ["EMFILE", "too many open files"],
  28: ["ENOSPC", "no space left"],
  38: ["ENOSYS", "function not implemented"],
  95: ["EOPNOTSUPP", "operation not supported"],
  524: ["ENOTSUPP", "operation not supported"],
};

/** Privileges that tracing needs: CAP_NET_ADMIN is for the cgroup programs. */
export const PRIVILEGES = "run as root, or grant CAP_BPF, CAP_PERFMON and CAP_NET_ADMIN";

const HINTS: Readonly<Record<number, string>> = {
  1: PRIVILEGES,
  12: "use a smaller --ring-mib, or free memory",
  13: PRIVILEGES,
  24: "raise the limit of open files: ulimit -n",
  38: "this kernel lacks the call: Linux 5.10 or later with CONFIG_BPF_SYSCALL is needed",
};

export const Errno = { EPERM: 1, ENOENT: 2, EAGAIN: 11, ENOMEM: 12, EINVAL: 22 } as const;

/** A call that the kernel, libc or libbpf refused; the message quotes what was tried. */
export class BpfError extends Error {
  override readonly name = "BpfError";
  /** Positive errno, 0 when there is none. */
  readonly errno: number;
  readonly hint: string | null;

  constructor(action: string, errno = 0, detail = "", hint: string | null = null) {
    const reason = errno === 0 ? detail : errnoText(errno);
    // Without privileges the hint says all that libbpf's log could.
    const log = errno === 0 || errno === Errno.EPERM || detail === "" ? "" : `\n${detail}`;
    super(`${action}: ${reason}${log}`);
    this.errno = errno;
    this.hint = hint ?? HINTS[errno] ?? null;
  }
}

/** "operation not permitted (EPERM)". */
export function errnoText(errno: number): string {
  const known = ERRNO[errno];
  return known ? `${known[1]} (${known[0]})` : `errno ${errno}`;
}
