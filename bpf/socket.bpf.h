/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The socket way (kernel 6.3 and later): sock_send_length and sock_recv_length fire once for every
 * operation on a socket, whatever call it came by, with the exact count. Where the bytes are is read
 * from the arguments of the system call that the thread is in.
 */
#ifndef SOCKEYE_SOCKET_H
#define SOCKEYE_SOCKET_H

#include <bpf/bpf_tracing.h>
#include "arch.h"
#include "conn.bpf.h"
#include "filter.bpf.h"
#include "message.bpf.h"
#include "tls/calls.bpf.h"

#define PF_IO_WORKER 0x10
#define MESSAGE_PEEK 0x2
#define MESSAGE_TRUNC 0x20
#define MESSAGE_ERRQUEUE 0x2000

/* Is this fd of the current process this socket? */
static __always_inline bool fd_is(struct sock *sk, s32 fd)
{
	struct task_struct *task = READ_ONLY(bpf_get_current_task_btf(), struct task_struct);
	struct file *file = READ_ONLY(sk, struct sock)->sk_socket->file, *held = NULL;
	struct fdtable *table = task->files->fdt;

	if (!file || (u32)fd >= table->max_fds)
		return false;
	bpf_probe_read_kernel(&held, sizeof(held), &table->fd[fd]);
	return held == file;
}

/* The operation of this system call, if it moves bytes between user memory and a socket in this
 * direction; else OP_OTHER. */
static __always_inline u8 operation_of(u32 number, u32 direction)
{
	if (direction == DIRECTION_EGRESS) {
		switch (number) {
		case SYS_WRITE: return OP_WRITE;
		case SYS_WRITEV: return OP_WRITEV;
		case SYS_PWRITEV: return OP_WRITEV;
		case SYS_PWRITEV2: return OP_WRITEV;
		case SYS_SENDTO: return OP_SENDTO;
		case SYS_SENDMSG: return OP_SENDMSG;
		case SYS_SENDMMSG: return OP_SENDMMSG;
		}
	} else {
		switch (number) {
		case SYS_READ: return OP_READ;
		case SYS_READV: return OP_READV;
		case SYS_PREADV: return OP_READV;
		case SYS_PREADV2: return OP_READV;
		case SYS_RECVFROM: return OP_RECVFROM;
		case SYS_RECVMSG: return OP_RECVMSG;
		case SYS_RECVMMSG: return OP_RECVMMSG;
		}
	}
	return OP_OTHER;
}

/* The thread's next message is the first of another call. */
static __always_inline void end_mmsg(void)
{
	u32 tid = bpf_get_current_pid_tgid();
	struct mmsg_call *call = bpf_map_lookup_elem(&mmsg_calls, &tid);

	if (call)
		call->next = 0;
}

/*
 * Which message of a sendmmsg() or recvmmsg() this hook fired for: it fires once a message, in order,
 * so the thread's are counted. A call ends with its last message, with an error, or with a message
 * that was sent in part.
 */
static __always_inline u32 mmsg_element(u64 vector, u32 elements)
{
	u32 tid = bpf_get_current_pid_tgid(), index = 0;
	struct mmsg_call *call = bpf_map_lookup_elem(&mmsg_calls, &tid);
	struct mmsg_call fresh = { .vector = vector, .count = elements };

	if (call && call->vector == vector && call->count == elements)
		index = call->next;
	if (index + 1 >= elements) {
		if (call)
			call->next = 0;
		return index;
	}
	if (call && call->vector == vector && call->count == elements) {
		call->next = index + 1;
	} else {
		fresh.next = index + 1;
		bpf_map_update_elem(&mmsg_calls, &tid, &fresh, BPF_ANY);
	}
	return index;
}

/*
 * io_uring moved these bytes; where they are is read when the request completes (uring.bpf.h). False
 * when there is no room to note it: requests that complete without an event leave their notes behind.
 */
static __always_inline bool remember_uring_move(struct batch *batch, struct sock *sk,
						struct conn_state *state)
{
	struct io_operation *op = &batch->op;
	struct uring_socket *known, *zero;
	struct uring_queue *queue;
	u64 key = (u64)sk;
	u32 none = 0, slot;

	known = bpf_map_lookup_elem(&uring_sockets, &key);
	if (!known || known->state.id != state->id) {
		zero = bpf_map_lookup_elem(&uring_zero, &none);
		if (!zero)
			return false;
		bpf_map_update_elem(&uring_sockets, &key, zero, BPF_ANY);
		known = bpf_map_lookup_elem(&uring_sockets, &key);
		if (!known)
			return false;
		known->state = *state;
	}
	known->state.flags = state->flags;
	queue = &known->of[op->direction & 1];
	if (queue->tail - queue->head >= URING_MOVES)
		return false;
	slot = queue->tail++ % URING_MOVES;
	queue->moves[slot].position = op->position;
	queue->moves[slot].length = op->total;
	return true;
}

