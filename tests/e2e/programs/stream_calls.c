/*
 * Every way to move bytes on a TCP connection that the tests count (see ends.h).
 */
#include "ends.h"
#include "reuse.h"

/* An IPv6 socket that speaks IPv4. */
static void tcp_mapped(void)
{
	struct sockaddr_in6 six = { .sin6_family = AF_INET6 };
	struct sockaddr_storage name;
	socklen_t length;
	int listening = listener(AF_INET, &name, &length);

	six.sin6_addr.s6_addr16[5] = 0xffff;
	six.sin6_addr.s6_addr32[3] = htonl(INADDR_LOOPBACK);
	six.sin6_port = ((struct sockaddr_in *)&name)->sin_port;
	connect_to((void *)&six, sizeof(six));
	server = CHECK(accept(listening, NULL, NULL));
	close(listening);
}

static void calls(void)
{
	struct iovec vector = { space, 100 };
	struct msghdr message = { .msg_iov = &vector, .msg_iovlen = 1 };

	exchange(100, 10000);
	expect(send(client, next_up(100), 100, 0), 100, "send");
	up += 100;
	expect(recv(server, space, 1000, 0), 100, "recv");
	expect(sendto(client, next_up(100), 100, MSG_NOSIGNAL, NULL, 0), 100, "sendto");
	up += 100;
	expect(recvfrom(server, space, 1000, 0, NULL, NULL), 100, "recvfrom");
	next_up(100);
	expect(sendmsg(client, &message, 0), 100, "sendmsg");
	up += 100;
	vector.iov_len = 1000;
	expect(recvmsg(server, &message, 0), 100, "recvmsg");
	next_up(100);
	vector.iov_len = 100;
	expect(writev(client, &vector, 1), 100, "writev");
	up += 100;
	vector.iov_len = 1000;
	expect(readv(server, &vector, 1), 100, "readv");
	next_up(100);
	vector.iov_len = 100;
	expect(pwritev2(client, &vector, 1, -1, 0), 100, "pwritev2");
	up += 100;
	vector.iov_len = 1000;
	expect(preadv2(server, &vector, 1, -1, 0), 100, "preadv2");
	write_down(50);
	read_all(client, 50);
	end();
}

static void vectors(int count, int size)
{
	static struct iovec vector[1024];
	static char into[20 * MIB];
	long total = (long)count * size, got = 0;
	struct msghdr message = { .msg_iov = vector, .msg_iovlen = count };

	for (int turn = 0; turn < 2; turn++) {
		next_up(total);
		for (int i = 0; i < count; i++)
			vector[i] = (struct iovec){ space + (long)i * size, size };
		if (turn == 0)
			expect(writev(client, vector, count), total, "writev");
		else
			expect(sendmsg(client, &message, 0), total, "sendmsg");
		up += total;
		for (got = 0; got < total;) {
			for (int i = 0; i < count; i++)
				vector[i].iov_base = into + (long)i * size;
			got += turn == 0 ? CHECK(readv(server, vector, count)) :
					   CHECK(recvmsg(server, &message, 0));
		}
	}
	end();
}

static void peek(void)
{
	struct iovec vector = { space, 500 };
	struct msghdr message = { .msg_iov = &vector, .msg_iovlen = 1 };

	write_up(1000);
	expect(recv(server, space, 1000, MSG_PEEK | MSG_WAITALL), 1000, "recv");
	expect(recv(server, space, 10, MSG_PEEK), 10, "recv");
	expect(recvmsg(server, &message, MSG_PEEK), 500, "recvmsg");
	read_all(server, 1000);
	write_down(1);
	read_all(client, 1);
	end();
}

static void *write_thrice(void *none)
{
	for (int i = 0; i < 3; i++) {
		write_up(1000);
		usleep(2000);
	}
	return none;
}

static void waitall(void)
{
	static char into[3000];
	pthread_t writer;

	pthread_create(&writer, NULL, write_thrice, NULL);
	expect(recv(server, into, 3000, MSG_WAITALL), 3000, "recv");
	pthread_join(writer, NULL);
	end();
}

static void zero_length(void)
{
	struct iovec none = { space, 0 };

	exchange(100, 100);
	expect(read(server, space, 0), 0, "read nothing");
	expect(readv(server, &none, 1), 0, "readv nothing");
	expect(send(client, space, 0, 0), 0, "send nothing");
	expect(write(client, space, 0), 0, "write nothing");
	write_up(100);
	expect(recv(server, space, 0, 0), 0, "recv nothing of something");
	expect(read(server, space, 0), 0, "read nothing of something");
	read_all(server, 100);
	write_down(100);
	read_all(client, 100);
	end();
}

static void partial(void)
{
	int refused = 0;

	CHECK(fcntl(client, F_SETFL, O_NONBLOCK));
	for (long sent = 0, got = 0; sent < 12 * MIB || got < sent;) {
		long n = 3 * MIB;

		if (sent < 12 * MIB) {
			n = write(client, next_up(n), n);
			if (n > 0) {
				up += n;
				sent += n;
				continue;
			}
			expect(errno, EAGAIN, "write");
			refused++;
		}
		n = CHECK(read(server, space, MIB));
		got += n;
	}
	if (!refused)
		fail("never refused");
	end();
}

static void faults(void)
{
	struct pollfd reset = { .fd = client };
	char *pages = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	long n;

	exchange(10, 10);
	expect(syscall(SYS_write, client, 16, 100), -1, "write from nowhere");
	CHECK(munmap(pages + 4096, 4096));
	fill(pages + 4096 - 600, UP, up, 600);
	n = write(client, pages + 4096 - 600, 1200);
	if (n > 0) {
		up += n;
		read_all(server, n);
	}
	exchange(10, 10);
	close(server);
	signal(SIGPIPE, SIG_IGN);
	CHECK(write(client, next_up(10), 10));
	up += 10;
	CHECK(poll(&reset, 1, -1));
	expect(write(client, space, 10), -1, "write after the reset");
	end();
}

