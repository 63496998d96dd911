/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * What might these first bytes of an operation be? A filter that spares user space the payload of
 * connections of no known protocol.
 *
 * In: up to 64 first bytes of one operation. Out: enum suspect. False positives are fine, false
 * negatives are not: every rule accepts whatever the user-space probe of its protocol accepts or is
 * unsure about (tests/bpf/infer_test.ts), so a head too short to refuse is a match.
 * Plain C without helpers, maps or calls, so that it compiles as BPF and as ordinary C; it never
 * decides on bytes at or after `length`.
 */
#ifndef SOCKEYE_INFER_BPF_H
#define SOCKEYE_INFER_BPF_H

#include "abi.h"

#ifndef __always_inline
#define __always_inline inline __attribute__((always_inline))
#endif

/* Readable bytes behind `head`, a power of two: offsets are masked with it for the verifier. */
#define INFER_HEAD_SIZE 64

/* Bytes of text looked at: the longest registered HTTP method, UPDATEREDIRECTREF, has 17. */
#define INFER_TEXT_SIZE 24
#define INFER_MAX_LABELS 5

#define DNS_HEADER_SIZE 12
#define DNS_TYPE_OPT 41
#define DNS_OPCODE_STATEFUL 6
/* A message is at most 65535 bytes, a record at least 11, a question at least 5. */
#define DNS_MAX_RECORDS 5957
#define DNS_MAX_QUESTIONS 255

/* The masked load is opaque to the compiler, so that the verifier always sees the mask. */
static __always_inline unsigned int infer_byte(const unsigned char *head, unsigned int offset)
{
	asm volatile("" : "+r"(offset));
	return head[offset & (INFER_HEAD_SIZE - 1)];
}

static __always_inline unsigned int infer_u16(const unsigned char *head, unsigned int offset)
{
	return infer_byte(head, offset) << 8 | infer_byte(head, offset + 1);
}

/*
 * HTTP/1 and Redis are text: a machine of states over classes of bytes, one table look-up a byte.
 * No branch depends on the bytes or on `length`, so the verifier walks it once; the same rules
 * written as loops with exits cost it a hundred thousand instructions.
 */
enum infer_class {
	CLASS_CONTROL = 0,
	CLASS_PAST, /* at or after `length` */
	CLASS_LETTER,
	CLASS_DIGIT,
	CLASS_DASH,
	CLASS_WORD, /* "." and "_" */
	CLASS_SPACE,
	CLASS_TAB,
	CLASS_CR,
	CLASS_LF,
	CLASS_SLASH,
	CLASS_PLUS,
	CLASS_HASH,
	CLASS_QUESTION, /* a streamed length of RESP3 */
	CLASS_NUMBER,   /* type bytes of RESP that a number follows; ":" in "EOF:" */
	CLASS_PRINT,    /* all else that is visible, and 128 to 255 */
};

enum infer_state {
	STATE_REFUSED = 0,
	STATE_START,
	STATE_WORD,          /* letters: a method or an inline command */
	STATE_WORD_SPACE,
	STATE_METHOD,        /* holds a "-": not a command */
	STATE_METHOD_SPACE,
	STATE_COMMAND,       /* holds a digit, "." or "_": not a method */
	STATE_TOKEN,         /* any other method that RFC 9110 section 5.6.2 allows */
	STATE_TOKEN_SPACE,
	STATE_SLASH,         /* "HTTP/" wants its version */
	STATE_NUMBER,
	STATE_NUMBER_CR,
	STATE_TEXT,          /* simple string or error */
	STATE_NULL,          /* "_" or ".", then nothing */
	STATE_BOOLEAN,
	STATE_HTTP,
	STATE_REDIS,
	STATE_COUNT = 32, /* a power of two, for the verifier */
};

#ifdef __bpf__
#define INFER_TABLE __attribute__((section(".rodata.infer")))
#else
#define INFER_TABLE
#endif

