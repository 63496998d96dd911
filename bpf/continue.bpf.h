/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The syscall way where one program would exceed the verifier's limits, so that it tail-calls others:
 * sendmmsg() and recvmmsg(), both ends of a splice(), large payloads.
 *
 * In: the batch, held by sys_exit, and batch->call. The last program called releases the batch.
 */
#ifndef SOCKEYE_CONTINUE_H
#define SOCKEYE_CONTINUE_H

#include "syscalls.bpf.h"

/* A call has 1024 messages at most (UIO_MAXIOV): 32 runs of 32, within the kernel's 33 tail calls. */
#define MAX_MESSAGES 1024
#define MESSAGES_A_RUN 32
/* Chunks of one message that are sent before walk_exit takes over: 3 hold any datagram (64 KiB). */
#define CHUNKS_A_MESSAGE 3
#define CHUNKS_A_RUN 16

/*
 * Sets batch->messages_bytes to what a sendmmsg() or recvmmsg() on a stream moved in all. Not inlined:
 * verifiers before 6.x would follow each way out of the loop to the end of the program.
 */
__attribute__((noinline)) int sum_messages(u32 slot, u64 vector, u32 messages)
{
	struct batch *batch = batch_at(slot);
	u32 sum = 0;

	if (!batch)
		return 0;
	for (u32 i = 0; i < MAX_MESSAGES && i < messages; i++) {
		u32 length = 0;

		bpf_probe_read_user(&length, sizeof(length),
				    (void *)(vector + i * sizeof(struct user_mmsg) +
					     sizeof(struct user_message)));
		sum += length;
	}
	batch->messages_bytes = sum;
	return 0;
}

/* What take_message() leaves to its caller, which has the context that sending needs. */
#define TODO_OPEN 1 /* send batch->open */
#define TODO_WALK 2 /* send the payload */

/*
 * Takes the message at batch->message_index of a sendmmsg() or recvmmsg() as an operation of its own.
 * A small payload goes into the batch, which has room for it. Not inlined, so that all the messages of
 * a run cost the verifier as much as one.
 */
__attribute__((noinline)) int take_message(u32 slot, u64 vector, u32 messages, u32 fd, u32 call)
{
	struct scratch *s = scratch_at(slot);
	struct batch *batch = batch_at(slot);
	u32 length = 0, todo = 0;
	struct conn_state *state;
	struct io_operation *op;
	struct sock *sk = NULL;
	u64 from, now;

	if (!batch || !s)
		return 0;
	op = &batch->op;
	from = vector + batch->message_index * sizeof(struct user_mmsg);
	if (bpf_probe_read_user(&length, sizeof(length),
				(void *)(from + sizeof(struct user_message))))
		return 0;
	state = begin_walked(batch, fd, call, call & INGRESS_CALL ? DIRECTION_INGRESS : DIRECTION_EGRESS,
			     &sk);
	if (!state)
		return 0;
	op->total = length;
	read_message(batch, from, unconnected(op, sk));
	if (!walked_port_wanted(sk, op->family, op->kind, op, state->opened))
		return 0;
	if (op->kind == FLAG_TCP_POSITION) {
		/* The socket's numbers are those at the call's end: this message and those after it are
		 * taken off. */
		struct tcp_positions tcp = {};

		if (batch->message_index == 0)
			sum_messages(slot, vector, messages);
		read_tcp(sk, &tcp, false, false);
		op->position = (u32)((call & INGRESS_CALL ? tcp.copied_seq : tcp.write_seq) -
				     batch->messages_bytes);
		batch->messages_bytes -= length;
	}
	if (find_place(batch, sk, state, false))
		todo = TODO_OPEN;
	now = bpf_ktime_get_ns();
	if (!want_payload(op, state))
		add_small(batch, sk, state, now, false);
	else if (begin_large(batch, s, sk, state, now, false))
		todo |= TODO_WALK;
	return todo;
}

/* One end of a splice(), if it is a socket. Not inlined, for its stack and for the verifier. */
__attribute__((noinline)) int take_spliced(u32 slot, u32 fd, u32 direction, u32 moved)
{
	struct batch *batch = batch_at(slot);
	struct conn_state *state;
	struct sock *sk = NULL;
	u32 todo;

	if (!batch)
		return 0;
	state = begin_walked(batch, fd, OP_SPLICE, direction, &sk);
	if (!state)
		return 0;
	batch->op.total = moved;
	batch->op.cut = CUT_UNSEEN;
	todo = find_place(batch, sk, state, false) ? TODO_OPEN : 0;
	want_payload(&batch->op, state);
	add_small(batch, sk, state, bpf_ktime_get_ns(), false);
	return todo;
}