static long large_size;

static void *write_large(void *none)
{
	write_up(large_size);
	return none;
}

static void large(long size)
{
	pthread_t writer;

	large_size = size;
	pthread_create(&writer, NULL, write_large, NULL);
	read_all(server, size);
	pthread_join(writer, NULL);
	write_down(10);
	read_all(client, 10);
	end();
}

static void half_close(void)
{
	write_up(100);
	CHECK(shutdown(client, SHUT_WR));
	read_all(server, 100);
	expect(read(server, space, 10), 0, "read at the end");
	for (int i = 0; i < 3; i++) {
		write_down(5000);
		read_all(client, 5000);
	}
	end();
}

/* The server closes with all but 50 of these bytes unread. */
static void unread(long size)
{
	exchange(100, 100);
	write_up(size);
	read_all(server, 50);
	close(server);
	close(client);
	report();
}

static void duplicate(void)
{
	int own = client, other = CHECK(dup(client)), far = CHECK(dup2(server, 77));

	exchange(100, 100);
	client = other;
	exchange(100, 100);
	close(own);
	close(server);
	server = far;
	exchange(100, 100);
	end();
}

static void sendfiles(void)
{
	int file = CHECK(memfd_create("body", 0));

	exchange(100, 100);
	fill(space, DOWN, down, 50000);
	CHECK(write(file, space, 50000));
	CHECK(lseek(file, 0, SEEK_SET));
	write_up(10);
	read_all(server, 10);
	expect(sendfile(server, file, NULL, 50000), 50000, "sendfile");
	down += 50000;
	read_all(client, 50000);
	exchange(100, 100);
	end();
}

static void splice_to(void)
{
	int ends[2];

	CHECK(pipe(ends));
	exchange(100, 100);
	expect(write(ends[1], next_up(5000), 5000), 5000, "write");
	expect(splice(ends[0], NULL, client, NULL, 5000, 0), 5000, "splice");
	up += 5000;
	read_all(server, 5000);
	exchange(100, 100);
	end();
}

static void splice_from(void)
{
	int ends[2];
	long got = 0;

	CHECK(pipe(ends));
	exchange(100, 100);
	write_up(5000);
	while (got < 5000) {
		long n = CHECK(splice(server, NULL, ends[1], NULL, 5000 - got, 0));

		got += n;
		read_all(ends[0], n);
	}
	exchange(100, 100);
	end();
}

static void refused(void)
{
	struct sockaddr_storage name;
	socklen_t length;
	int listening = listener(AF_INET, &name, &length);

	close(listening);
	for (int i = 0; i < 3; i++) {
		client = CHECK(socket(AF_INET, SOCK_STREAM, 0));
		expect(connect(client, (void *)&name, length), -1, "connect");
		close(client);
	}
	tcp(AF_INET);
	exchange(10, 10);
	end();
}

static void truncated_read(void)
{
	memset(space, 'X', 1000);
	fill(space + 1000, UP, up, 1000);
	expect(write(client, space + 1000, 1000), 1000, "write");
	up += 1000;
	wait_for_bytes(server, 1000);
	expect(recv(server, space, 600, MSG_TRUNC), 600, "recv away");
	read_all(server, 400);
	exchange(10, 10);
	end();
}

static void zero_copy(void)
{
	int one = 1;
	char control[200];
	struct msghdr message = { .msg_control = control, .msg_controllen = sizeof(control) };
	struct pollfd completion = { .fd = client };

	exchange(10, 10);
	CHECK(setsockopt(client, SOL_SOCKET, SO_ZEROCOPY, &one, sizeof(one)));
	expect(send(client, next_up(20000), 20000, MSG_ZEROCOPY), 20000, "send");
	up += 20000;
	read_all(server, 20000);
	CHECK(poll(&completion, 1, -1));
	CHECK(recvmsg(client, &message, MSG_ERRQUEUE | MSG_DONTWAIT));
	exchange(10, 10);
	end();
}

static void run(const char *name, long first, long second)
{
	if (is(name, "calls")) tcp(AF_INET), calls();
	else if (is(name, "calls6")) tcp(AF_INET6), calls();
	else if (is(name, "mapped")) tcp_mapped(), calls();
	else if (is(name, "vectors")) tcp(AF_INET), vectors(first, second);
	else if (is(name, "peek")) tcp(AF_INET), peek();
	else if (is(name, "waitall")) tcp(AF_INET), waitall();
	else if (is(name, "zero")) tcp(AF_INET), zero_length();
	else if (is(name, "partial")) tcp(AF_INET), partial();
	else if (is(name, "faults")) tcp(AF_INET), faults();
	else if (is(name, "large")) tcp(AF_INET), large(first);
	else if (is(name, "half_close")) tcp(AF_INET), half_close();
	else if (is(name, "unread")) tcp(AF_INET), unread(first);
	else if (is(name, "duplicate")) tcp(AF_INET), duplicate();
	else if (is(name, "sendfile")) tcp(AF_INET), sendfiles();
	else if (is(name, "splice_to")) tcp(AF_INET), splice_to();
	else if (is(name, "splice_from")) tcp(AF_INET), splice_from();
	else if (is(name, "reuse_while_blocked")) tcp(AF_INET), reuse_while_blocked();
	else if (is(name, "reuse")) reuse(first);
	else if (is(name, "refused")) refused();
	else if (is(name, "truncated_read")) tcp(AF_INET), truncated_read();
	else if (is(name, "zero_copy")) tcp(AF_INET), zero_copy();
	else fail(name);
}
