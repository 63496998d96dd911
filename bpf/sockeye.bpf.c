/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The kernel side of sockeye: one object for every supported kernel; user space loads only the
 * programs of the way that this kernel allows.
 *
 *   process.bpf.h   which processes are traced
 *   socket.bpf.h    capture on the socket hooks (6.3 and later)
 *   syscalls.bpf.h  capture at the end of system calls (5.10 and later)
 *   continue.bpf.h  system calls that take more than one program: recvmmsg, splice, large payloads
 *   uring.bpf.h     what io_uring moves
 *   steady.bpf.h    other entries to all of these, for kernels that preempt programs (7.0 and later)
 *   tls/            plain text at the functions of TLS libraries, bound to sockets
 *   conn.bpf.h      a connection's state, its first and last event
 *   emit.bpf.h      entries, batches, perf buffers
 *   walk.bpf.h      a large payload in chunks
 *   payload.bpf.h   how much of a payload is sent, and its copying
 *   infer/          could this be a known protocol? A file for each
 *   filter.bpf.h    processes, ports     message.bpf.h  msghdr, sockaddr
 *   maps.bpf.h      maps, settings       abi.h          what user space must know
 *   kernel.h        kernel types         arch.h         registers and system call numbers
 */
#include "kernel.h"

struct bpf_sock_addr {
	u32 user_family;
	u32 user_ip4;
	u32 user_ip6[4];
	u32 user_port;
};

#include "process.bpf.h"
#include "socket.bpf.h"
#include "syscalls.bpf.h"
#include "continue.bpf.h"
#include "uring.bpf.h"
#include "steady.bpf.h"
#include "tls/tls.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* Sends this cpu's batch. Never attached: user space runs it on every cpu whose batch holds entries. */
SEC("raw_tp")
int flush(void *ctx)
{
	return send_waiting(ctx) ? 0 : 1;
}
