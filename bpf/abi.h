/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * What the kernel side and user space say to each other: every struct, number and name that both
 * must agree on. Plain C types only, so that it compiles as BPF, as ordinary C in the tests, and is
 * compared field by field with lib/capture/abi.ts by tests/abi_test.ts.
 *
 * Both perf buffers carry samples; a sample is one or more entries back to back, each starting with
 * struct entry and padded to 8 bytes. `size` steps to the next one. Little endian, as the machine is.
 */
#ifndef SOCKEYE_ABI_H
#define SOCKEYE_ABI_H

#define ABI_VERSION 1

typedef unsigned char abi_u8;
typedef unsigned short abi_u16;
typedef unsigned int abi_u32;
typedef int abi_s32;
typedef unsigned long long abi_u64;

/* What an entry reports. */
enum entry_kind {
	ENTRY_DATA = 1,  /* bytes moved on a socket; payload follows */
	ENTRY_OPEN = 2,  /* a connection seen for the first time; struct open_names follows */
	ENTRY_CLOSE = 3, /* a connection ended; struct close_totals follows */
	ENTRY_EXIT = 4,  /* a traced process ended (its last thread) */
	ENTRY_TICK = 5,  /* time passed; written by user space only, between reads of the rings */
	ENTRY_LOST = 6,  /* `total` entries of this cpu were lost; written by user space only */
	ENTRY_EOF = 7,   /* one direction ended: shutdown(), or a read that returned 0 */
	ENTRY_START = 8, /* a process joined the traced ones (fork, exec) */
	ENTRY_BOUND = 9, /* the plain-text stream `plaintext`, which had no known socket, is of `conn` */
};

enum direction {
	DIRECTION_EGRESS = 0,  /* sent by the traced process */
	DIRECTION_INGRESS = 1, /* received by it */
};

/* The call that moved the bytes. */
enum operation {
	OP_OTHER = 0,
	OP_READ = 1,
	OP_READV = 2,
	OP_RECVFROM = 3,
	OP_RECVMSG = 4,
	OP_RECVMMSG = 5,
	OP_WRITE = 6,
	OP_WRITEV = 7,
	OP_SENDTO = 8,
	OP_SENDMSG = 9,
	OP_SENDMMSG = 10,
	OP_SENDFILE = 11,
	OP_SPLICE = 12,
	OP_IO_URING = 13,
	OP_CONNECT = 14,
	OP_ACCEPT = 15,
	OP_SHUTDOWN = 16,
	OP_CLOSE = 17,
	OP_TLS_READ = 18,
	OP_TLS_WRITE = 19,
};

/* Where the bytes were taken: on the socket, or as plain text inside a TLS library. */
enum source {
	SOURCE_SOCKET = 0,
	SOURCE_OPENSSL = 1,
	SOURCE_BORINGSSL = 2,
	SOURCE_GNUTLS = 3,
	SOURCE_NSS = 4,
	SOURCE_GO_TLS = 5,
	SOURCE_RUSTLS = 6,
	SOURCE_NODE_TLS = 7,
};

/* Why `length` is smaller than what the operation moved; 0 when it is not. */
enum cut {
	CUT_NONE = 0,
	CUT_SNAPLEN = 1,    /* more than --snaplen, or more pieces than can be walked */
	CUT_UNREADABLE = 2, /* the buffer could not be read (fault, or a registered io_uring buffer) */
	CUT_UNSEEN = 3,     /* the path has no user buffer (sendfile, splice) */
	CUT_FILTERED = 4,   /* the connection matched no known protocol */
	CUT_ABI = 5,        /* a 32-bit process: arguments not decoded */
	CUT_PASSED = 6,     /* body bytes beyond --max-body, which user space only counts (struct judgement) */
};

enum entry_flags {
	FLAG_TCP_POSITION = 1 << 0, /* position is TCP's own sequence, modulo 2^32; else a 64-bit byte count */
	FLAG_FRESH = 1 << 1,        /* the connection had moved nothing before its first event */
	FLAG_CLIENT = 1 << 2,       /* connect() was seen: the traced process is the client */
	FLAG_SERVER = 1 << 3,       /* fresh, and no connect(): it was accepted */
	FLAG_DATAGRAM = 1 << 4,     /* one operation is one message */
	FLAG_REMOTE_NAMED = 1 << 5, /* the remote address was taken from the call, not from the socket */
	FLAG_LAST_CHUNK = 1 << 6,   /* last entry of its operation */
};

/* AF_ numbers as the kernel has them. */
#define FAMILY_UNIX 1
#define FAMILY_INET 2
#define FAMILY_INET6 10

/*
 * Filled in by user space before the load (.rodata): what to trace. A process is traced when every
 * bit of `wanted_marks` is set for it in process_marks; without bits every process is.
 */
#define MARK_TREE 1 /* given by --pid, started by COMMAND, or a descendant of one */
#define MARK_COMM 2 /* its name is one of --comm, which are the keys of the map `comms` */
#define MARK_TLS 4  /* it has called a function of a TLS library that is probed; set by the kernel side */
#define MARK_MEMORY 8 /* it moves cipher text itself: a TLS session of it had no socket; likewise */
#define MARK_NEVER 128 /* sockeye itself, or a process that carries its output away */
#define MAX_PORTS 16
#define MARKS_PER_VALUE 64 /* process_marks: value pid/64 holds one byte for each of 64 pids */

