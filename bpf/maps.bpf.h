/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Every map of the program but those of tls/maps.bpf.h, and the settings that user space fills in before the load. */
#ifndef SOCKEYE_MAPS_H
#define SOCKEYE_MAPS_H

#include "kernel.h"
#include <bpf/bpf_helpers.h>
#include "abi.h"
#include "infer/infer.bpf.h"
#include "tls/maps.bpf.h"

/* A batch is sent when the next entry would not fit into this many bytes. */
#define BATCH_BYTES 16384
/* Payloads up to this size are collected in the batch; larger ones go out directly, in chunks. */
#define SMALL_BYTES 4096
#define CHUNK_BYTES 30720
/* A vector of more pieces goes out in chunks, however small its payload. */
#define SMALL_PIECES 8
/* Payload bytes sent of each direction of a connection of no known protocol. */
#define UNKNOWN_BYTES 256

const volatile struct config config SEC(".rodata") = {};

struct peer {
	u32 port; /* host order */
	u32 family;
	u8 address[16] __attribute__((aligned(8)));
};

/*
 * "These bytes moved on this socket": filled in by a capture way, sent by emit.bpf.h. It lies in map
 * memory because the verifier does not follow values there: code after a branch is checked once. On
 * the stack it would be checked again for every combination of values that the branches leave.
 */
struct io_operation {
	u64 position; /* 0: not known yet (find_place() sets it) */
	s32 fd;
	u32 total;
	u8 direction;
	u8 operation;
	u8 cut;
	u8 family;
	u8 kind; /* of the socket: kind_of() */
	u8 has_peer;
	u8 pad[6];
	u32 wanted; /* payload bytes to send: within the buffer and --snaplen */
	u32 copied; /* payload bytes that copy_small() could read */
	/* Where the bytes are in the process: one range, or a vector of them. */
	u64 base;
	u64 length;
	u64 iov; /* 0: one range */
	u64 pieces;
	struct peer peer;
};

struct open_entry {
	struct entry entry;
	struct open_names names;
};

/*
 * Entries of one cpu that wait to be sent together. User space maps this, reads `used`, and runs the
 * program `flush` to send what waits. `data` is larger than BATCH_BYTES for the verifier alone: it
 * cannot see that an entry and its payload always end before BATCH_BYTES.
 */
struct batch {
	u32 used;
	u32 busy; /* held by a program: another one that interrupts it must not touch the batch */
	u64 first_ns;
	u32 data_sequence;
	u32 conn_sequence;
	u64 conn_ids; /* syscall way: the last id given on this cpu */
	u32 plaintext_ids; /* likewise of plain-text streams */
	struct io_operation op;
	struct user_iovec pieces[SMALL_PIECES];
	struct user_message message;
	u32 call; /* syscall way: call_of(), for its continuations */
	u32 message_index; /* syscall way: next message of a sendmmsg() or recvmmsg() */
	u32 messages_bytes; /* bytes of that message and those after it */
	u32 slot; /* where this batch is in the map */
	struct head head;
	u8 data[BATCH_BYTES + 2 * SMALL_BYTES + 128];
	struct open_entry open; /* where a connection event is put together */
};

/* The walk over a large operation's buffers, in map memory like struct io_operation: every step looks
 * the same to the verifier. */
struct walk {
	u64 iov;
	u64 iov_left;
	u64 base;
	u64 piece_left;
	u64 left;
	u64 filled; /* bytes in the chunk that is being filled */
	u64 done;   /* bytes sent */
	u8 cut;
};

struct scratch {
	struct entry entry;
	u8 data[2 * CHUNK_BYTES];
	struct walk walk;
};

/* The state of a connection, kept as long as its socket lives. Arrays are by direction. */
struct conn_state {
	u64 id;
	u64 inode; /* syscall way: tells a socket from the next one at the same address */
	u64 bytes[2]; /* moved since the connection was first seen */
	u64 reported_ns; /* when the last data entry was sent */
	u32 sent[2]; /* payload bytes sent while no known protocol was found: UNKNOWN_BYTES at most */
	u32 generation; /* verdict_generation when `verdicts` was last looked at */
	u8 suspect;
	u8 verdict;
	u8 flags; /* enum entry_flags */
	u8 opened; /* ENTRY_OPEN was sent */
	u8 ended; /* ENTRY_EOF of ingress was sent */
	u8 closed; /* ENTRY_CLOSE was sent */
	u8 passing; /* struct judgement, `until` likewise */
	u8 encrypted; /* its plain text is sent: what moves on the socket is only counted */
	u32 until[2];
};

