/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/source/saved.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/base/cleanup.h"
#include "microseg/plugin.h"

#define NS_PER_S 1000000000ull

/* Members that were to go since then are gone. */
static void age(struct ms_source_offer *offer, uint64_t age_ns)
{
	for (size_t i = 0; i < offer->n_sets; i++) {
		struct ms_source_set *set = &offer->sets[i];
		size_t kept = 0;

		for (size_t m = 0; m < set->n_members; m++) {
			struct ms_source_member member = set->members[m];

			if (member.timeout_ns && member.timeout_ns <= age_ns)
				continue;
			if (member.timeout_ns)
				member.timeout_ns -= age_ns;
			set->members[kept++] = member;
		}
		offer->n_members -= set->n_members - kept;
		set->n_members = kept;
	}
}

/* Numbers of processes and interfaces are those of one boot. */
static void forget_numbers(struct ms_source_offer *offer)
{
	size_t kept = 0;

	for (size_t i = 0; i < offer->n_binds; i++) {
		if (offer->binds[i].kind == MS_PLUGIN_WORKLOAD_MAC)
			offer->binds[kept++] = offer->binds[i];
		else
			free(offer->binds[i].group);
	}
	offer->n_binds = kept;
}

static int64_t booted_at(int64_t now)
{
	struct timespec since;

	clock_gettime(CLOCK_BOOTTIME, &since);
	return now - since.tv_sec;
}

int ms_source_saved_read(struct ms_state *state, const char *name,
			 struct ms_source_offer *ret_offer, int64_t *ret_saved_at,
			 struct ms_error *err)
{
	ms_cleanup(ms_free) char *bytes = NULL;
	struct ms_error why = MS_ERROR_INIT;
	int64_t saved_at, now = time(NULL);
	size_t length;
	int r = ms_state_load_source(state, name, &bytes, &length, &saved_at);

	if (r == -ENOENT)
		return r;
	if (r == 0)
		r = ms_source_offer_decode(bytes, length, ret_offer, &why);
	if (r < 0)
		return ms_error_set(err, r == -ENOENT ? -EPROTO : r,
				    "what was saved of it cannot be read (%.300s)",
				    why.message[0] ? why.message : strerror(-r));
	age(ret_offer, now > saved_at ? (uint64_t)(now - saved_at) * NS_PER_S : 0);
	if (saved_at <= booted_at(now))
		forget_numbers(ret_offer);
	*ret_saved_at = saved_at;
	return 0;
}
