/*
 * Datagrams, and calls that move several messages at once (see ends.h).
 */
#include "ends.h"

static struct sockaddr_storage server_name;
static socklen_t server_length;

static void udp(int family, int connected)
{
	struct sockaddr_storage own;
	socklen_t length = loopback(&own, family);
	int size = 8 * MIB;

	server = CHECK(socket(family, SOCK_DGRAM, 0));
	bind_server(server, family, &server_name, &server_length);
	client = CHECK(socket(family, SOCK_DGRAM, 0));
	CHECK(bind(client, (void *)&own, length));
	remember_client();
	setsockopt(server, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	setsockopt(client, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	if (connected)
		CHECK(connect(client, (void *)&server_name, server_length));
}

#define MESSAGES 1024
static struct mmsghdr messages[MESSAGES];
static struct iovec pieces[MESSAGES];
static struct sockaddr_storage names[MESSAGES];


static void prepare(int count, int size, int named)
{
	for (int i = 0; i < count; i++) {
		pieces[i] = (struct iovec){ space + (long)i * size, size };
		messages[i].msg_hdr = (struct msghdr){ .msg_iov = &pieces[i], .msg_iovlen = 1 };
		if (named) {
			messages[i].msg_hdr.msg_name = &names[i];
			messages[i].msg_hdr.msg_namelen = sizeof(names[i]);
		}
	}
}

static void send_messages(int count, int size, int named)
{
	for (int sent = 0; sent < count;) {
		int now = count - sent;

		prepare(now, size, 0);
		next_up((long)now * size);
		for (int i = 0; named && i < now; i++) {
			messages[i].msg_hdr.msg_name = &server_name;
			messages[i].msg_hdr.msg_namelen = server_length;
		}
		now = CHECK(sendmmsg(client, messages, now, 0));
		sent += now;
		for (int i = 0; i < now; i++)
			up += messages[i].msg_len;
	}
}

/* `count` messages, as a rule by one call that has room for `want`. */
static void receive_messages(int count, int want, int size, int flags)
{
	struct pollfd ready = { .fd = server, .events = POLLIN };

	for (int got = 0; got < count;) {
		CHECK(poll(&ready, 1, -1));
		memset(space, 'X', (long)want * size);
		prepare(want, size, 1);
		got += CHECK(recvmmsg(server, messages, want, flags, NULL));
	}
}

static void mmsg(int count, int size, int named)
{
	for (int turn = 0; turn < 3; turn++) {
		send_messages(count, size, named);
		receive_messages(count, count, size, 0);
	}
	/* Fewer than asked for, again and again with the same vector. */
	for (int turn = 0; turn < 3; turn++) {
		send_messages(3 + turn, size, named);
		receive_messages(3 + turn, count, size, MSG_DONTWAIT);
	}
	end();
}

static void mmsg_timeout(void)
{
	struct timespec timeout = { 0, 0 };

	/* The time is up after the first message: no error ends the call. */
	for (int turn = 0; turn < 3; turn++) {
		send_messages(2, 100, 1);
		for (int i = 0; i < 2; i++) {
			memset(space, 'X', 800);
			prepare(8, 100, 1);
			expect(recvmmsg(server, messages, 8, 0, &timeout), 1, "recvmmsg");
		}
	}
	end();
}

/* Messages of so many pieces, eight bytes each. */
static void mmsg_pieces(int count, int many)
{
	static struct iovec small[MESSAGES * 16];
	int size = 8 * many;

	for (int turn = 0; turn < 2; turn++) {
		prepare(count, size, turn);
		for (int i = 0; i < count * many; i++)
			small[i] = (struct iovec){ space + 8L * i, 8 };
		for (int i = 0; i < count; i++) {
			messages[i].msg_hdr.msg_iov = &small[i * many];
			messages[i].msg_hdr.msg_iovlen = many;
		}
		if (turn == 0) {
			next_up((long)count * size);
			expect(sendmmsg(client, messages, count, 0), count, "sendmmsg");
			up += (long)count * size;
		} else {
			memset(space, 'X', (long)count * size);
			expect(recvmmsg(server, messages, count, 0, NULL), count, "recvmmsg");
		}
	}
	end();
}

static void mmsg_stream(int count, int size)
{
	for (int turn = 0; turn < 3; turn++) {
		send_messages(count, size, 0);
		read_all(server, (long)count * size);
	}
	write_up(1000);
	wait_for_bytes(server, 1000);
	receive_messages(10, 10, 100, 0);
	write_up(300);
	wait_for_bytes(server, 300);
	receive_messages(3, 10, 100, MSG_DONTWAIT);
	end();
}

/* A full stream takes only a part of a message: the call ends there, without an error. */
static void mmsg_partial(void)
{
	int size = 65536;
	long got = 0;

	CHECK(setsockopt(client, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size)));
	CHECK(fcntl(client, F_SETFL, O_NONBLOCK));
	for (int turn = 0; turn < 10; turn++) {
		prepare(4, 700000, 0);
		next_up(4 * 700000);
		if (sendmmsg(client, messages, 4, 0) < 0)
			messages[0].msg_len = messages[1].msg_len = messages[2].msg_len = messages[3].msg_len = 0;
		for (int i = 0; i < 4; i++) {
			up += messages[i].msg_len;
			if (messages[i].msg_len < 700000)
				break;
		}
		while (got < up)
			got += CHECK(read(server, space, MIB));
		memset(messages, 0, sizeof(messages));
	}
	end();
}

static void datagrams(int size)
{
	struct sockaddr_storage from;
	socklen_t length = sizeof(from);

	for (int i = 0; i < 20; i++) {
		expect(sendto(client, next_up(size), size, 0, (void *)&server_name, server_length), size,
		       "sendto");
		up += size;
		expect(recvfrom(server, space, size + 10, 0, (void *)&from, &length), size, "recvfrom");
		expect(sendto(server, next_down(size), size, 0, (void *)&from, length), size, "sendto");
		down += size;
		expect(recv(client, space, size + 10, 0), size, "recv");
	}
	end();
}

static void datagrams_connected(int size)
{
	struct sockaddr_storage from;
	struct iovec vector = { space, 0 };
	struct msghdr message = { .msg_iov = &vector, .msg_iovlen = 1, .msg_name = &from,
				  .msg_namelen = sizeof(from) };

	for (int i = 0; i < 20; i++) {
		expect(send(client, next_up(size), size, 0), size, "send");
		up += size;
		vector.iov_len = size + 10;
		message.msg_namelen = sizeof(from);
		expect(recvmsg(server, &message, 0), size, "recvmsg");
		next_down(size);
		vector.iov_len = size;
		expect(sendmsg(server, &message, 0), size, "sendmsg");
		down += size;
		expect(read(client, space, size + 10), size, "read");
	}
	end();
}

static void run(const char *name, long first, long second)
{
	if (is(name, "mmsg")) udp(AF_INET, 1), mmsg(first, second, 0);
	else if (is(name, "mmsg_named")) udp(AF_INET, 0), mmsg(first, second, 1);
	else if (is(name, "mmsg_timeout")) udp(AF_INET, 0), mmsg_timeout();
	else if (is(name, "mmsg_pieces")) udp(AF_INET, 1), mmsg_pieces(first, second);
	else if (is(name, "mmsg_stream")) tcp(AF_INET), mmsg_stream(first, second);
	else if (is(name, "mmsg_partial")) tcp(AF_INET), mmsg_partial();
	else if (is(name, "datagrams")) udp(AF_INET, 0), datagrams(first);
	else if (is(name, "datagrams6")) udp(AF_INET6, 0), datagrams(first);
	else if (is(name, "connected")) udp(AF_INET, 1), datagrams_connected(first);
	else fail(name);
}
