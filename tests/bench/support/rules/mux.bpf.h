/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Stand-in: Mux, a length, a type and a tag. */
#define MUX_STARTS(byte, is_datagram) (!(is_datagram) && ((byte) <= 1))

static __always_inline bool infer_mux(const struct head *head)
{
	u32 size = head_u32(head, 0), type = head_u8(head, 4);

	if (head->length < 8)
		return true;
	if (size < 4 || size > 16 << 20)
		return false;
	return type <= 2 || type >= 0xfe || IN_RANGE(type, 64, 68) || IN_RANGE(type, 188, 192);
}
