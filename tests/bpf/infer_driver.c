// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * bpf/infer.bpf.h as ordinary C. In: lines "D HEX", D being 1 for a datagram, HEX the bytes of one
 * operation. Out: a line each, the enum suspect. What lies behind the bytes is filled twice, and
 * must not matter: "differs" if it does.
 */
#include "../../bpf/infer.bpf.h"

#ifdef __bpf__
int infer(const unsigned char *head, unsigned int length, unsigned int is_datagram);
int infer(const unsigned char *head, unsigned int length, unsigned int is_datagram)
{
	return infer_protocol(head, length, is_datagram);
}
#else
#include <stdio.h>
#include <string.h>

static unsigned int infer_filled(const unsigned char *bytes, unsigned int length, int datagram,
				 unsigned char fill)
{
	unsigned char head[INFER_HEAD_SIZE];

	memset(head, fill, sizeof(head));
	memcpy(head, bytes, length);
	return infer_protocol(head, length, datagram);
}

int main(void)
{
	static char line[1 << 18];

	while (fgets(line, sizeof(line), stdin)) {
		unsigned char bytes[INFER_HEAD_SIZE];
		unsigned int length = 0, byte, verdict;
		int datagram = line[0] == '1';

		while (length < sizeof(bytes) && sscanf(line + 2 + 2 * length, "%2x", &byte) == 1)
			bytes[length++] = byte;
		verdict = infer_filled(bytes, length, datagram, 0);
		if (verdict == infer_filled(bytes, length, datagram, 'a') &&
		    verdict == infer_filled(bytes, length, datagram, 0xff))
			printf("%u\n", verdict);
		else
			puts("differs");
	}
	return 0;
}
#endif
