/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The few kernel types this program looks into, with only the fields it reads. Their real offsets
 * are filled in at load from the running kernel's BTF (CO-RE), so no kernel headers are needed.
 */
#ifndef SOCKEYE_KERNEL_H
#define SOCKEYE_KERNEL_H

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef signed char s8;
typedef short s16;
typedef int s32;
typedef long long s64;
typedef u8 __u8;
typedef u16 __u16;
typedef u32 __u32;
typedef u64 __u64;
typedef s8 __s8;
typedef s16 __s16;
typedef s32 __s32;
typedef s64 __s64;
typedef u16 __be16;
typedef u32 __be32;
typedef u64 __be64;
typedef u32 __wsum;
typedef _Bool bool;
#define true 1
#define false 0
#define NULL ((void *)0)

enum {
	BPF_MAP_TYPE_HASH = 1,
	BPF_MAP_TYPE_ARRAY = 2,
	BPF_MAP_TYPE_PROG_ARRAY = 3,
	BPF_MAP_TYPE_PERF_EVENT_ARRAY = 4,
	BPF_MAP_TYPE_PERCPU_ARRAY = 6,
	BPF_MAP_TYPE_LRU_HASH = 9,
	BPF_MAP_TYPE_SK_STORAGE = 24,
};
enum {
	BPF_ANY = 0,
	BPF_NOEXIST = 1,
	BPF_F_NO_PREALLOC = 1 << 0,
	BPF_F_MMAPABLE = 1 << 10,
	BPF_SK_STORAGE_GET_F_CREATE = 1,
};
#define BPF_F_CURRENT_CPU 0xffffffffULL

/* Structs that user space passes to system calls: their layouts never change. */
struct user_iovec {
	u64 base;
	u64 length;
};
struct user_message { /* struct user_msghdr */
	u64 name;
	s32 name_length;
	u32 pad;
	u64 iov;
	u64 iov_count;
	u64 control;
	u64 control_length;
	u32 flags;
	u32 pad2;
};
struct user_mmsg { /* struct mmsghdr */
	struct user_message message;
	u32 length;
	u32 pad;
};

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct in6_addr {
	union {
		u8 u6_addr8[16];
	} in6_u;
};
typedef struct {
	s64 counter;
} atomic64_t;
typedef struct {
	int counter;
} atomic_t;
struct sock_common {
	__be32 skc_daddr;
	__be32 skc_rcv_saddr;
	__be16 skc_dport;
	u16 skc_num;
	unsigned short skc_family;
	volatile unsigned char skc_state;
	struct in6_addr skc_v6_daddr;
	struct in6_addr skc_v6_rcv_saddr;
	atomic64_t skc_cookie;
	unsigned long skc_flags;
};
struct file;
struct sock;
struct socket {
	struct file *file;
	struct sock *sk;
};
struct sock {
	struct sock_common __sk_common;
	struct socket *sk_socket;
	u16 sk_type;
	u16 sk_protocol;
	u8 sk_shutdown;
};
struct tcp_sock {
	u32 write_seq;
	u32 copied_seq;
	u32 rcv_nxt;
	u32 snd_una;
	u64 bytes_received;
	u64 bytes_acked;
};
struct sockaddr_un {
	unsigned short sun_family;
	char sun_path[108];
};
struct unix_address {
	int len;
	struct sockaddr_un name[0];
};
struct unix_sock {
	struct unix_address *addr;
	struct sock *peer;
};
struct inode {
	unsigned short i_mode;
	unsigned long i_ino;
};
struct file {
	struct inode *f_inode;
	void *private_data;
};
struct fdtable {
	unsigned int max_fds;
	struct file **fd;
};
struct files_struct {
	struct fdtable *fdt;
};
struct signal_struct {
	atomic_t live;
	int group_exit_code;
};
struct thread_info {
	u32 status;
};
struct task_struct {
	struct thread_info thread_info;
	unsigned int flags;
	int exit_code;
	s32 pid;
	s32 tgid;
	struct task_struct *group_leader;
	struct files_struct *files;
	struct signal_struct *signal;
	void *io_uring;
	char comm[16];
};
struct io_uring_cqe {
	s32 res;
	u32 flags;
};
struct io_kiocb {
	struct file *file;
	u8 opcode;
	u64 flags;
};
struct io_sr_msg {
	void *buf;
	unsigned int done_io;
};
struct io_rw {
	u64 addr;
	u32 len;
};

/* Records of classic tracepoints: what their programs get as context (steady.bpf.h). */
struct trace_event_raw_sock_msg_length {
	void *sk;
	int ret;
	int flags;
};
struct trace_event_raw_io_uring_complete {
	void *req;
	int res;
};
struct trace_event_raw_sys_exit {
	long ret;
};
struct trace_event_raw_task_newtask {
	s32 pid;
	char comm[16];
	u64 clone_flags;
};
struct trace_event_raw_task_rename {
	s32 pid;
	char newcomm[16];
};

#pragma clang attribute pop

/* struct io_kiocb up to kernel 6.8: `flags` had 32 bits, and has 64 since. */
struct io_kiocb___narrow {
	u32 flags;
} __attribute__((preserve_access_index));

#endif
