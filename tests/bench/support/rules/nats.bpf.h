/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Stand-in: NATS, a verb in either case. */
#define NATS_STARTS(byte, is_datagram) (!(is_datagram) && ((byte) == 'I' || (byte) == 'C' || (byte) == 'P' || (byte) == 'S' || (byte) == 'M' || (byte) == '+' || (byte) == '-'))

static __always_inline bool infer_nats(const struct head *head)
{
	return head_begins(head, "INFO {", 6) || head_begins(head, "CONNECT {", 9) ||
	       head_begins(head, "PUB ", 4) || head_begins(head, "SUB ", 4) ||
	       head_begins(head, "MSG ", 4) || head_begins(head, "PING\r\n", 6) ||
	       head_begins(head, "PONG\r\n", 6) || head_begins(head, "+OK\r\n", 5) ||
	       head_begins(head, "-ERR '", 6);
}
