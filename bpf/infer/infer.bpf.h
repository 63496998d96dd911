/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Could an operation's first bytes be a known protocol's? A filter that spares user space the payload
 * of connections of no known protocol.
 *
 * In: the head of one operation. Out: whether any rule takes it. False positives are fine, false
 * negatives are not: a rule takes whatever the user-space probe of its protocol accepts or is unsure
 * about (tests/bpf/infer_test.ts), so a head too short to be refused is a match.
 *
 * A rule is a file here, NAME.bpf.h; the build lists them (infer_rules.h). It says two things:
 *
 *   NAME_STARTS(byte, is_datagram)   which first bytes it may take: for all others it is not called,
 *                                    so that an operation does not pay for every rule
 *   infer_NAME(head)                 whether it takes this head
 *
 * A protocol to which others hand their connections over needs no rule. It has a file nevertheless:
 * NAME_STARTS is 0 and infer_NAME() returns false.
 *
 * Rules are plain C without helpers, maps or calls, so that they compile as BPF and as ordinary C. A
 * rule never decides on bytes at or after head->length.
 */
#ifndef SOCKEYE_INFER_H
#define SOCKEYE_INFER_H

#ifdef __bpf__
#include "../kernel.h"
#define INFER_TABLE __attribute__((section(".rodata.infer")))
#else
#include <stdbool.h>
typedef unsigned char u8;
typedef unsigned int u32;
#define INFER_TABLE
#endif

#ifndef __always_inline
#define __always_inline inline __attribute__((always_inline))
#endif

/* A power of two: offsets are masked with it for the verifier. */
#define HEAD_BYTES 64

/* The first bytes of an operation. */
struct head {
	u8 bytes[HEAD_BYTES]; /* of which `length` count */
	u32 length;           /* 1 to HEAD_BYTES */
	u32 is_datagram;      /* the operation is one message */
};

/* The empty assembly keeps the compiler from dropping the mask, which the verifier has to see. */
static __always_inline u32 head_u8(const struct head *head, u32 offset)
{
	asm volatile("" : "+r"(offset));
	return head->bytes[offset & (HEAD_BYTES - 1)];
}

/* Big endian. */
static __always_inline u32 head_u16(const struct head *head, u32 offset)
{
	return head_u8(head, offset) << 8 | head_u8(head, offset + 1);
}

static __always_inline u32 head_u32(const struct head *head, u32 offset)
{
	return head_u16(head, offset) << 16 | head_u16(head, offset + 2);
}

/* Does the head begin with this text, as far as it goes? `text` is a literal, of `size` characters. */
static __always_inline bool head_begins(const struct head *head, const char *text, u32 size)
{
#pragma unroll
	for (u32 i = 0; i < size; i++) {
		if (i >= head->length)
			return true;
		if (head_u8(head, i) != (u8)text[i])
			return false;
	}
	return true;
}

#define IN_RANGE(byte, least, most) ((byte) >= (least) && (byte) <= (most))
#define IS_LETTER(byte) (IN_RANGE(byte, 'a', 'z') || IN_RANGE(byte, 'A', 'Z'))

/* INFER_RULES(RULE) is RULE(number, name) for each; INFER_STARTS(byte, is_datagram) has a bit for each. */
#include "infer_rules.h"

#define ROW_1(byte, is_datagram) INFER_STARTS(byte, is_datagram)
#define ROW_4(byte, is_datagram)                                         \
	ROW_1(byte, is_datagram), ROW_1((byte) + 1, is_datagram),        \
		ROW_1((byte) + 2, is_datagram), ROW_1((byte) + 3, is_datagram)
#define ROW_16(byte, is_datagram)                                        \
	ROW_4(byte, is_datagram), ROW_4((byte) + 4, is_datagram),        \
		ROW_4((byte) + 8, is_datagram), ROW_4((byte) + 12, is_datagram)
#define ROW_64(byte, is_datagram)                                        \
	ROW_16(byte, is_datagram), ROW_16((byte) + 16, is_datagram),     \
		ROW_16((byte) + 32, is_datagram), ROW_16((byte) + 48, is_datagram)
#define ROW_256(is_datagram)                                             \
	ROW_64(0, is_datagram), ROW_64(64, is_datagram), ROW_64(128, is_datagram), \
		ROW_64(192, is_datagram)

/* Which rules to ask, by the first byte: streams, then datagrams. */
const u32 infer_starts[512] INFER_TABLE = { ROW_256(0), ROW_256(1) };

static __always_inline u32 rules_to_ask(const struct head *head)
{
	u32 row = (head->is_datagram ? 256 : 0) + head->bytes[0];

	if (!head->length)
		return 0;
	asm volatile("" : "+r"(row)); /* as in head_u8(): the verifier of 5.10 does not know row's bounds */
	return infer_starts[row & 511];
}

#endif
