/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * From "these bytes moved on this socket" to entries in the perf buffers.
 *
 * In: batch->op, filled in by a capture way that holds the batch. Out: entries. Small payloads are
 * collected per cpu and sent together, since a perf sample costs more than all the rest; before a
 * large one the batch is sent, then its chunks, so that the order stays.
 */
#ifndef SOCKEYE_EMIT_H
#define SOCKEYE_EMIT_H

#include <bpf/bpf_core_read.h>
#include "maps.bpf.h"
#include "payload.bpf.h"
#include "walk.bpf.h"

extern void *bpf_rdonly_cast(const void *object, u32 btf_id) __ksym __weak;

/*
 * The same pointer, or one to the structure around it, for reading only. Fields are read through it,
 * because for each pointer read through a trusted one the verifier searches all names of the kernel's
 * BTF several times: that was most of the load time.
 */
#define READ_ONLY(pointer, type) ((type *)bpf_rdonly_cast(pointer, bpf_core_type_id_kernel(type)))

/* A sock's field by a plain load where the verifier knows the pointer's type (`direct`), by a probe
 * read where the pointer was walked to. */
#define SOCK_READ(direct, pointer, field) \
	((direct) ? (pointer)->field : BPF_CORE_READ(pointer, field))

static __always_inline void fill_addresses(struct entry *e, struct sock *sk, u8 family, bool direct)
{
	u64 *local = (u64 *)e->local, *remote = (u64 *)e->remote;

	local[0] = local[1] = remote[0] = remote[1] = 0;
	e->local_port = e->remote_port = 0;
	if (family == FAMILY_UNIX)
		return;
	e->local_port = SOCK_READ(direct, sk, __sk_common.skc_num);
	e->remote_port = __builtin_bswap16(SOCK_READ(direct, sk, __sk_common.skc_dport));
	if (family == FAMILY_INET) {
		*(u32 *)e->local = SOCK_READ(direct, sk, __sk_common.skc_rcv_saddr);
		*(u32 *)e->remote = SOCK_READ(direct, sk, __sk_common.skc_daddr);
	} else if (direct) {
		u64 *from = (u64 *)&sk->__sk_common.skc_v6_rcv_saddr;
		u64 *to = (u64 *)&sk->__sk_common.skc_v6_daddr;

		local[0] = from[0];
		local[1] = from[1];
		remote[0] = to[0];
		remote[1] = to[1];
	} else {
		BPF_CORE_READ_INTO(&e->local, sk, __sk_common.skc_v6_rcv_saddr);
		BPF_CORE_READ_INTO(&e->remote, sk, __sk_common.skc_v6_daddr);
	}
}

static __always_inline void fill_process(struct entry *e, bool direct)
{
	u64 id = bpf_get_current_pid_tgid();

	e->pid = id >> 32;
	e->tid = id;
	if (direct) {
		struct task_struct *task = READ_ONLY(bpf_get_current_task_btf(), struct task_struct);
		u64 *name = (u64 *)&task->group_leader->comm;

		((u64 *)e->comm)[0] = name[0];
		((u64 *)e->comm)[1] = name[1];
	} else {
		struct task_struct *leader, *task = (void *)bpf_get_current_task();

		leader = BPF_CORE_READ(task, group_leader);
		BPF_CORE_READ_INTO(&e->comm, leader, comm);
	}
}

static __always_inline void fill_entry(struct entry *e, struct io_operation *op, struct sock *sk,
				       struct conn_state *state, u64 now, bool direct)
{
	e->time_ns = now;
	e->conn = state->id;
	e->position = op->position;
	e->fd = op->fd;
	e->total = op->total;
	e->offset = 0;
	e->length = 0;
	e->kind = ENTRY_DATA;
	e->direction = op->direction;
	e->operation = op->operation;
	e->source = SOURCE_SOCKET;
	e->flags = state->flags | FLAG_LAST_CHUNK;
	e->cut = op->cut;
	e->family = op->family;
	e->suspect = state->suspect;
	e->plaintext = 0;
	fill_process(e, direct);
	fill_addresses(e, sk, op->family, direct);
	if (op->has_peer) {
		u64 *to = (u64 *)e->remote, *from = (u64 *)op->peer.address;

		e->flags |= FLAG_REMOTE_NAMED;
		e->remote_port = op->peer.port;
		to[0] = from[0];
		to[1] = from[1];
	}
}

