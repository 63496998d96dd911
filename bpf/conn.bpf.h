/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * A connection's state, its positions, and the events of its life: open, end of a direction, close.
 *
 * Its identity is the socket. In the socket way the state lies in socket storage and the id is the
 * socket's cookie. Old kernels lack these helpers: in the syscall way the state is found by the
 * socket's address and inode, and ids are counted up per cpu.
 */
#ifndef SOCKEYE_CONN_H
#define SOCKEYE_CONN_H

#include "emit.bpf.h"
#include "filter.bpf.h"

#define PROTOCOL_TCP 6
#define PROTOCOL_MPTCP 262
#define TYPE_STREAM 1
#define TYPE_DATAGRAM 2
#define RCV_SHUTDOWN 1
#define TCP_STATE_SYN_SENT 2
#define TCP_STATE_FIN_WAIT1 4
#define TCP_STATE_CLOSE 7
#define TCP_STATE_LAST_ACK 9

#define SOCK_DONE (1 << 1) /* a FIN came; copied_seq counts it once all before it was read */

/* Sequence numbers of a TCP socket. */
struct tcp_positions {
	u32 write_seq;    /* of the next byte to be written */
	u32 copied_seq;   /* of the next byte to be read, a FIN not counted */
	u32 received_seq; /* behind the last byte that has come, a FIN not counted */
	u64 written;      /* since the connection began; at most one too many */
	u64 read;
};

static __always_inline void read_tcp(struct sock *sk, struct tcp_positions *out, bool totals,
				     bool direct)
{
	u32 fin = SOCK_READ(direct, sk, __sk_common.skc_flags) & SOCK_DONE ? 1 : 0;
	struct tcp_sock *tp = (void *)sk;
	u64 received, acked;
	u32 copied, next;

	if (direct) {
		tp = READ_ONLY(sk, struct tcp_sock);
		copied = tp->copied_seq;
		next = tp->rcv_nxt;
		out->write_seq = tp->write_seq;
		out->copied_seq = copied - (copied == next ? fin : 0);
		out->received_seq = next - fin;
		if (!totals)
			return;
		/* The byte counts first: an ack between the two reads then makes the sum smaller, never larger. */
		acked = tp->bytes_acked;
		received = tp->bytes_received;
		asm volatile("" ::: "memory");
		out->written = acked + (u32)(tp->write_seq - tp->snd_una);
		out->read = received - (u32)(tp->rcv_nxt - copied);
		return;
	}
	copied = BPF_CORE_READ(tp, copied_seq);
	next = BPF_CORE_READ(tp, rcv_nxt);
	out->write_seq = BPF_CORE_READ(tp, write_seq);
	out->copied_seq = copied - (copied == next ? fin : 0);
	out->received_seq = next - fin;
	if (!totals)
		return;
	acked = BPF_CORE_READ(tp, bytes_acked);
	received = BPF_CORE_READ(tp, bytes_received);
	out->written = acked + (u32)(out->write_seq - BPF_CORE_READ(tp, snd_una));
	out->read = received - (u32)(BPF_CORE_READ(tp, rcv_nxt) - copied);
}

/* The kind of a socket that is traced: FLAG_DATAGRAM, FLAG_TCP_POSITION, or FLAG_LAST_CHUNK for any
 * other stream (unix, MPTCP), whose positions we count. 0: not traced. */
static __always_inline u8 kind_of(struct sock *sk, u8 family, bool direct)
{
	u16 type = SOCK_READ(direct, sk, sk_type);

	if (family == FAMILY_UNIX)
		return type == TYPE_STREAM ? FLAG_LAST_CHUNK : 0;
	if (family != FAMILY_INET && family != FAMILY_INET6)
		return 0;
	if (type == TYPE_DATAGRAM)
		return FLAG_DATAGRAM;
	if (type != TYPE_STREAM)
		return 0;
	return SOCK_READ(direct, sk, sk_protocol) == PROTOCOL_TCP ? FLAG_TCP_POSITION : FLAG_LAST_CHUNK;
}

static __always_inline u64 inode_of(struct sock *sk)
{
	return BPF_CORE_READ(sk, sk_socket, file, f_inode, i_ino);
}

/* Reads a unix socket's name; its length, 0 when it has none. */
static __always_inline u16 read_unix_name(struct unix_sock *socket, char *to)
{
	struct unix_address *address = BPF_CORE_READ(socket, addr);
	u32 length = address ? BPF_CORE_READ(address, len) : 0;
	u32 start = bpf_core_field_offset(struct unix_address, name) +
		    bpf_core_field_offset(struct sockaddr_un, sun_path);

	if (length <= 2)
		return 0;
	length -= 2;
	barrier_var(length);
	if (length > 108)
		length = 108;
	if (bpf_probe_read_kernel(to, length, (void *)address + start))
		return 0;
	return length;
}

