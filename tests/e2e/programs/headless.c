/*
 * An HTTP server in a thread whose main thread ends by pthread_exit(): argument: the port. It says
 * "ready", and answers each connection once, and starts a child that ends behind each.
 */
#include <arpa/inet.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static void *serve(void *listening)
{
	static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n"
				     "Connection: close\r\n\r\nok";
	char request[4096];

	for (;;) {
		int fd = accept(*(int *)listening, NULL, NULL);

		if (fd < 0)
			exit(1);
		if (read(fd, request, sizeof(request)) > 0 &&
		    write(fd, answer, strlen(answer)) < 0)
			perror("write");
		close(fd);
		if (fork() == 0)
			_exit(0);
		wait(NULL);
	}
	return NULL;
}

int main(int argc, char **argv)
{
	static int listening;
	struct sockaddr_in address = { .sin_family = AF_INET };
	pthread_t thread;

	if (argc != 2)
		return 2;
	address.sin_port = htons(atoi(argv[1]));
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	listening = socket(AF_INET, SOCK_STREAM, 0);
	if (bind(listening, (struct sockaddr *)&address, sizeof(address)) || listen(listening, 8))
		return 1;
	if (pthread_create(&thread, NULL, serve, &listening))
		return 1;
	puts("ready");
	fflush(stdout);
	pthread_exit(NULL);
}
