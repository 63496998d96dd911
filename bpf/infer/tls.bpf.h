/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * TLS: the header of a record (RFC 8446 section 5.1). Type (20 to 23, and 24 of RFC 6520), version 3.0
 * to 3.4, at most 2^14 + 2048 bytes. Or a client's hello in the form of SSL 2.0 (RFC 5246 appendix
 * E.2): its length, of less than 256 bytes, kind 1, version 3.0 to 3.4.
 */
#ifndef SOCKEYE_INFER_TLS_H
#define SOCKEYE_INFER_TLS_H

#define TLS_STARTS(byte, is_datagram) (!(is_datagram) && (IN_RANGE(byte, 0x14, 0x18) || (byte) == 0x80))

static __always_inline bool infer_sslv2_hello(const struct head *head)
{
	if (head->length > 2 && head->bytes[2] != 1)
		return false;
	if (head->length > 3 && head->bytes[3] != 3)
		return false;
	return head->length <= 4 || head->bytes[4] <= 4;
}

static __always_inline bool infer_tls(const struct head *head)
{
	if (head->bytes[0] == 0x80)
		return infer_sslv2_hello(head);
	if (head->length > 1 && head->bytes[1] != 3)
		return false;
	if (head->length > 2 && head->bytes[2] > 4)
		return false;
	return head->length <= 3 || head->bytes[3] <= 0x48;
}

#endif
