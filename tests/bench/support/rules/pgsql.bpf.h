/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Stand-in: PostgreSQL, a startup packet or a typed message with its length. */
#define PGSQL_STARTS(byte, is_datagram) (!(is_datagram) && ((byte) == 0 || IS_LETTER(byte) || IN_RANGE(byte, '1', '3')))

static __always_inline bool infer_pgsql(const struct head *head)
{
	u32 size, type = head_u8(head, 0);

	if (head->length < 8)
		return true;
	if (type == 0) {
		size = head_u32(head, 0);
		return size >= 8 && size <= 10000 &&
		       (head_u32(head, 4) >> 16 == 3 || head_u32(head, 4) >> 16 == 1234);
	}
	size = head_u32(head, 1);
	return size >= 4 && size < 1 << 24;
}
