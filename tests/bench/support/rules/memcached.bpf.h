/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Stand-in: memcached, a verb, a reply, or the magic of the binary protocol. */
#define MEMCACHED_STARTS(byte, is_datagram) (!(is_datagram) && (IN_RANGE(byte, 'a', 'z') || (byte) == 'V' || (byte) == 'S' || (byte) == 'E' || (byte) == 0x80 || (byte) == 0x81))

static __always_inline bool infer_memcached(const struct head *head)
{
	if (head_u8(head, 0) >= 0x80)
		return head->length < 6 || (head_u8(head, 1) <= 0x48 && head_u8(head, 5) == 0);
	return head_begins(head, "get ", 4) || head_begins(head, "gets ", 5) ||
	       head_begins(head, "set ", 4) || head_begins(head, "add ", 4) ||
	       head_begins(head, "VALUE ", 6) || head_begins(head, "STORED\r\n", 8) ||
	       head_begins(head, "END\r\n", 5) || head_begins(head, "delete ", 7) ||
	       head_begins(head, "stats", 5) || head_begins(head, "version", 7);
}
