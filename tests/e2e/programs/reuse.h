/*
 * Descriptors that stand for one connection after the other: closed and opened again under the same
 * number, also while a thread waits on it (for stream_calls.c; see ends.h).
 */
#ifndef REUSE_H
#define REUSE_H

#include "ends.h"

static volatile pid_t reader_id;

static void *late_read(void *into)
{
	reader_id = gettid();
	recv(server, into, 100, 0);
	return NULL;
}

/* A thread sleeps in this system call: /proc tells the number only then. */
static void wait_until_in(volatile pid_t *thread, long call)
{
	char path[64];
	long number;
	FILE *file;

	do {
		usleep(100);
		snprintf(path, sizeof(path), "/proc/self/task/%d/syscall", *thread);
		number = -1;
		file = fopen(path, "r");
		if (!file)
			continue;
		if (fscanf(file, "%ld", &number) != 1)
			number = -1;
		fclose(file);
	} while (number != call);
}

/* One thread waits in recv() while another puts a second connection behind the same number. */
static void reuse_while_blocked(void)
{
	static char into[100], first_name[64], second_name[64];
	int first_client = client, first_server = server, second_client, second_server;
	pthread_t reader;

	exchange(10, 10);
	pthread_create(&reader, NULL, late_read, into);
	wait_until_in(&reader_id, SYS_recvfrom);
	strcpy(first_name, client_name);
	tcp(AF_INET);
	second_client = client;
	second_server = server;
	CHECK(dup2(second_server, first_server));
	close(second_server);
	client = first_client;
	write_up(100);
	pthread_join(reader, NULL);
	close(client);
	strcpy(second_name, client_name);
	strcpy(client_name, first_name);
	report();
	strcpy(client_name, second_name);
	client = second_client;
	server = first_server;
	exchange(50, 50);
	end();
}

static void reuse(int count)
{
	struct sockaddr_storage name;
	socklen_t length;
	int listening = listener(AF_INET, &name, &length);
	int wanted = 100;

	for (int i = 0; i < count; i++) {
		int fd = CHECK(socket(AF_INET, SOCK_STREAM, 0));

		client = CHECK(dup2(fd, wanted));
		close(fd);
		CHECK(connect(client, (void *)&name, length));
		remember_client();
		server = CHECK(accept(listening, NULL, NULL));
		exchange(10 + i % 7, 20 + i % 5);
		end();
	}
	close(listening);
}

#endif
