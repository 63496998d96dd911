/* SPDX-License-Identifier: Apache-2.0 */
/*
 * System calls without libc, for the stub (packed/stub.c) and the gate (gate/gate.c). In: numbers and
 * addresses. Out: what the kernel says, -errno for a failure.
 */
typedef unsigned long word;

#if defined(__x86_64__)
#define SYS_READ 0
#define SYS_WRITE 1
#define SYS_CLOSE 3
#define SYS_LSEEK 8
#define SYS_MMAP 9
#define SYS_RT_SIGACTION 13
#define SYS_RT_SIGPROCMASK 14
#define SYS_EXECVE 59
#define SYS_FCNTL 72
#define SYS_PRCTL 157
#define SYS_EXIT_GROUP 231
#define SYS_OPENAT 257
#define SYS_DUP3 292
#define SYS_MEMFD_CREATE 319

static inline long system_call6(long number, long a, long b, long c, long d, long e, long f)
{
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	register long r9 __asm__("r9") = f;
	long result;

	__asm__ volatile("syscall"
			 : "=a"(result)
			 : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return result;
}
#elif defined(__aarch64__)
#define SYS_DUP3 24
#define SYS_FCNTL 25
#define SYS_OPENAT 56
#define SYS_CLOSE 57
#define SYS_LSEEK 62
#define SYS_READ 63
#define SYS_WRITE 64
#define SYS_EXIT_GROUP 94
#define SYS_RT_SIGACTION 134
#define SYS_RT_SIGPROCMASK 135
#define SYS_PRCTL 167
#define SYS_EXECVE 221
#define SYS_MMAP 222
#define SYS_MEMFD_CREATE 279

static inline long system_call6(long number, long a, long b, long c, long d, long e, long f)
{
	register long x8 __asm__("x8") = number;
	register long x0 __asm__("x0") = a;
	register long x1 __asm__("x1") = b;
	register long x2 __asm__("x2") = c;
	register long x3 __asm__("x3") = d;
	register long x4 __asm__("x4") = e;
	register long x5 __asm__("x5") = f;

	__asm__ volatile("svc 0"
			 : "+r"(x0)
			 : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5)
			 : "memory");
	return x0;
}
#else
#error "not ported to this architecture"
#endif

static inline long system_call(long number, long a, long b, long c)
{
	return system_call6(number, a, b, c, 0, 0, 0);
}

/* struct sigaction of the kernel, not of libc. */
struct kernel_sigaction {
	word handler;
	word flags;
	word restorer;
	word mask;
};

#define LAST_SIGNAL 64
#define SIGNAL_IGNORED 1UL
#define SIGNAL_BIT(number) (1UL << ((number) - 1))
#define SIGNAL_SET_BYTES 8

/* Blocks the signals of `set`, or sets which are blocked; returns those that were before. */
#define SIG_BLOCK 0
#define SIG_SETMASK 2
static inline word signal_mask(long how, word set)
{
	word before = 0;

	system_call6(SYS_RT_SIGPROCMASK, how, (long)&set, (long)&before, SIGNAL_SET_BYTES, 0, 0);
	return before;
}