static __always_inline void fill_unix_names(struct batch *batch, struct sock *sk,
					    struct conn_state *state)
{
	struct open_names *names = &batch->open.names;
	struct unix_sock *own = (void *)sk, *peer = (void *)BPF_CORE_READ(own, peer);

	names->local_length = read_unix_name(own, names->local);
	if (peer)
		names->remote_length = read_unix_name(peer, names->remote);
	if (names->local_length)
		state->flags |= FLAG_SERVER;
	else if (names->remote_length)
		state->flags |= FLAG_CLIENT;
	batch->open.entry.flags = state->flags;
}

/* Puts a connection's first event together in batch->open. */
static __always_inline void fill_open(struct batch *batch, struct sock *sk, struct conn_state *state,
				      struct tcp_positions *tcp, bool direct)
{
	struct open_names *names = &batch->open.names;
	struct io_operation *op = &batch->op;

	fill_entry(&batch->open.entry, op, sk, state, bpf_ktime_get_ns(), direct);
	batch->open.entry.kind = ENTRY_OPEN;
	batch->open.entry.cut = CUT_NONE;
	__builtin_memset(names, 0, sizeof(*names));
	names->inode = inode_of(sk);
	if (op->kind == FLAG_TCP_POSITION) {
		names->egress_position = tcp->write_seq;
		names->ingress_position = tcp->copied_seq;
		if (op->direction == DIRECTION_EGRESS)
			names->egress_position = op->position;
		else
			names->ingress_position = op->position;
	}
	if (op->family == FAMILY_UNIX)
		fill_unix_names(batch, sk, state);
}

static __always_inline void send_open(void *ctx, struct batch *batch)
{
	send_conn_event(ctx, batch, &batch->open, sizeof(batch->open));
}

/* The state of a socket, made if `create`; NULL when there is none, or no room for one. */
static __always_inline struct conn_state *state_of(struct batch *batch, struct sock *sk,
						 bool create, bool direct)
{
	struct conn_state *state, fresh = {};
	u64 key = (u64)sk, inode;

	if (direct) {
		state = bpf_sk_storage_get(&socket_states, sk, NULL,
					   create ? BPF_SK_STORAGE_GET_F_CREATE : 0);
		if (state && !state->id)
			state->id = bpf_get_socket_cookie(sk);
		return state;
	}
	state = bpf_map_lookup_elem(&address_states, &key);
	if (!create)
		return state;
	inode = inode_of(sk);
	/* Until connect() ends a socket may have no file yet: then its inode reads as 0. */
	if (state && (state->inode == inode || !inode || !state->inode)) {
		state->inode = inode;
		return state;
	}
	fresh.inode = inode;
	fresh.id = ++batch->conn_ids << 12 | (batch->slot & 4095);
	bpf_map_update_elem(&address_states, &key, &fresh, BPF_ANY);
	return bpf_map_lookup_elem(&address_states, &key);
}

static __always_inline void drop_state(struct sock *sk, bool direct)
{
	u64 key = (u64)sk;

	if (direct)
		bpf_sk_storage_delete(&socket_states, sk);
	else
		bpf_map_delete_elem(&address_states, &key);
}

/* Sets the position of the operation in batch->op. True when it is the connection's first: the caller
 * then sends batch->open. */
static __always_inline bool find_place(struct batch *batch, struct sock *sk,
				       struct conn_state *state, bool direct)
{
	struct io_operation *op = &batch->op;
	struct tcp_positions tcp = {};
	u32 direction = op->direction & 1, total = op->total;

	if (op->kind == FLAG_TCP_POSITION) {
		read_tcp(sk, &tcp, !state->opened, direct);
		if (!op->position)
			op->position = (u32)((direction == DIRECTION_EGRESS ? tcp.write_seq :
									      tcp.copied_seq) -
					     total);
	} else {
		op->position = state->bytes[direction];
	}
	state->bytes[direction] += total;
	if (state->opened)
		return false;
	state->opened = 1;
	state->flags |= op->kind & (FLAG_TCP_POSITION | FLAG_DATAGRAM);
	if (op->kind == FLAG_TCP_POSITION) {
		/* Bytes moved before this operation. A sendmmsg() has moved more than this message by now,
		 * so what is taken off is all from the message's position on. */
		if (direction == DIRECTION_EGRESS)
			tcp.written -= (u32)(tcp.write_seq - (u32)op->position);
		else
			tcp.read -= (u32)(tcp.copied_seq - (u32)op->position);
		/* Fresh: none before it. 1 may be the SYN; a torn read makes it negative (read_tcp()). */
		if ((s64)tcp.written <= 1 && (s64)tcp.read <= 1)
			state->flags |= FLAG_FRESH | (state->flags & FLAG_CLIENT ? 0 : FLAG_SERVER);
	}
	fill_open(batch, sk, state, &tcp, direct);
	return true;
}

