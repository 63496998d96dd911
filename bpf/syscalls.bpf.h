/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The syscall way, for every kernel from 5.10: one program at the end of every system call, which
 * finds the socket by walking from the fd. Arguments are read at the end, when the pages they point
 * to have been touched.
 */
#ifndef SOCKEYE_SYSCALLS_H
#define SOCKEYE_SYSCALLS_H

#include <bpf/bpf_tracing.h>
#include "arch.h"
#include "conn.bpf.h"
#include "filter.bpf.h"
#include "message.bpf.h"

#define FILE_TYPE_MASK 00170000
#define FILE_TYPE_SOCKET 0140000
#define PEEK_OR_ERRQUEUE (0x2 | 0x2000)
#define TRUNC 0x20
/* A call has 1024 messages at most (UIO_MAXIOV); each continuation takes so many, and 33 of them may
 * follow one another. */
#define MAX_MESSAGES 1024
#define MESSAGES_A_RUN 32
/* Chunks of one message that are sent before walk_exit takes over: enough for any datagram. */
#define CHUNKS_A_MESSAGE 3
#define CHUNKS_A_RUN 16

static __always_inline struct sock *sock_of_file(struct file *file)
{
	struct socket *socket;

	if (!file || (BPF_CORE_READ(file, f_inode, i_mode) & FILE_TYPE_MASK) != FILE_TYPE_SOCKET)
		return NULL;
	socket = BPF_CORE_READ(file, private_data);
	return BPF_CORE_READ(socket, sk);
}

static __always_inline struct sock *sock_of_fd(s32 fd)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	struct fdtable *table = BPF_CORE_READ(task, files, fdt);
	struct file **slots, *file = NULL;

	if ((u32)fd >= BPF_CORE_READ(table, max_fds))
		return NULL;
	slots = BPF_CORE_READ(table, fd);
	bpf_probe_read_kernel(&file, sizeof(file), &slots[fd]);
	return sock_of_file(file);
}

/*
 * By the socket's own ports; where it is not connected by its peer in `op`, which is known later. An
 * unnamed datagram is from one of those that were let through before.
 */
static __always_inline bool walked_port_wanted(struct sock *sk, u8 family, u8 kind,
					       struct io_operation *op, bool opened)
{
	u16 local = 0, remote = 0;

	if (!config.port_count)
		return true;
	if (family != FAMILY_UNIX) {
		local = BPF_CORE_READ(sk, __sk_common.skc_num);
		remote = __builtin_bswap16(BPF_CORE_READ(sk, __sk_common.skc_dport));
	}
	if (kind == FLAG_DATAGRAM && !remote) {
		if (!op || (!op->has_peer && opened))
			return true;
		if (op->has_peer)
			remote = op->peer.port;
	}
	return port_wanted(local, remote);
}

/*
 * The traced socket behind this fd, with its state, and batch->op begun; NULL when it is none.
 * The batch is held by the caller.
 */
static __always_inline struct conn_state *begin_walked(struct batch *batch, s32 fd, u8 operation,
						       u8 direction, struct sock **found)
{
	struct sock *sk = sock_of_fd(fd);
	struct conn_state *state;
	u8 family, kind;

	if (!sk)
		return NULL;
	family = BPF_CORE_READ(sk, __sk_common.skc_family);
	kind = kind_of(sk, family, false);
	if (!kind || !walked_port_wanted(sk, family, kind, NULL, false))
		return NULL;
	state = state_of(sk, true, false);
	if (!state) {
		count(COUNTER_STATE_FULL, 1);
		return NULL;
	}
	begin_operation(&batch->op, direction);
	batch->op.fd = fd;
	batch->op.operation = operation;
	batch->op.family = family;
	batch->op.kind = kind;
	*found = sk;
	return state;
}

static __always_inline bool unconnected(struct io_operation *op, struct sock *sk)
{
	return op->kind == FLAG_DATAGRAM && !BPF_CORE_READ(sk, __sk_common.skc_dport);
}

