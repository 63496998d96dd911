/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* User space's own structs, read from the arguments of system calls: msghdr and sockaddr. */
#ifndef SOCKEYE_MESSAGE_H
#define SOCKEYE_MESSAGE_H

#include "emit.bpf.h"

struct user_sockaddr {
	u16 family;
	u16 port; /* network order */
	u32 address4; /* AF_INET6: flow info */
	u8 address6[16];
};

/* A datagram's peer as the process names it. An IPv4 name on an IPv6 socket becomes a mapped one. */
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

/* Points op at a message's vector; takes its peer's name where the socket has none. */
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

#endif