/* Bytes that a message's vector has room for; 0 when it has more than SMALL_PIECES pieces. */
__attribute__((noinline)) int message_bytes(u32 slot)
{
	struct batch *batch = batch_at(slot);
	u64 pieces, sum = 0;

	if (!batch)
		return 0;
	pieces = batch->op.pieces;
	if (pieces > SMALL_PIECES)
		return 0;
	if (bpf_probe_read_user(batch->pieces, pieces * sizeof(struct user_iovec),
				(void *)batch->op.iov))
		return 0;
	for (int i = 0; i < SMALL_PIECES; i++)
		sum += i < pieces ? batch->pieces[i].length : 0;
	return sum > 0x7fffffff ? 0x7fffffff : sum;
}

/* One message of a sendmmsg() or recvmmsg(). Where the call may end without another hook, the count of
 * mmsg_element() cannot be trusted. */
static __always_inline void find_mmsg_buffer(struct batch *batch, struct pt_regs *regs, bool take_name)
{
	u64 vector = SYSCALL_ARG2(regs), elements = SYSCALL_ARG3(regs);
	struct io_operation *op = &batch->op;

	read_message(batch, vector + mmsg_element(vector, elements) * sizeof(struct user_mmsg),
		     take_name);
	if (op->direction == DIRECTION_INGRESS) {
		if (SYSCALL_ARG5(regs) && elements > 1) /* its timeout ends it, and no hook fires then */
			op->cut = CUT_UNREADABLE;
	} else if (op->kind != FLAG_DATAGRAM && op->total != message_bytes(batch->slot)) {
		end_mmsg();
	}
}

/* Where the current system call has this operation's bytes. */
static __always_inline void find_payload(struct batch *batch, struct pt_regs *regs, bool take_name)
{
	u8 operation = batch->op.operation;

	if (operation == OP_SENDMMSG || operation == OP_RECVMMSG)
		find_mmsg_buffer(batch, regs, take_name);
	else
		find_buffer(batch, regs, take_name);
}

/* Takes the sender of what an unconnected socket is receiving, as leave_peer() noted it. */
static __always_inline void take_peer(struct io_operation *op, struct sock *sk)
{
	struct peer_key key = { sk->__sk_common.skc_cookie.counter, bpf_get_current_task() };
	struct peer *left = bpf_map_lookup_elem(&peers, &key);

	if (!left)
		return;
	op->peer = *left;
	op->has_peer = 1;
	bpf_map_delete_elem(&peers, &key);
}

/* Nothing moved: the end of a stream, or an error, which also ends a sendmmsg() or recvmmsg(). */
static __always_inline void on_nothing(void *ctx, struct batch *batch, struct sock *sk,
				       struct pt_regs *regs, int moved, bool stored)
{
	struct io_operation *op = &batch->op;
	struct conn_state *state;

	op->operation = operation_of(SYSCALL_NUMBER(regs), op->direction);
	if (op->operation == OP_SENDMMSG || op->operation == OP_RECVMMSG)
		end_mmsg();
	if (moved != 0 || op->direction != DIRECTION_INGRESS)
		return;
	state = state_of(batch, sk, false, stored);
	if (state)
		on_read_zero(ctx, batch, sk, state, true);
}

/* Names the call that moved the bytes. Where its arguments do not say where they are (sendfile, a
 * worker of io_uring, another socket's call), sets the cut. */
static __always_inline void name_operation(struct batch *batch, struct sock *sk,
					   struct task_struct *task, struct pt_regs *regs)
{
	struct io_operation *op = &batch->op;
	u32 number = SYSCALL_NUMBER(regs);

	if (SYSCALL_IS_32BIT(task)) {
		op->cut = CUT_ABI;
		return;
	}
	op->fd = SYSCALL_ARG1(regs);
	op->operation = operation_of(number, op->direction);
	if (op->operation != OP_OTHER && !(task->flags & PF_IO_WORKER) && fd_is(sk, op->fd))
		return;
	op->cut = CUT_UNSEEN;
	op->operation = OP_OTHER;
	if (number == SYS_SENDFILE) {
		op->operation = OP_SENDFILE;
	} else if (number == SYS_SPLICE) {
		op->operation = OP_SPLICE;
		op->fd = SYSCALL_ARG3(regs);
	} else {
		op->fd = -1;
	}
}

