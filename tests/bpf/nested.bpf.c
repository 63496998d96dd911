/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Two programs at work on one CPU at the same time, as when a hook fires inside a program that fired
 * inside a user-space probe: the parts of the kernel side that hold batches, in one program that a test
 * runs. Out: 0, or which step went wrong.
 */
#include "../../bpf/kernel.h"
#include "../../bpf/emit.bpf.h"

/* An operation of five bytes that nobody reads, into a batch that is held. */
static __always_inline void add(struct batch *batch)
{
	struct conn_state state = { .id = 1, .verdict = VERDICT_KEEP };

	begin_operation(&batch->op, DIRECTION_EGRESS);
	batch->op.total = 5;
	batch->op.cut = CUT_UNSEEN;
	batch->op.wanted = 0;
	batch->op.family = FAMILY_UNIX;
	add_small(batch, NULL, &state, bpf_ktime_get_ns(), false);
}

SEC("raw_tp")
int nested(void *ctx)
{
	u32 slot = hook_slot(), other = slot + config.cpus;
	struct batch *outer = hold_batch(other), *inner;

	if (!outer)
		return 1;
	inner = hold_batch(slot);
	if (!inner)
		return 2;
	add(inner);
	release_batch(inner);
	if (hold_batch(other)) /* its own it must not enter twice */
		return 3;
	add(outer);
	release_batch(outer);
	if (inner->used != sizeof(struct entry) || outer->used != sizeof(struct entry))
		return 4;
	if (!hold_batch(other))
		return 5;
	if (send_waiting(ctx) || inner->used || !outer->used) /* what is held is not sent */
		return 6;
	release_batch(outer);
	return !send_waiting(ctx) || outer->used ? 7 : 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
