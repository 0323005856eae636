/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <string.h>

#include "follower.h"

#define PAUSE_NS 1000000000ULL
#define DOUBLINGS_MAX 5

void ms_etcd_follower_init(struct ms_etcd_follower *follower, size_t endpoints, bool with_user)
{
	memset(follower, 0, sizeof(*follower));
	follower->endpoints = endpoints;
	follower->with_user = with_user;
}

static bool is_admitted(const struct ms_etcd_follower *follower)
{
	return !follower->with_user || follower->has_token;
}

enum ms_etcd_task ms_etcd_follower_get_task(const struct ms_etcd_follower *follower)
{
	if (follower->is_paused)
		return MS_ETCD_NOTHING;
	if (!is_admitted(follower))
		return MS_ETCD_AUTHENTICATE;
	if (!follower->revision || follower->stale || follower->newest > follower->revision)
		return MS_ETCD_READ;
	return follower->check_due ? MS_ETCD_CHECK : MS_ETCD_NOTHING;
}

int64_t ms_etcd_follower_get_watch(const struct ms_etcd_follower *follower)
{
	bool may = !follower->is_paused && is_admitted(follower) && !follower->compacted;

	return may && follower->revision ? follower->revision + 1 : 0;
}

bool ms_etcd_follower_is_lost(const struct ms_etcd_follower *follower)
{
	return follower->rounds > 0;
}

void ms_etcd_follower_on_token(struct ms_etcd_follower *follower)
{
	follower->has_token = true;
	follower->is_new_token = true;
}

void ms_etcd_follower_on_read(struct ms_etcd_follower *follower, int64_t revision)
{
	follower->revision = revision;
	follower->stale = false;
	follower->compacted = false;
	follower->is_new_token = false;
}

void ms_etcd_follower_on_check(struct ms_etcd_follower *follower, bool is_same, int64_t revision)
{
	follower->check_due = false;
	follower->is_new_token = false;
	if (follower->created == MS_ETCD_WATCHERS) {
		follower->failed = 0;
		follower->rounds = 0;
	}
	if (is_same && revision >= follower->revision)
		follower->revision = revision;
	else
		follower->stale = true;
}

void ms_etcd_follower_on_watch(struct ms_etcd_follower *follower)
{
	follower->created = 0;
	follower->is_late = false;
}

void ms_etcd_follower_on_notice(struct ms_etcd_follower *follower,
				const struct ms_etcd_notice *notice)
{
	switch (notice->kind) {
	case MS_ETCD_CREATED:
		if (++follower->created == MS_ETCD_WATCHERS)
			follower->check_due = true;
		break;
	case MS_ETCD_CHANGED:
		if (notice->revision > follower->newest)
			follower->newest = notice->revision;
		break;
	case MS_ETCD_COMPACTED:
		follower->compacted = true;
		follower->stale = true;
		break;
	case MS_ETCD_PROGRESS:
	case MS_ETCD_ENDED:
		break;
	}
}

bool ms_etcd_follower_tick(struct ms_etcd_follower *follower)
{
	bool is_due = ms_etcd_follower_get_watch(follower) != 0;

	follower->check_due = true;
	if (is_due && follower->created < MS_ETCD_WATCHERS) {
		if (follower->is_late)
			return false;
		follower->is_late = true;
	}
	return true;
}

void ms_etcd_follower_on_failure(struct ms_etcd_follower *follower, bool wants_token)
{
	bool only_token = wants_token && follower->has_token && !follower->is_new_token;

	if (wants_token)
		follower->has_token = false;
	follower->created = 0;
	follower->is_late = false;
	/* What comes back may be another store, in which what was heard of may never come. */
	follower->stale |= follower->newest > follower->revision;
	follower->newest = 0;
	/* Should no watch come to stand, checks by themselves still find what changed. */
	follower->check_due = true;
	if (only_token)
		return;
	follower->endpoint = (follower->endpoint + 1) % follower->endpoints;
	if (++follower->failed < follower->endpoints)
		return;
	follower->failed = 0;
	follower->rounds++;
	follower->is_paused = true;
}

void ms_etcd_follower_resume(struct ms_etcd_follower *follower)
{
	follower->is_paused = false;
}

uint64_t ms_etcd_follower_pause_ns(const struct ms_etcd_follower *follower, uint32_t chance)
{
	unsigned doublings = follower->rounds ? follower->rounds - 1 : 0;
	uint64_t longest = PAUSE_NS << (doublings < DOUBLINGS_MAX ? doublings : DOUBLINGS_MAX);

	return longest - longest / 4 * (chance % 1024) / 1024;
}