static __always_inline void on_length(void *ctx, struct batch *batch, struct sock *sk, int moved,
				      int flags, bool stored)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct pt_regs *regs = (void *)bpf_task_pt_regs(task);
	bool unconnected = !sk->__sk_common.skc_dport;
	struct io_operation *op = &batch->op;
	struct conn_state *state;

	if (moved <= 0 && !(moved == 0 && op->kind == FLAG_DATAGRAM)) {
		on_nothing(ctx, batch, sk, regs, moved, stored);
		return;
	}
	state = state_of(batch, sk, true, stored);
	if (!state) {
		count(COUNTER_STATE_FULL, 1);
		return;
	}
	op->total = moved;
	name_operation(batch, sk, task, regs);
	if ((flags & MESSAGE_TRUNC) && op->kind != FLAG_DATAGRAM && op->direction == DIRECTION_INGRESS)
		op->cut = CUT_UNSEEN; /* MSG_TRUNC on a stream discards the bytes */
	if (op->cut == CUT_NONE)
		find_payload(batch, regs, unconnected && op->direction == DIRECTION_EGRESS);
	if (op->kind == FLAG_DATAGRAM && op->direction == DIRECTION_INGRESS && unconnected)
		take_peer(op, sk);
	/* An unnamed datagram's sender is not known: it passes if the socket passed --port before. */
	if (unconnected && op->kind == FLAG_DATAGRAM && (op->has_peer || !state->opened) &&
	    !port_wanted(sk->__sk_common.skc_num, op->has_peer ? op->peer.port : 0))
		return;
	place_operation(ctx, batch, sk, state, true);
	if (is_encrypted(ctx, batch, sk, state, CALL_STACK(regs), true))
		return;
	if (config.io_uring && op->operation == OP_OTHER && op->cut == CUT_UNSEEN &&
	    (READ_ONLY(task, struct task_struct)->io_uring || (task->flags & PF_IO_WORKER)) &&
	    remember_uring_move(batch, sk, state))
		return;
	emit_operation(ctx, batch, sk, state, LARGE_LOOP, true);
}

/* `stored`: the connection's state is in socket storage, whose helper needs a pointer that the verifier
 * trusts; else it is in address_states, as in the syscall way. */
static __always_inline int on_hook(void *ctx, struct sock *sk, int moved, int flags, u8 direction,
				   bool stored)
{
	u8 family = sk->__sk_common.skc_family, kind;
	struct batch *batch;
	u16 port;

	if (!process_wanted(bpf_get_current_pid_tgid() >> 32))
		return 0;
	kind = kind_of(sk, family, true);
	if (!kind || (direction == DIRECTION_INGRESS && (flags & (MESSAGE_PEEK | MESSAGE_ERRQUEUE))))
		return 0;
	port = family == FAMILY_UNIX ? 0 : sk->__sk_common.skc_dport;
	/* The peer of an unconnected socket is known later: on_length() asks then. */
	if ((port || kind != FLAG_DATAGRAM) &&
	    !port_wanted(family == FAMILY_UNIX ? 0 : sk->__sk_common.skc_num, __builtin_bswap16(port))) {
		refuse_tls((void *)bpf_task_pt_regs(bpf_get_current_task_btf()));
		return 0;
	}
	if (!READ_ONLY(sk, struct sock)->sk_socket->file)
		return 0; /* the kernel's own socket (NFS and the like) */
	batch = hold_batch(hook_slot());
	if (!batch)
		return 0;
	begin_operation(&batch->op, direction);
	batch->op.family = family;
	batch->op.kind = kind;
	on_length(ctx, batch, sk, moved, flags, stored);
	release_batch(batch);
	return 0;
}

SEC("tp_btf/sock_send_length")
int BPF_PROG(sock_send, struct sock *sk, int moved, int flags)
{
	return on_hook(ctx, sk, moved, flags, DIRECTION_EGRESS, true);
}

SEC("tp_btf/sock_recv_length")
int BPF_PROG(sock_recv, struct sock *sk, int moved, int flags)
{
	return on_hook(ctx, sk, moved, flags, DIRECTION_INGRESS, true);
}

SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(sock_state, struct sock *sk, int old_state, int new_state)
{
	if (has_tcp_states(sk))
		on_tcp_state(ctx, sk, new_state, true);
	return 0;
}

/* Notes whom a datagram is from for sock_recv(), which fires after this in the same thread. */
static __always_inline int leave_peer(struct bpf_sock_addr *ctx, struct peer *peer)
{
	struct peer_key key = { bpf_get_socket_cookie(ctx), bpf_get_current_task() };

	peer->port = __builtin_bswap16(ctx->user_port);
	bpf_map_update_elem(&peers, &key, peer, BPF_ANY);
	return 1;
}

SEC("cgroup/recvmsg4")
int peer4(struct bpf_sock_addr *ctx)
{
	struct peer peer = { .family = FAMILY_INET };

	*(u32 *)peer.address = ctx->user_ip4;
	return leave_peer(ctx, &peer);
}

SEC("cgroup/recvmsg6")
int peer6(struct bpf_sock_addr *ctx)
{
	struct peer peer = { .family = FAMILY_INET6 };
	u32 *to = (u32 *)peer.address;

	to[0] = ctx->user_ip6[0];
	to[1] = ctx->user_ip6[1];
	to[2] = ctx->user_ip6[2];
	to[3] = ctx->user_ip6[3];
	return leave_peer(ctx, &peer);
}

#endif
