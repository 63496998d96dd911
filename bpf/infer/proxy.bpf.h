/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * PROXY: a header that a proxy sends before the protocol's first byte. It begins with "PROXY " (version
 * 1) or with a signature of 12 bytes (version 2), as in
 * https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt. User space looks at what follows it.
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
