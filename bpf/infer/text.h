/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Text as a machine of states over classes of bytes: two table look-ups a byte, and no branch but for
 * its end, so that the verifier walks it quickly. For rules of protocols that are text.
 */
#ifndef SOCKEYE_INFER_TEXT_H
#define SOCKEYE_INFER_TEXT_H

/* Bytes of text looked at: the longest registered HTTP method, UPDATEREDIRECTREF, has 17. */
#define INFER_TEXT_BYTES 24
#define TEXT_CLASSES 16
#define TEXT_STATES 16

/* States; a rule numbers its own from TEXT_OWN on. Those that it does not name lead to TEXT_REFUSED. */
#define TEXT_REFUSED 0
#define TEXT_TAKEN 1
#define TEXT_START 2
#define TEXT_OWN 3

struct text_machine {
	u8 classes[256];                       /* class 0: all that is not named */
	u8 next[TEXT_STATES * TEXT_CLASSES];   /* [ON(state, class)] */
};

#define ON(state, class) ((state) * TEXT_CLASSES + (class))

/* A text that ends early is taken, for what it may become. */
static __always_inline bool takes_text(const struct text_machine *machine, const struct head *head)
{
	u32 length = head->length, state = TEXT_START;

	if (length > INFER_TEXT_BYTES)
		length = INFER_TEXT_BYTES;
	asm volatile("" : "+r"(length)); /* or the compiler makes two conditions of it again */
	for (u32 i = 0; i < length; i++) {
		u32 step = ON(state, machine->classes[head->bytes[i]]);

		asm volatile("" : "+r"(step)); /* the verifier shall see the mask */
		state = machine->next[step & (TEXT_STATES * TEXT_CLASSES - 1)];
		if (state <= TEXT_TAKEN)
			break;
	}
	return state != TEXT_REFUSED;
}

#endif
