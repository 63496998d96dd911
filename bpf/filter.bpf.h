/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Which processes and ports are traced. */
#ifndef SOCKEYE_FILTER_H
#define SOCKEYE_FILTER_H

#include "maps.bpf.h"

static __always_inline u8 *mark_of(u32 pid)
{
	u32 key = pid / MARKS_PER_VALUE;
	struct marks *marks = bpf_map_lookup_elem(&process_marks, &key);

	return marks ? &marks->of[pid % MARKS_PER_VALUE] : NULL;
}

static __always_inline bool are_wanted(u8 marks)
{
	return !(marks & MARK_NEVER) && (marks & config.wanted_marks) == config.wanted_marks;
}

static __always_inline bool process_wanted(u32 pid)
{
	u8 *mark = mark_of(pid);

	return are_wanted(mark ? *mark : 0);
}

/* Is either port one of --port? A unix socket has none: 0. */
static __always_inline bool port_wanted(u16 local, u16 remote)
{
	if (!config.port_count)
		return true;
	for (int i = 0; i < MAX_PORTS; i++) {
		if (i >= config.port_count)
			break;
		if (config.ports[i] == local || config.ports[i] == remote)
			return true;
	}
	count(COUNTER_FILTERED_PORT, 1);
	return false;
}

#endif
