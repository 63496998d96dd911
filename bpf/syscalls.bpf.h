/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The syscall way, for every kernel from 5.10: one program at the end of every system call, which
 * finds the socket by walking from the fd. Arguments are read at the end, when the call has touched
 * the pages that they point to: pages not yet mapped in cannot be read here.
 */
#ifndef SOCKEYE_SYSCALLS_H
#define SOCKEYE_SYSCALLS_H

#include <bpf/bpf_tracing.h>
#include "arch.h"
#include "conn.bpf.h"
#include "filter.bpf.h"
#include "message.bpf.h"
#include "tls/calls.bpf.h"

#define FILE_TYPE_MASK 00170000
#define FILE_TYPE_SOCKET 0140000
#define PEEK_OR_ERRQUEUE (0x2 | 0x2000)
#define TRUNC 0x20

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
 * Is the socket one of --port? An unconnected one is judged by its peer in `op`; before that is known
 * (`op` NULL) it passes. A datagram that names no peer passes if the connection did before (`opened`).
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
 * `found` is NULL unless it is at least a socket of a kind that is. The batch is held by the caller.
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
	if (!kind)
		return NULL;
	*found = sk;
	if (!walked_port_wanted(sk, family, kind, NULL, false))
		return NULL;
	state = state_of(batch, sk, true, false);
	if (!state) {
		count(COUNTER_STATE_FULL, 1);
		return NULL;
	}
	begin_operation(&batch->op, direction);
	batch->op.fd = fd;
	batch->op.operation = operation;
	batch->op.family = family;
	batch->op.kind = kind;
	return state;
}

static __always_inline bool unconnected(struct io_operation *op, struct sock *sk)
{
	return op->kind == FLAG_DATAGRAM && !BPF_CORE_READ(sk, __sk_common.skc_dport);
}

/* A call that moved `moved` bytes between the process's memory and one socket. */
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
	if (!state) {
		if (sk)
			refuse_tls(regs);
		return;
	}
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
		op->cut = CUT_UNSEEN; /* MSG_TRUNC on a stream discards the bytes */
	if (!walked_port_wanted(sk, op->family, op->kind, op, state->opened))
		return;
	place_operation(ctx, batch, sk, state, false);
	if (is_encrypted(ctx, batch, sk, state, CALL_STACK(regs), false))
		return;
	emit_operation(ctx, batch, sk, state, LARGE_CONTINUE, false);
}

/* A call's operation in bits 0 to 7, its direction in bit 8; 0 for calls that move no bytes. */
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
		return; /* 32-bit calls have other numbers and registers: what they move shows as gaps */
	batch = hold_batch(hook_slot());
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

SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(sock_state_walked, struct sock *sk, int old_state, int new_state)
{
	if (has_tcp_states(sk))
		on_tcp_state(ctx, sk, new_state, false);
	return 0;
}

#endif