struct mmsg_call {
	u64 vector;
	u32 count;
	u32 next;
};

struct peer_key {
	u64 cookie; /* of the socket */
	u64 task;
};

/*
 * Socket way: operations of io_uring on a socket that have moved bytes and not completed yet, with a
 * copy of the connection's state, because the program at the completion cannot reach socket storage.
 */
#define URING_MOVES 8
struct uring_move {
	u64 position;
	u64 length;
};
struct uring_queue {
	u32 head;
	u32 tail;
	struct uring_move moves[URING_MOVES];
};
struct uring_socket {
	struct conn_state state;
	struct uring_queue of[2];
};

struct {
	__uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
	__uint(key_size, 4);
	__uint(value_size, 4);
} data_events SEC(".maps"), conn_events SEC(".maps"), tls_events SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct batch);
} batches SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct scratch);
} scratch SEC(".maps");

/* Syscall way: programs that sys_exit tail-calls (continue.bpf.h); user space puts them here. */
enum continuation {
	CONTINUE_MESSAGES = 0, /* messages_exit */
	CONTINUE_WALK = 1,     /* walk_exit */
	CONTINUATIONS = 2,
};
struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, CONTINUATIONS);
	__uint(key_size, 4);
	__uint(value_size, 4);
} continuations SEC(".maps");

struct marks {
	u8 of[MARKS_PER_VALUE];
};
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct marks);
} process_marks SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, COUNTER_COUNT);
	__type(key, u32);
	__type(value, u64);
} counters SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 65536);
	__type(key, u64);
	__type(value, struct judgement);
} verdicts SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, u32);
} verdict_generation SEC(".maps");

/* Socket way: states in socket storage, which the kernel frees with the socket. */
struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct conn_state);
} socket_states SEC(".maps");

/* Syscall way: states by the socket's address in the kernel. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 65536);
	__type(key, u64);
	__type(value, struct conn_state);
} address_states SEC(".maps");

/* The names of --comm, filled in by user space before anything is attached. */
struct comm {
	char name[16]; /* zeros behind its end */
};
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, struct comm);
	__type(value, u32);
} comms SEC(".maps");

/* Socket way: by thread, the message that its sendmmsg() or recvmmsg() moves next. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, u32);
	__type(value, struct mmsg_call);
} mmsg_calls SEC(".maps");

/* Socket way: sender of the datagram that an unconnected socket is receiving, from peer4() and peer6(). */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, struct peer_key);
	__type(value, struct peer);
} peers SEC(".maps");

/* Socket way: what io_uring moved, by the socket's address in the kernel. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 8192);
	__type(key, u64);
	__type(value, struct uring_socket);
} uring_sockets SEC(".maps");

/* One zeroed uring_socket to copy from: it is too large for the stack. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct uring_socket);
} uring_zero SEC(".maps");

/*
 * Batches and scratch spaces are found by slot. The hooks' slot is the CPU's number; programs that a
 * hook can interrupt on their CPU, those on functions of TLS libraries, have the slot config.cpus beyond
 * it, if the maps have as many. They have a perf buffer of their own, too: a ring is read in order of
 * time, and its entries are numbered by one batch.
 */
#define SLOTS_PER_CPU 2

static __always_inline u32 hook_slot(void)
{
	return bpf_get_smp_processor_id();
}

static __always_inline u32 tls_slot(void)
{
	return bpf_get_smp_processor_id() + config.cpus;
}

static __always_inline struct batch *batch_at(u32 slot)
{
	return bpf_map_lookup_elem(&batches, &slot);
}

static __always_inline struct scratch *scratch_at(u32 slot)
{
	return bpf_map_lookup_elem(&scratch, &slot);
}

static __always_inline void count(u32 counter, u64 amount)
{
	u64 *value = bpf_map_lookup_elem(&counters, &counter);

	if (value)
		*value += amount;
}

#endif
