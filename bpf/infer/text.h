/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * A state machine over classes of bytes, for rules of text protocols: two table look-ups a byte, and no
 * branch but the loop's end, so that the verifier walks it quickly.
 */
#ifndef SOCKEYE_INFER_TEXT_H
#define SOCKEYE_INFER_TEXT_H

/* Bytes of text looked at: the longest registered HTTP method, UPDATEREDIRECTREF, has 17. */
#define INFER_TEXT_BYTES 24
#define TEXT_CLASSES 16
#define TEXT_STATES 16

/* States; a rule numbers its own from TEXT_OWN on. A pair of state and class that its table does not
 * name leads to TEXT_REFUSED. */
#define TEXT_REFUSED 0
#define TEXT_TAKEN 1
#define TEXT_START 2
#define TEXT_OWN 3

struct text_machine {
	u8 classes[256];                       /* bytes that a rule does not name have class 0 */
	u8 next[TEXT_STATES * TEXT_CLASSES];   /* [ON(state, class)] */
};

#define ON(state, class) ((state) * TEXT_CLASSES + (class))

/* A text that ends before it is refused is taken: "GE" may become "GET /". */
static __always_inline bool takes_text(const struct text_machine *machine, const struct head *head)
{
	u32 length = head->length, state = TEXT_START;

	if (length > INFER_TEXT_BYTES)
		length = INFER_TEXT_BYTES;
	asm volatile("" : "+r"(length)); /* else the compiler tests both limits in every turn of the loop */
	for (u32 i = 0; i < length; i++) {
		u32 step = ON(state, machine->classes[head->bytes[i]]);

		asm volatile("" : "+r"(step)); /* as in head_u8(): keeps the mask for the verifier */
		state = machine->next[step & (TEXT_STATES * TEXT_CLASSES - 1)];
		if (state <= TEXT_TAKEN)
			break;
	}
	return state != TEXT_REFUSED;
}

#endif
