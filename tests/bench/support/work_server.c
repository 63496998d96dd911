// SPDX-License-Identifier: Apache-2.0
/*
 * An HTTP/1.1 server of one thread that computes for a while before each answer.
 *
 *     work_server PORT MICROSECONDS
 *
 * The work is a number of steps, found at the start, and not a stretch of time: whatever interrupts it
 * makes the answer later. "GET /served" tells how many requests came so far, itself included.
 * Requests are small and not pipelined, as its load generator sends them.
 */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define CALIBRATION_STEPS 10000000ull

static volatile uint64_t sink;

static void work(uint64_t steps)
{
	uint64_t x = sink;

	while (steps--)
		x = x * 6364136223846793005ull + 1442695040888963407ull;
	sink = x;
}

static double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec + now.tv_nsec / 1e9;
}

/* Steps that take one microsecond; the best of several tries, so that interruptions do not count. */
static double steps_a_microsecond(void)
{
	double best = 1e9;

	for (int i = 0; i < 5; i++) {
		double start = seconds(), took;

		work(CALIBRATION_STEPS);
		took = seconds() - start;
		if (took < best)
			best = took;
	}
	return CALIBRATION_STEPS / best / 1e6;
}

static void answer(int fd, uint64_t steps)
{
	static unsigned long served;
	char request[4096], body[32], response[256];
	ssize_t length = read(fd, request, sizeof(request) - 1);
	int size;

	if (length <= 0) {
		close(fd);
		return;
	}
	request[length] = 0;
	served++;
	if (!strncmp(request, "GET /served", 11))
		size = snprintf(body, sizeof(body), "%lu\n", served);
	else
		size = snprintf(body, sizeof(body), "done\n"), work(steps);
	size = snprintf(response, sizeof(response),
			"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n%s",
			size, body);
	if (write(fd, response, size) != size)
		close(fd);
}

static int listen_on(int port)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(port) };
	int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1;

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) || listen(fd, 4096)) {
		perror("Cannot listen");
		exit(1);
	}
	return fd;
}

static void add(int poll, int fd)
{
	struct epoll_event event = { .events = EPOLLIN, .data.fd = fd };

	epoll_ctl(poll, EPOLL_CTL_ADD, fd, &event);
}

int main(int argc, char **argv)
{
	struct epoll_event events[64];
	struct rlimit files;
	uint64_t steps;
	int listener, poll, on = 1;

	if (argc != 3)
		return 2;
	getrlimit(RLIMIT_NOFILE, &files);
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
	steps = steps_a_microsecond() * atof(argv[2]);
	listener = listen_on(atoi(argv[1]));
	poll = epoll_create1(0);
	add(poll, listener);
	for (;;) {
		int count = epoll_wait(poll, events, 64, -1);

		for (int i = 0; i < count; i++) {
			int fd = events[i].data.fd;

			if (fd != listener) {
				answer(fd, steps);
			} else if ((fd = accept(listener, NULL, NULL)) >= 0) {
				setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
				add(poll, fd);
			}
		}
	}
}
