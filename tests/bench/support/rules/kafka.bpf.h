/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Stand-in: Kafka, a length, an API's key and its version; or a correlation. */
#define KAFKA_STARTS(byte, is_datagram) (!(is_datagram) && ((byte) <= 6))

static __always_inline bool infer_kafka(const struct head *head)
{
	u32 size = head_u32(head, 0);

	if (head->length < 8)
		return true;
	if (size < 4 || size > 100 << 20)
		return false;
	if (head_u16(head, 4) <= 92 && head_u16(head, 6) <= 20)
		return true;
	return head_u32(head, 4) < 1 << 24;
}
