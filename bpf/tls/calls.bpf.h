/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Calls of TLS functions under way, and which socket they use.
 *
 * In: entries and returns of probed functions; from the capture ways, what moves on sockets. Out: with
 * each call the socket that its thread used meanwhile; for the capture ways, whether what moved is
 * cipher text. A thread's calls are told apart by their stack pointers: some never return (longjmp),
 * and a thread may have several stacks.
 */
#ifndef SOCKEYE_TLS_CALLS_H
#define SOCKEYE_TLS_CALLS_H

#include "../arch.h"
#include "../conn.bpf.h"
#include "../filter.bpf.h"

/* What is further below a call on the stack is on another stack. */
#define TLS_STACK_BYTES 131072

static __always_inline struct tls_thread *tls_thread_of(u64 id, bool create)
{
	struct tls_thread *thread = bpf_map_lookup_elem(&tls_threads, &id), *zero;
	u32 none = 0;

	if (thread || !create)
		return thread;
	zero = bpf_map_lookup_elem(&tls_no_calls, &none);
	if (!zero)
		return NULL;
	bpf_map_update_elem(&tls_threads, &id, zero, BPF_ANY);
	return bpf_map_lookup_elem(&tls_threads, &id);
}

/* The place for a call that begins at this stack pointer. NULL when there is none, or when it is a part of
 * the call around it, which does the same. Calls below it have ended without a return. One
 * at it may be this very call: a file that is reached by several file systems is probed for each. */
static __always_inline struct tls_call *begin_call(struct tls_thread *thread, u64 stack, u64 session,
						   u8 role)
{
	if (thread->depth > 1 && thread->calls[1].stack <= stack) {
		thread->depth = 1;
		if (thread->calls[1].stack < stack)
			count(COUNTER_TLS_UNPAIRED, 1);
	}
	if (thread->depth > 0 && thread->calls[0].stack <= stack) {
		thread->depth = 0;
		if (thread->calls[0].stack < stack)
			count(COUNTER_TLS_UNPAIRED, 1);
	}
	if (thread->depth == 0) {
		thread->depth = 1;
		return &thread->calls[0];
	}
	if (thread->depth == 1) {
		if (thread->calls[0].session == session && thread->calls[0].role == role)
			return NULL;
		thread->depth = 2;
		return &thread->calls[1];
	}
	count(COUNTER_TLS_UNPAIRED, 1);
	return NULL;
}

/* The call that returns to this stack pointer; it is no longer under way. */
static __always_inline struct tls_call *end_call(struct tls_thread *thread, u64 stack)
{
	if (thread->depth > 1 && thread->calls[1].stack == stack) {
		thread->depth = 1;
		return &thread->calls[1];
	}
	if (thread->depth > 0 && thread->calls[0].stack == stack) {
		thread->depth = 0;
		return &thread->calls[0];
	}
	return NULL;
}

/* The calls of the current thread; NULL without any. `marks` are its process's. */
static __always_inline struct tls_thread *tls_calls_under_way(u8 marks)
{
	struct tls_thread *thread;

	if (!(marks & MARK_TLS))
		return NULL;
	thread = tls_thread_of(bpf_get_current_pid_tgid(), false);
	return thread && thread->depth ? thread : NULL;
}

/* Marks of the current process that matter here. */
static __always_inline u8 tls_marks(void)
{
	u8 *mark = config.tls ? mark_of(bpf_get_current_pid_tgid() >> 32) : NULL;

	return mark ? *mark & (MARK_TLS | MARK_MEMORY) : 0;
}

static __always_inline bool is_within(struct tls_call *call, u64 stack)
{
	return call->stack > stack && call->stack - stack < TLS_STACK_BYTES;
}

static __always_inline void name_socket(struct tls_socket *socket, struct batch *batch, struct sock *sk,
					struct conn_state *state, bool direct)
{
	struct entry *e = &batch->open.entry; /* not in use between events of connections */

	fill_addresses(e, sk, batch->op.family, direct);
	socket->conn = state->id;
	socket->sock = (u64)sk;
	socket->inode = inode_of(sk);
	socket->fd = batch->op.fd;
	socket->family = batch->op.family;
	socket->flags = state->flags & (FLAG_FRESH | FLAG_CLIENT | FLAG_SERVER);
	socket->local_port = e->local_port;
	socket->remote_port = e->remote_port;
	__builtin_memcpy(socket->local, e->local, sizeof(socket->local));
	__builtin_memcpy(socket->remote, e->remote, sizeof(socket->remote));
}

/* The thread uses this socket within the call. What reads takes its bytes from there, what writes puts
 * them there: a socket that is used the other way may be another one's. */
static __always_inline void take_socket(struct tls_call *call, struct batch *batch, struct sock *sk,
					struct conn_state *state, bool direct)
{
	u8 direction = call->role == TLS_WRITE ? DIRECTION_EGRESS : DIRECTION_INGRESS;

	if (call->conn == state->id && call->is_sending)
		state->encrypted = 1;
	if (batch->op.direction != direction)
		return;
	call->has_io = 1;
	if (call->conn != state->id && call->socket.conn != state->id)
		name_socket(&call->socket, batch, sk, state, direct);
}

#define TLS_HEADER_BYTES 5
#define TLS_APPLICATION_DATA 23

