/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Between the oracle's two halves: what the policy says of a packet when no session answers. */
#ifndef MS_TESTS_HARNESS_ORACLE_DECIDE_H
#define MS_TESTS_HARNESS_ORACLE_DECIDE_H

#include "tests/harness/oracle.h"

struct ms_oracle_decision {
	enum ms_oracle_verdict verdict;
	enum ms_oracle_verdict would_be; /* before audit mode: allow or deny */
	enum ms_oracle_reason reason;
	enum ms_oracle_established established;
	bool log, stateless;
	char author[MS_ORACLE_ID];
};

/* Audit mode turns a deny into a would-deny. */
enum ms_oracle_verdict ms_oracle_soften(enum ms_oracle_verdict verdict, enum ms_oracle_mode mode);

/* Panic, failsafe, rules, default, in this order. */
void ms_oracle_decide(const struct ms_oracle_policy *policy, enum ms_oracle_panic panic,
		      const struct ms_oracle_iface *iface, const struct ms_oracle_headers *h,
		      enum ms_oracle_dir dir, struct ms_oracle_decision *ret_decision);
/* A fragment whose ports nobody knows: could any port of it be let through? */
void ms_oracle_decide_early_fragment(const struct ms_oracle_policy *policy,
				     const struct ms_oracle_iface *iface,
				     const struct ms_oracle_headers *h, enum ms_oracle_dir dir,
				     struct ms_oracle_decision *ret_decision);

#endif
