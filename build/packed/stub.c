/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Entry point of the packed executable: the Deno ELF with one more segment, which begins with this.
 *
 * In: the stack as the kernel left it, after the dynamic loader and before Deno's own start code.
 * It writes the loader (loader.ts) to a memory file, puts Deno's arguments before the user's
 * (`sockeye run … /proc/self/fd/N USER-ARGS`), gives it an environment of its own instead of the
 * user's, keeps the signal from it that would open its debugger to anybody, and jumps to Deno's entry
 * point. It touches no file system but for /dev/null, and never returns.
 */
#include "system_call.h"

/* Filled in by pack.ts; places are byte offsets from this header. */
struct header {
	char magic[8];
	long entry;         /* Deno's own entry point */
	long environ_slot;  /* the dynamic loader has put the address of libc's environ there */
	word loader;       /* Deno's main module */
	word loader_length;
	word arguments;     /* strings one after another; the first is the program's name */
	word argument_count; /* without the name */
	word environment;   /* NAME=VALUE, … */
	word environment_count;
	word kept;          /* NAME=, …: variables of the user's environment that stay */
	word kept_count;
	word signals;       /* NAME=: the variable that gets the user's signals (hold_signals()) */
};

__attribute__((section(".header"), used, visibility("hidden"))) struct header stub_header = {
	.magic = "SOCKEYE",
};

#define MFD_CLOEXEC 1
#define MFD_NOEXEC_SEAL 8
#define AT_FDCWD (-100)
#define O_RDONLY 0
#define F_DUPFD 0
#define F_GETFD 1
#define F_DUPFD_CLOEXEC 1030
#define LOADER_FD 64 /* high: leaves the low numbers as the caller expects them */
#define SPARE_WORDS 64 /* the path, the signals, the end markers and alignment */
#define SIGUSR1 10
#define SET_DIGITS 16

#if defined(__x86_64__)
/* rdx holds the loader's exit handler, which Deno's start code expects there. */
__asm__(".section .text,\"ax\"\n"
	".globl stub_start\n"
	"stub_start:\n"
	"	mov %rdx, %rbx\n"
	"	mov %rsp, %r12\n"
	"	lea stub_header(%rip), %r13\n"
	"	and $-16, %rsp\n"
	"	mov %r12, %rdi\n"
	"	mov %r13, %rsi\n"
	"	call stub_stack_bytes\n"
	"	sub %rax, %rsp\n" /* the new argument block lies above the frames of stub_main() */
	"	mov %r12, %rdi\n"
	"	mov %r13, %rsi\n"
	"	call stub_main\n"
	"	mov %rax, %rsp\n"
	"	mov %rbx, %rdx\n"
	"	xor %ebp, %ebp\n"
	"	mov 8(%r13), %rax\n"
	"	add %r13, %rax\n"
	"	jmp *%rax\n");
#else
#error "the packed executable is not ported to this architecture: build with a denort"
#endif

static void fail(const char *message, word length)
{
	system_call(SYS_WRITE, 2, (long)message, (long)length);
	system_call(SYS_EXIT_GROUP, 1, 0, 0);
}

#define FAIL(message) fail(message "\n", sizeof(message))

static const char *after(const char *string)
{
	while (*string++)
		;
	return string;
}

static word count(char *const *list)
{
	word n = 0;

	while (list[n])
		n++;
	return n;
}

/* Writes the loader to a memory file; the descriptor, which is never 0, 1 or 2. */
static long loader_file(const struct header *header)
{
	const char *base = (const char *)header;
	const char *name = base + header->arguments;
	long fd = system_call(SYS_MEMFD_CREATE, (long)name, MFD_CLOEXEC | MFD_NOEXEC_SEAL, 0);
	long high;

	if (fd < 0) /* before Linux 6.3 */
		fd = system_call(SYS_MEMFD_CREATE, (long)name, MFD_CLOEXEC, 0);
	if (fd < 0)
		FAIL("Cannot start: memfd_create failed");
	for (word done = 0; done < header->loader_length;) {
		long n = system_call(SYS_WRITE, fd, (long)(base + header->loader + done),
				     (long)(header->loader_length - done));

		if (n <= 0)
			FAIL("Cannot start: no memory for the program text");
		done += (word)n;
	}
	high = system_call(SYS_FCNTL, fd, F_DUPFD_CLOEXEC, LOADER_FD);
	if (high < 0)
		high = system_call(SYS_FCNTL, fd, F_DUPFD_CLOEXEC, 3);
	if (high < 0)
		return fd;
	system_call(SYS_CLOSE, fd, 0, 0);
	return high;
}