/* The tag of the encrypted record that begins there. False when none does, or not all of it. */
static __always_inline bool read_tag(u64 at, u64 available, struct tls_tag *tag)
{
	u8 header[TLS_HEADER_BYTES];
	u64 end;

	if (available <= sizeof(header) + sizeof(*tag) ||
	    bpf_probe_read_user(header, sizeof(header), (void *)at))
		return false;
	end = sizeof(header) + (header[3] << 8 | header[4]);
	if (header[0] != TLS_APPLICATION_DATA || end > available || end < sizeof(header) + sizeof(*tag))
		return false;
	return !bpf_probe_read_user(tag, sizeof(*tag), (void *)(at + end - sizeof(*tag)));
}

/* The session that the encrypted record which begins there left for memory, if it has no socket yet. The
 * record's tag proves it, whichever thread sends it and however much later. */
static __always_inline struct tls_session *sender_of(struct user_iovec *piece)
{
	struct tls_session *session;
	struct tls_session_key *key;
	struct tls_tag tag;

	if (!read_tag(piece->base, piece->length, &tag))
		return NULL;
	key = bpf_map_lookup_elem(&tls_sent, &tag);
	if (!key || key->pid != bpf_get_current_pid_tgid() >> 32)
		return NULL;
	session = bpf_map_lookup_elem(&tls_sessions, key);
	bpf_map_delete_elem(&tls_sent, &tag);
	return session && !session->socket.conn ? session : NULL;
}

/* A process that moves cipher text itself sends it on this socket: is it a session's? */
static __always_inline void find_session(void *ctx, struct batch *batch, struct sock *sk,
					 struct conn_state *state, bool direct)
{
	struct io_operation *op = &batch->op;
	struct user_iovec piece = { op->base, op->length };
	struct tls_session *session;

	if (op->iov && bpf_probe_read_user(&piece, sizeof(piece), (void *)op->iov))
		return;
	session = sender_of(&piece);
	if (!session)
		return;
	name_socket(&session->socket, batch, sk, state, direct);
	session->is_unwanted = 0;
	state->encrypted = 1;
	fill_entry(&batch->open.entry, op, sk, state, bpf_ktime_get_ns(), direct);
	batch->open.entry.kind = ENTRY_BOUND;
	batch->open.entry.plaintext = session->plaintext;
	send_conn_event(ctx, batch, &batch->open.entry, sizeof(struct entry));
}

/* Is the operation in batch->op cipher text, whose plain text is sent? It is only counted then. Asked
 * for every operation of a wanted process, when the connection's first event was sent. */
static __always_inline bool is_encrypted(void *ctx, struct batch *batch, struct sock *sk,
					 struct conn_state *state, u64 stack, bool direct)
{
	u8 marks = tls_marks();
	struct tls_thread *thread = tls_calls_under_way(marks);

	if (batch->op.kind == FLAG_DATAGRAM)
		return false;
	if (thread) {
		if (is_within(&thread->calls[0], stack))
			take_socket(&thread->calls[0], batch, sk, state, direct);
		if (thread->depth > 1 && is_within(&thread->calls[1], stack))
			take_socket(&thread->calls[1], batch, sk, state, direct);
	}
	if ((marks & MARK_MEMORY) && batch->op.direction == DIRECTION_EGRESS &&
	    batch->op.cut == CUT_NONE && !state->encrypted)
		find_session(ctx, batch, sk, state, direct);
	if (!state->encrypted)
		return false;
	count(COUNTER_ENCRYPTED_BYTES, batch->op.total);
	return true;
}

/* The first bytes that this call sends, if it is one of the usual ones. */
static __always_inline bool first_piece(struct pt_regs *regs, struct user_iovec *piece)
{
	u64 from = SYSCALL_ARG2(regs);

	switch (SYSCALL_NUMBER(regs)) {
	case SYS_WRITE:
	case SYS_SENDTO:
		piece->base = from;
		piece->length = SYSCALL_ARG3(regs);
		return true;
	case SYS_SENDMSG:
		if (bpf_probe_read_user(&from, sizeof(from),
					(void *)(from + __builtin_offsetof(struct user_message, iov))))
			return false;
		break;
	case SYS_WRITEV:
		break;
	default:
		return false;
	}
	return !bpf_probe_read_user(piece, sizeof(*piece), (void *)from);
}

/* The thread uses a socket that is none of --port: what calls move through it is not wanted. */
static __always_inline void refuse_tls(struct pt_regs *regs)
{
	u8 marks = tls_marks();
	struct tls_thread *thread = tls_calls_under_way(marks);
	struct user_iovec piece = {};
	struct tls_session *session;
	u64 stack = CALL_STACK(regs);

	if (thread && is_within(&thread->calls[0], stack))
		thread->calls[0].is_unwanted = 1;
	if (thread && thread->depth > 1 && is_within(&thread->calls[1], stack))
		thread->calls[1].is_unwanted = 1;
	if (!(marks & MARK_MEMORY) || !first_piece(regs, &piece))
		return;
	session = sender_of(&piece);
	if (session)
		session->is_unwanted = 1;
}

/* The current thread ends. */
static __always_inline void forget_tls_calls(void)
{
	u64 id = bpf_get_current_pid_tgid();

	if (config.tls)
		bpf_map_delete_elem(&tls_threads, &id);
}

#endif
