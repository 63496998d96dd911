/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* TODO: by what the kernel knows new_name: it takes whatever the probe does not refuse, and little else. */
#ifndef SOCKEYE_INFER_NEW_NAME_H
#define SOCKEYE_INFER_NEW_NAME_H

/* The first bytes that a head may begin with: for others the rule is not called. */
#define NEW_NAME_STARTS(byte, is_datagram) (!(is_datagram) && (byte) == (u8)"new_name"[0])

static __always_inline bool infer_new_name(const struct head *head)
{
	return head_begins(head, "new_name", sizeof("new_name") - 1);
}

#endif
