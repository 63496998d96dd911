/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* TODO: what the kernel tells new_name by: whatever the probe does not refuse, and little else. */
#ifndef SOCKEYE_INFER_NEW_NAME_H
#define SOCKEYE_INFER_NEW_NAME_H

/* First bytes that it may begin with: the rule is asked about no others. */
#define NEW_NAME_STARTS(byte, is_datagram) (!(is_datagram) && (byte) == (u8)"new_name"[0])

static __always_inline bool infer_new_name(const struct head *head)
{
	return head_begins(head, "new_name", sizeof("new_name") - 1);
}

#endif
