/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The gate: the process that becomes COMMAND, once sockeye lets it.
 *
 * In: GO, ENVIRONMENT, BLOCKED, IGNORED, STDOUT, PROGRAM, WORD…: three descriptors in decimal and two
 * sets of signals in hexadecimal (the low bit is signal 1). The gate waits for a byte on GO, a pipe
 * whose other end only sockeye holds: when sockeye is gone, however that came, the pipe ends and so
 * does the gate. Out: PROGRAM with WORD…, the environment that ENVIRONMENT holds, those signals, and
 * STDOUT as its stdout. GO and ENVIRONMENT are closed by then.
 */
#include "system_call.h"

#define STDOUT 1
#define STDERR 2
#define PR_SET_NAME 15
#define SEEK_END 2
#define PROT_READ 1
#define PROT_WRITE 2
#define MAP_PRIVATE 2
#define MAP_ANONYMOUS 0x20
#define ENOENT 2
#define ENOEXEC 8
#define EACCES 13
/* Exit statuses as a shell has them; FAILED is ours. */
#define NOT_EXECUTABLE 126
#define NOT_FOUND 127
#define FAILED 125

enum { SELF, GO, ENVIRONMENT, BLOCKED, IGNORED, OUTPUT, PROGRAM, FIRST_WORD };

#if defined(__x86_64__)
__asm__(".globl _start\n_start:\n	mov %rsp, %rdi\n	and $-16, %rsp\n	call gate\n");
#elif defined(__aarch64__)
__asm__(".globl _start\n_start:\n	mov x0, sp\n	bl gate\n");
#endif

static void end(int status)
{
	for (;;)
		system_call(SYS_EXIT_GROUP, status, 0, 0);
}

static void say(const char *text)
{
	word length = 0;

	while (text[length])
		length++;
	system_call(SYS_WRITE, STDERR, (long)text, (long)length);
}

static void fail(const char *program, const char *why, int status)
{
	say("Cannot start \"");
	say(program);
	say("\": ");
	say(why);
	say("\n");
	end(status);
}

static word number(const char *digits, word base)
{
	word n = 0;

	for (; *digits; digits++)
		n = n * base + (word)(*digits <= '9' ? *digits - '0' : *digits - 'a' + 10);
	return n;
}

static word *memory(word bytes, long flags, long fd)
{
	long at = system_call6(SYS_MMAP, 0, (long)bytes, PROT_READ | PROT_WRITE, flags, fd, 0);

	return at < 0 && at > -4096 ? 0 : (word *)at;
}

/* The file's strings as the list of pointers that execve() wants; null without memory. */
static word *read_environment(long fd)
{
	long length = system_call(SYS_LSEEK, fd, 0, SEEK_END);
	const char *strings = "", *end_of_strings;
	word count = 0;
	word *list, *next;

	if (length > 0)
		strings = (const char *)memory((word)length, MAP_PRIVATE, fd);
	if (length < 0 || !strings)
		return 0;
	end_of_strings = strings + length;
	for (const char *at = strings; at < end_of_strings; at++)
		count += !*at;
	list = next = memory((count + 1) * sizeof(word), MAP_PRIVATE | MAP_ANONYMOUS, -1);
	for (const char *at = strings; list && at < end_of_strings; at++) {
		*next++ = (word)at;
		while (*at)
			at++;
	}
	return list; /* new memory is zero: the list ends */
}

static void restore_signals(word blocked, word ignored)
{
	for (int signal = 1; signal <= LAST_SIGNAL; signal++) {
		struct kernel_sigaction action = {0};

		if (ignored & SIGNAL_BIT(signal))
			action.handler = SIGNAL_IGNORED;
		system_call6(SYS_RT_SIGACTION, signal, (long)&action, 0, SIGNAL_SET_BYTES, 0, 0);
	}
	signal_mask(SIG_SETMASK, blocked);
}

__attribute__((used)) void gate(word *stack)
{
	word argc = stack[0];
	char **argv = (char **)(stack + 1);
	char byte;
	long go, output, error;
	word *environment;

	system_call(SYS_PRCTL, PR_SET_NAME, (long)"sockeye gate", 0);
	if (argc <= FIRST_WORD)
		end(FAILED);
	go = (long)number(argv[GO], 10);
	output = (long)number(argv[OUTPUT], 10);
	environment = read_environment((long)number(argv[ENVIRONMENT], 10));
	if (!environment)
		fail(argv[FIRST_WORD], "no memory for its environment", FAILED);
	if (system_call(SYS_READ, go, (long)&byte, 1) != 1)
		end(FAILED);
	system_call(SYS_CLOSE, go, 0, 0);
	system_call(SYS_CLOSE, (long)number(argv[ENVIRONMENT], 10), 0, 0);
	if (output != STDOUT)
		system_call(SYS_DUP3, output, STDOUT, 0);
	restore_signals(number(argv[BLOCKED], 16), number(argv[IGNORED], 16));

	error = -system_call(SYS_EXECVE, (long)argv[PROGRAM], (long)&argv[FIRST_WORD],
			     (long)environment);
	if (error == ENOEXEC) { /* a script that names no interpreter */
		argv[FIRST_WORD] = argv[PROGRAM];
		argv[PROGRAM] = (char *)"/bin/sh";
		system_call(SYS_EXECVE, (long)argv[PROGRAM], (long)&argv[PROGRAM], (long)environment);
	}
	if (error == ENOENT)
		fail(argv[FIRST_WORD], "it or its interpreter does not exist", NOT_FOUND);
	if (error == EACCES)
		fail(argv[FIRST_WORD], "permission denied", NOT_EXECUTABLE);
	fail(argv[FIRST_WORD], "not executable here", NOT_EXECUTABLE);
}
