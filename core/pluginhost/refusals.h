/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Rules that the daemon refused. What a rule asks of an action, and what it is among all others,
 * only the daemon can judge; it refuses the transaction and says whose rules they were. Those are
 * then refused when the source adds them again, so that it leaves them out and the rest stands.
 * They may be right one day without a change of theirs, so they are forgotten after a while. The
 * source may have told other rules since the refused ones; those are judged by themselves.
 *
 * There is no most of them, of an origin or of all: one that gave way to another would be told
 * again, refused again, and have the next one give way, for ever. Those of an origin of which the
 * source does not add anything any more, and those whose time is over, are forgotten with its next
 * transaction. Pure.
 */
#ifndef MS_CORE_PLUGINHOST_REFUSALS_H
#define MS_CORE_PLUGINHOST_REFUSALS_H

#include "core/source/offer.h"

#define MS_PLUGINHOST_REFUSALS_KEPT_NS (3600 * 1000000000ull)

/* Rules of one origin that were refused at one time. */
struct ms_pluginhost_refusal {
	char *origin, *sentence;
	struct ms_source_offer rules; /* texts alone */
	uint64_t until_ns;
	bool is_asked_for; /* since the last transaction */
};

struct ms_pluginhost_refusals_told {
	struct ms_source_text rule;
	uint32_t since; /* number of the first transaction that had it, as all have since */
};

/* Starts as zeroes. */
struct ms_pluginhost_refusals {
	uint32_t number;                          /* of the last transaction, from 1 */
	struct ms_pluginhost_refusals_told *told; /* its rules, sorted */
	size_t n_told;
	struct ms_pluginhost_refusal *list; /* sorted by origin, the last refused first */
	size_t count;
};

void ms_pluginhost_refusals_fini(struct ms_pluginhost_refusals *refusals);
/* A transaction was told, after all of it was asked for; its texts are taken. */
void ms_pluginhost_refusals_tell(struct ms_pluginhost_refusals *refusals,
				 struct ms_source_offer *offer);
/* All rules that were told from `origin` in the transaction of this number are refused, as far as
 * they are told still. False: none are, and nothing is to be told anew. */
bool ms_pluginhost_refusals_add(struct ms_pluginhost_refusals *refusals, uint32_t number,
				const char *origin, const char *sentence, uint64_t now_ns);
/* Why this rule is refused, lent; NULL = it is not. */
const char *ms_pluginhost_refusals_find(struct ms_pluginhost_refusals *refusals, const char *origin,
					const char *text, size_t length, uint64_t now_ns);

#endif