const unsigned char infer_classes[256] INFER_TABLE = {
	['a' ... 'z'] = CLASS_LETTER,
	['A' ... 'Z'] = CLASS_LETTER,
	['0' ... '9'] = CLASS_DIGIT,
	[' '] = CLASS_SPACE,
	['\t'] = CLASS_TAB,
	['\r'] = CLASS_CR,
	['\n'] = CLASS_LF,
	['-'] = CLASS_DASH,
	['.'] = CLASS_WORD,
	['_'] = CLASS_WORD,
	['/'] = CLASS_SLASH,
	['+'] = CLASS_PLUS,
	['#'] = CLASS_HASH,
	['?'] = CLASS_QUESTION,
	['*'] = CLASS_NUMBER,
	['$'] = CLASS_NUMBER,
	[':'] = CLASS_NUMBER,
	['%'] = CLASS_NUMBER,
	['~'] = CLASS_NUMBER,
	['>'] = CLASS_NUMBER,
	['|'] = CLASS_NUMBER,
	['!'] = CLASS_NUMBER,
	['='] = CLASS_NUMBER,
	['('] = CLASS_NUMBER,
	[','] = CLASS_NUMBER,
	[';'] = CLASS_NUMBER,
	['"'] = CLASS_PRINT,
	['&' ... '\''] = CLASS_PRINT,
	[')'] = CLASS_PRINT,
	['<'] = CLASS_PRINT,
	['@'] = CLASS_PRINT,
	['[' ... '^'] = CLASS_PRINT,
	['`'] = CLASS_PRINT,
	['{'] = CLASS_PRINT,
	['}'] = CLASS_PRINT,
	[128 ... 255] = CLASS_PRINT,
};

/* What is not named is refused. */
const unsigned char infer_next[STATE_COUNT][16] INFER_TABLE = {
	[STATE_START] = {
		[CLASS_PAST] = STATE_START,
		[CLASS_CR ... CLASS_LF] = STATE_START, /* empty lines before a request */
		[CLASS_LETTER] = STATE_WORD,
		[CLASS_DIGIT] = STATE_TOKEN,
		[CLASS_NUMBER] = STATE_NUMBER,
		[CLASS_PLUS] = STATE_TEXT,
		[CLASS_DASH] = STATE_TEXT,
		[CLASS_WORD] = STATE_NULL,
		[CLASS_HASH] = STATE_BOOLEAN,
	},
	[STATE_WORD] = {
		[CLASS_PAST ... CLASS_LETTER] = STATE_WORD,
		[CLASS_DIGIT] = STATE_COMMAND,
		[CLASS_WORD] = STATE_COMMAND,
		[CLASS_DASH] = STATE_METHOD,
		[CLASS_SPACE] = STATE_WORD_SPACE,
		[CLASS_TAB ... CLASS_LF] = STATE_REDIS,
		[CLASS_SLASH] = STATE_SLASH,
		[CLASS_PLUS ... CLASS_HASH] = STATE_TOKEN,
		[CLASS_NUMBER ... CLASS_PRINT] = STATE_TOKEN,
	},
	[STATE_WORD_SPACE] = {
		[CLASS_PAST ... CLASS_WORD] = STATE_HTTP,
		[CLASS_SPACE ... CLASS_LF] = STATE_REDIS,
		[CLASS_SLASH ... CLASS_PRINT] = STATE_HTTP,
	},
	[STATE_METHOD] = {
		[CLASS_PAST ... CLASS_LETTER] = STATE_METHOD,
		[CLASS_DIGIT] = STATE_TOKEN,
		[CLASS_DASH] = STATE_METHOD,
		[CLASS_WORD] = STATE_TOKEN,
		[CLASS_SPACE] = STATE_METHOD_SPACE,
		[CLASS_PLUS ... CLASS_HASH] = STATE_TOKEN,
		[CLASS_NUMBER ... CLASS_PRINT] = STATE_TOKEN,
	},
	[STATE_METHOD_SPACE] = {
		[CLASS_PAST ... CLASS_WORD] = STATE_HTTP,
		[CLASS_SLASH ... CLASS_PRINT] = STATE_HTTP,
	},
	[STATE_COMMAND] = {
		[CLASS_PAST ... CLASS_DIGIT] = STATE_COMMAND,
		[CLASS_DASH] = STATE_TOKEN,
		[CLASS_WORD] = STATE_COMMAND,
		[CLASS_SPACE ... CLASS_LF] = STATE_REDIS,
		[CLASS_PLUS ... CLASS_HASH] = STATE_TOKEN,
		[CLASS_NUMBER ... CLASS_PRINT] = STATE_TOKEN,
	},
	[STATE_TOKEN] = {
		[CLASS_PAST ... CLASS_WORD] = STATE_TOKEN,
		[CLASS_SPACE] = STATE_TOKEN_SPACE,
		[CLASS_PLUS ... CLASS_HASH] = STATE_TOKEN,
		[CLASS_NUMBER ... CLASS_PRINT] = STATE_TOKEN,
	},
	[STATE_TOKEN_SPACE] = { /* a path or "*"; text that goes on ("SSH-2.0-x y") is none */
		[CLASS_PAST] = STATE_TOKEN_SPACE,
		[CLASS_SLASH] = STATE_HTTP,
		[CLASS_NUMBER] = STATE_HTTP,
	},
	[STATE_SLASH] = { [CLASS_PAST] = STATE_SLASH, [CLASS_DIGIT] = STATE_HTTP },
	[STATE_NUMBER] = {
		[CLASS_PAST ... CLASS_WORD] = STATE_NUMBER, /* "inf", exponents and signs, too */
		[CLASS_PLUS] = STATE_NUMBER,
		[CLASS_QUESTION ... CLASS_NUMBER] = STATE_NUMBER, /* "?", "EOF:" */
		[CLASS_CR] = STATE_NUMBER_CR,
	},
	[STATE_NUMBER_CR] = { [CLASS_PAST] = STATE_NUMBER_CR, [CLASS_LF] = STATE_REDIS },
	[STATE_TEXT] = {
		[CLASS_PAST ... CLASS_TAB] = STATE_TEXT,
		[CLASS_CR ... CLASS_LF] = STATE_REDIS,
		[CLASS_SLASH ... CLASS_PRINT] = STATE_TEXT,
	},
	[STATE_NULL] = { [CLASS_PAST] = STATE_NULL, [CLASS_CR] = STATE_REDIS },
	[STATE_BOOLEAN] = { [CLASS_PAST] = STATE_BOOLEAN, [CLASS_LETTER] = STATE_REDIS },
	[STATE_HTTP] = { [CLASS_CONTROL ... CLASS_PRINT] = STATE_HTTP },
	[STATE_REDIS] = { [CLASS_CONTROL ... CLASS_PRINT] = STATE_REDIS },
};

