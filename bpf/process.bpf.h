/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Which processes come to be traced, and which end. */
#ifndef SOCKEYE_PROCESS_H
#define SOCKEYE_PROCESS_H

#include <bpf/bpf_tracing.h>
#include "emit.bpf.h"
#include "filter.bpf.h"

static __always_inline void emit_process(void *ctx, struct task_struct *task, u8 kind, u32 total)
{
	struct batch *batch = batch_of_this_cpu();
	struct entry e = {};

	if (!batch)
		return;
	e.kind = kind;
	e.time_ns = bpf_ktime_get_ns();
	e.pid = task->tgid;
	e.tid = task->pid;
	e.fd = -1;
	e.total = total;
	bpf_probe_read_kernel(&e.comm, sizeof(e.comm), &task->group_leader->comm);
	send_conn_event(ctx, batch, &e, sizeof(e));
}

SEC("tp_btf/sched_process_fork")
int BPF_PROG(process_fork, struct task_struct *parent, struct task_struct *child)
{
	u8 *from, *to, marks;

	if (child->tgid == parent->tgid)
		return 0; /* a thread */
	from = mark_of(parent->tgid);
	to = mark_of(child->tgid);
	if (!from || !to)
		return 0;
	marks = *from & ~MARK_NEVER; /* what sockeye itself starts may be traced */
	if (!config.follow)
		marks &= ~MARK_TREE;
	*to = marks;
	if (config.wanted_marks && process_wanted(child->tgid))
		emit_process(ctx, child, ENTRY_START, parent->tgid);
	return 0;
}

/* Also fires at exec(), which renames. Loaded with --comm only. */
SEC("tp_btf/task_rename")
int BPF_PROG(process_rename, struct task_struct *task, const char *name)
{
	u8 *mark = mark_of(task->tgid);
	struct comm comm = {};

	if (!mark || task->pid != task->tgid)
		return 0;
	bpf_probe_read_kernel_str(comm.name, sizeof(comm.name), name);
	if (bpf_map_lookup_elem(&comms, &comm))
		*mark |= MARK_COMM;
	else
		*mark &= ~MARK_COMM;
	return 0;
}

SEC("tp_btf/sched_process_exit")
int BPF_PROG(process_exit, struct task_struct *task)
{
	u32 pid = task->tgid;
	u8 *mark;

	if (task->signal->live.counter > 0)
		return 0; /* other threads live on */
	if (process_wanted(pid))
		emit_process(ctx, task, ENTRY_EXIT, task->signal->group_exit_code ?: task->exit_code);
	mark = mark_of(pid);
	if (mark)
		*mark = 0;
	return 0;
}

#endif
