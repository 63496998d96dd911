/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * From "this call of a TLS function moved so many bytes" to entries in tls_events.
 *
 * In: a call that has returned. Out: entries of its session's plain-text stream, under the connection
 * whose socket the call used, or an earlier one of the session. A session without such a socket (its
 * cipher text goes through memory) has a connection of its own, without addresses. Positions are
 * counted here. A session's address may be another session's later: with another socket, or once its
 * own socket is gone, it is a new one.
 */
#ifndef SOCKEYE_TLS_PLAINTEXT_H
#define SOCKEYE_TLS_PLAINTEXT_H

#include "../emit.bpf.h"
#include "../syscalls.bpf.h"
#include "calls.bpf.h"

/* With --port, so much is sent of each direction of a session while its socket is not known. */
#define TLS_UNBOUND_BYTES 65536
/* Chunks sent of one call: 1.4 MiB. */
#define TLS_CHUNKS 48

static __always_inline bool is_alive(struct tls_socket *socket)
{
	struct sock *sk;

	if (socket->fd < 0)
		return true;
	sk = sock_of_fd(socket->fd);
	return (u64)sk == socket->sock && inode_of(sk) == socket->inode;
}

static __always_inline bool goes_on(struct tls_session *session, struct tls_call *call)
{
	struct tls_socket *socket = &session->socket;

	if (call->is_unwanted)
		return session->is_unwanted;
	if (call->socket.conn)
		return !session->is_unwanted && (!socket->conn || socket->conn == call->socket.conn);
	return call->has_io || !socket->conn || is_alive(socket);
}

/* The session of a call, made anew when it is another one than before at that address. */
static __always_inline struct tls_session *session_of(struct batch *batch, struct tls_call *call)
{
	struct tls_session_key key = { call->session, bpf_get_current_pid_tgid() >> 32 };
	struct tls_session *session = bpf_map_lookup_elem(&tls_sessions, &key), fresh = {};

	if (session && goes_on(session, call)) {
		if (call->socket.conn)
			session->socket = call->socket;
		return session;
	}
	fresh.plaintext = ++batch->plaintext_ids * config.cpus + batch->slot;
	fresh.is_unwanted = call->is_unwanted;
	fresh.socket = call->socket;
	bpf_map_update_elem(&tls_sessions, &key, &fresh, BPF_ANY);
	session = bpf_map_lookup_elem(&tls_sessions, &key);
	if (!session)
		count(COUNTER_STATE_FULL, 1);
	return session;
}

static __always_inline void take_plaintext_verdict(struct tls_session *session)
{
	u64 key = PLAINTEXT_IDS + session->plaintext;
	u32 zero = 0, *generation = bpf_map_lookup_elem(&verdict_generation, &zero);
	struct judgement *judgement;

	if (!generation || *generation == session->generation)
		return;
	session->generation = *generation;
	judgement = bpf_map_lookup_elem(&verdicts, &key);
	if (!judgement)
		return;
	session->verdict = judgement->verdict;
	session->passing = judgement->passing;
	session->until[0] = judgement->until[0];
	session->until[1] = judgement->until[1];
}

/* Why no byte of these is sent; CUT_NONE when they are. */
static __always_inline u8 withheld(struct tls_session *session, u32 direction, u64 position, u64 total)
{
	u8 bit = 1 << direction;

	take_plaintext_verdict(session);
	if (session->verdict == VERDICT_STOP)
		return CUT_FILTERED;
	if (!(session->passing & bit))
		return CUT_NONE;
	if ((s32)(session->until[direction] - (u32)position - (u32)total) >= 0)
		return CUT_PASSED;
	session->passing &= ~bit;
	return CUT_NONE;
}

static __always_inline void fill_plaintext(struct entry *e, struct tls_session *session, u32 direction,
					   u8 source, u64 position, u64 total)
{
	struct tls_socket *socket = &session->socket;

	e->time_ns = bpf_ktime_get_ns();
	e->conn = socket->conn ? socket->conn : PLAINTEXT_IDS + session->plaintext;
	e->position = position;
	e->fd = socket->conn ? socket->fd : -1;
	e->total = total;
	e->offset = 0;
	e->length = 0;
	e->kind = ENTRY_DATA;
	e->direction = direction;
	e->operation = direction == DIRECTION_INGRESS ? OP_TLS_READ : OP_TLS_WRITE;
	e->source = source;
	e->flags = socket->flags | FLAG_LAST_CHUNK;
	e->cut = CUT_NONE;
	e->family = socket->family;
	e->suspect = 0;
	e->plaintext = session->plaintext;
	e->local_port = socket->local_port;
	e->remote_port = socket->remote_port;
	__builtin_memcpy(e->local, socket->local, sizeof(e->local));
	__builtin_memcpy(e->remote, socket->remote, sizeof(e->remote));
	fill_process(e, false);
}

