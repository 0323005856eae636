/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What to do next to follow etcd, decided of what it answered. Pure: the caller makes the calls,
 * one task at a time and beside it one watch, tells here how they ended, and asks again.
 *
 * A watch says that something changed, and a read gets all there is at one revision: two watchers
 * have no common end of a revision. A check, a read of the keys alone, proves from time to time and
 * after every break that the member answers for a majority and that no notice was lost.
 */
#ifndef MS_PLUGINS_ETCD_FOLLOWER_H
#define MS_PLUGINS_ETCD_FOLLOWER_H

#include "codec.h"

enum ms_etcd_task { MS_ETCD_NOTHING, MS_ETCD_AUTHENTICATE, MS_ETCD_READ, MS_ETCD_CHECK };

struct ms_etcd_follower {
	size_t endpoints, endpoint; /* how many, and which one now */
	size_t failed;              /* endpoints in a row */
	unsigned rounds;            /* in which all of them failed, in a row */
	bool with_user, has_token;
	bool is_new_token; /* it has not yet served */
	bool is_paused;
	int64_t revision, newest; /* known up to; heard of */
	bool stale;               /* to be read, whatever revision it is */
	bool check_due;
	bool compacted; /* a watch must not go on from where it was */
	unsigned created;
	bool is_late; /* the watchers were not there at the last tick */
};

void ms_etcd_follower_init(struct ms_etcd_follower *follower, size_t endpoints, bool with_user);

/* What to begin when nothing is under way. */
enum ms_etcd_task ms_etcd_follower_get_task(const struct ms_etcd_follower *follower);
/* The revision to watch from, 0 = there is to be no watch. */
int64_t ms_etcd_follower_get_watch(const struct ms_etcd_follower *follower);
/* Every member was asked, and nothing was heard for one round at least. */
bool ms_etcd_follower_is_lost(const struct ms_etcd_follower *follower);

/* A task came to its good end. */
void ms_etcd_follower_on_token(struct ms_etcd_follower *follower);
void ms_etcd_follower_on_read(struct ms_etcd_follower *follower, int64_t revision);
void ms_etcd_follower_on_check(struct ms_etcd_follower *follower, bool is_same, int64_t revision);
/* A watch began, or told something: not ENDED, which is a failure. */
void ms_etcd_follower_on_watch(struct ms_etcd_follower *follower);
void ms_etcd_follower_on_notice(struct ms_etcd_follower *follower,
				const struct ms_etcd_notice *notice);

/* Time for a check. False: the watch has not begun for a whole tick, which is a failure. */
bool ms_etcd_follower_tick(struct ms_etcd_follower *follower);

/*
 * The task or the watch failed; the caller ends the other one, too. Goes on with the next endpoint,
 * or, if all have failed, pauses until ms_etcd_follower_resume(). `wants_token`: only the token was
 * refused, and a new one is got from the same endpoint; if a new one is refused, it is a failure.
 */
void ms_etcd_follower_on_failure(struct ms_etcd_follower *follower, bool wants_token);
void ms_etcd_follower_resume(struct ms_etcd_follower *follower);
/* How long a pause: 1 s, doubled by each round up to 32 s, three quarters to all of it by chance.
 */
uint64_t ms_etcd_follower_pause_ns(const struct ms_etcd_follower *follower, uint32_t chance);

#endif
