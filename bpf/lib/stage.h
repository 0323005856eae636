/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where the bench's copies of the short path end early, and what they leave out, so that its parts
 * can be measured (tests/bench/parts.bpf.c, built with MS_STAGE_LAST and MS_STAGE_WITHOUT). In the
 * datapath all of this is nothing.
 */
#ifndef MS_BPF_LIB_STAGE_H
#define MS_BPF_LIB_STAGE_H

/* In their order. */
enum ms_stage {
	MS_STAGE_IFACE,     /* control word, the interface's line */
	MS_STAGE_ETHERTYPE, /* group, side, ethertype */
	MS_STAGE_HEADERS,   /* of IP and TCP, whole and plain */
	MS_STAGE_KEY,       /* both ends put in order */
	MS_STAGE_HASH,
	MS_STAGE_SESSION, /* its line found */
	MS_STAGE_FRESH,   /* epoch, state, age, clock */
	MS_STAGE_COUNTED, /* packets and bytes of the session */
	MS_STAGE_ALL,
};

/* Bits. */
enum ms_stage_part {
	MS_STAGE_PACKETS = 1 << 0, /* locked additions to the session */
	MS_STAGE_BYTES = 1 << 1,
	MS_STAGE_STATS = 1 << 2,
};

#ifndef MS_STAGE_LAST
#define MS_STAGE_LAST MS_STAGE_ALL
#define MS_STAGE_WITHOUT 0
#endif

#define MS_STAGE_HAS(part) (!(MS_STAGE_WITHOUT & (part)))

/* Ends the function with `result`. `kept`: what has been worked out so far, lest it be left out,
 * too: a number, or the address of more. */
#define MS_STAGE_END(stage, kept, result)                                                          \
	do {                                                                                       \
		if (MS_STAGE_LAST == (stage)) {                                                    \
			asm volatile("" : : "r"(kept) : "memory");                                 \
			return (result);                                                           \
		}                                                                                  \
	} while (0)

#endif
