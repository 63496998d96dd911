/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Stand-in: MySQL, a packet's length and number, then a greeting or a command. */
#define MYSQL_STARTS(byte, is_datagram) (!(is_datagram) && (1))

static __always_inline bool infer_mysql(const struct head *head)
{
	u32 size = head_u8(head, 0) | head_u8(head, 1) << 8 | head_u8(head, 2) << 16;
	u32 first = head_u8(head, 4);

	if (head->length < 5)
		return true;
	if (size == 0 || head_u8(head, 3) > 16)
		return false;
	if (head_u8(head, 3) == 0) /* protocol version 10, or a command */
		return first == 10 || first <= 0x1c;
	return first == 0 || first == 0xff || first == 0xfe || first <= 0xfa;
}
