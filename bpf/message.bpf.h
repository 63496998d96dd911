/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Where a system call's bytes are and which peer it names: read from its arguments and from the
 * msghdr and sockaddr that they point to. */
#ifndef SOCKEYE_MESSAGE_H
#define SOCKEYE_MESSAGE_H

#include "arch.h"
#include "emit.bpf.h"

struct user_sockaddr {
	u16 family;
	u16 port; /* network order */
	u32 address4; /* AF_INET6: sin6_flowinfo */
	u8 address6[16];
};

/* A datagram's peer as the process names it. On an IPv6 socket 10.0.0.1 becomes ::ffff:10.0.0.1. */
static __always_inline void read_sockaddr(struct io_operation *op, u64 from)
{
	struct user_sockaddr name = {};
	struct peer *peer = &op->peer;
	u32 *to = (u32 *)peer->address;

	/* A struct sockaddr_in is 16 bytes; what follows it may not be mapped. */
	if (!from || bpf_probe_read_user(&name, 16, (void *)from))
		return;
	peer->family = name.family;
	peer->port = __builtin_bswap16(name.port);
	to[0] = to[1] = to[2] = to[3] = 0;
	if (name.family == FAMILY_INET6) {
		if (bpf_probe_read_user(peer->address, 16, (void *)(from + 8)))
			return;
	} else if (name.family != FAMILY_INET) {
		return;
	} else if (op->family == FAMILY_INET6) {
		to[2] = 0xffff0000;
		to[3] = name.address4;
	} else {
		to[0] = name.address4;
	}
	op->has_peer = 1;
}

/* Points op at a message's vector; with `take_name`, takes a datagram's peer from msg_name. */
static __always_inline void read_message(struct batch *batch, u64 from, bool take_name)
{
	struct user_message *message = &batch->message;
	struct io_operation *op = &batch->op;

	if (bpf_probe_read_user(message, sizeof(*message), (void *)from)) {
		op->cut = CUT_UNREADABLE;
		count(COUNTER_UNREADABLE, 1);
		return;
	}
	op->iov = message->iov;
	op->pieces = message->iov_count;
	if (take_name && op->kind == FLAG_DATAGRAM && message->name_length >= 16)
		read_sockaddr(op, message->name);
}

/* Points op at the bytes of a call that moves one message; with `take_name` also takes its peer. */
static __always_inline void find_buffer(struct batch *batch, struct pt_regs *regs, bool take_name)
{
	struct io_operation *op = &batch->op;
	u64 arg2 = SYSCALL_ARG2(regs), arg3 = SYSCALL_ARG3(regs);

	switch (op->operation) {
	case OP_READV:
	case OP_WRITEV:
		op->iov = arg2;
		op->pieces = arg3;
		break;
	case OP_SENDMSG:
	case OP_RECVMSG:
		read_message(batch, arg2, take_name);
		break;
	default:
		op->base = arg2;
		op->length = arg3;
		if (take_name && (op->operation == OP_SENDTO || op->operation == OP_RECVFROM))
			read_sockaddr(op, SYSCALL_ARG5(regs));
	}
}

#endif