/* Index is enum infer_state: a text that ended early counts as what it may become. */
const unsigned char infer_verdicts[STATE_COUNT] INFER_TABLE = {
	[STATE_START] = SUSPECT_HTTP,
	[STATE_WORD] = SUSPECT_HTTP,
	[STATE_WORD_SPACE] = SUSPECT_HTTP,
	[STATE_METHOD] = SUSPECT_HTTP,
	[STATE_METHOD_SPACE] = SUSPECT_HTTP,
	[STATE_COMMAND] = SUSPECT_REDIS,
	[STATE_TOKEN ... STATE_SLASH] = SUSPECT_HTTP,
	[STATE_NUMBER ... STATE_BOOLEAN] = SUSPECT_REDIS,
	[STATE_HTTP] = SUSPECT_HTTP,
	[STATE_REDIS] = SUSPECT_REDIS,
};

static __always_inline unsigned int infer_text(const unsigned char *head, unsigned int length)
{
	unsigned int state = STATE_START;

#pragma unroll
	for (unsigned int i = 0; i < INFER_TEXT_SIZE; i++) {
		unsigned int inside = i - length, class = infer_classes[head[i]], step;

		/* Opaque before and after: a compiler that knew its range would make it a branch. */
		asm volatile("" : "+r"(inside));
		inside >>= 31; /* 1 before the end, else 0 */
		asm volatile("" : "+r"(inside));
		step = state << 4 | ((class - CLASS_PAST) * inside + CLASS_PAST);
		asm volatile("" : "+r"(step));
		state = ((const unsigned char *)infer_next)[step & (16 * STATE_COUNT - 1)];
	}
	return infer_verdicts[state & (STATE_COUNT - 1)];
}

