/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Stand-in: Cassandra, a version, flags, a stream and a known opcode. */
#define CASSANDRA_STARTS(byte, is_datagram) (!(is_datagram) && (((byte) & 0x7f) >= 1 && ((byte) & 0x7f) <= 6))

static __always_inline bool infer_cassandra(const struct head *head)
{
	if (head->length < 9)
		return true;
	if (head_u8(head, 1) & 0xe0)
		return false;
	return head_u8(head, 4) <= 0x10 && head_u32(head, 5) <= 256 << 20;
}
