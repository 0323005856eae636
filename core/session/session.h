/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Sessions as a person sees them: decoded, filtered, summed; and the sweep that ends idle ones.
 */
#ifndef MS_CORE_SESSION_SESSION_H
#define MS_CORE_SESSION_SESSION_H

#include <stdbool.h>
#include <stdint.h>

#include "bpf/dataplane.h"
#include "core/base/addr.h"

struct ms_session_view {
	struct ms_session_raw raw; /* for reaping */
	uint16_t zone;
	uint8_t proto;
	struct ms_addr from, to;      /* `from` began it */
	uint16_t sport, dport;        /* host order; ICMP queries: identifier in sport */
	uint8_t icmp_type, icmp_code; /* of the first message */
	uint16_t vlan_outer, vlan_inner;
	enum ms_dir dir;   /* of its first packet */
	const char *state; /* "syn_sent", "established", "closing", "one_way", "two_way" */
	uint64_t packets[2], bytes[2]; /* [0] from `from`, [1] back */
	uint64_t age_ns, idle_ns, expires_in_ns;
	uint32_t slot, epoch, generation; /* generation 0 = not known any more */
	bool half_open, log, audit, adopted, midflow, expired;
};

void ms_session_decode(const struct ms_dataplane *dp, const struct ms_session_raw *raw,
		       struct ms_session_view *ret_view);

/* What live sessions hold that has not been folded, a slice at a time: nobody may block the loop
 * for all of them. What ends meanwhile may be in both this sum and the folded counters. */
struct ms_session_live {
	/* The caller's, added to what they hold; either may be NULL. */
	struct ms_slot_count *by_slot; /* n_slots long */
	size_t n_slots;
	struct ms_zone_count *by_zone;   /* MS_ZONES_MAX long */
	struct ms_session_cursor cursor; /* zeroed at first */
};
/* 1 = there is more, 0 = that was all, or -errno. */
int ms_session_live_step(struct ms_dataplane *dp, struct ms_session_live *live);

struct ms_session_usage {
	uint32_t sessions[2], half_open[2];   /* v4, v6, found live at the last full walk */
	uint32_t sessions_max, half_open_max; /* per family */
	uint64_t swept;                       /* ended by the sweep so far */
};

/* The sweep: a slice per call, all round in <= 10 s, from the daemon's timer. */
struct ms_sweeper;
int ms_sweeper_new(struct ms_dataplane *dp, struct ms_sweeper **ret_sweeper);
struct ms_sweeper *ms_sweeper_free(struct ms_sweeper *sweeper);
/* Sessions of these zones end however busy they were: their interface is gone. NULL = none. */
void ms_sweeper_on_zone(struct ms_sweeper *sweeper, bool (*is_gone)(void *user, uint16_t zone),
			void *user);
/* One slice; `*ret_round_done` = a full walk has just ended. Never blocks longer than a slice. */
int ms_sweeper_step(struct ms_sweeper *sweeper, bool *ret_round_done);
struct ms_session_usage ms_sweeper_usage(const struct ms_sweeper *sweeper);
/* After a full round: does any session carry this zone / slot? Only meaningful for zones and
 * slots nothing new can take (interface gone, rule gone) since before the round began. */
bool ms_sweeper_saw_zone(const struct ms_sweeper *sweeper, uint16_t zone);
bool ms_sweeper_saw_slot(const struct ms_sweeper *sweeper, uint32_t slot);

#endif
