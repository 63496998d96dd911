/*
 * Two ends of a connection that a test's program holds both, and what moved between them.
 *
 * A program defines run() and is started with cases as "name:number:number". It prints "here", waits
 * for a line, runs them one after the other, and prints for each connection
 * "conn CASE CLIENT up N down M": the bytes that calls said they moved from client to server, and
 * back. Byte p of a direction is known beforehand (fill()), so that every byte seen can be checked.
 */
#ifndef ENDS_H
#define ENDS_H

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define UP 2   /* tags of the two directions: no known protocol begins with them */
#define DOWN 3
#define MIB (1 << 20)

static long up, down;         /* bytes moved so far */
static char client_name[64], case_name[64];
static int client, server;    /* the two ends */
static char space[20 * MIB];

static inline void fail(const char *what)
{
	perror(what);
	exit(1);
}

#define CHECK(call) check((long)(call), #call)
static inline long check(long result, const char *what)
{
	if (result < 0)
		fail(what);
	return result;
}

static inline void expect(long result, long wanted, const char *what)
{
	if (result == wanted)
		return;
	fprintf(stderr, "%s: %ld instead of %ld: %s\n", what, result, wanted, strerror(errno));
	exit(1);
}

/* Units of eight bytes: the tag and their number in seven digits. */
static inline void fill(char *to, int tag, long position, long n)
{
	char unit[32];
	long at = -1;

	for (long i = 0; i < n; i++) {
		if ((position + i) / 8 != at) {
			at = (position + i) / 8;
			snprintf(unit, sizeof(unit), "%c%07ld", tag, at);
		}
		to[i] = unit[(position + i) % 8];
	}
}

/* The next n bytes to send upwards, in `space`. */
static inline char *next_up(long n)
{
	fill(space, UP, up, n);
	return space;
}

static inline char *next_down(long n)
{
	fill(space, DOWN, down, n);
	return space;
}

static inline void read_all(int fd, long n)
{
	static char sink[MIB];

	while (n > 0) {
		long got = CHECK(read(fd, sink, n < MIB ? n : MIB));

		if (got == 0) {
			fprintf(stderr, "end of stream\n");
			exit(1);
		}
		n -= got;
	}
}

/* Waits until so much can be read: a busy machine may deliver after the call that sent it. */
static inline void wait_for_bytes(int fd, int n)
{
	int there = 0;

	while (CHECK(ioctl(fd, FIONREAD, &there)), there < n)
		usleep(100);
}

static inline void write_up(long n)
{
	expect(write(client, next_up(n), n), n, "write");
	up += n;
}

static inline void write_down(long n)
{
	expect(write(server, next_down(n), n), n, "write");
	down += n;
}

static inline void exchange(long n, long m)
{
	write_up(n);
	read_all(server, n);
	write_down(m);
	read_all(client, m);
}

static inline void report(void)
{
	printf("conn %s %s up %ld down %ld\n", case_name, client_name, up, down);
	fflush(stdout);
	up = down = 0;
}

static inline socklen_t loopback(struct sockaddr_storage *to, int family)
{
	struct sockaddr_in *four = (void *)to;
	struct sockaddr_in6 *six = (void *)to;

	memset(to, 0, sizeof(*to));
	to->ss_family = family;
	if (family == AF_INET) {
		four->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		return sizeof(*four);
	}
	six->sin6_addr = in6addr_loopback;
	return sizeof(*six);
}

/*
 * Binds to a port that systems do not give to clients, and tells the name: an address then is one
 * connection's client and nothing else.
 */
static inline void bind_server(int fd, int family, struct sockaddr_storage *name, socklen_t *length)
{
	in_port_t *port = &((struct sockaddr_in *)name)->sin_port; /* at the same place in IPv6 */
	int result;

	*length = loopback(name, family);
	do {
		*port = htons(10000 + random() % 20000);
		result = bind(fd, (void *)name, *length);
	} while (result < 0 && errno == EADDRINUSE);
	CHECK(result);
}

static inline int listener(int family, struct sockaddr_storage *name, socklen_t *length)
{
	int fd = CHECK(socket(family, SOCK_STREAM, 0));

	bind_server(fd, family, name, length);
	CHECK(listen(fd, 1000));
	return fd;
}

/* Kept from the beginning: a connection that was reset has forgotten its port. */
static inline void remember_client(void)
{
	struct sockaddr_storage name;
	socklen_t length = sizeof(name);
	char host[48] = "", port[8] = "";

	CHECK(getsockname(client, (void *)&name, &length));
	getnameinfo((void *)&name, length, host, sizeof(host), port, sizeof(port),
		    NI_NUMERICHOST | NI_NUMERICSERV);
	snprintf(client_name, sizeof(client_name), name.ss_family == AF_INET6 ? "[%s]:%s" : "%s:%s", host,
		 port);
}

static inline void connect_to(struct sockaddr_storage *name, socklen_t length)
{
	client = CHECK(socket(name->ss_family, SOCK_STREAM, 0));
	CHECK(connect(client, (void *)name, length));
	remember_client();
}

static inline void tcp(int family)
{
	struct sockaddr_storage name;
	socklen_t length;
	int listening = listener(family, &name, &length);

	connect_to(&name, length);
	server = CHECK(accept(listening, NULL, NULL));
	close(listening);
}

static inline void end(void)
{
	report();
	close(client);
	close(server);
}

static void run(const char *name, long first, long second);

static inline int is(const char *name, const char *wanted)
{
	return strcmp(name, wanted) == 0;
}

int main(int argc, char **argv)
{
	srandom(getpid());
	printf("here\n");
	fflush(stdout);
	if (getchar() == EOF)
		return 1;
	for (int i = 1; i < argc; i++) {
		char *first, *second;

		snprintf(case_name, sizeof(case_name), "%s", argv[i]);
		first = strchr(argv[i], ':');
		if (first)
			*first++ = 0;
		second = first ? strchr(first, ':') : NULL;
		run(argv[i], first ? atol(first) : 0, second ? atol(second + 1) : 0);
	}
	return 0;
}

#endif
