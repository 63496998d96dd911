/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Holding a batch for one operation; how much of its payload user space gets; copying a small one.
 */
#ifndef SOCKEYE_PAYLOAD_H
#define SOCKEYE_PAYLOAD_H

#include "maps.bpf.h"

/* From kernel 6.10 on. */
extern void bpf_preempt_disable(void) __ksym __weak;
extern void bpf_preempt_enable(void) __ksym __weak;

/*
 * `base` plus an offset below `size` (a power of two), masked and added in one piece of assembly. The
 * verifier up to 5.12 forgets the bounds of a number that the compiler spills to the stack between the
 * two, but not those of a pointer.
 */
#define BOUNDED_POINTER(base, offset, size)                      \
	({                                                       \
		u8 *pointer_ = (u8 *)(base);                     \
		u64 offset_ = (offset);                          \
		asm volatile("%1 &= %2\n%0 += %1"                \
			     : "+r"(pointer_), "+r"(offset_)     \
			     : "i"((size) - 1));                 \
		(void *)pointer_;                                \
	})

/* Holds the batch for one operation; NULL when it is in use: the operation is counted as lost. */
static __always_inline struct batch *hold_batch(u32 slot)
{
	struct batch *batch = batch_at(slot);

	if (!batch)
		return NULL;
	if (batch->busy) {
		batch->data_sequence++; /* a number used up: user space sees the jump */
		count(slot < config.cpus ? COUNTER_NESTED : COUNTER_TLS_BUSY, 1);
		return NULL;
	}
	batch->busy = 1;
	batch->slot = slot;
	asm volatile("" ::: "memory");
	return batch;
}

static __always_inline void release_batch(struct batch *batch)
{
	asm volatile("" ::: "memory");
	batch->busy = 0;
}

/* Sends a sample of entries to the perf buffer of the batch's slot. */
static __always_inline void send_sample(void *ctx, struct batch *batch, void *data, u64 size)
{
	long error;

	if (batch->slot < config.cpus)
		error = bpf_perf_event_output(ctx, &data_events, BPF_F_CURRENT_CPU, data, size);
	else
		error = bpf_perf_event_output(ctx, &tls_events, BPF_F_CURRENT_CPU, data, size);
	if (error)
		count(COUNTER_DATA_LOST, 1);
}

static __always_inline void begin_operation(struct io_operation *op, u8 direction)
{
	op->position = 0;
	op->fd = -1;
	op->total = 0;
	op->direction = direction;
	op->operation = OP_OTHER;
	op->cut = CUT_NONE;
	op->has_peer = 0;
	op->base = 0;
	op->length = 0;
	op->iov = 0;
	op->pieces = 0;
}

/* Each rule as a function of its own, so that the verifier walks its many branches once and not after
 * each rule before it. Kernel 5.10 lets such a function take no pointer: it looks the batch up again. */
#define RULE_FUNCTION(number, name)                                           \
	__attribute__((noinline)) int rule_##name(u32 slot)                   \
	{                                                                     \
		struct batch *batch = batch_at(slot);                         \
                                                                              \
		return batch && infer_##name(&batch->head);                   \
	}
INFER_RULES(RULE_FUNCTION)

/* Does any rule take the operation whose first bytes are in batch->head? */
__attribute__((noinline)) int infer_head(u32 slot)
{
	struct batch *batch = batch_at(slot);
	u32 rules;

	if (!batch)
		return 0;
	rules = rules_to_ask(&batch->head);
#define ASK_RULE(number, name)                                \
	if ((rules >> (number) & 1) && rule_##name(slot))     \
		return 1;
	INFER_RULES(ASK_RULE)
	return 0;
}

/* Do the rules decide what is sent? Not once one has matched the connection, or user space has written
 * a verdict. */
static __always_inline bool asks_rules(struct conn_state *state)
{
	return !state->suspect && !state->verdict && !config.unfiltered;
}

/* How many of `n` payload bytes user space gets. Where asks_rules(), batch->head must hold the first. */
static __always_inline u32 allowed_bytes(struct batch *batch, struct conn_state *state, u32 n)
{
	u32 *sent = &state->sent[batch->op.direction & 1];
	u32 room;

	if (state->verdict != VERDICT_STOP) {
		if (asks_rules(state))
			state->suspect = infer_head(batch->slot);
		if (state->verdict == VERDICT_KEEP || state->suspect || config.unfiltered)
			return n;
	}
	room = *sent < UNKNOWN_BYTES ? UNKNOWN_BYTES - *sent : 0;
	if (room > n)
		room = n;
	*sent += room;
	count(COUNTER_FILTERED_BYTES, n - room);
	return room;
}

/*
 * Copies up to `n` (<= SMALL_BYTES) payload bytes of batch->op to batch->data + offset; returns how
 * many it could read. Not inlined, so that the verifier walks its loop once.
 */
__attribute__((noinline)) int copy_small(u32 slot, u32 offset, u32 n)
{
	struct batch *batch = batch_at(slot);
	u64 left = n, pieces, length;
	struct io_operation *op;
	u32 done = 0;
	u8 *to;

	if (!batch || offset > BATCH_BYTES || n > SMALL_BYTES)
		return 0;
	op = &batch->op;
	to = batch->data + offset;
	if (!op->iov) {
		barrier_var(left);
		if (left > SMALL_BYTES)
			return 0;
		return bpf_probe_read_user(to, left, (void *)op->base) ? 0 : n;
	}
	pieces = op->pieces;
	if (pieces > SMALL_PIECES)
		pieces = SMALL_PIECES;
	if (bpf_probe_read_user(batch->pieces, pieces * sizeof(struct user_iovec), (void *)op->iov))
		return 0;
	for (int i = 0; i < SMALL_PIECES; i++) {
		if (i >= op->pieces || done >= SMALL_BYTES)
			break;
		length = batch->pieces[i].length;
		if (length > n - done)
			length = n - done;
		barrier_var(length);
		if (length > SMALL_BYTES)
			break;
		if (bpf_probe_read_user(BOUNDED_POINTER(to, done, SMALL_BYTES), length,
					(void *)batch->pieces[i].base))
			break;
		done += length;
	}
	return done;
}

/* Copies the first bytes of a payload of `n` to batch->head, for infer_head(). */
static __always_inline void keep_head(struct batch *batch, u8 *payload, u32 n)
{
	u64 *to = (u64 *)batch->head.bytes, *from = (u64 *)payload;

#pragma unroll
	for (int i = 0; i < HEAD_BYTES / 8; i++)
		to[i] = from[i];
	batch->head.length = n < HEAD_BYTES ? n : HEAD_BYTES;
	batch->head.is_datagram = batch->op.kind == FLAG_DATAGRAM;
}

#endif
