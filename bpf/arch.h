/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * All that differs between machines: where a system call's number and arguments are, and which
 * number is which call. A new machine is one more branch here.
 */
#ifndef SOCKEYE_ARCH_H
#define SOCKEYE_ARCH_H

#include "kernel.h"

#if defined(__TARGET_ARCH_x86)

struct pt_regs {
	unsigned long r10, r9, r8, ax, cx, dx, si, di, orig_ax, sp;
} __attribute__((preserve_access_index));

#define SYSCALL_NUMBER(regs) ((u32)(regs)->orig_ax)
#define SYSCALL_ARG1(regs) ((regs)->di)
#define SYSCALL_ARG2(regs) ((regs)->si)
#define SYSCALL_ARG3(regs) ((regs)->dx)
#define SYSCALL_ARG4(regs) ((regs)->r10)
#define SYSCALL_ARG5(regs) ((regs)->r8)
/* A function of the program: its arguments and stack at its first instruction, and where it returns to;
 * there the return address is off the stack. */
#define CALL_ARG1(regs) ((regs)->di)
#define CALL_ARG2(regs) ((regs)->si)
#define CALL_ARG3(regs) ((regs)->dx)
#define CALL_ARG4(regs) ((regs)->cx)
#define CALL_ARG5(regs) ((regs)->r8)
#define CALL_RESULT(regs) ((regs)->ax)
#define CALL_STACK(regs) ((regs)->sp)
#define RETURN_STACK(regs) ((regs)->sp - 8)
/* A 32-bit call has other numbers and other registers (TS_COMPAT). */
#define TASK_IS_32BIT 2 /* in thread_info.status */
#define SYSCALL_IS_32BIT(task) ((task)->thread_info.status & TASK_IS_32BIT)

enum syscall {
	SYS_READ = 0,
	SYS_WRITE = 1,
	SYS_READV = 19,
	SYS_WRITEV = 20,
	SYS_SENDFILE = 40,
	SYS_SENDTO = 44,
	SYS_RECVFROM = 45,
	SYS_SENDMSG = 46,
	SYS_RECVMSG = 47,
	SYS_SPLICE = 275,
	SYS_PREADV = 295,
	SYS_PWRITEV = 296,
	SYS_RECVMMSG = 299,
	SYS_SENDMMSG = 307,
	SYS_PREADV2 = 327,
	SYS_PWRITEV2 = 328,
};

#elif defined(__TARGET_ARCH_arm64)

struct user_pt_regs {
	u64 regs[31];
	u64 sp;
} __attribute__((preserve_access_index));
struct pt_regs {
	union {
		struct user_pt_regs user_regs;
		struct {
			u64 regs[31];
			u64 sp;
		};
	};
	u64 orig_x0;
	s32 syscallno;
} __attribute__((preserve_access_index));

#define SYSCALL_NUMBER(r) ((u32)(r)->syscallno)
#define SYSCALL_ARG1(r) ((r)->orig_x0)
#define SYSCALL_ARG2(r) ((r)->regs[1])
#define SYSCALL_ARG3(r) ((r)->regs[2])
#define SYSCALL_ARG4(r) ((r)->regs[3])
#define SYSCALL_ARG5(r) ((r)->regs[4])
#define CALL_ARG1(r) ((r)->user_regs.regs[0])
#define CALL_ARG2(r) ((r)->user_regs.regs[1])
#define CALL_ARG3(r) ((r)->user_regs.regs[2])
#define CALL_ARG4(r) ((r)->user_regs.regs[3])
#define CALL_ARG5(r) ((r)->user_regs.regs[4])
#define CALL_RESULT(r) ((r)->user_regs.regs[0])
#define CALL_STACK(r) ((r)->user_regs.sp)
#define RETURN_STACK(r) ((r)->user_regs.sp)
#define TASK_IS_32BIT 0
#define SYSCALL_IS_32BIT(task) 0

enum syscall {
	SYS_READ = 63,
	SYS_WRITE = 64,
	SYS_READV = 65,
	SYS_WRITEV = 66,
	SYS_PREADV = 69,
	SYS_PWRITEV = 70,
	SYS_SENDFILE = 71,
	SYS_SPLICE = 76,
	SYS_SENDTO = 206,
	SYS_RECVFROM = 207,
	SYS_SENDMSG = 211,
	SYS_RECVMSG = 212,
	SYS_RECVMMSG = 243,
	SYS_SENDMMSG = 269,
	SYS_PREADV2 = 286,
	SYS_PWRITEV2 = 287,
};

#else
#error "This machine is not described in arch.h"
#endif

#endif
