/*
 * Bytes moved on sockets through io_uring (see ends.h).
 */
#include "ends.h"
#include <liburing.h>

#define PIECE 1000
#define AT_ONCE 4
#define GROUP 7
#define ROOM 4096

static struct io_uring ring;
static char out[AT_ONCE][ROOM], in[AT_ONCE][ROOM];

/* What a call of liburing returned; their errors are negative numbers. */
static long ring_check(long result)
{
	if (result >= 0)
		return result;
	errno = -result;
	fail("io_uring");
	return 0;
}

static struct io_uring_sqe *next(void)
{
	struct io_uring_sqe *entry = io_uring_get_sqe(&ring);

	if (!entry)
		exit(1);
	return entry;
}

/* Waits for `count` completions; what they returned, summed up. */
static long finish(int count)
{
	struct io_uring_cqe *done;
	long total = 0;

	while (count-- > 0) {
		ring_check(io_uring_wait_cqe(&ring, &done));
		total += ring_check(done->res);
		io_uring_cqe_seen(&ring, done);
	}
	return total;
}

static void receive(long n)
{
	while (n > 0) {
		io_uring_prep_recv(next(), server, in[0], n, 0);
		ring_check(io_uring_submit(&ring));
		n -= finish(1);
	}
}

static void single(void)
{
	struct iovec pieces[2];
	struct msghdr message = { .msg_iov = pieces, .msg_iovlen = 2 };

	for (int call = 0; call < 8; call++) {
		struct io_uring_sqe *entry = next();
		int sends = call % 2 == 0;
		char *bytes = sends ? out[0] : in[0];

		if (sends)
			fill(out[0], UP, up, PIECE);
		pieces[0] = (struct iovec){ bytes, 300 };
		pieces[1] = (struct iovec){ bytes + 300, PIECE - 300 };
		switch (call) {
		case 0: io_uring_prep_send(entry, client, bytes, PIECE, 0); break;
		case 1: io_uring_prep_recv(entry, server, bytes, PIECE, MSG_WAITALL); break;
		case 2: io_uring_prep_sendmsg(entry, client, &message, 0); break;
		case 3: io_uring_prep_recvmsg(entry, server, &message, MSG_WAITALL); break;
		case 4: io_uring_prep_write(entry, client, bytes, PIECE, 0); break;
		case 5: io_uring_prep_read(entry, server, bytes, PIECE, 0); break;
		case 6: io_uring_prep_writev(entry, client, pieces, 2, 0); break;
		case 7: io_uring_prep_readv(entry, server, pieces, 2, 0); break;
		}
		ring_check(io_uring_submit(&ring));
		if (finish(1) != PIECE)
			exit(1);
		if (sends)
			up += PIECE;
	}
}

/* Several in flight in each direction; receives wait before there is anything. Only linked ones keep
 * their order. */
static void in_flight(int linked)
{
	for (int turn = 0; turn < 50; turn++) {
		for (int i = 0; i < AT_ONCE; i++) {
			struct io_uring_sqe *entry = next();

			io_uring_prep_recv(entry, server, in[i], PIECE, MSG_WAITALL);
			if (linked && i + 1 < AT_ONCE)
				entry->flags |= IOSQE_IO_LINK;
		}
		ring_check(io_uring_submit(&ring));
		for (int i = 0; i < AT_ONCE; i++) {
			struct io_uring_sqe *entry = next();

			fill(out[i], UP, up, PIECE);
			io_uring_prep_send(entry, client, out[i], PIECE, 0);
			if (linked && i + 1 < AT_ONCE)
				entry->flags |= IOSQE_IO_LINK;
			up += PIECE;
		}
		ring_check(io_uring_submit(&ring));
		if (finish(2 * AT_ONCE) != 2 * AT_ONCE * PIECE)
			exit(1);
	}
}

static void provided(void)
{
	for (int turn = 0; turn < 3; turn++) {
		io_uring_prep_provide_buffers(next(), in, ROOM, AT_ONCE, GROUP, 0);
		ring_check(io_uring_submit(&ring));
		finish(1);
		fill(out[0], UP, up, PIECE);
		check(write(client, out[0], PIECE), "write");
		up += PIECE;
		struct io_uring_sqe *entry = next();
		io_uring_prep_recv(entry, server, NULL, PIECE, 0);
		entry->flags |= IOSQE_BUFFER_SELECT;
		entry->buf_group = GROUP;
		ring_check(io_uring_submit(&ring));
		if (finish(1) != PIECE)
			exit(1);
	}
}

/* Receives that go on by themselves, into provided buffers. */
static void multishot(void)
{
	struct io_uring_cqe *done;
	long got = 0;

	io_uring_prep_provide_buffers(next(), in, ROOM, AT_ONCE, GROUP, 0);
	ring_check(io_uring_submit(&ring));
	finish(1);
	struct io_uring_sqe *entry = next();
	io_uring_prep_recv(entry, server, NULL, 0, 0);
	entry->ioprio |= IORING_RECV_MULTISHOT;
	entry->flags |= IOSQE_BUFFER_SELECT;
	entry->buf_group = GROUP;
	ring_check(io_uring_submit(&ring));
	for (int i = 0; i < 3; i++) {
		fill(out[0], UP, up, PIECE);
		check(write(client, out[0], PIECE), "write");
		up += PIECE;
		while (got < up) {
			ring_check(io_uring_wait_cqe(&ring, &done));
			got += ring_check(done->res);
			io_uring_cqe_seen(&ring, done);
		}
	}
}

/* io_uring and plain calls on the same socket, by turns. */
static void mixed(void)
{
	for (int turn = 0; turn < 20; turn++) {
		fill(out[0], UP, up, PIECE);
		if (turn % 2) {
			io_uring_prep_send(next(), client, out[0], PIECE, 0);
			ring_check(io_uring_submit(&ring));
			if (finish(1) != PIECE)
				exit(1);
		} else {
			check(send(client, out[0], PIECE, 0), "send");
		}
		up += PIECE;
		if (turn % 4 < 2)
			receive(PIECE);
		else
			check(recv(server, in[0], PIECE, MSG_WAITALL), "recv");
		fill(out[1], DOWN, down, 10);
		check(write(server, out[1], 10), "write");
		down += 10;
		check(read(client, in[1], 10), "read");
	}
}

static void run(const char *name, long first, long second)
{
	ring_check(io_uring_queue_init(64, &ring, 0));
	tcp(AF_INET);
	if (is(name, "single")) single();
	else if (is(name, "in_flight")) in_flight(first);
	else if (is(name, "provided")) provided();
	else if (is(name, "multishot")) multishot();
	else if (is(name, "mixed")) mixed();
	else fail(name);
	end();
	io_uring_queue_exit(&ring);
}