static __always_inline void place_operation(void *ctx, struct batch *batch, struct sock *sk,
					    struct conn_state *state, bool direct)
{
	if (find_place(batch, sk, state, direct))
		send_open(ctx, batch);
}

struct close_entry {
	struct entry entry;
	struct close_totals totals;
};

/* Does inet_sock_set_state tell this socket's end? For MPTCP that is the socket which the process has,
 * above the TCP sockets of its paths. */
static __always_inline bool has_tcp_states(struct sock *sk)
{
	return sk->sk_protocol == PROTOCOL_TCP || sk->sk_protocol == PROTOCOL_MPTCP;
}

/* Such a connection ends (ENTRY_CLOSE), or the traced process will send no more (ENTRY_EOF). */
static __always_inline void emit_state_event(void *ctx, struct batch *batch, struct sock *sk,
					     struct conn_state *state, u8 kind, bool direct)
{
	struct io_operation op = {
		.fd = -1,
		.direction = DIRECTION_EGRESS,
		.operation = kind == ENTRY_CLOSE ? OP_CLOSE : OP_SHUTDOWN,
		.family = SOCK_READ(direct, sk, __sk_common.skc_family),
	};
	u64 sent = state->bytes[DIRECTION_EGRESS], received = state->bytes[DIRECTION_INGRESS];
	struct tcp_positions tcp = {};
	struct close_entry close = {};

	if (state->flags & FLAG_TCP_POSITION) {
		read_tcp(sk, &tcp, false, direct);
		sent = tcp.write_seq;
		received = tcp.received_seq;
	}
	op.position = sent;
	if (kind == ENTRY_CLOSE)
		op.total = tcp.received_seq - tcp.copied_seq;
	fill_entry(&close.entry, &op, sk, state, bpf_ktime_get_ns(), direct);
	close.entry.kind = kind;
	close.totals.egress_position = sent;
	close.totals.ingress_position = received;
	close.totals.egress_bytes = state->bytes[DIRECTION_EGRESS];
	close.totals.ingress_bytes = state->bytes[DIRECTION_INGRESS];
	send_conn_event(ctx, batch, &close,
			kind == ENTRY_CLOSE ? sizeof(close) : sizeof(close.entry));
}

static __always_inline void on_tcp_state(void *ctx, struct sock *sk, int new_state, bool direct)
{
	u32 slot = hook_slot();
	struct batch *batch = batch_at(slot);
	struct conn_state *state;

	if (!batch)
		return;
	batch->slot = slot; /* not held: only its conn_sequence and conn_ids are used */
	if (new_state == TCP_STATE_SYN_SENT) {
		drop_state(sk, direct); /* the socket may have had another connection before */
		if (!process_wanted(bpf_get_current_pid_tgid() >> 32))
			return;
		state = state_of(batch, sk, true, direct);
		if (state)
			state->flags |= FLAG_CLIENT;
		return;
	}
	state = state_of(batch, sk, false, direct);
	if (!state || !state->opened || state->closed)
		return;
	if (new_state == TCP_STATE_CLOSE) {
		/* The state stays as long as the socket: what waits in its queue may still be read. */
		state->closed = 1;
		emit_state_event(ctx, batch, sk, state, ENTRY_CLOSE, direct);
	} else if (new_state == TCP_STATE_FIN_WAIT1 || new_state == TCP_STATE_LAST_ACK) {
		emit_state_event(ctx, batch, sk, state, ENTRY_EOF, direct);
	}
}

/*
 * A read returned 0 on a stream: the other end has sent its last byte, unless the read asked for 0
 * bytes (RCV_SHUTDOWN tells). ENTRY_EOF is sent once.
 */
static __always_inline void on_read_zero(void *ctx, struct batch *batch, struct sock *sk,
					 struct conn_state *state, bool direct)
{
	struct entry *e = &batch->open.entry;
	struct tcp_positions tcp = {};

	if (!state->opened || state->ended || !(SOCK_READ(direct, sk, sk_shutdown) & RCV_SHUTDOWN))
		return;
	batch->op.position = state->bytes[DIRECTION_INGRESS];
	if (state->flags & FLAG_TCP_POSITION) {
		read_tcp(sk, &tcp, false, direct);
		if (tcp.copied_seq != tcp.received_seq)
			return;
		batch->op.position = tcp.copied_seq;
	}
	state->ended = 1;
	fill_entry(e, &batch->op, sk, state, bpf_ktime_get_ns(), direct);
	e->kind = ENTRY_EOF;
	send_conn_event(ctx, batch, e, sizeof(*e));
}

#endif
