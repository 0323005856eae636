/* SPDX-License-Identifier: GPL-2.0-or-later OR BSD-2-Clause */
/*
 * What the datapath and an action's program hand to one another. Used by the functions of
 * action.bpf.h, not by authors of actions; part of the ABI all the same, as it is compiled into
 * their programs.
 */
#ifndef MICROSEG_CHAIN_H
#define MICROSEG_CHAIN_H

#include <linux/types.h>

#define MS_ACTION_ARGS_SIZE 32
#define MS_ACTION_SLOTS 64   /* actions a host can have */
#define MS_ACTION_LIST_MAX 8 /* actions of one rule, its verdict not counted */
#define MS_ACTION_LISTS 4096 /* lists of actions, per half of the tables; one less in truth: */
/* No rule has this list, it has no actions and no arguments. A program is tried with it: what it
 * would have handed back is returned instead of counted. */
#define MS_ACTION_TRIAL_LIST (2 * MS_ACTION_LISTS - 1)

struct ms_action_list {
	__u64 slots; /* of the actions, a byte each, the first in the lowest */
	__u32 rule;
	__u8 count;
	__u8 fallback; /* if one of the actions is not there: ALLOW or DENY */
	__u8 mode;     /* the rule's, in the host's own numbers */
	__u8 pad;
};

struct ms_action_args {
	__u8 bytes[MS_ACTION_ARGS_SIZE];
};

/*
 * cb[0]  the rule's number, its place in the list, how the list ended, and what is known
 * cb[1]  index of the list and its length, reason of the judgement, verdict or TC code of the end
 * cb[2]  l3_off | l4_off << 16
 * cb[3]  protocol, and more of what is known
 * cb[4]  the action's
 */
enum {
	MS_CHAIN_RULE = 0,
	MS_CHAIN_LIST = 1,
	MS_CHAIN_OFFSETS = 2,
	MS_CHAIN_REST = 3,
	MS_CHAIN_ACTION = 4,
};

#define MS_CHAIN_RULE_MASK 0x1ffffu
#define MS_CHAIN_STEP_SHIFT 17
#define MS_CHAIN_STEP_MASK (0xfu << 17)
#define MS_CHAIN_END_SHIFT 21
#define MS_CHAIN_END_MASK (7u << 21)
#define MS_CHAIN_EGRESS (1u << 24)
#define MS_CHAIN_OUT (1u << 25)
#define MS_CHAIN_IP6 (1u << 26)
#define MS_CHAIN_COUNTED (1u << 27) /* a session carries the packet's count */
#define MS_CHAIN_LOG (1u << 28)
#define MS_CHAIN_AUDIT (1u << 29)
#define MS_CHAIN_FRAGMENT (1u << 30)
#define MS_CHAIN_SESSION (1u << 31)

#define MS_CHAIN_PROTO_MASK 0xffu
#define MS_CHAIN_COUNTED_OUT (1u << 8) /* ... as one that goes `out` */
#define MS_CHAIN_DENIED (1u << 9)      /* what was judged: the list ends in deny */

/* Bytes on the wire when it was judged, in the bits above: an action may change them. An offloaded
 * train has at most 2^19. */
#define MS_CHAIN_BYTES_SHIFT 10

#define MS_CHAIN_INDEX_MASK 0x1fffu
#define MS_CHAIN_REASON_SHIFT 13
#define MS_CHAIN_REASON_MASK (0x3fu << 13)
#define MS_CHAIN_CODE_SHIFT 19
#define MS_CHAIN_CODE_MASK (0xffu << 19)
#define MS_CHAIN_BANK (1u << 27) /* of the policy that judged */
/* The packet is counted everywhere already, as one that the end of the list lets pass: whoever
 * comes there returns TC_ACT_UNSPEC, with cb[] cleared. Any other end is ms_resume's, which takes
 * it back. */
#define MS_CHAIN_SETTLED (1u << 28)
/* Actions of the list, or 0 = look into the list: a host of before has not said, and eight of them
 * are one too many. */
#define MS_CHAIN_COUNT_SHIFT 29
#define MS_CHAIN_COUNT_MASK (7u << 29)

enum ms_chain_end {
	MS_CHAIN_RUNS = 0, /* through the list: its verdict holds */
	MS_CHAIN_ENDED,    /* an action gave a verdict, in CODE */
	MS_CHAIN_TAKEN,    /* an action took the packet, TC code in CODE */
	MS_CHAIN_MISSING,  /* a slot was empty: the fallback holds */
};

/* What ms_resume returns of a trial: this, enum ms_chain_end << 8, verdict or TC code. */
#define MS_CHAIN_TRIED 0x4d530000u
#define MS_CHAIN_TRIED_MASK 0xffff0000u

/* Slots of ms_progs that an action knows. */
enum { MS_CHAIN_RESUME = 1 };

#endif
