/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One random policy twice: as the text of a document, to go the way of every document, and as the
 * oracle's structure, made beside it from the same dice and from nothing else.
 */
#ifndef MS_TESTS_BPF_RANDOM_POLICY_H
#define MS_TESTS_BPF_RANDOM_POLICY_H

#include "tests/bpf/random_packet.h"
#include "tests/harness/oracle.h"

#define MS_RANDOM_GROUPS 3
#define MS_RANDOM_SETS 3
#define MS_RANDOM_SET_MEMBERS 4
#define MS_RANDOM_RULES 40
#define MS_RANDOM_TEXT (64 << 10)

struct ms_random_policy {
	char text[MS_RANDOM_TEXT];
	struct ms_oracle_policy oracle;
	struct ms_oracle_rule rules[MS_ORACLE_BUILTINS + MS_RANDOM_RULES];
	unsigned int priorities[MS_RANDOM_RULES];
	struct ms_oracle_set sets[MS_RANDOM_SETS];
	struct ms_oracle_cidr members[MS_RANDOM_SETS][MS_RANDOM_SET_MEMBERS];
	struct ms_oracle_group groups[MS_RANDOM_GROUPS];
	struct ms_oracle_door doors[4];
};

/* Groups "g0".."g2", sets "s0".."s2", rules "rN" with N below MS_RANDOM_RULES. */
void ms_random_policy_make(struct ms_random *random, struct ms_random_policy *ret_policy);

#endif