/* RFC 8446 section 5.1: content type, version 3.0 to 3.4, length at most 2^14 + 2048. */
static __always_inline int infer_tls(const unsigned char *head, unsigned int length)
{
	if (head[0] < 0x14 || head[0] > 0x18)
		return 0;
	if (length > 1 && head[1] != 3)
		return 0;
	if (length > 2 && head[2] > 4)
		return 0;
	return length <= 3 || head[3] <= 0x48;
}

/*
 * The name at `offset`, and the class two bytes behind it (RFC 1035 sections 4.1.2 and 4.1.3). The
 * top bit of a class is mDNS's own (RFC 6762 section 5.4); the class of OPT is a size.
 */
static __always_inline int infer_dns_entry(const unsigned char *head, unsigned int offset,
					   unsigned int length)
{
	unsigned int class;

	for (int i = 0; i < INFER_MAX_LABELS; i++) {
		unsigned int label;

		if (offset >= length)
			return 1;
		label = infer_byte(head, offset);
		if (label >= 0xc0) {
			offset += 2;
			goto name_ended;
		}
		if (label > 63)
			return 0;
		offset += label + 1;
		if (label == 0)
			goto name_ended;
	}
	return 1;
name_ended:
	if (offset + 4 > length)
		return 1;
	if (infer_u16(head, offset) == DNS_TYPE_OPT)
		return 1;
	class = infer_u16(head, offset + 2) & 0x7fff;
	return (class >= 1 && class <= 4) || class == 254 || class == 255;
}

/*
 * A message at `start` (RFC 1035 section 4.1.1, opcodes as of RFC 8490): 0 in a datagram, 2 in a
 * stream, where two bytes of length come first (section 4.2.2).
 */
static __always_inline int infer_dns(const unsigned char *head, unsigned int start,
				     unsigned int length)
{
	unsigned int flags, opcode, questions, records;

	if (start) {
		if (length < 2)
			return 1;
		if (infer_u16(head, 0) < DNS_HEADER_SIZE)
			return 0;
	}
	if (length < start + 4)
		return 1;
	flags = infer_u16(head, start + 2);
	opcode = flags >> 11 & 15;
	if (opcode == 3 || opcode > DNS_OPCODE_STATEFUL)
		return 0;
	if (flags & 0x40) /* Z: must be zero */
		return 0;
	if (length < start + 6)
		return 1;
	questions = infer_u16(head, start + 4);
	if (questions > DNS_MAX_QUESTIONS)
		return 0;
	if (length < start + DNS_HEADER_SIZE)
		return 1;
	records = infer_u16(head, start + 6);
	if (records > DNS_MAX_RECORDS)
		return 0;
	records += infer_u16(head, start + 8);
	if (records > DNS_MAX_RECORDS)
		return 0;
	records += infer_u16(head, start + 10);
	if (records > DNS_MAX_RECORDS)
		return 0;
	if (questions == 0 && records == 0)
		return (flags & 0x8000) || opcode == DNS_OPCODE_STATEFUL;
	return infer_dns_entry(head, start + DNS_HEADER_SIZE, length);
}

/*
 * `head` points to at least 64 readable bytes of which the first `length` (at most 64) are the
 * operation's. `is_datagram`: the operation is one message.
 */
static __always_inline enum suspect infer_protocol(const unsigned char *head, unsigned int length,
						   unsigned int is_datagram)
{
	unsigned int text, start = is_datagram ? 0 : 2;

	if (length == 0)
		return SUSPECT_NONE;
	if (length > INFER_HEAD_SIZE)
		length = INFER_HEAD_SIZE;
	if (!is_datagram) {
		text = infer_text(head, length);
		if (text != SUSPECT_NONE)
			return text;
		if (infer_tls(head, length))
			return SUSPECT_TLS;
	}
	asm volatile("" : "+r"(start)); /* one walk for both forms */
	return infer_dns(head, start, length) ? SUSPECT_DNS : SUSPECT_NONE;
}

#endif