/* Both ends of a splice(). */
static __always_inline void take_splice(void *ctx, struct batch *batch, struct pt_regs *regs, u32 moved)
{
	make_room(ctx, batch, 0);
	if (take_spliced(batch->slot, SYSCALL_ARG1(regs), DIRECTION_INGRESS, moved) & TODO_OPEN)
		send_open(ctx, batch);
	make_room(ctx, batch, 0);
	if (take_spliced(batch->slot, SYSCALL_ARG3(regs), DIRECTION_EGRESS, moved) & TODO_OPEN)
		send_open(ctx, batch);
}

/* Takes MESSAGES_A_RUN messages. False when walk_exit has to go on with the payload of the last one. */
static __always_inline bool take_messages(void *ctx, struct batch *batch, struct scratch *s,
					  struct pt_regs *regs, u32 messages)
{
	for (int i = 0; i < MESSAGES_A_RUN; i++) {
		int todo;

		if (batch->message_index >= messages)
			break;
		make_room(ctx, batch, SMALL_BYTES);
		todo = take_message(batch->slot, SYSCALL_ARG2(regs), messages,
				    SYSCALL_ARG1(regs), batch->call);
		batch->message_index++;
		if (todo & TODO_OPEN)
			send_open(ctx, batch);
		if (!(todo & TODO_WALK))
			continue;
		send_batch(ctx, batch);
		if (!walk_chunks(ctx, batch, s, CHUNKS_A_MESSAGE))
			return false;
		finish_walk(ctx, batch, s);
	}
	return true;
}

/* Goes on with the next messages; without any, or at the kernel's limit of tail calls, releases the
 * batch. Messages left over then are counted as lost by their sequence numbers. */
static __always_inline void next_messages(void *ctx, struct batch *batch, u32 messages)
{
	if (batch->message_index < messages) {
		bpf_tail_call(ctx, &continuations, CONTINUE_MESSAGES);
		batch->data_sequence += messages - batch->message_index;
	}
	release_batch(batch);
}

/* Called by sys_exit, and by itself while there are more messages. */
static __always_inline void on_messages(void *ctx, struct pt_regs *regs, long result)
{
	u32 slot = hook_slot();
	struct scratch *s = scratch_at(slot);
	struct batch *batch = batch_at(slot);

	if (!batch || !s)
		return;
	if (batch->call == OP_SPLICE) {
		take_splice(ctx, batch, regs, result);
		result = 0;
	} else if ((batch->call & INGRESS_CALL) && (SYSCALL_ARG4(regs) & PEEK_OR_ERRQUEUE)) {
		result = 0;
	} else if (!take_messages(ctx, batch, s, regs, result)) {
		bpf_tail_call(ctx, &continuations, CONTINUE_WALK);
		finish_walk(ctx, batch, s);
	}
	next_messages(ctx, batch, result);
}

/* Sends a large payload, calling itself while there is more of it, and then the messages behind it. */
static __always_inline void on_walk(void *ctx, long result)
{
	u32 slot = hook_slot();
	struct scratch *s = scratch_at(slot);
	struct batch *batch = batch_at(slot);
	u8 operation;

	if (!s || !batch)
		return;
	if (!walk_chunks(ctx, batch, s, CHUNKS_A_RUN))
		bpf_tail_call(ctx, &continuations, CONTINUE_WALK);
	finish_walk(ctx, batch, s);
	operation = batch->call;
	if (operation != OP_SENDMMSG && operation != OP_RECVMMSG)
		result = 0;
	next_messages(ctx, batch, result);
}

/* Never attached: tail-called through `continuations`. */
SEC("tp_btf/sys_exit")
int BPF_PROG(messages_exit, struct pt_regs *regs, long result)
{
	on_messages(ctx, regs, result);
	return 0;
}

SEC("tp_btf/sys_exit")
int BPF_PROG(walk_exit, struct pt_regs *regs, long result)
{
	on_walk(ctx, result);
	return 0;
}

#endif