/* One call that moved `moved` bytes between one buffer and one socket. */
static __always_inline void on_moved(void *ctx, struct batch *batch, struct pt_regs *regs,
				     u8 operation, u8 direction, long moved)
{
	u64 flags = operation == OP_RECVFROM ? SYSCALL_ARG4(regs) :
		    operation == OP_RECVMSG  ? SYSCALL_ARG3(regs) :
					       0;
	struct io_operation *op = &batch->op;
	struct conn_state *state;
	struct sock *sk = NULL;

	if (flags & PEEK_OR_ERRQUEUE)
		return;
	state = begin_walked(batch, SYSCALL_ARG1(regs), operation, direction, &sk);
	if (!state)
		return;
	if (moved == 0 && op->kind != FLAG_DATAGRAM) {
		if (op->direction == DIRECTION_INGRESS)
			on_read_zero(ctx, batch, sk, state, false);
		return;
	}
	op->total = moved;
	if (op->operation == OP_SENDFILE)
		op->cut = CUT_UNSEEN;
	else
		find_buffer(batch, regs, unconnected(op, sk));
	if ((flags & TRUNC) && op->kind != FLAG_DATAGRAM)
		op->cut = CUT_UNSEEN; /* thrown away, not copied */
	if (!walked_port_wanted(sk, op->family, op->kind, op, state->opened))
		return;
	place_operation(ctx, batch, sk, state, false);
	emit_operation(ctx, batch, sk, state, LARGE_CONTINUE, false);
}

/* What a call does: its operation, its direction in bit 8; 0 for calls that move no bytes. */
#define INGRESS_CALL 256
static __always_inline u32 call_of(u32 number)
{
	switch (number) {
	case SYS_READ: return OP_READ | INGRESS_CALL;
	case SYS_READV:
	case SYS_PREADV:
	case SYS_PREADV2: return OP_READV | INGRESS_CALL;
	case SYS_RECVFROM: return OP_RECVFROM | INGRESS_CALL;
	case SYS_RECVMSG: return OP_RECVMSG | INGRESS_CALL;
	case SYS_RECVMMSG: return OP_RECVMMSG | INGRESS_CALL;
	case SYS_WRITE: return OP_WRITE;
	case SYS_WRITEV:
	case SYS_PWRITEV:
	case SYS_PWRITEV2: return OP_WRITEV;
	case SYS_SENDTO: return OP_SENDTO;
	case SYS_SENDMSG: return OP_SENDMSG;
	case SYS_SENDMMSG: return OP_SENDMMSG;
	case SYS_SENDFILE: return OP_SENDFILE;
	case SYS_SPLICE: return OP_SPLICE;
	}
	return 0;
}

static __always_inline void on_sys_exit(void *ctx, struct pt_regs *regs, long result)
{
	u32 call = call_of(SYSCALL_NUMBER(regs));
	struct task_struct *task;
	struct batch *batch;
	u8 operation = call;

	if (!call || result < 0 || !process_wanted(bpf_get_current_pid_tgid() >> 32))
		return;
	task = (void *)bpf_get_current_task();
	if (BPF_CORE_READ(task, thread_info.status) & TASK_IS_32BIT)
		return; /* other numbers, other registers: what it moves shows as gaps */
	batch = hold_batch();
	if (!batch)
		return;
	batch->call = call;
	if (operation == OP_RECVMMSG || operation == OP_SENDMMSG || operation == OP_SPLICE) {
		batch->message_index = 0;
		bpf_tail_call(ctx, &continuations, CONTINUE_MESSAGES);
	} else {
		on_moved(ctx, batch, regs, operation,
			 call & INGRESS_CALL ? DIRECTION_INGRESS : DIRECTION_EGRESS, result);
	}
	release_batch(batch);
}

SEC("tp_btf/sys_exit")
int BPF_PROG(sys_exit, struct pt_regs *regs, long result)
{
	on_sys_exit(ctx, regs, result);
	return 0;
}

