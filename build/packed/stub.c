/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Entry point of the packed executable: the Deno ELF with one more segment, which begins with this.
 *
 * In: the stack as the kernel left it, after the dynamic loader and before Deno's own start code.
 * It writes the loader (loader.ts) to a memory file, puts Deno's arguments before the user's
 * (`sockeye run … /proc/self/fd/N USER-ARGS`), sets a few environment variables, and jumps to Deno's
 * entry point. It touches no file system and never returns.
 */
typedef unsigned long word;

/* Filled in by pack.ts; places are byte offsets from this header. */
struct header {
	char magic[8];
	long entry;         /* Deno's own entry point */
	long setenv_slot;   /* where the loader has put the address of setenv() */
	word loader;       /* Deno's main module */
	word loader_length;
	word arguments;     /* strings one after another; the first is the program's name */
	word argument_count; /* without the name */
	word environment;   /* name, value, name, value, … */
	word environment_count;
};

__attribute__((section(".header"), used, visibility("hidden"))) struct header stub_header = {
	.magic = "SOCKEYE",
};

#define MFD_CLOEXEC 1
#define MFD_NOEXEC_SEAL 8
#define F_DUPFD_CLOEXEC 1030
#define LOADER_FD 64 /* high: leaves the low numbers as the caller expects them */
#define SPARE_WORDS 64 /* the path, the end markers and alignment */

#if defined(__x86_64__)
#define SYS_WRITE 1
#define SYS_CLOSE 3
#define SYS_FCNTL 72
#define SYS_EXIT_GROUP 231
#define SYS_MEMFD_CREATE 319

static inline long system_call(long number, long a, long b, long c)
{
	long result;

	__asm__ volatile("syscall"
			 : "=a"(result)
			 : "a"(number), "D"(a), "S"(b), "d"(c)
			 : "rcx", "r11", "memory");
	return result;
}

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

/* The loader as a memory file; its descriptor is never 0, 1 or 2. */
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

static void write_path(char *path, long fd)
{
	static const char directory[] = "/proc/self/fd/";
	char digits[20];
	int n = 0;

	for (const char *from = directory; *from;)
		*path++ = *from++;
	do
		digits[n++] = (char)('0' + fd % 10);
	while (fd /= 10);
	while (n)
		*path++ = digits[--n];
	*path = 0;
}

/* Bytes that stub_main() needs below the old stack pointer. */
__attribute__((visibility("hidden"), used)) word stub_stack_bytes(const word *stack,
								   const struct header *header)
{
	char *const *arguments = (char *const *)(stack + 1);
	word words = stack[0] + count(arguments + stack[0] + 1) + header->argument_count;

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
	int (*set_environment)(const char *, const char *, int) =
		*(int (*const *)(const char *, const char *, int))(base + header->setenv_slot);
	word *block = (word *)((word)stack - stub_stack_bytes(stack, header));
	char *path = (char *)(stack - 8);
	word *next = block;

	write_path(path, loader_file(header));
	*next++ = argc + header->argument_count + 1;
	*next++ = argc ? (word)argv[0] : (word)string;
	for (word i = 0; i < header->argument_count; i++)
		*next++ = (word)(string = after(string));
	*next++ = (word)path;
	for (word i = 1; i < argc; i++)
		*next++ = (word)argv[i];
	*next++ = 0;
	for (word i = 0; envp[i]; i++)
		*next++ = (word)envp[i];
	*next++ = 0;
	*next++ = 0; /* AT_NULL: the loader has read the real auxiliary vector already */
	*next++ = 0;

	string = base + header->environment;
	for (word i = 0; i < header->environment_count; i++) {
		const char *value = after(string);

		set_environment(string, value, 1);
		string = after(value);
	}
	return block;
}
