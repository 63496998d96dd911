/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Stand-in: HTTP/2, the preface or the header of a frame. */
#define HTTP2_STARTS(byte, is_datagram) (!(is_datagram) && ((byte) == 'P' || (byte) <= 1))

static __always_inline bool infer_http2(const struct head *head)
{
	u32 size = head_u8(head, 0) << 16 | head_u16(head, 1);

	if (head_u8(head, 0) == 'P')
		return head_begins(head, "PRI * HTTP/2.0\r\n", 16);
	if (head->length < 9)
		return true;
	if (size > 1 << 17 || head_u8(head, 3) > 9 || head_u8(head, 5) & 0x80)
		return false;
	return head_u8(head, 3) != 4 || (size % 6 == 0 && head_u32(head, 5) == 0);
}
