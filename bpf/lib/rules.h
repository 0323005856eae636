/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Tables of the classifier that every policy has, and those of its linear engine, shared by
 * core/classify and the look-up side (classify.h). Each table holds two halves; a half's rows start
 * at half * capacity. Rows stand in the order of judgement: the first that matches is the answer.
 */
#ifndef MS_BPF_LIB_RULES_H
#define MS_BPF_LIB_RULES_H

#include <linux/types.h>

#include "bpf/lib/blocks.h"

#define MS_RULES_ROWS 16384 /* per half and family, of the linear engine */
#define MS_DECISIONS 131072 /* rules per half */

/*
 * Late rules came after their half was compiled. They stand at the end of the tables that the
 * linear engine and the decisions are in, in two banks, of which one is in force: a change of them
 * writes the other one, and nothing that packets read.
 */
#define MS_BANKS 2
#define MS_LATE_ROWS 64 /* per bank and family; no more than one scan of a block (linear.h) */
#define MS_LATE_RULES 64
#define MS_LATE_ROW(bank) (MS_RULES_ROWS - (MS_BANKS - (bank)) * MS_LATE_ROWS)
#define MS_LATE_DECISION(bank) (MS_DECISIONS - (MS_BANKS - (bank)) * MS_LATE_RULES)
#define MS_DECISION_NONE (~0u)

/* `what` and its mask: what of the transport and the header is asked. 0 in the mask = not asked. */
#define MS_WHAT_PROTO(n) ((__u32)(n))
#define MS_WHAT_ICMP_TYPE(n) ((__u32)(n) << 8)
#define MS_WHAT_ICMP_CODE(n) ((__u32)(n) << 16)
#define MS_WHAT_DSCP(n) ((__u32)(n) << 24)
#define MS_WHAT_PROTO_MASK 0xffu
#define MS_WHAT_ICMP_TYPE_MASK (0xffu << 8)
#define MS_WHAT_ICMP_CODE_MASK (0xffu << 16)
#define MS_WHAT_DSCP_MASK (0x3fu << 24)

/* `where` and its mask: outer VID, group, side of the interface. */
#define MS_WHERE_VLAN(n) ((__u32)(n))
#define MS_WHERE_GROUP(n) ((__u32)(n) << 16)
#define MS_WHERE_SIDE(n) ((__u32)(n) << 24)
#define MS_WHERE_VLAN_MASK 0xfffu
#define MS_WHERE_GROUP_MASK (0xffu << 16)
#define MS_WHERE_SIDE_MASK (1u << 24)

enum {
	MS_ROW_DENY = 1 << 0,
	MS_ROW_PORTS = 1 << 1, /* asks for ports or an ICMP type: unknown in a later fragment */
};

/* What the rows of both families share. Ports in host order, ends included. */
struct ms_row_rest {
	__u32 what, what_mask;
	__u32 where, where_mask;
	__u16 sport_first, sport_last;
	__u16 dport_first, dport_last;
	__u32 src_set, dst_set; /* 0 = not asked */
	__u32 decision;         /* index within the half */
	__u8 dirs;              /* bit per enum ms_dir */
	__u8 flags;             /* MS_ROW_* */
	__u16 pad;
};
_Static_assert(sizeof(struct ms_row_rest) == 40, "packed by hand");

struct ms_row4 { /* ms_rules4 */
	__be32 src, src_mask;
	__be32 dst, dst_mask;
	struct ms_row_rest rest;
};
_Static_assert(sizeof(struct ms_row4) == 56, "packed by hand");

struct ms_row6 { /* ms_rules6 */
	__be32 src[4], src_mask[4];
	__be32 dst[4], dst_mask[4];
	struct ms_row_rest rest;
};
_Static_assert(sizeof(struct ms_row6) == 104, "packed by hand");

enum {
	MS_DECISION_LOG = 1 << 0,
	MS_DECISION_STATELESS = 1 << 1, /* makes no session */
	MS_DECISION_BUILTIN = 1 << 2,
	MS_DECISION_ACTIONS = 1 << 3, /* a list of actions runs before the verdict */
};

struct ms_decision { /* ms_decisions */
	__u32 slot;
	__u32 log_every_ms; /* 0 = the default limit */
	__u8 verdict;       /* ALLOW or DENY */
	__u8 established;   /* enum ms_established */
	__u8 mode;          /* enum ms_mode: AUDIT, ENFORCE or INHERIT */
	__u8 flags;         /* MS_DECISION_* */
	__u32 before;       /* a late rule's: the decision that it is judged before */
};
_Static_assert(sizeof(struct ms_decision) == 16, "packed by hand");

enum { MS_POLICY_ICMP_ERROR = 1 << 0 /* errors quoting a session pass, builtin/icmp-error */ };

/* ms_policy: one row a bank, index half * MS_BANKS + bank: what is said of the whole policy */
struct ms_policy_head {
	__u32 generation;
	__u32 rows4, rows6;
	__u32 flags; /* MS_POLICY_* */
	__u32 slot_icmp_error;
	__u32 slot_panic;
	struct ms_pairs_root pairs[2]; /* IPv4, IPv6 */
	__u16 late4, late6;            /* rows of the bank */
};
_Static_assert(sizeof(struct ms_policy_head) == 68, "packed by hand");

#endif
