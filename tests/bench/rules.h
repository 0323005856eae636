/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Rule sets to measure with: read from ClassBench files or made by a seeded generator in their
 * shape and in that of micro-segmentation. IPv4, first match; written out as policy documents.
 */
#ifndef MS_TESTS_BENCH_RULES_H
#define MS_TESTS_BENCH_RULES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "tests/bench/plan.h"

struct ms_bench_rule {
	uint32_t src, dst; /* host order, host bits zero */
	uint8_t src_len, dst_len;
	uint8_t proto; /* 0 = any */
	uint16_t sport_first, sport_last;
	uint16_t dport_first, dport_last;
};

struct ms_bench_rules {
	char name[32];
	struct ms_bench_rule *rules;
	size_t count;
	size_t n_sets; /* of each side: written as "set:sNUMBER" to "set:tNUMBER" instead of the
			* prefixes; 0 = by those */
};

/* A set of a rule has its prefix in pieces that are this much longer: 16 members. */
#define MS_BENCH_SET_BITS 4

enum ms_bench_shape {
	MS_BENCH_SHAPE_ACL,
	MS_BENCH_SHAPE_FW,
	MS_BENCH_SHAPE_IPC,
	MS_BENCH_SHAPE_MICRO, /* workload to workload, few ports, some networks */
	MS_BENCH_SHAPE__COUNT,
};

/* `limit` 0 = all of the file. */
struct ms_bench_rules ms_bench_rules_load(const char *dir, const char *name, size_t limit);
struct ms_bench_rules ms_bench_rules_make(enum ms_bench_shape shape, size_t count, uint64_t seed);
/* From sets to sets, all to one port: nothing but the sets tells them apart. Each rule has two of
 * its own, or with `each` every set of a side is named with every one of the other. Members are
 * prefixes, or single addresses. */
struct ms_bench_rules ms_bench_rules_make_sets(size_t n_sets, bool each, bool single);
/* Numbers of the sets that a rule is between, and a rule of which each of them is. */
size_t ms_bench_rules_src_set(const struct ms_bench_rules *rules, size_t rule);
size_t ms_bench_rules_dst_set(const struct ms_bench_rules *rules, size_t rule);
size_t ms_bench_rules_of_src_set(const struct ms_bench_rules *rules, size_t set);
void ms_bench_rules_fini(struct ms_bench_rules *rules);

/*
 * The document: group "bench" (veth devices w..., default deny in and out), every rule allowed
 * under the id "r/NUMBER", then `tail` as it is. The caller frees.
 */
char *ms_bench_rules_document(const struct ms_bench_rules *rules, const char *tail,
			      size_t *ret_length);

/* The same list for nftables' `ip` and `netdev` families, a line each. Prefixes, no sets. */
void ms_bench_rules_nft(const struct ms_bench_rules *rules, FILE *out);

/* A packet that some rule, picked at random, matches. */
struct ms_bench_header ms_bench_rules_header(const struct ms_bench_rules *rules, uint64_t *state);
/* Three in four are moved a little: to the next port, or to an address that differs in one bit. */
struct ms_bench_header ms_bench_rules_beside(const struct ms_bench_header *header,
					     unsigned int turn);
/* What a rule asks besides addresses. */
bool ms_bench_rule_asks(const struct ms_bench_rule *rule, const struct ms_bench_header *header);
/* Number of the first rule that matches, -1 = none. */
long ms_bench_rules_match(const struct ms_bench_rules *rules, const struct ms_bench_header *header);

#endif