static __always_inline void send_batch(void *ctx, struct batch *batch)
{
	u64 used = batch->used;

	barrier_var(used);
	if (used == 0 || used > BATCH_BYTES)
		return;
	send_sample(ctx, batch, batch->data, used);
	batch->used = 0;
}

/* Sends the entries that wait in the batches of this cpu. False when a program is using one of them. */
static __always_inline bool send_waiting(void *ctx)
{
	u32 slot = hook_slot();
	bool all = true;

	for (int i = 0; i < SLOTS_PER_CPU; i++, slot += config.cpus) {
		struct batch *batch = batch_at(slot);

		if (!batch)
			break;
		if (batch->busy)
			all = false;
		else
			send_batch(ctx, batch);
	}
	return all;
}

/* A filtered TCP operation without payload is only a count: it is sent at most every 100 ms, since the
 * next entry's position and the close's totals tell the same. */
static __always_inline bool count_may_wait(struct batch *batch, struct conn_state *state, u32 kept,
					   u64 now)
{
	return !kept && batch->op.cut == CUT_FILTERED && batch->op.kind == FLAG_TCP_POSITION &&
	       now - state->reported_ns < 100000000;
}

/* Sends the batch if an entry with so much payload would not fit. */
static __always_inline void make_room(void *ctx, struct batch *batch, u32 payload)
{
	if (batch->used + sizeof(struct entry) + payload + 8 > BATCH_BYTES)
		send_batch(ctx, batch);
}

/* Adds the operation to the batch, which has room for it. */
static __always_inline void add_small(struct batch *batch, struct sock *sk, struct conn_state *state,
				      u64 now, bool direct)
{
	struct io_operation *op = &batch->op;
	u32 kept, n = op->wanted;
	struct entry *e;
	u64 used;

	if (n > SMALL_BYTES)
		n = SMALL_BYTES;
	used = batch->used;
	if (used > BATCH_BYTES - sizeof(struct entry))
		return;
	e = BOUNDED_POINTER(batch->data, used, BATCH_BYTES);
	op->copied = 0;
	if (n && op->cut == CUT_NONE) {
		op->copied = copy_small(batch->slot, used + sizeof(*e), n);
		if (op->copied < n) {
			op->cut = CUT_UNREADABLE;
			count(COUNTER_UNREADABLE, 1);
		}
	}
	kept = op->copied;
	if (kept) {
		if (asks_rules(state))
			keep_head(batch, (u8 *)(e + 1), kept);
		kept = allowed_bytes(batch, state, kept);
		if (kept < op->copied)
			op->cut = CUT_FILTERED;
	}
	if (op->cut == CUT_NONE && kept < op->total)
		op->cut = CUT_SNAPLEN;
	if (count_may_wait(batch, state, kept, now))
		return;
	state->reported_ns = now;
	fill_entry(e, op, sk, state, now, direct);
	e->length = kept;
	e->size = (sizeof(*e) + kept + 7) & ~7U;
	e->sequence = batch->data_sequence++;
	if (used == 0)
		batch->first_ns = now;
	batch->used = used + e->size;
}

/* How a payload larger than SMALL_BYTES is walked: by bpf_loop(), or, before 5.17, by the program
 * walk_exit, CHUNKS_A_RUN chunks a run. */
enum large { LARGE_LOOP, LARGE_CONTINUE };

/* Prepares the walk. False when nothing is to be sent. */
static __always_inline bool begin_large(struct batch *batch, struct scratch *s, struct sock *sk,
					struct conn_state *state, u64 now, bool direct)
{
	struct io_operation *op = &batch->op;
	u32 n = op->wanted, kept;

