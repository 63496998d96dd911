/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Stand-in: AMQP 0-9-1, the protocol header or a frame's. */
#define AMQP_STARTS(byte, is_datagram) (!(is_datagram) && ((byte) == 'A' || IN_RANGE(byte, 1, 3) || (byte) == 8))

static __always_inline bool infer_amqp(const struct head *head)
{
	if (head_u8(head, 0) == 'A')
		return head_begins(head, "AMQP\0\0\x09\x01", 8);
	if (head->length < 7)
		return true;
	if (head_u8(head, 0) == 8)
		return head_u16(head, 1) == 0 && head_u32(head, 3) == 0;
	return head_u32(head, 3) < 1 << 20;
}
