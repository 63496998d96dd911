/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * A kernel side for tests and benches of the readers: `produce`, run by BPF_PROG_TEST_RUN, sends
 * samples of entries as the real one does, as many and as large as the settings say.
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include "../../bpf/abi.h"

#define SAMPLE_BYTES 16384

const volatile struct {
	abi_u32 payload; /* bytes of each entry's payload, a multiple of 8 */
	abi_u32 entries; /* of a sample */
	abi_u32 samples; /* of a run, at most 1024 */
} settings SEC(".rodata") = {};

struct batch {
	abi_u32 used;
	abi_u32 busy;
	abi_u64 first_ns;
	abi_u32 data_sequence;
	abi_u32 conn_sequence;
	char data[2 * SAMPLE_BYTES];
};

struct {
	__uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
	__uint(key_size, 4);
	__uint(value_size, 4);
} data_events SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, abi_u32);
	__type(value, struct batch);
} batches SEC(".maps");

static __always_inline void fill(struct batch *b)
{
	abi_u32 at = 0, size = sizeof(struct entry) + settings.payload;

	for (int i = 0; i < 256; i++) {
		struct entry *e;

		if (i >= settings.entries || at > SAMPLE_BYTES - sizeof(*e))
			break;
		e = (void *)(b->data + at);
		e->size = size;
		e->sequence = b->data_sequence++;
		e->time_ns = bpf_ktime_get_ns();
		e->conn = 1;
		e->total = settings.payload;
		e->length = settings.payload;
		e->kind = ENTRY_DATA;
		at += size;
	}
	b->used = at;
}

SEC("raw_tp")
int produce(void *ctx)
{
	abi_u32 cpu = bpf_get_smp_processor_id();
	struct batch *b = bpf_map_lookup_elem(&batches, &cpu);

	if (!b)
		return 1;
	for (int i = 0; i < 64; i++) {
		abi_u64 used;

		if (i >= settings.samples)
			break;
		fill(b);
		used = b->used;
		asm volatile("" : "+r"(used));
		if (used > SAMPLE_BYTES)
			return 2;
		bpf_perf_event_output(ctx, &data_events, BPF_F_CURRENT_CPU, b->data, used);
		b->used = 0;
	}
	return 0;
}

/* Refused by the verifier: what an error must say is tested with it. Loaded only when asked for. */
SEC("raw_tp")
int rejected(void *ctx)
{
	return *(int *)(long)bpf_get_smp_processor_id();
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
