/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The walk over a large payload: copied out of the process piece by piece into this cpu's scratch
 * space, and sent in chunks of CHUNK_BYTES, each an entry of its own.
 *
 * In: the walk and the entry in the scratch space, filled in by emit.bpf.h. Out: entries.
 */
#ifndef SOCKEYE_WALK_H
#define SOCKEYE_WALK_H

#include "maps.bpf.h"
#include "payload.bpf.h"

/* Makes an entry of what the scratch space holds; its size, 0 when it has none. */
static __always_inline u64 make_chunk(struct batch *batch, struct scratch *s, bool last)
{
	u64 filled = s->walk.filled;
	u64 size = (sizeof(struct entry) + filled + 7) & ~7ULL;

	barrier_var(size);
	if (size > sizeof(struct entry) + CHUNK_BYTES + 8)
		return 0;
	s->entry.offset = s->walk.done;
	s->entry.length = filled;
	s->entry.size = size;
	s->entry.sequence = batch->data_sequence++;
	if (last) {
		s->entry.flags |= FLAG_LAST_CHUNK;
		s->entry.cut = s->walk.cut;
	}
	s->walk.done += filled;
	s->walk.filled = 0;
	return size;
}

/* Sends what the scratch space holds as one chunk. */
static __always_inline void send_chunk(void *ctx, struct batch *batch, struct scratch *s, bool last)
{
	u64 size = make_chunk(batch, s, last);

	if (size)
		send_sample(ctx, batch, s, size);
}

/* One step: goes to the next piece of the vector, or copies what fits of this one. True at the end. */
static __always_inline bool copy_piece(struct batch *batch, struct scratch *s)
{
	struct walk *walk = &s->walk;
	u64 filled, length;

	if (walk->left == 0)
		return true;
	if (walk->piece_left == 0) {
		if (walk->iov_left == 0 ||
		    bpf_probe_read_user(&batch->pieces[0], sizeof(struct user_iovec),
					(void *)walk->iov))
			return true;
		walk->iov += sizeof(struct user_iovec);
		walk->iov_left--;
		walk->base = batch->pieces[0].base;
		walk->piece_left = batch->pieces[0].length;
		return false;
	}
	filled = walk->filled;
	length = walk->piece_left;
	if (length > walk->left)
		length = walk->left;
	if (length > CHUNK_BYTES - filled)
		length = CHUNK_BYTES - filled;
	barrier_var(length);
	barrier_var(filled);
	if (length > CHUNK_BYTES || filled >= CHUNK_BYTES)
		return true;
	if (bpf_probe_read_user(s->data + filled, length, (void *)walk->base))
		return true;
	walk->base += length;
	walk->piece_left -= length;
	walk->left -= length;
	walk->filled = filled + length;
	return false;
}

/* One step; sends the chunk when that has filled it. True at the end. */
static __always_inline bool walk_step(void *ctx, struct batch *batch, struct scratch *s)
{
	bool ended = copy_piece(batch, s);

	if (s->walk.filled == CHUNK_BYTES)
		send_chunk(ctx, batch, s, false);
	return ended;
}

static __always_inline void finish_walk(void *ctx, struct batch *batch, struct scratch *s)
{
	if (s->walk.left && s->walk.cut == CUT_NONE) {
		s->walk.cut = CUT_UNREADABLE;
		count(COUNTER_UNREADABLE, 1);
	}
	send_chunk(ctx, batch, s, true);
}

/* Steps until a chunk is full or CHUNK_STEPS were made; 1 at the payload's end. Not inlined, so that
 * the verifier checks it once. */
#define CHUNK_STEPS 64
__attribute__((noinline)) int fill_chunk(u32 slot)
{
	struct scratch *s = scratch_at(slot);
	struct batch *batch = batch_at(slot);

	if (!s || !batch)
		return 1;
	for (int i = 0; i < CHUNK_STEPS && s->walk.filled < CHUNK_BYTES; i++) {
		if (copy_piece(batch, s))
			return 1;
	}
	return 0;
}

/* Sends up to `chunks` chunks. True at the payload's end: finish_walk() then sends the last, partly
 * filled one. */
static __always_inline bool walk_chunks(void *ctx, struct batch *batch, struct scratch *s, int chunks)
{
	for (int i = 0; i < chunks; i++) {
		if (fill_chunk(batch->slot))
			return true;
		if (s->walk.filled == CHUNK_BYTES)
			send_chunk(ctx, batch, s, false);
	}
	return false;
}

/* bpf_loop() makes the whole walk: at most so many steps, each with this context. */
#define WALK_STEPS 4096

struct walk_context {
	void *ctx;
	u64 slot;
};

static long walk_callback(u32 index, struct walk_context *context)
{
	struct scratch *s = scratch_at(context->slot);
	struct batch *batch = batch_at(context->slot);

	return !s || !batch || walk_step(context->ctx, batch, s);
}

#endif
