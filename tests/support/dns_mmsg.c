/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DNS queries many at a time: one sendmmsg() a batch, and recvmmsg() for what comes back.
 *
 *   dns_mmsg client PORT COUNT    COUNT queries for qN.test at once, id N; ends when all are answered
 *   dns_mmsg server PORT          takes up to 64 at once and answers each NXDOMAIN; says "ready"
 *
 * Prints nothing but errors and the server's ready line.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define BATCH 64
#define MAX_COUNT 1024
#define MESSAGE_SIZE 512

static unsigned char buffers[MAX_COUNT][MESSAGE_SIZE];
static struct sockaddr_in peers[MAX_COUNT];
static struct iovec pieces[MAX_COUNT][2];
static struct mmsghdr messages[MAX_COUNT];

static void fail(const char *what)
{
	perror(what);
	exit(1);
}

/* An A query for q<n>.test; its length. The header and the rest are two pieces of one datagram. */
static int make_query(unsigned char *to, int n)
{
	static const unsigned char tail[] = { 4, 't', 'e', 's', 't', 0, 0, 1, 0, 1 };
	int label;

	memset(to, 0, 12);
	to[0] = n >> 8;
	to[1] = n;
	to[2] = 1; /* RD */
	to[5] = 1; /* one question */
	label = sprintf((char *)to + 13, "q%d", n);
	to[12] = label;
	memcpy(to + 13 + label, tail, sizeof(tail));
	return 13 + label + sizeof(tail);
}

static void set_buffer(int i, int header, int rest)
{
	pieces[i][0] = (struct iovec){ buffers[i], header };
	pieces[i][1] = (struct iovec){ buffers[i] + header, rest };
	messages[i].msg_hdr.msg_iov = pieces[i];
	messages[i].msg_hdr.msg_iovlen = 2;
}

static void client(int fd, struct sockaddr_in *server, int count)
{
	int sent = 0, received = 0;

	if (connect(fd, (struct sockaddr *)server, sizeof(*server)))
		fail("connect");
	for (int i = 0; i < count; i++)
		set_buffer(i, 12, make_query(buffers[i], i) - 12);
	while (sent < count) {
		int n = sendmmsg(fd, messages + sent, count - sent, 0);

		if (n <= 0)
			fail("sendmmsg");
		sent += n;
	}
	while (received < count) {
		struct pollfd wait = { fd, POLLIN, 0 };
		int n;

		if (poll(&wait, 1, 60000) != 1)
			fail("poll");
		for (int i = 0; i < BATCH; i++)
			set_buffer(i, 12, MESSAGE_SIZE - 12);
		n = recvmmsg(fd, messages, BATCH, MSG_DONTWAIT, NULL);
		if (n <= 0)
			fail("recvmmsg");
		received += n;
	}
}

static void server(int fd, struct sockaddr_in *at)
{
	if (bind(fd, (struct sockaddr *)at, sizeof(*at)))
		fail("bind");
	puts("ready");
	fflush(stdout);
	for (;;) {
		int n;

		for (int i = 0; i < BATCH; i++) {
			set_buffer(i, 12, MESSAGE_SIZE - 12);
			messages[i].msg_hdr.msg_name = &peers[i];
			messages[i].msg_hdr.msg_namelen = sizeof(peers[i]);
		}
		n = recvmmsg(fd, messages, BATCH, MSG_WAITFORONE, NULL);
		if (n <= 0)
			fail("recvmmsg");
		for (int i = 0; i < n; i++) {
			buffers[i][2] |= 0x80; /* QR */
			buffers[i][3] = 3;     /* NXDOMAIN */
			set_buffer(i, 12, messages[i].msg_len - 12);
		}
		for (int sent = 0; sent < n;) {
			int done = sendmmsg(fd, messages + sent, n - sent, 0);

			if (done <= 0)
				fail("sendmmsg");
			sent += done;
		}
	}
}

int main(int count, char **words)
{
	int fd = socket(AF_INET, SOCK_DGRAM, 0), size = 8 << 20;
	struct sockaddr_in address = { .sin_family = AF_INET };

	if (count < 3 || fd < 0)
		return 2;
	/* All that is under way has room, however late it is read; needs root. */
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	address.sin_port = htons(atoi(words[2]));
	if (!strcmp(words[1], "server"))
		server(fd, &address);
	else if (count > 3 && atoi(words[3]) <= MAX_COUNT)
		client(fd, &address, atoi(words[3]));
	else
		return 2;
	return 0;
}