/*
 * Deno would open /dev/null for writing in place of a closed stdout, and records would vanish there.
 * Opened for reading here, it makes every write fail, as one to a closed stdout should.
 */
static void hold_closed_stdout(void)
{
	long fd;

	if (system_call(SYS_FCNTL, 1, F_GETFD, 0) >= 0)
		return;
	fd = system_call(SYS_OPENAT, AT_FDCWD, (long)"/dev/null", O_RDONLY);
	if (fd != 0)
		return;
	system_call(SYS_FCNTL, fd, F_DUPFD, 1); /* stdin is closed, too */
	system_call(SYS_CLOSE, fd, 0, 0);
}

static char *write_text(char *to, const char *text)
{
	while (*text)
		*to++ = *text++;
	return to;
}

static void write_path(char *path, long fd)
{
	char digits[20];
	int n = 0;

	path = write_text(path, "/proc/self/fd/");
	do
		digits[n++] = (char)('0' + fd % 10);
	while (fd /= 10);
	while (n)
		*path++ = digits[--n];
	*path = 0;
}

static char *write_set(char *to, word set)
{
	for (int shift = 4 * (SET_DIGITS - 1); shift >= 0; shift -= 4)
		*to++ = "0123456789abcdef"[set >> shift & 15];
	return to;
}

static word ignored_signals(void)
{
	word set = 0;

	for (int signal = 1; signal <= LAST_SIGNAL; signal++) {
		struct kernel_sigaction action = {0};

		system_call6(SYS_RT_SIGACTION, signal, 0, (long)&action, SIGNAL_SET_BYTES, 0, 0);
		if (action.handler == SIGNAL_IGNORED)
			set |= SIGNAL_BIT(signal);
	}
	return set;
}

/*
 * Half a second after its start Deno listens for SIGUSR1, and opens its debugger when it comes. Blocked
 * here, SIGUSR1 stays blocked in every thread. NAME=BLOCKED,IGNORED keeps the user's sets for COMMAND.
 */
static void hold_signals(char *variable, const char *name)
{
	char *next = write_set(write_text(variable, name),
			       signal_mask(SIG_BLOCK, SIGNAL_BIT(SIGUSR1)));

	*next++ = ',';
	*write_set(next, ignored_signals()) = 0;
}

static int begins(const char *text, const char *with)
{
	while (*with && *text == *with) {
		text++;
		with++;
	}
	return !*with;
}

static int is_kept(const struct header *header, const char *variable)
{
	const char *name = (const char *)header + header->kept;

	for (word i = 0; i < header->kept_count; i++) {
		if (begins(variable, name))
			return 1;
		name = after(name);
	}
	return 0;
}

/* Bytes that stub_main() needs below the old stack pointer. */
__attribute__((visibility("hidden"), used)) word stub_stack_bytes(const word *stack,
								   const struct header *header)
{
	char *const *arguments = (char *const *)(stack + 1);
	word words = stack[0] + count(arguments + stack[0] + 1) + header->argument_count +
		     header->environment_count;

	return ((words + SPARE_WORDS) * sizeof(word) + 15) & ~15UL;
}

/* Builds Deno's arguments and environment below `stack`; the new stack pointer. */
__attribute__((visibility("hidden"), used)) word *stub_main(word *stack,
							     const struct header *header)
{
	const char *base = (const char *)header;
	word argc = stack[0];
	char *const *argv = (char *const *)(stack + 1);
	char *const *envp = argv + argc + 1;
	const char *string = base + header->arguments;
	word **environ_of_libc = *(word ***)(base + header->environ_slot);
	word *block = (word *)((word)stack - stub_stack_bytes(stack, header));
	char *path = (char *)(stack - 8), *signals = (char *)(stack - 24);
	word *next = block;

	hold_closed_stdout();
	write_path(path, loader_file(header));
	hold_signals(signals, base + header->signals);
	*next++ = argc + header->argument_count + 1;
	*next++ = argc ? (word)argv[0] : (word)string;
	for (word i = 0; i < header->argument_count; i++)
		*next++ = (word)(string = after(string));
	*next++ = (word)path;
	for (word i = 1; i < argc; i++)
		*next++ = (word)argv[i];
	*next++ = 0;

	*environ_of_libc = next; /* libc has stored the user's environment by now */
	string = base + header->environment;
	for (word i = 0; i < header->environment_count; i++) {
		*next++ = (word)string;
		string = after(string);
	}
	*next++ = (word)signals;
	for (word i = 0; envp[i]; i++)
		if (is_kept(header, envp[i]))
			*next++ = (word)envp[i];
	*next++ = 0;
	*next++ = 0; /* AT_NULL: the loader has read the real auxiliary vector already */
	*next++ = 0;
	return block;
}
