/*
 * Connections shared by processes and threads, and AF_UNIX (see ends.h).
 */
#include "ends.h"

static void unix_named(const char *path, size_t length)
{
	struct sockaddr_un name = { .sun_family = AF_UNIX };
	socklen_t size = sizeof(sa_family_t) + length;
	int listening = CHECK(socket(AF_UNIX, SOCK_STREAM, 0));

	memcpy(name.sun_path, path, length);
	CHECK(bind(listening, (void *)&name, size));
	CHECK(listen(listening, 5));
	client = CHECK(socket(AF_UNIX, SOCK_STREAM, 0));
	CHECK(connect(client, (void *)&name, size));
	strcpy(client_name, "unix");
	server = CHECK(accept(listening, NULL, NULL));
	close(listening);
	if (path[0])
		unlink(path);
}

static const char request[] = "*1\r\n$4\r\nPING\r\n", answer[] = "+PONG\r\n";
#define REQUEST_BYTES (sizeof(request) - 1)
#define ANSWER_BYTES (sizeof(answer) - 1)

static void *write_requests(void *count)
{
	for (long i = 0; i < (long)count; i++)
		expect(write(client, request, REQUEST_BYTES), REQUEST_BYTES, "write");
	return NULL;
}

static void *read_answers(void *left)
{
	char sink[700];

	while (__atomic_load_n((long *)left, __ATOMIC_SEQ_CST) > 0) {
		long n = recv(client, sink, sizeof(sink), MSG_DONTWAIT);

		if (n > 0)
			__atomic_fetch_sub((long *)left, n, __ATOMIC_SEQ_CST);
		else
			usleep(50);
	}
	return NULL;
}

/* Two threads write, two read on the same connection; another one answers. */
static void threads(long count)
{
	long left = 2 * count * ANSWER_BYTES, asked = 0, answered = 0;
	pthread_t all[4];
	char sink[4096];

	for (int i = 0; i < 2; i++) {
		pthread_create(&all[i], NULL, write_requests, (void *)count);
		pthread_create(&all[2 + i], NULL, read_answers, &left);
	}
	while (answered < 2 * count) {
		asked += CHECK(read(server, sink, sizeof(sink)));
		for (; answered < asked / (long)REQUEST_BYTES; answered++)
			expect(write(server, answer, ANSWER_BYTES), ANSWER_BYTES, "write");
	}
	for (int i = 0; i < 4; i++)
		pthread_join(all[i], NULL);
	up = 2 * count * REQUEST_BYTES;
	down = 2 * count * ANSWER_BYTES;
	end();
}

static void prefork(void)
{
	struct sockaddr_storage name;
	socklen_t length;
	int listening = listener(AF_INET, &name, &length);
	pid_t workers[3];

	for (int i = 0; i < 3; i++) {
		workers[i] = CHECK(fork());
		if (workers[i])
			continue;
		for (;;) {
			server = CHECK(accept(listening, NULL, NULL));
			up = down = 0;
			for (int j = 0; j < 5; j++) {
				read_all(server, 100);
				write_down(200);
			}
			expect(read(server, space, 1), 0, "read at the end");
			close(server);
		}
	}
	for (int i = 0; i < 30; i++) {
		connect_to(&name, length);
		for (int j = 0; j < 5; j++) {
			write_up(100);
			read_all(client, 200);
		}
		close(client);
		down = 1000;
		report();
	}
	for (int i = 0; i < 3; i++) {
		kill(workers[i], SIGTERM);
		waitpid(workers[i], NULL, 0);
	}
}

/* The server's end goes over to another process in the middle of an exchange. */
static void hand_over(void)
{
	int ways[2], back = CHECK(dup(server));
	char control[CMSG_SPACE(sizeof(int))] = {}, byte = 1;
	struct iovec vector = { &byte, 1 };
	struct msghdr message = { .msg_iov = &vector, .msg_iovlen = 1, .msg_control = control,
				  .msg_controllen = sizeof(control) };
	struct cmsghdr *head = CMSG_FIRSTHDR(&message);
	pid_t child;

	CHECK(socketpair(AF_UNIX, SOCK_DGRAM, 0, ways));
	child = CHECK(fork());
	if (!child) {
		close(server);
		close(back);
		close(client);
		CHECK(recvmsg(ways[1], &message, 0));
		server = *(int *)CMSG_DATA(CMSG_FIRSTHDR(&message));
		read_all(server, 50);
		write_down(150);
		exit(0);
	}
	close(server);
	write_up(100);
	read_all(back, 50);
	head->cmsg_level = SOL_SOCKET;
	head->cmsg_type = SCM_RIGHTS;
	head->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(head), &back, sizeof(int));
	CHECK(sendmsg(ways[0], &message, 0));
	close(back);
	read_all(client, 150);
	down += 150;
	waitpid(child, NULL, 0);
	close(client);
	report();
}

/* Ends without closing anything; the parent only waits. */
static void killed(int how)
{
	pid_t child = CHECK(fork());

	if (!child) {
		write_up(100);
		read_all(server, 100);
		write_down(30);
		read_all(client, 30);
		report();
		if (how)
			kill(getpid(), how);
		_exit(3);
	}
	close(client);
	close(server);
	waitpid(child, NULL, 0);
}

/* The simplest exchange on what client and server are. */
static void turns(void)
{
	exchange(100, 10000);
	exchange(5000, 10);
	end();
}

static void unix_pair(void)
{
	int ends[2];

	CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, ends));
	client = ends[0];
	server = ends[1];
	strcpy(client_name, "unix");
	turns();
}

/* What is spliced away has been read, too. */
static void unix_splice(void)
{
	int ends[2];

	CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, ends));
	client = ends[0];
	server = ends[1];
	strcpy(client_name, "unix");
	CHECK(pipe(ends));
	exchange(100, 100);
	write_up(5000);
	expect(splice(server, NULL, ends[1], NULL, 5000, 0), 5000, "splice");
	exchange(100, 100);
	end();
}

static void run(const char *name, long first, long second)
{
	char abstract[40] = "";
	size_t length = 1 + sprintf(abstract + 1, "sockeye-case-%d", getpid());

	if (is(name, "threads")) tcp(AF_INET), threads(first);
	else if (is(name, "prefork")) prefork();
	else if (is(name, "hand_over")) tcp(AF_INET), hand_over();
	else if (is(name, "killed")) tcp(AF_INET), killed(first);
	else if (is(name, "unix_pair")) unix_pair();
	else if (is(name, "unix_path")) unix_named("case.sock", 10), turns();
	else if (is(name, "unix_abstract")) unix_named(abstract, length), turns();
	else if (is(name, "unix_splice")) unix_splice();
	else fail(name);
}
