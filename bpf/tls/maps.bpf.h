/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* What is remembered of TLS libraries: calls under way, sessions, cipher text on its way to a socket. */
#ifndef SOCKEYE_TLS_MAPS_H
#define SOCKEYE_TLS_MAPS_H

#include "../kernel.h"
#include <bpf/bpf_helpers.h>

/* Where a TLS session's cipher text moves: what its plain-text entries say of the socket. */
struct tls_socket {
	u64 conn; /* 0: not known */
	u64 sock; /* with the inode, tells this socket from the next one of that descriptor */
	u64 inode;
	s32 fd;
	u8 family;
	u8 flags; /* enum entry_flags: who called whom */
	u16 pad;
	u16 local_port;
	u16 remote_port;
	u32 pad2;
	u8 local[16];
	u8 remote[16];
};

/* A call of a TLS function under way. */
struct tls_call {
	u64 session; /* what the library calls it by: SSL * */
	u64 bytes;
	u64 moved; /* where the count will be; 0: it is the result */
	u64 stack; /* the stack pointer at its first instruction: tells its return from others */
	u64 conn; /* of the session, as known at the entry */
	u8 role; /* enum tls_role */
	u8 source; /* enum source */
	u8 is_sending; /* plain text of the session was seen before: its cipher text need not be sent */
	u8 has_io; /* a socket was used meanwhile */
	u8 is_unwanted; /* and is none of --port */
	u8 pad[3];
	struct tls_socket socket; /* conn 0: none but the session's own was used */
};

/* Calls under way of a thread, the innermost last: TLS within TLS is a call within a call. */
#define TLS_DEPTH 2
struct tls_thread {
	u32 depth;
	u32 pad;
	struct tls_call calls[TLS_DEPTH];
};

struct tls_session_key {
	u64 session;
	u64 pid;
};
/* The last bytes of an encrypted record: as good as random, so that no two are alike. */
struct tls_tag {
	u64 bytes[2];
};

/* A TLS session, from its first plain text or socket on. Arrays are by direction. */
struct tls_session {
	struct tls_socket socket;
	u64 bytes[2]; /* plain text so far */
	u32 plaintext; /* entry.plaintext */
	u32 generation; /* verdict_generation when `verdicts` was last looked at */
	u32 until[2]; /* struct judgement */
	u8 verdict;
	u8 passing;
	u8 is_unwanted;
	u8 pad[5];
};

/* By thread (pid and tid), its calls of TLS functions; removed at the thread's end. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, u64);
	__type(value, struct tls_thread);
} tls_threads SEC(".maps");

/* One without calls to copy from: it is too large for the stack. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct tls_thread);
} tls_no_calls SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1);
	__type(key, struct tls_session_key);
	__type(value, struct tls_session);
} tls_sessions SEC(".maps");

/* Cipher text that left a TLS session for memory, by its record's tag: whose it is. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1);
	__type(key, struct tls_tag);
	__type(value, struct tls_session_key);
} tls_sent SEC(".maps");

#endif
