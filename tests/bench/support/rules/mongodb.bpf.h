/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Stand-in: MongoDB, the header of a message: its length and a known operation. */
#define MONGODB_STARTS(byte, is_datagram) (!(is_datagram) && (1))

static __always_inline bool infer_mongodb(const struct head *head)
{
	u32 operation = head_u8(head, 12) | head_u8(head, 13) << 8;

	if (head->length < 16)
		return true;
	if (head_u8(head, 3) > 3 || head_u8(head, 14) || head_u8(head, 15))
		return false;
	return operation == 1 || operation == 2004 || operation == 2010 || operation == 2012 ||
	       operation == 2013;
}
