/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The same hooks on classic tracepoints, for kernels from 7.0 on. There a program on a raw tracepoint
 * (tp_btf) can be preempted, and until it goes on, the kernel skips it for every other task on that
 * CPU. Programs on classic tracepoints still run with preemption off, from before the kernel's guard
 * against recursion is taken until after it is given back (perf_trace_*()).
 *
 * They get the tracepoint's record, not its arguments: a socket in it is a number, so its state is kept
 * as in the syscall way. They return 1: 0 would hide the event from other users of the tracepoint.
 *
 * All of them share one guard a CPU, so none may be on a hook that fires in interrupts: the program on
 * inet_sock_set_state, which does, stays on a raw tracepoint.
 */
#ifndef SOCKEYE_STEADY_H
#define SOCKEYE_STEADY_H

#include "process.bpf.h"
#include "socket.bpf.h"
#include "syscalls.bpf.h"
#include "continue.bpf.h"
#include "uring.bpf.h"

#define CLONE_THREAD 0x10000


SEC("tp/sock/sock_send_length")
int steady_send(struct trace_event_raw_sock_msg_length *ctx)
{
	on_hook(ctx, READ_ONLY(ctx->sk, struct sock), ctx->ret, ctx->flags, DIRECTION_EGRESS, false);
	return 1;
}

SEC("tp/sock/sock_recv_length")
int steady_recv(struct trace_event_raw_sock_msg_length *ctx)
{
	on_hook(ctx, READ_ONLY(ctx->sk, struct sock), ctx->ret, ctx->flags, DIRECTION_INGRESS, false);
	return 1;
}

SEC("tp/io_uring/io_uring_complete")
int steady_uring(struct trace_event_raw_io_uring_complete *ctx)
{
	on_uring_complete(ctx, ctx->req, ctx->res);
	return 1;
}

static __always_inline struct pt_regs *current_regs(void)
{
	return (void *)bpf_task_pt_regs(bpf_get_current_task_btf());
}

SEC("tp/raw_syscalls/sys_exit")
int steady_sys_exit(struct trace_event_raw_sys_exit *ctx)
{
	on_sys_exit(ctx, current_regs(), ctx->ret);
	return 1;
}

SEC("tp/raw_syscalls/sys_exit")
int steady_messages(struct trace_event_raw_sys_exit *ctx)
{
	on_messages(ctx, current_regs(), ctx->ret);
	return 1;
}

SEC("tp/raw_syscalls/sys_exit")
int steady_walk(struct trace_event_raw_sys_exit *ctx)
{
	on_walk(ctx, ctx->ret);
	return 1;
}

SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(steady_state, struct sock *sk, int old_state, int new_state)
{
	if (!has_tcp_states(sk))
		return 0;
	bpf_preempt_disable(); /* conn_sequence and conn_ids of this cpu's batch are counted up */
	on_tcp_state(ctx, sk, new_state, false);
	bpf_preempt_enable();
	return 0;
}

/* The record of sched_process_fork does not say whether the child is a thread. */
SEC("tp/task/task_newtask")
int steady_fork(struct trace_event_raw_task_newtask *ctx)
{
	if (!(ctx->clone_flags & CLONE_THREAD))
		on_fork(ctx, bpf_get_current_pid_tgid() >> 32, ctx->pid, ctx->comm);
	return 1;
}

/* Threads can be renamed only by their own process: the main thread is the one whose id is the pid. */
SEC("tp/task/task_rename")
int steady_rename(struct trace_event_raw_task_rename *ctx)
{
	u32 pid = bpf_get_current_pid_tgid() >> 32;

	if (ctx->pid == pid)
		on_rename(pid, ctx->newcomm);
	return 1;
}

SEC("tp/sched/sched_process_exit")
int steady_exit(void *ctx)
{
	on_exit(ctx, bpf_get_current_task_btf());
	return 1;
}

#endif
