/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* HTTP/1: a request line (RFC 9112 section 3), after empty lines, or a status line (section 4). */
#ifndef SOCKEYE_INFER_HTTP_H
#define SOCKEYE_INFER_HTTP_H

#include "text.h"

#define HTTP_STARTS(byte, is_datagram)                                              \
	(!(is_datagram) && (IS_LETTER(byte) || IN_RANGE(byte, '0', '9') ||           \
			    (byte) == '\r' || (byte) == '\n'))

enum http_class {
	HTTP_CONTROL = 0,
	HTTP_LETTER,
	HTTP_DIGIT,
	HTTP_DASH,
	HTTP_TCHAR, /* all else that is visible: a method may hold most of it (RFC 9110 section 5.6.2) */
	HTTP_STAR,
	HTTP_SLASH,
	HTTP_QUESTION,
	HTTP_SPACE,
	HTTP_LINE,
};

enum http_state {
	HTTP_WORD = TEXT_OWN, /* letters: a usual method, or "HTTP" */
	HTTP_METHOD,          /* letters and dashes: a method like M-SEARCH */
	HTTP_TARGET,          /* behind WORD or METHOD and a space: any visible byte is a target */
	HTTP_TOKEN,           /* any other method; much that is no HTTP looks like one ("SSH-2.0-x y") */
	HTTP_PATH,            /* behind TOKEN and a space: only "/" or "*" will do */
	HTTP_VERSION,         /* behind "HTTP/": a digit must follow */
};

const struct text_machine http_text INFER_TABLE = {
	.classes = {
		['a' ... 'z'] = HTTP_LETTER,
		['A' ... 'Z'] = HTTP_LETTER,
		['0' ... '9'] = HTTP_DIGIT,
		['-'] = HTTP_DASH,
		['!' ... ')'] = HTTP_TCHAR,
		['*'] = HTTP_STAR,
		['+' ... ','] = HTTP_TCHAR,
		['.'] = HTTP_TCHAR,
		['/'] = HTTP_SLASH,
		[':' ... '>'] = HTTP_TCHAR,
		['?'] = HTTP_QUESTION,
		['@'] = HTTP_TCHAR,
		['[' ... '`'] = HTTP_TCHAR,
		['{' ... '~'] = HTTP_TCHAR,
		[128 ... 255] = HTTP_TCHAR,
		[' '] = HTTP_SPACE,
		['\r'] = HTTP_LINE,
		['\n'] = HTTP_LINE,
	},
	.next = {
		[ON(TEXT_START, HTTP_LINE)] = TEXT_START,
		[ON(TEXT_START, HTTP_LETTER)] = HTTP_WORD,
		[ON(TEXT_START, HTTP_DIGIT)] = HTTP_TOKEN,

		[ON(HTTP_WORD, HTTP_LETTER)] = HTTP_WORD,
		[ON(HTTP_WORD, HTTP_DASH)] = HTTP_METHOD,
		[ON(HTTP_WORD, HTTP_DIGIT)] = HTTP_TOKEN,
		[ON(HTTP_WORD, HTTP_TCHAR) ... ON(HTTP_WORD, HTTP_STAR)] = HTTP_TOKEN,
		[ON(HTTP_WORD, HTTP_SLASH)] = HTTP_VERSION,
		[ON(HTTP_WORD, HTTP_SPACE)] = HTTP_TARGET,

		[ON(HTTP_METHOD, HTTP_LETTER)] = HTTP_METHOD,
		[ON(HTTP_METHOD, HTTP_DASH)] = HTTP_METHOD,
		[ON(HTTP_METHOD, HTTP_DIGIT)] = HTTP_TOKEN,
		[ON(HTTP_METHOD, HTTP_TCHAR) ... ON(HTTP_METHOD, HTTP_STAR)] = HTTP_TOKEN,
		[ON(HTTP_METHOD, HTTP_SPACE)] = HTTP_TARGET,

		[ON(HTTP_TARGET, HTTP_SPACE)] = HTTP_TARGET,
		[ON(HTTP_TARGET, HTTP_LETTER) ... ON(HTTP_TARGET, HTTP_QUESTION)] = TEXT_TAKEN,

		[ON(HTTP_TOKEN, HTTP_LETTER) ... ON(HTTP_TOKEN, HTTP_STAR)] = HTTP_TOKEN,
		[ON(HTTP_TOKEN, HTTP_SPACE)] = HTTP_PATH,

		[ON(HTTP_PATH, HTTP_SPACE)] = HTTP_PATH,
		[ON(HTTP_PATH, HTTP_SLASH)] = TEXT_TAKEN,
		[ON(HTTP_PATH, HTTP_STAR)] = TEXT_TAKEN,

		[ON(HTTP_VERSION, HTTP_DIGIT)] = TEXT_TAKEN,
	},
};

static __always_inline bool infer_http(const struct head *head)
{
	return takes_text(&http_text, head);
}

#endif
