/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * DNS: a message's header and the first entry behind it (RFC 1035 section 4.1.1, opcodes as of
 * RFC 8490). In a stream two bytes of length come first (section 4.2.2).
 */
#ifndef SOCKEYE_INFER_DNS_H
#define SOCKEYE_INFER_DNS_H

#define DNS_HEADER_SIZE 12
#define DNS_TYPE_OPT 41
#define DNS_OPCODE_STATEFUL 6
/* A message is at most 65535 bytes, a record at least 11, a question at least 5. */
#define DNS_MAX_RECORDS 5957
#define DNS_MAX_QUESTIONS 255
#define DNS_MAX_LABELS 5

/* The first byte is part of an id or of a length: any. */
#define DNS_STARTS(byte, is_datagram) 1

/*
 * The name at `offset`, and the class two bytes behind it (RFC 1035 sections 4.1.2 and 4.1.3). The
 * top bit of a class is mDNS's own (RFC 6762 section 5.4); the class of OPT is a size.
 */
static __always_inline bool infer_dns_entry(const struct head *head, u32 offset)
{
	u32 length = head->length, class;

	for (int i = 0; i < DNS_MAX_LABELS; i++) {
		u32 label;

		if (offset >= length)
			return true;
		label = head_u8(head, offset);
		if (label >= 0xc0) {
			offset += 2;
			goto name_ended;
		}
		if (label > 63)
			return false;
		offset += label + 1;
		if (label == 0)
			goto name_ended;
	}
	return true;
name_ended:
	if (offset + 4 > length)
		return true;
	if (head_u16(head, offset) == DNS_TYPE_OPT)
		return true;
	class = head_u16(head, offset + 2) & 0x7fff;
	return (class >= 1 && class <= 4) || class == 254 || class == 255;
}

static __always_inline bool infer_dns(const struct head *head)
{
	u32 start = head->is_datagram ? 0 : 2, length = head->length;
	u32 flags, opcode, questions, records;

	asm volatile("" : "+r"(start)); /* else the compiler makes two copies, and the verifier walks both */
	if (start) {
		if (length < 2)
			return true;
		if (head_u16(head, 0) < DNS_HEADER_SIZE)
			return false;
	}
	if (length < start + 4)
		return true;
	flags = head_u16(head, start + 2);
	opcode = flags >> 11 & 15;
	if (opcode == 3 || opcode > DNS_OPCODE_STATEFUL)
		return false;
	if (length < start + 6)
		return true;
	questions = head_u16(head, start + 4);
	if (questions > DNS_MAX_QUESTIONS)
		return false;
	if (length < start + DNS_HEADER_SIZE)
		return true;
	records = head_u16(head, start + 6);
	if (records > DNS_MAX_RECORDS)
		return false;
	records += head_u16(head, start + 8);
	if (records > DNS_MAX_RECORDS)
		return false;
	records += head_u16(head, start + 10);
	if (records > DNS_MAX_RECORDS)
		return false;
	if (questions == 0 && records == 0)
		return (flags & 0x8000) || opcode == DNS_OPCODE_STATEFUL;
	return infer_dns_entry(head, start + DNS_HEADER_SIZE);
}

#endif
