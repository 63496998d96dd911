/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Programs on functions of TLS libraries that are called with a session, bytes and their size:
 *
 *     int  f(session, bytes, size)                 the result is the count   tls_read, tls_write
 *     bool f(session, bytes, size, moved)          the count is in *moved    tls_read_moved, …
 *     bool f(session, bytes, size, flags, moved)                             tls_write_flags
 *
 * tls_function is on the first instructions of all of them, in one link for a file, and is told by the
 * probe's cookie which one it is at; the others are in its place where functions are probed one by one.
 * tls_return is on the returns. Which library it is says the cookie, too (from 5.15 on; before, only
 * OpenSSL's functions are probed).
 *
 * A program on a user-space function may be preempted, and another one run on its CPU meanwhile: as long
 * as it holds the CPU's batch, preemption is off where programs can switch it off (6.10), and always is
 * before 6.0. In between, a call that meets the batch in use is counted as lost.
 */
#ifndef SOCKEYE_TLS_H
#define SOCKEYE_TLS_H

#include "calls.bpf.h"
#include "plaintext.bpf.h"

/* The helper's number is in the kernel's BTF, if it has the helper. */
enum bpf_func_id___cookie {
	BPF_FUNC_get_attach_cookie___cookie = 174,
};

static __always_inline u8 source_of(void *ctx)
{
	if (bpf_core_enum_value_exists(enum bpf_func_id___cookie, BPF_FUNC_get_attach_cookie___cookie))
		return bpf_get_attach_cookie(ctx);
	return SOURCE_OPENSSL;
}

static __always_inline int on_call(struct pt_regs *ctx, u8 role, u64 moved)
{
	u64 id = bpf_get_current_pid_tgid(), stack = CALL_STACK(ctx);
	struct tls_session_key key = { CALL_ARG1(ctx), id >> 32 };
	struct tls_session *session;
	struct tls_thread *thread;
	struct tls_call *call;
	u8 *mark;

	mark = mark_of(id >> 32);
	if (!CALL_ARG3(ctx) || !mark || !are_wanted(*mark))
		return 0;
	thread = tls_thread_of(id, true);
	if (!thread) {
		count(COUNTER_STATE_FULL, 1);
		return 0;
	}
	if (!(*mark & MARK_TLS))
		*mark |= MARK_TLS;
	call = begin_call(thread, stack, key.session, role);
	if (!call)
		return 0;
	session = bpf_map_lookup_elem(&tls_sessions, &key);
	call->session = key.session;
	call->bytes = CALL_ARG2(ctx);
	call->moved = moved;
	call->stack = stack;
	call->conn = session ? session->socket.conn : 0;
	call->role = role;
	call->source = source_of(ctx);
	call->is_sending = session && (session->bytes[0] || session->bytes[1]);
	call->has_io = 0;
	call->is_unwanted = 0;
	call->socket.conn = 0;
	return 0;
}

SEC("uprobe")
int tls_function(struct pt_regs *ctx)
{
	u64 cookie = bpf_get_attach_cookie(ctx);
	u64 fourth = CALL_ARG4(ctx), fifth = CALL_ARG5(ctx);
	u8 count_at = cookie >> TLS_COOKIE_COUNT;

	/* Read by now: the verifier takes no pointer that was chosen between the two. */
	barrier_var(fourth);
	barrier_var(fifth);
	return on_call(ctx, cookie >> TLS_COOKIE_ROLE,
		       count_at == TLS_COUNT_AT_FOURTH ? fourth :
		       count_at == TLS_COUNT_AT_FIFTH  ? fifth :
							 0);
}

SEC("uprobe")
int tls_read(struct pt_regs *ctx)
{
	return on_call(ctx, TLS_READ, 0);
}

SEC("uprobe")
int tls_write(struct pt_regs *ctx)
{
	return on_call(ctx, TLS_WRITE, 0);
}

SEC("uprobe")
int tls_read_moved(struct pt_regs *ctx)
{
	return on_call(ctx, TLS_READ, CALL_ARG4(ctx));
}

SEC("uprobe")
int tls_write_moved(struct pt_regs *ctx)
{
	return on_call(ctx, TLS_WRITE, CALL_ARG4(ctx));
}

SEC("uprobe")
int tls_write_flags(struct pt_regs *ctx)
{
	return on_call(ctx, TLS_WRITE, CALL_ARG5(ctx));
}

SEC("uprobe")
int tls_peek(struct pt_regs *ctx)
{
	return on_call(ctx, TLS_PEEK, 0);
}

/* On BIO_write(bio, bytes, int size) of OpenSSL: cipher text leaves a session that a call is under way of. */
SEC("uprobe")
int tls_bio_write(struct pt_regs *ctx)
{
	struct tls_thread *thread = tls_calls_under_way(tls_marks());
	struct tls_session_key key = {};
	struct tls_tag tag;

	if (!thread || (s32)CALL_ARG3(ctx) <= 0)
		return 0;
	key.pid = bpf_get_current_pid_tgid() >> 32;
	key.session = thread->depth > 1 ? thread->calls[1].session : thread->calls[0].session;
	if (read_tag(CALL_ARG2(ctx), (u32)CALL_ARG3(ctx), &tag))
		bpf_map_update_elem(&tls_sent, &tag, &key, BPF_ANY);
	return 0;
}

/* How many bytes the call has moved. */
static __always_inline u64 moved_by(struct pt_regs *ctx, struct tls_call *call)
{
	s32 result = CALL_RESULT(ctx);
	u64 moved = 0;

	if (result <= 0 || call->role == TLS_PEEK)
		return 0;
	if (!call->moved)
		return result;
	bpf_probe_read_user(&moved, sizeof(moved), (void *)call->moved);
	return moved > 0x7fffffff ? 0 : moved;
}

SEC("uretprobe")
int tls_return(struct pt_regs *ctx)
{
	struct tls_thread *thread = tls_thread_of(bpf_get_current_pid_tgid(), false);
	struct tls_call *call = thread ? end_call(thread, RETURN_STACK(ctx)) : NULL;
	struct batch *batch;
	u64 moved;

	if (!call)
		return 0;
	moved = moved_by(ctx, call);
	if (!moved && !call->socket.conn && !call->is_unwanted)
		return 0;
	if (bpf_preempt_disable)
		bpf_preempt_disable();
	batch = hold_batch(tls_slot());
	if (batch) {
		take_plaintext(ctx, batch, call, moved);
		release_batch(batch);
	}
	if (bpf_preempt_disable)
		bpf_preempt_enable();
	return 0;
}

#endif
