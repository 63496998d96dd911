/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Stand-in: MQTT, a fixed header: type, flags, and a remaining length that ends. */
#define MQTT_STARTS(byte, is_datagram) (!(is_datagram) && ((byte) >= 0x10))

static __always_inline bool infer_mqtt(const struct head *head)
{
	u32 type = head_u8(head, 0) >> 4, flags = head_u8(head, 0) & 15;

	if (type != 3 && flags != (type == 6 || type == 8 || type == 10 ? 2 : 0))
		return false;
	for (u32 i = 1; i <= 4; i++) {
		if (i >= head->length)
			return true;
		if (!(head_u8(head, i) & 0x80))
			return type != 1 || head->length < i + 7 || head_u16(head, i + 1) == 4 ||
			       head_u16(head, i + 1) == 6;
	}
	return false;
}