struct config {
	abi_u32 wanted_marks;
	abi_u32 follow;      /* children of marked processes are marked */
	abi_u32 unfiltered;  /* payload of connections of no known protocol, too */
	abi_u32 snaplen;     /* payload bytes kept of one operation */
	abi_u32 cpus;        /* possible cpus: entries of `batches` and `scratch` */
	abi_u32 port_count;  /* 0: every port */
	abi_u32 socket_way;  /* 1: sock_{send,recv}_length; 0: sys_exit */
	abi_u32 io_uring;    /* io_uring_done is attached: it sends what io_uring moves */
	abi_u32 tls;         /* TLS libraries may be probed: cipher text is told from clear text */
	abi_u16 ports[MAX_PORTS]; /* host order; either end */
};

/* Indexes of the array map `counters` (per cpu, u64): what the kernel side saw and did not send. */
enum counter {
	COUNTER_DATA_LOST = 0,      /* entries that did not fit into data_events */
	COUNTER_CONN_LOST = 1,      /* entries that did not fit into conn_events */
	COUNTER_FILTERED_PORT = 2,  /* operations on sockets of other ports than --port */
	COUNTER_FILTERED_BYTES = 3, /* payload of connections of no known protocol, not sent */
	COUNTER_UNREADABLE = 4,     /* operations whose buffer could not be read */
	COUNTER_STATE_FULL = 5,     /* operations on connections for which there was no room to keep state */
	COUNTER_NESTED = 6,         /* operations met while this cpu's batch was in use: lost */
	COUNTER_ENCRYPTED_BYTES = 7, /* cipher text that was not sent, since its plain text is */
	COUNTER_UNBOUND = 8,        /* plain-text operations of no known connection */
	COUNTER_TLS_BUSY = 9,       /* plain-text operations met while this cpu's batch for them was in use: lost */
	COUNTER_TLS_UNPAIRED = 10,  /* calls of TLS functions whose return was not seen */
	COUNTER_COUNT = 11,
};

/*
 * The cookie of a probe on a TLS function: an enum source in the low byte, then, as of TLS_COOKIE_ROLE and
 * TLS_COOKIE_COUNT (bits), what it does and where its count is.
 */
#define TLS_COOKIE_ROLE 8
#define TLS_COOKIE_COUNT 16
enum tls_role {
	TLS_READ = 0,
	TLS_WRITE = 1,
	TLS_PEEK = 2, /* its bytes come again */
};
enum tls_count {
	TLS_COUNT_RESULT = 0,
	TLS_COUNT_AT_FOURTH = 1, /* at the address that is the fourth argument */
	TLS_COUNT_AT_FIFTH = 2,
};

enum verdict {
	VERDICT_KEEP = 1, /* a known protocol: always send payload */
	VERDICT_STOP = 2, /* send no more payload, only totals */
};

/*
 * Plain-text streams have ids of their own, PLAINTEXT_IDS + entry.plaintext, beyond those of sockets:
 * the key of their judgements, and the `conn` of entries as long as their socket is not known.
 */
#define PLAINTEXT_IDS (1ULL << 52)

/* What user space writes into the map `verdicts` (by conn); then it adds 1 to verdict_generation. */
struct judgement {
	abi_u32 verdict;  /* enum verdict */
	abi_u32 passing;  /* bit 1 << direction: operations that end at or before `until` send only their count */
	abi_u32 until[2]; /* stream positions, modulo 2^32, by direction */
};

struct entry {
	abi_u32 size;     /* bytes to the next entry: this header, what follows it, padding to 8 */
	abi_u32 sequence; /* counts up by one per cpu and per perf buffer: a jump is a loss */
	abi_u64 time_ns;  /* CLOCK_MONOTONIC at the end of the operation */
	abi_u64 conn;     /* identity of the socket: its cookie, or an id of our own; never 0 but for EXIT/START/TICK/LOST */
	abi_u64 position; /* stream position of the operation's first byte in its direction (FLAG_TCP_POSITION) */
	abi_u32 pid;      /* process (tgid) */
	abi_u32 tid;
	abi_s32 fd;       /* -1 when the path has none */
	abi_u32 total;    /* bytes the operation moved; ENTRY_LOST: entries lost; ENTRY_EXIT: exit code;
	                   * ENTRY_CLOSE: bytes received that the process had not read by then */
	abi_u32 offset;   /* of this entry's payload within the operation */
	abi_u32 length;   /* payload bytes that follow */
	abi_u8 kind;      /* enum entry_kind */
	abi_u8 direction;
	abi_u8 operation;
	abi_u8 source;
	abi_u8 flags;
	abi_u8 cut;
	abi_u8 family;
	abi_u8 suspect;   /* not 0: a rule of bpf/infer/ matched the connection */
	abi_u32 plaintext; /* which plain-text stream of the socket (TLS): 0 for the socket's own bytes */
	abi_u16 local_port; /* host order; 0 for unix */
	abi_u16 remote_port;
	char comm[16];    /* name of the process (its main thread) at this moment */
	abi_u8 local[16]; /* IPv4 in the first 4 bytes; network order */
	abi_u8 remote[16];
};

/* After ENTRY_OPEN. A name's length 0: unnamed; first byte 0: abstract. */
struct open_names {
	abi_u64 egress_position;  /* position of the next byte at that moment */
	abi_u64 ingress_position;
	abi_u16 local_length;
	abi_u16 remote_length;
	abi_u32 inode;            /* of the socket, as in /proc/PID/fd */
	char local[108];
	char remote[108];
};

/* After ENTRY_CLOSE. */
struct close_totals {
	abi_u64 egress_position; /* final positions; TCP counts a FIN as one more */
	abi_u64 ingress_position;
	abi_u64 egress_bytes;    /* moved since the connection was first seen */
	abi_u64 ingress_bytes;
};

#endif
