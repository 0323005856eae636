/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Keeps interfaces as the policy wants them: gives each its zone and its line in the datapath,
 * attaches, notices when somebody takes ours off and puts it back, lets go of what left. Fed by
 * the monitor's callbacks; acts when a burst has settled, new interfaces first.
 */
#ifndef MS_CORE_IFACE_KEEPER_H
#define MS_CORE_IFACE_KEEPER_H

#include <stdbool.h>
#include <stdint.h>

#include "bpf/dataplane.h"
#include "core/base/error.h"
#include "core/iface/outcome.h"
#include "core/iface/set.h"
#include "core/policy/model.h"
#include "netlink/monitor.h"

struct ms_keeper;

enum ms_keeper_news {
	MS_KEEPER_PROTECTED, /* attached for the first time, or again after a change */
	MS_KEEPER_FAILED,    /* could not be attached: entry->error */
	MS_KEEPER_RELEASED,  /* no longer wanted: ours taken off */
	MS_KEEPER_GONE,      /* the interface itself went */
	MS_KEEPER_REPAIRED,  /* somebody had taken ours off */
};

struct ms_keeper_config {
	struct ms_dataplane *dp;
	struct ms_attacher *attacher;
	uint64_t adopt_grace_ns;
	bool taken_over; /* the maps are an earlier daemon's: its zones count */
	/* The group into which a source has put what is at the link's other end, and which source;
	 * NULL = none has. May be NULL. */
	const char *(*bound_group)(void *user, const struct ms_link *link, const char **ret_source);
	/* May be NULL. */
	void (*on_news)(void *user, enum ms_keeper_news news, const struct ms_iface_entry *entry);
	void *user;
};

int ms_keeper_new(const struct ms_keeper_config *config, struct ms_keeper **ret_keeper);
/* Detaches nothing. */
struct ms_keeper *ms_keeper_free(struct ms_keeper *keeper);
struct ms_iface_set *ms_keeper_ifaces(struct ms_keeper *keeper);

/* The monitor's, passed on by its owner. */
void ms_keeper_on_link(struct ms_keeper *keeper, enum ms_link_change change,
		       const struct ms_link *link, bool moved);
/* Notes that the hooks of `ifindex` are to be looked at; our own attaching is told here too, so
 * looking is left to ms_keeper_check(), a moment later. What could not be attached for lack of
 * memory, buffers or an answer is noted by itself, again and again until it is attached. */
void ms_keeper_on_tc(struct ms_keeper *keeper, uint32_t ifindex);
bool ms_keeper_has_checks(const struct ms_keeper *keeper);
void ms_keeper_check(struct ms_keeper *keeper);
/* Carries out everything that has been noted since; also after a commit. */
void ms_keeper_settle(struct ms_keeper *keeper);

/*
 * Writes group and side of every interface for `half` under `policy`, which is not in force yet;
 * those that come or change from here on get them as well, until the policy is in force or, with
 * `policy` NULL, is given up.
 */
int ms_keeper_prepare(struct ms_keeper *keeper, const struct ms_policy *policy, unsigned int half);
/* Somebody was bound to a group, or is no more: decide every interface again. */
void ms_keeper_rebind(struct ms_keeper *keeper);
/* `policy` is in force now and stays valid until the next call: decide every interface again. */
void ms_keeper_policy_changed(struct ms_keeper *keeper, const struct ms_policy *policy);

/* Once a second: what passed interfaces that appeared lately before they were attached. True: some
 * may be left to be looked at (see ms_gap_rounds); again in a moment. */
bool ms_keeper_close_gaps(struct ms_keeper *keeper);

/* Looks at every interface's hooks in the kernel and mends what is not as wanted. */
void ms_keeper_verify(struct ms_keeper *keeper);

/* Was this zone an interface's that is gone? */
bool ms_keeper_zone_is_gone(const struct ms_keeper *keeper, uint16_t zone);
/* After a sweep round: zones whose interface is gone and that no session carries are free again. */
void ms_keeper_round_done(struct ms_keeper *keeper, bool (*saw)(void *user, uint16_t zone),
			  void *user);

struct ms_keeper_counts {
	unsigned int by_state[MS_IFACE_STATE__COUNT];
	uint64_t appeared, left, repaired, failed; /* since start */
	struct ms_outcome outcome;
	uint64_t unfiltered_packets;
	/* Found with our program on them at start although no pins were: an earlier daemon's
	 * sessions and counters are lost, its programs were replaced. */
	uint64_t orphaned;
};
struct ms_keeper_counts ms_keeper_counts(const struct ms_keeper *keeper);

#endif
