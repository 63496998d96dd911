/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * PROXY: a header before the first byte of any protocol, by its first word (version 1) or signature
 * (version 2; https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt). What follows it is looked
 * at in user space.
 */
#ifndef SOCKEYE_INFER_PROXY_H
#define SOCKEYE_INFER_PROXY_H

#define PROXY_STARTS(byte, is_datagram) (!(is_datagram) && ((byte) == 'P' || (byte) == '\r'))

static __always_inline bool infer_proxy(const struct head *head)
{
	if (head_begins(head, "PROXY ", 6))
		return true;
	return head_begins(head, "\r\n\r\n\0\r\nQUIT\n", 12);
}

#endif