/* Adds an entry of up to SMALL_BYTES of payload to the batch. */
static __always_inline void add_plaintext(void *ctx, struct batch *batch, struct tls_session *session,
					  struct tls_call *call, u32 direction, u64 position, u64 total,
					  u64 wanted, u8 cut)
{
	struct entry *e;
	u64 used;

	barrier_var(wanted);
	if (wanted > SMALL_BYTES)
		return;
	make_room(ctx, batch, wanted);
	used = batch->used;
	if (used > BATCH_BYTES - sizeof(struct entry))
		return;
	e = BOUNDED_POINTER(batch->data, used, BATCH_BYTES);
	fill_plaintext(e, session, direction, call->source, position, total);
	if (wanted && bpf_probe_read_user(e + 1, wanted, (void *)call->bytes)) {
		count(COUNTER_UNREADABLE, 1);
		cut = CUT_UNREADABLE;
		wanted = 0;
	}
	e->cut = cut != CUT_NONE || wanted == total ? cut : CUT_SNAPLEN;
	e->length = wanted;
	e->size = (sizeof(*e) + wanted + 7) & ~7U;
	e->sequence = batch->data_sequence++;
	if (used == 0)
		batch->first_ns = e->time_ns;
	batch->used = used + e->size;
}

/* Sends a larger payload in chunks. The last one is sent even if it is empty: it has the cut. */
static __always_inline void send_plaintext(void *ctx, struct batch *batch, struct tls_session *session,
					   struct tls_call *call, u32 direction, u64 position, u64 total,
					   u64 wanted)
{
	struct scratch *s = scratch_at(batch->slot);
	struct walk *walk;
	u64 length;
	u32 lost = 0;

	if (!s)
		return;
	send_batch(ctx, batch);
	walk = &s->walk;
	walk->left = wanted;
	walk->filled = 0;
	walk->done = 0;
	walk->cut = wanted < total ? CUT_SNAPLEN : CUT_NONE;
	fill_plaintext(&s->entry, session, direction, call->source, position, total);
	s->entry.flags &= ~FLAG_LAST_CHUNK;
	for (int i = 0; i < TLS_CHUNKS; i++) {
		length = walk->left;
		if (length > CHUNK_BYTES)
			length = CHUNK_BYTES;
		barrier_var(length);
		if (length > CHUNK_BYTES)
			break;
		if (bpf_probe_read_user(s->data, length, (void *)(call->bytes + walk->done))) {
			count(COUNTER_UNREADABLE, 1);
			walk->cut = CUT_UNREADABLE;
			break;
		}
		walk->filled = length;
		walk->left -= length;
		if (!walk->left)
			break;
		length = make_chunk(batch, s, false);
		if (!length || bpf_perf_event_output(ctx, &tls_events, BPF_F_CURRENT_CPU, s, length))
			lost++;
	}
	count(COUNTER_DATA_LOST, lost);
	if (walk->left && walk->cut == CUT_NONE)
		walk->cut = CUT_SNAPLEN;
	send_chunk(ctx, batch, s, true);
}

/* The process's own sends are looked at from now on: they may be a session's (find_session()). */
static __always_inline void mark_memory(void)
{
	u8 *mark = mark_of(bpf_get_current_pid_tgid() >> 32);

	if (mark && !(*mark & MARK_MEMORY))
		*mark |= MARK_MEMORY;
}

/* A call returned that moved so many bytes. The batch is held. */
static __always_inline void take_plaintext(void *ctx, struct batch *batch, struct tls_call *call,
					   u64 total)
{
	u32 direction = call->role == TLS_WRITE ? DIRECTION_EGRESS : DIRECTION_INGRESS;
	struct tls_session *session = session_of(batch, call);
	u64 position, wanted = total;
	u8 cut;

	if (!session || !total)
		return;
	position = session->bytes[direction];
	session->bytes[direction] = position + total;
	if (session->is_unwanted)
		return;
	if (!session->socket.conn) {
		mark_memory();
		/* It may be none of --port. */
		if (config.port_count && position >= TLS_UNBOUND_BYTES) {
			count(COUNTER_FILTERED_PORT, 1);
			return;
		}
		count(COUNTER_UNBOUND, 1);
	}
	cut = withheld(session, direction, position, total);
	if (wanted > config.snaplen)
		wanted = config.snaplen;
	if (cut == CUT_FILTERED)
		count(COUNTER_FILTERED_BYTES, total);
	if (cut != CUT_NONE)
		wanted = 0;
	if (wanted > SMALL_BYTES)
		send_plaintext(ctx, batch, session, call, direction, position, total, wanted);
	else
		add_plaintext(ctx, batch, session, call, direction, position, total, wanted, cut);
}

#endif
