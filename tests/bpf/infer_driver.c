// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * The rules of bpf/infer/ as ordinary C.
 *
 * In: lines "D HEX", D being 1 for a datagram, HEX the bytes of one operation. Out: for each the
 * names of the rules that take it, " " in front of each. What lies behind the bytes is filled in three
 * ways, and must not matter: " differs" if it does. With an argument: a line "NAME COUNT" for each
 * rule, of how many first bytes (of streams, and of datagrams) it is asked.
 */
#include "../../bpf/infer/infer.bpf.h"

#ifdef __bpf__
#define ASK(number, name)                                       \
	if ((asked >> (number) & 1) && infer_##name(head))      \
		taken |= 1U << (number);

u32 ask(const struct head *head);
u32 ask(const struct head *head)
{
	u32 asked = rules_to_ask(head), taken = 0;

	INFER_RULES(ASK)
	return taken;
}
#else
#include <stdio.h>
#include <string.h>

#define RULE(number, name) { #name, infer_##name },
static const struct {
	const char *name;
	bool (*takes)(const struct head *head);
} rules[] = { INFER_RULES(RULE) };
#define RULE_COUNT (sizeof(rules) / sizeof(rules[0]))

static u32 ask(const unsigned char *bytes, u32 length, int datagram, unsigned char fill)
{
	struct head head = { .length = length, .is_datagram = datagram };
	u32 asked, taken = 0;

	memset(head.bytes, fill, sizeof(head.bytes));
	memcpy(head.bytes, bytes, length);
	asked = rules_to_ask(&head);
	for (u32 i = 0; i < RULE_COUNT; i++)
		if ((asked >> i & 1) && rules[i].takes(&head))
			taken |= 1U << i;
	return taken;
}

static void list_rules(void)
{
	for (u32 i = 0; i < RULE_COUNT; i++) {
		int count = 0;

		for (u32 row = 0; row < sizeof(infer_starts) / sizeof(infer_starts[0]); row++)
			count += infer_starts[row] >> i & 1;
		printf("%s %d\n", rules[i].name, count);
	}
}

int main(int argc, char **argv)
{
	static char line[1 << 18];

	(void)argv;
	if (argc > 1) {
		list_rules();
		return 0;
	}
	while (fgets(line, sizeof(line), stdin)) {
		unsigned char bytes[HEAD_BYTES];
		u32 length = 0, byte, taken;
		int datagram = line[0] == '1';

		while (length < sizeof(bytes) && sscanf(line + 2 + 2 * length, "%2x", &byte) == 1)
			bytes[length++] = byte;
		taken = ask(bytes, length, datagram, 0);
		if (taken != ask(bytes, length, datagram, 'a') ||
		    taken != ask(bytes, length, datagram, 0xff))
			printf(" differs");
		for (u32 i = 0; i < RULE_COUNT; i++)
			if (taken >> i & 1)
				printf(" %s", rules[i].name);
		puts("");
	}
	return 0;
}
#endif
