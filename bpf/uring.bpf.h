/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * What io_uring moves: the request says where the bytes are, its completion how many. The tracepoint
 * of the completion has the request since 6.0; its arguments changed in 6.14 or so.
 */
#ifndef SOCKEYE_URING_H
#define SOCKEYE_URING_H

#include "socket.bpf.h"
#include "syscalls.bpf.h"

/* Numbers of include/uapi/linux/io_uring.h. */
enum uring_opcode {
	URING_READV = 1,
	URING_WRITEV = 2,
	URING_SENDMSG = 9,
	URING_RECVMSG = 10,
	URING_READ = 22,
	URING_WRITE = 23,
	URING_SEND = 26,
	URING_RECV = 27,
	URING_SEND_ZC = 47,
	URING_SENDMSG_ZC = 48,
};
#define URING_BUFFER_SELECT (1 << 5)

struct io_ring_ctx;
typedef void (*btf_trace_io_uring_complete)(void *, struct io_ring_ctx *, void *,
					    struct io_uring_cqe *);

/*
 * Takes the moves that the socket hooks noted for this request, which may be several. Where their sum
 * is not the result, the sum is right, and which buffer the bytes are in is not known.
 */
static __always_inline bool recall_uring_moves(struct uring_queue *queue, struct io_operation *op)
{
	u32 total = 0;

#pragma unroll
	for (int i = 0; i < URING_MOVES; i++) {
		u32 slot = queue->head % URING_MOVES;

		if (queue->head == queue->tail || total >= op->total)
			break;
		queue->head++;
		if (!total)
			op->position = queue->moves[slot].position;
		total += queue->moves[slot].length;
	}
	if (total && total != op->total) {
		op->total = total;
		op->cut = CUT_UNREADABLE;
	}
	return total != 0;
}

/* Points op at the request's bytes. False: it is no request that moves bytes on a socket. */
static __always_inline bool find_uring_buffer(struct batch *batch, struct io_kiocb *request)
{
	u64 flags = bpf_core_field_size(request->flags) == 4 ?
			    BPF_CORE_READ((struct io_kiocb___narrow *)request, flags) :
			    BPF_CORE_READ(request, flags);
	struct io_sr_msg *send = (void *)request;
	struct io_rw *rw = (void *)request;
	struct io_operation *op = &batch->op;
	u8 opcode = BPF_CORE_READ(request, opcode);

	op->direction = opcode == URING_READV || opcode == URING_READ || opcode == URING_RECVMSG ||
			opcode == URING_RECV;
	switch (opcode) {
	case URING_SEND:
	case URING_SEND_ZC:
	case URING_RECV:
		op->base = (u64)BPF_CORE_READ(send, buf) - BPF_CORE_READ(send, done_io);
		op->length = op->total;
		break;
	case URING_SENDMSG:
	case URING_SENDMSG_ZC:
	case URING_RECVMSG:
		read_message(batch, (u64)BPF_CORE_READ(send, buf), op->direction == DIRECTION_EGRESS);
		break;
	case URING_READ:
	case URING_WRITE:
		op->base = BPF_CORE_READ(rw, addr);
		op->length = op->total;
		break;
	case URING_READV:
	case URING_WRITEV:
		op->iov = BPF_CORE_READ(rw, addr);
		op->pieces = BPF_CORE_READ(rw, len);
		break;
	default:
		return false;
	}
	/* The kernel chose the buffer, and the request no longer says which. */
	if (flags & URING_BUFFER_SELECT)
		op->cut = CUT_UNREADABLE;
	return true;
}

static __always_inline void on_request(void *ctx, struct batch *batch, struct io_kiocb *request,
				       struct sock *sk)
{
	u64 key = (u64)sk;
	struct uring_socket *known = bpf_map_lookup_elem(&uring_sockets, &key);

	if (!known || !find_uring_buffer(batch, request) ||
	    !recall_uring_moves(&known->of[batch->op.direction & 1], &batch->op))
		return;
	emit_operation(ctx, batch, sk, &known->state, LARGE_LOOP, false);
}

/* The socket is reached from the request's file, so in both ways its fields are read by helper. */
static __always_inline int on_uring_complete(void *ctx, struct io_kiocb *request, int result)
{
	struct batch *batch;
	struct sock *sk;
	u8 family, kind;

	if (!request || result <= 0 || !process_wanted(bpf_get_current_pid_tgid() >> 32))
		return 0;
	sk = sock_of_file(BPF_CORE_READ(request, file));
	if (!sk)
		return 0;
	family = BPF_CORE_READ(sk, __sk_common.skc_family);
	kind = kind_of(sk, family, false);
	if (!kind)
		return 0;
	batch = hold_batch(hook_slot());
	if (!batch)
		return 0;
	begin_operation(&batch->op, DIRECTION_EGRESS);
	batch->op.total = result;
	batch->op.operation = OP_IO_URING;
	batch->op.family = family;
	batch->op.kind = kind;
	on_request(ctx, batch, request, sk);
	release_batch(batch);
	return 0;
}

SEC("tp_btf/io_uring_complete")
int io_uring_done(u64 *ctx)
{
	struct io_uring_cqe *cqe;

	if (!bpf_core_type_matches(btf_trace_io_uring_complete))
		return on_uring_complete(ctx, (void *)ctx[1], (int)ctx[3]);
	cqe = (void *)ctx[2];
	return on_uring_complete(ctx, (void *)ctx[1], BPF_CORE_READ(cqe, res));
}

#endif