	if (asks_rules(state)) {
		copy_small(batch->slot, BATCH_BYTES, HEAD_BYTES);
		keep_head(batch, batch->data + BATCH_BYTES, HEAD_BYTES);
	}
	kept = allowed_bytes(batch, state, n);
	op->cut = kept < n ? CUT_FILTERED : n < op->total ? CUT_SNAPLEN : CUT_NONE;
	if (count_may_wait(batch, state, kept, now))
		return false;
	state->reported_ns = now;
	fill_entry(&s->entry, op, sk, state, now, direct);
	s->entry.flags &= ~FLAG_LAST_CHUNK;
	s->entry.cut = CUT_NONE;
	s->walk.iov = op->iov;
	s->walk.iov_left = op->iov ? op->pieces : 0;
	s->walk.base = op->base;
	s->walk.piece_left = op->iov ? 0 : kept;
	s->walk.left = kept;
	s->walk.filled = 0;
	s->walk.done = 0;
	s->walk.cut = op->cut;
	return true;
}

static __always_inline void emit_large(void *ctx, struct batch *batch, struct sock *sk,
				       struct conn_state *state, u64 now, enum large large,
				       bool direct)
{
	struct scratch *s = scratch_at(batch->slot);

	if (!s || !begin_large(batch, s, sk, state, now, direct))
		return;
	send_batch(ctx, batch);
	if (large == LARGE_CONTINUE) {
		bpf_tail_call(ctx, &continuations, CONTINUE_WALK);
	} else {
		struct walk_context context = { ctx, batch->slot };

		bpf_loop(WALK_STEPS, walk_callback, &context, 0);
	}
	finish_walk(ctx, batch, s);
}

/* Copies user space's verdict into the state, if any verdict was written since the last look. */
static __always_inline void take_verdict(struct conn_state *state)
{
	u32 zero = 0, *generation = bpf_map_lookup_elem(&verdict_generation, &zero);
	struct judgement *judgement;

	if (!generation || *generation == state->generation)
		return;
	state->generation = *generation;
	judgement = bpf_map_lookup_elem(&verdicts, &state->id);
	if (!judgement)
		return;
	state->verdict = judgement->verdict;
	state->passing = judgement->passing;
	state->until[0] = judgement->until[0];
	state->until[1] = judgement->until[1];
}

/* Does the operation lie wholly in bytes that user space only counts? One that goes beyond them ends
 * that for its direction. */
static __always_inline bool passes_by(struct io_operation *op, struct conn_state *state)
{
	bool ingress = op->direction == DIRECTION_INGRESS;
	u32 until = ingress ? state->until[1] : state->until[0];
	u8 bit = ingress ? 1 << DIRECTION_INGRESS : 1 << DIRECTION_EGRESS;

	if (!(state->passing & bit))
		return false;
	if ((s32)(until - (u32)op->position - op->total) >= 0)
		return true;
	state->passing &= ~bit;
	return false;
}

/* Sets op->wanted. True when the payload is a large one. */
static __always_inline bool want_payload(struct io_operation *op, struct conn_state *state)
{
	u64 n = op->total;

	take_verdict(state);
	if (op->cut == CUT_NONE && passes_by(op, state)) {
		op->cut = CUT_PASSED;
		n = 0;
	}
	if (n > config.snaplen)
		n = config.snaplen;
	if (!op->iov && n > op->length)
		n = op->length;
	op->wanted = n;
	return op->cut == CUT_NONE && (n > SMALL_BYTES || op->pieces > SMALL_PIECES);
}

/* Sends the operation in batch->op: with its payload, or with the reason why there is none. */
static __always_inline void emit_operation(void *ctx, struct batch *batch, struct sock *sk,
					   struct conn_state *state, enum large large, bool direct)
{
	struct io_operation *op = &batch->op;
	u64 now = bpf_ktime_get_ns();

	if (want_payload(op, state)) {
		emit_large(ctx, batch, sk, state, now, large, direct);
		return;
	}
	make_room(ctx, batch, op->wanted < SMALL_BYTES ? op->wanted : SMALL_BYTES);
	add_small(batch, sk, state, now, direct);
}

/* Connection events are rare: each is a sample of its own. */
static __always_inline void send_conn_event(void *ctx, struct batch *batch, void *data, u64 size)
{
	struct entry *e = data;

	e->size = size;
	e->length = size - sizeof(*e);
	e->sequence = batch->conn_sequence++;
	if (bpf_perf_event_output(ctx, &conn_events, BPF_F_CURRENT_CPU, data, size))
		count(COUNTER_CONN_LOST, 1);
}

#endif
