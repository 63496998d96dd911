/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What Debian's static archives need to become a shared library. They are built for executables
 * (PIE, not PIC), and against a newer glibc than the oldest one that Deno runs on (2.27).
 */
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

/* libbpf.a refers to `stderr` in a way only an executable may; the build renames that symbol to this. */
FILE *sockeye_stderr;

__attribute__((constructor(101))) static void take_stderr(void)
{
	sockeye_stderr = stderr;
}

/* glibc has fstat as a symbol only from 2.33 and fcntl64 from 2.28. */
int fstat(int fd, void *status)
{
#if !defined(__x86_64__) && !defined(__aarch64__)
#error "struct stat of this kernel and of glibc may differ"
#endif
	return syscall(SYS_fstat, fd, status);
}

int fcntl64(int fd, int command, long argument)
{
	return syscall(SYS_fcntl, fd, command, argument);
}

/*
 * In place of libelf.a(elf_error.o), whose thread-local variable uses the executable-only model.
 * Messages are numbers here: libbpf only ever prints them in warnings.
 */
static _Thread_local int last_error;
static _Thread_local char message[32];

int elf_errno(void)
{
	int error = last_error;

	last_error = 0;
	return error;
}

void __libelf_seterrno(int error)
{
	last_error = error;
}

const char *elf_errmsg(int error)
{
	if (error == 0 && last_error == 0)
		return NULL;
	snprintf(message, sizeof(message), "libelf error %d", error > 0 ? error : last_error);
	return message;
}
