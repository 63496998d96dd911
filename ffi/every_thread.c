/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A few system calls on every thread of this process. Capabilities and Landlock belong to a thread,
 * and the runtime has several that no script runs on.
 *
 * In: system calls with their arguments. Out: the same list with the first error of each. A thread is
 * reached by a signal, whose handler makes the calls there and nothing else; what the signal meant
 * before is put back. Threads born meanwhile inherit from one that was reached, or are reached, too.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define MAX_THREADS 1024
/* glibc uses the first two real-time signals (32 and 33); runtimes tend to use the last ones. */
#define OUR_SIGNAL 44
#define NAP_NS 50000

struct call {
	long number;
	long arguments[5];
	long error; /* out: errno of the first thread that was refused, or 0 */
};

struct entry {
	unsigned long inode;
	long offset;
	unsigned short length;
	unsigned char type;
	char name[];
};

static struct call *calls;
static int call_count;
static int reached[MAX_THREADS];
static int reached_count;

static void make_calls(void)
{
	for (int i = 0; i < call_count; i++) {
		struct call *it = &calls[i];
		long *a = it->arguments;

		if (syscall(it->number, a[0], a[1], a[2], a[3], a[4]) < 0)
			__atomic_store_n(&it->error, errno, __ATOMIC_RELAXED);
	}
	int slot = __atomic_fetch_add(&reached_count, 1, __ATOMIC_ACQ_REL);
	if (slot < MAX_THREADS)
		__atomic_store_n(&reached[slot], (int)syscall(SYS_gettid), __ATOMIC_RELEASE);
}

static void on_signal(int signal)
{
	int before = errno;

	(void)signal;
	make_calls();
	errno = before;
}

static int was_reached(int thread)
{
	for (int i = 0; i < MAX_THREADS; i++)
		if (__atomic_load_n(&reached[i], __ATOMIC_ACQUIRE) == thread)
			return 1;
	return 0;
}

static long now_ns(void)
{
	struct timespec now;

	syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000L + now.tv_nsec;
}

/* Signals one thread and waits until it has made the calls, or is gone, or time is up. */
static int reach(int thread, long deadline)
{
	struct timespec nap = { 0, NAP_NS };

	if (syscall(SYS_tgkill, getpid(), thread, OUR_SIGNAL) < 0)
		return errno == ESRCH ? 0 : errno;
	while (!was_reached(thread)) {
		if (now_ns() > deadline)
			return ETIMEDOUT;
		if (syscall(SYS_tgkill, getpid(), thread, 0) < 0)
			return 0;
		nanosleep(&nap, NULL);
	}
	return 0;
}

/* One pass over /proc/self/task; the number of threads that were new, or -errno. */
static int pass(int folder, long deadline)
{
	_Alignas(8) char buffer[4096];
	int fresh = 0;
	long n;

	lseek(folder, 0, SEEK_SET);
	while ((n = syscall(SYS_getdents64, folder, buffer, sizeof(buffer))) > 0) {
		for (long at = 0; at < n;) {
			struct entry *entry = (struct entry *)(buffer + at);
			int thread = atoi(entry->name);
			int error;

			at += entry->length;
			if (thread == 0 || was_reached(thread))
				continue;
			fresh++;
			error = reach(thread, deadline);
			if (error)
				return -error;
		}
	}
	return n < 0 ? -errno : fresh;
}

/* Does the folder list our threads by the ids that we use? Not if /proc is of another pid namespace. */
static int names_us(int folder)
{
	char own[16];
	int found;

	snprintf(own, sizeof(own), "%d", (int)syscall(SYS_gettid));
	found = openat(folder, own, O_PATH | O_CLOEXEC);
	if (found < 0)
		return 0;
	close(found);
	return 1;
}

/* 0, or an errno: then not every thread was reached. */
int sockeye_on_every_thread(struct call *list, int count, int timeout_ms)
{
	struct sigaction action = { .sa_handler = on_signal, .sa_flags = SA_RESTART | SA_ONSTACK };
	struct sigaction before;
	long deadline = now_ns() + timeout_ms * 1000000L;
	int folder = open("/proc/self/task", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int result;

	if (folder < 0)
		return errno;
	calls = list;
	call_count = count;
	reached_count = 0;
	for (int i = 0; i < MAX_THREADS; i++)
		reached[i] = 0;
	sigfillset(&action.sa_mask);
	sigaction(OUR_SIGNAL, &action, &before);
	/* Our own thread last: it may need what it gives up to reach the others. */
	reached[reached_count++] = (int)syscall(SYS_gettid);
	result = names_us(folder) ? 1 : -ESRCH;
	while (result > 0)
		result = now_ns() > deadline ? -ETIMEDOUT : pass(folder, deadline);
	/* A thread that gets the signal later must not run the handler: its list is gone then. */
	if (result == 0)
		sigaction(OUR_SIGNAL, &before, NULL);
	else
		action.sa_handler = SIG_IGN, sigaction(OUR_SIGNAL, &action, NULL);
	make_calls();
	close(folder);
	return -result;
}
