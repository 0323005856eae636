/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Rules that the daemon refused. What a rule asks of an action, and what it is among all others,
 * only the daemon can judge; it refuses the transaction and says whose rules they were. Those are
 * then refused when the source adds them again, so that it leaves them out and the rest stands.
 * They may be right one day without a change of theirs, so they are forgotten after a while. Pure.
 */
#ifndef MS_CORE_PLUGINHOST_REFUSALS_H
#define MS_CORE_PLUGINHOST_REFUSALS_H

#include "core/source/offer.h"

#define MS_PLUGINHOST_REFUSALS_MAX 1024 /* origins; the oldest gives way */
#define MS_PLUGINHOST_REFUSALS_KEPT_NS (3600 * 1000000000ull)

/* The rules of one origin. */
struct ms_pluginhost_refusal {
	char *origin, *sentence;
	struct ms_source_offer rules; /* texts alone */
	uint64_t until_ns;
};

/* Starts as zeroes. */
struct ms_pluginhost_refusals {
	struct ms_source_offer told;        /* the rules of the last transaction, texts alone */
	struct ms_pluginhost_refusal *list; /* oldest first */
	size_t count;
};

void ms_pluginhost_refusals_fini(struct ms_pluginhost_refusals *refusals);
/* A transaction was told; its texts are taken. */
void ms_pluginhost_refusals_tell(struct ms_pluginhost_refusals *refusals,
				 struct ms_source_offer *offer);
/* All rules that were told from `origin` are refused. False: there are none, and nothing is to be
 * told anew. */
bool ms_pluginhost_refusals_add(struct ms_pluginhost_refusals *refusals, const char *origin,
				const char *sentence, uint64_t now_ns);
/* Why this rule is refused, lent; NULL = it is not. */
const char *ms_pluginhost_refusals_find(const struct ms_pluginhost_refusals *refusals,
					const char *origin, const char *text, size_t length,
					uint64_t now_ns);

#endif