/*
 * Sums up what a vectored call on a stream moved, before its first message. A function of its own, as
 * infer_head: verifiers before 6.x would follow each end of the loop to the end of the program.
 */
__attribute__((noinline)) int sum_messages(u64 vector, u32 messages)
{
	struct batch *batch = batch_of_this_cpu();
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

/* What is left to do for an operation, by the program that has a context to send with. */
#define TODO_OPEN 1 /* send batch->open */
#define TODO_WALK 2 /* send the payload */

/*
 * Takes the message at batch->message_index of a sendmmsg() or recvmmsg(), an operation of its own: a
 * small payload goes into the batch, which has room. A function of its own, as infer_head: all the
 * messages of a run cost the verifier as much as one.
 */
__attribute__((noinline)) int take_message(u64 vector, u32 messages, u32 fd, u32 call)
{
	u32 cpu = bpf_get_smp_processor_id(), length = 0, todo = 0;
	struct scratch *s = bpf_map_lookup_elem(&scratch, &cpu);
	struct batch *batch = batch_of_this_cpu();
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
		/* Positions are known for the call's end only: what followed this message is taken off. */
		struct tcp_positions tcp = {};

		if (batch->message_index == 0)
			sum_messages(vector, messages);
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

/* One end of a splice(), if it is a socket; a function of its own for its stack, and as the above. */
__attribute__((noinline)) int take_spliced(u32 fd, u32 direction, u32 moved)
{
	struct batch *batch = batch_of_this_cpu();
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
	if (take_spliced(SYSCALL_ARG1(regs), DIRECTION_INGRESS, moved) & TODO_OPEN)
		send_open(ctx, batch);
	make_room(ctx, batch, 0);
	if (take_spliced(SYSCALL_ARG3(regs), DIRECTION_EGRESS, moved) & TODO_OPEN)
		send_open(ctx, batch);
}

/* A run of messages. False when walk_exit has to go on with the payload of the last one. */
static __always_inline bool take_messages(void *ctx, struct batch *batch, struct scratch *s,
					  struct pt_regs *regs, u32 messages)
{
	for (int i = 0; i < MESSAGES_A_RUN; i++) {
		int todo;

		if (batch->message_index >= messages)
			break;
		make_room(ctx, batch, SMALL_BYTES);
		todo = take_message(SYSCALL_ARG2(regs), messages, SYSCALL_ARG1(regs), batch->call);
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

/* Goes on with the next messages, if there are any; else, and at the kernel's limit of such calls, lets
 * go of the batch. What is left then is seen as lost. */
static __always_inline void next_messages(void *ctx, struct batch *batch, u32 messages)
{
	if (batch->message_index < messages) {
		bpf_tail_call(ctx, &continuations, CONTINUE_MESSAGES);
		batch->data_sequence += messages - batch->message_index;
	}
	release_batch(batch);
}

/* Goes on for sys_exit, and with itself while there are more messages. */
static __always_inline void on_messages(void *ctx, struct pt_regs *regs, long result)
{
	u32 cpu = bpf_get_smp_processor_id();
	struct scratch *s = bpf_map_lookup_elem(&scratch, &cpu);
	struct batch *batch = batch_of_this_cpu();

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

/* Goes on with a large payload, and with itself while there is more of it; then with the messages
 * behind it. */
static __always_inline void on_walk(void *ctx, long result)
{
	u32 cpu = bpf_get_smp_processor_id();
	struct scratch *s = bpf_map_lookup_elem(&scratch, &cpu);
	struct batch *batch = batch_of_this_cpu();
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

/* Never attached: continuations. */
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

SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(sock_state_walked, struct sock *sk, int old_state, int new_state)
{
	if (sk->sk_protocol == PROTOCOL_TCP)
		on_tcp_state(ctx, sk, new_state, false);
	return 0;
}

#endif
