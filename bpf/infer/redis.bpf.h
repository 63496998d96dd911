/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Redis: a value of RESP, version 2 or 3, by its first line; or an inline command. */
#ifndef SOCKEYE_INFER_REDIS_H
#define SOCKEYE_INFER_REDIS_H

#include "text.h"

#define REDIS_STARTS(byte, is_datagram)                                               \
	(!(is_datagram) && (IS_LETTER(byte) || (byte) == '*' || (byte) == '$' ||       \
			    (byte) == '+' || (byte) == '-' || (byte) == ':' ||          \
			    (byte) == '%' || (byte) == '~' || (byte) == '>' ||          \
			    (byte) == '|' || (byte) == '!' || (byte) == '=' ||          \
			    (byte) == '(' || (byte) == ',' || (byte) == ';' ||          \
			    (byte) == '_' || (byte) == '.' || (byte) == '#' ||          \
			    (byte) == '\r' || (byte) == '\n'))

enum redis_class {
	REDIS_CONTROL = 0,
	REDIS_LETTER,
	REDIS_DIGIT,
	REDIS_PLUS,
	REDIS_DASH,
	REDIS_NUMBER, /* types before a number, as "$3"; also the ":" of "EOF:" */
	REDIS_QUESTION, /* a streamed length of RESP3, as "$?" */
	REDIS_WORD,   /* "_" and ".": types before nothing, and parts of command names */
	REDIS_HASH,
	REDIS_PRINT,  /* all else that is visible */
	REDIS_SPACE,
	REDIS_TAB,
	REDIS_CR,
	REDIS_LF,
};

enum redis_state {
	REDIS_COMMAND = TEXT_OWN,
	REDIS_ARGUMENT,
	REDIS_VALUE, /* a number, "inf", an exponent, "?", "EOF:" */
	REDIS_VALUE_CR,
	REDIS_TEXT, /* a simple string or an error */
	REDIS_NULL,
	REDIS_BOOLEAN,
};

const struct text_machine redis_text INFER_TABLE = {
	.classes = {
		['a' ... 'z'] = REDIS_LETTER,
		['A' ... 'Z'] = REDIS_LETTER,
		['0' ... '9'] = REDIS_DIGIT,
		['+'] = REDIS_PLUS,
		['-'] = REDIS_DASH,
		['*'] = REDIS_NUMBER,
		['$' ... '%'] = REDIS_NUMBER,
		[':' ... ';'] = REDIS_NUMBER,
		['~'] = REDIS_NUMBER,
		['>'] = REDIS_NUMBER,
		['|'] = REDIS_NUMBER,
		['!'] = REDIS_NUMBER,
		['='] = REDIS_NUMBER,
		['('] = REDIS_NUMBER,
		[','] = REDIS_NUMBER,
		['?'] = REDIS_QUESTION,
		['.'] = REDIS_WORD,
		['_'] = REDIS_WORD,
		['#'] = REDIS_HASH,
		['"'] = REDIS_PRINT,
		['&' ... '\''] = REDIS_PRINT,
		[')'] = REDIS_PRINT,
		['/'] = REDIS_PRINT,
		['<'] = REDIS_PRINT,
		['@'] = REDIS_PRINT,
		['[' ... '^'] = REDIS_PRINT,
		['`'] = REDIS_PRINT,
		['{'] = REDIS_PRINT,
		['}'] = REDIS_PRINT,
		[128 ... 255] = REDIS_PRINT,
		[' '] = REDIS_SPACE,
		['\t'] = REDIS_TAB,
		['\r'] = REDIS_CR,
		['\n'] = REDIS_LF,
	},
	.next = {
		[ON(TEXT_START, REDIS_LETTER)] = REDIS_COMMAND,
		[ON(TEXT_START, REDIS_PLUS) ... ON(TEXT_START, REDIS_DASH)] = REDIS_TEXT,
		[ON(TEXT_START, REDIS_NUMBER)] = REDIS_VALUE,
		[ON(TEXT_START, REDIS_WORD)] = REDIS_NULL,
		[ON(TEXT_START, REDIS_HASH)] = REDIS_BOOLEAN,
		[ON(TEXT_START, REDIS_CR) ... ON(TEXT_START, REDIS_LF)] = TEXT_START,

		[ON(REDIS_COMMAND, REDIS_LETTER) ... ON(REDIS_COMMAND, REDIS_DIGIT)] = REDIS_COMMAND,
		[ON(REDIS_COMMAND, REDIS_WORD)] = REDIS_COMMAND,
		[ON(REDIS_COMMAND, REDIS_SPACE)] = REDIS_ARGUMENT,
		[ON(REDIS_COMMAND, REDIS_TAB) ... ON(REDIS_COMMAND, REDIS_LF)] = TEXT_TAKEN,

		[ON(REDIS_ARGUMENT, REDIS_LETTER) ... ON(REDIS_ARGUMENT, REDIS_LF)] = TEXT_TAKEN,

		[ON(REDIS_VALUE, REDIS_LETTER) ... ON(REDIS_VALUE, REDIS_WORD)] = REDIS_VALUE,
		[ON(REDIS_VALUE, REDIS_CR)] = REDIS_VALUE_CR,

		[ON(REDIS_VALUE_CR, REDIS_LF)] = TEXT_TAKEN,

		[ON(REDIS_TEXT, REDIS_LETTER) ... ON(REDIS_TEXT, REDIS_TAB)] = REDIS_TEXT,
		[ON(REDIS_TEXT, REDIS_CR) ... ON(REDIS_TEXT, REDIS_LF)] = TEXT_TAKEN,

		[ON(REDIS_NULL, REDIS_CR)] = TEXT_TAKEN,

		[ON(REDIS_BOOLEAN, REDIS_LETTER)] = TEXT_TAKEN,
	},
};

static __always_inline bool infer_redis(const struct head *head)
{
	return takes_text(&redis_text, head);
}

#endif
