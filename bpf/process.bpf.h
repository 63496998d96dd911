/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Marks of processes: inherited at fork(), set by name, removed at exit; tells user space of both ends. */
#ifndef SOCKEYE_PROCESS_H
#define SOCKEYE_PROCESS_H

#include <bpf/bpf_tracing.h>
#include "emit.bpf.h"
#include "filter.bpf.h"
#include "tls/calls.bpf.h"

static __always_inline void emit_process(void *ctx, u32 pid, u32 tid, const char *comm, u8 kind,
					 u32 total)
{
	struct batch *batch = batch_at(hook_slot());
	struct entry e = {};

	if (!batch)
		return;
	e.kind = kind;
	e.time_ns = bpf_ktime_get_ns();
	e.pid = pid;
	e.tid = tid;
	e.fd = -1;
	e.total = total;
	bpf_probe_read_kernel(&e.comm, sizeof(e.comm), comm);
	send_conn_event(ctx, batch, &e, sizeof(e));
}

/* A new process (not a thread). It still has its parent's name, so --comm's mark is inherited too. */
static __always_inline void on_fork(void *ctx, u32 parent, u32 child, const char *comm)
{
	u8 *from = mark_of(parent), *to = mark_of(child), marks;

	if (!from || !to)
		return;
	marks = *from & ~MARK_NEVER; /* what sockeye itself starts may be traced */
	if (!config.follow)
		marks &= ~MARK_TREE;
	*to = marks;
	if (config.wanted_marks && process_wanted(child))
		emit_process(ctx, child, child, comm, ENTRY_START, parent);
}

SEC("tp_btf/sched_process_fork")
int BPF_PROG(process_fork, struct task_struct *parent, struct task_struct *child)
{
	if (child->tgid != parent->tgid)
		on_fork(ctx, parent->tgid, child->tgid, child->comm);
	return 0;
}

static __always_inline void on_rename(u32 pid, const char *name)
{
	u8 *mark = mark_of(pid);
	struct comm comm = {};

	if (!mark)
		return;
	bpf_probe_read_kernel_str(comm.name, sizeof(comm.name), name);
	if (bpf_map_lookup_elem(&comms, &comm))
		*mark |= MARK_COMM;
	else
		*mark &= ~MARK_COMM;
}

/* Fires at prctl(PR_SET_NAME) and at exec(), which renames too. Loaded with --comm only. */
SEC("tp_btf/task_rename")
int BPF_PROG(process_rename, struct task_struct *task, const char *name)
{
	if (task->pid == task->tgid)
		on_rename(task->tgid, name);
	return 0;
}

/* A thread ends; with the last one, the process. */
static __always_inline void on_exit(void *ctx, struct task_struct *task)
{
	u32 pid = task->tgid;
	u8 *mark;

	forget_tls_calls();
	if (task->signal->live.counter > 0)
		return; /* other threads live on */
	if (process_wanted(pid))
		emit_process(ctx, pid, task->pid, task->group_leader->comm, ENTRY_EXIT,
			     task->signal->group_exit_code ?: task->exit_code);
	mark = mark_of(pid);
	if (mark)
		*mark = 0;
}

SEC("tp_btf/sched_process_exit")
int BPF_PROG(process_exit, struct task_struct *task)
{
	on_exit(ctx, task);
	return 0;
}

#endif
