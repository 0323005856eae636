/* SPDX-License-Identifier: GPL-2.0-or-later */
#define _GNU_SOURCE
#include "core/iface/keeper.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/base/cleanup.h"
#include "core/iface/zone.h"

#define NS_PER_S 1000000000ULL
/* An interface older than this when it is first attached may have carried flows before. */
#define SETTLED_NS (2 * NS_PER_S)

struct ms_keeper {
	struct ms_keeper_config config;
	struct ms_iface_set *ifaces;
	struct ms_zone_pool *zones;
	const struct ms_policy *policy;   /* in force; NULL before the first commit */
	const struct ms_policy *prepared; /* that of the other half, not in force yet; or NULL */
	uint32_t *checks;                 /* ifindexes whose hooks are to be looked at */
	size_t n_checks;
	struct ms_gap_rounds looks;
	uint64_t appeared_ns; /* when the last one was that appeared after us, 0 = none has */
	uint64_t settled_ns;  /* the same when interfaces were attached the last time */
	struct ms_keeper_counts counts;
};

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

static void tell(struct ms_keeper *keeper, enum ms_keeper_news news,
		 const struct ms_iface_entry *entry)
{
	if (keeper->config.on_news)
		keeper->config.on_news(keeper->config.user, news, entry);
}

static bool retire_seen(void *user, const struct ms_session_raw *session)
{
	uint16_t zone = session->family == 4 ? session->key.k4.zone : session->key.k6.zone;

	ms_zone_pool_retire(user, zone);
	return true;
}

int ms_keeper_new(const struct ms_keeper_config *config, struct ms_keeper **ret_keeper)
{
	struct ms_keeper *keeper = calloc(1, sizeof(*keeper));
	int r;

	if (!keeper)
		return -ENOMEM;
	keeper->config = *config;
	r = ms_zone_pool_new(&keeper->zones);
	if (r == 0)
		r = ms_iface_set_new(&keeper->ifaces);
	/* Until their interface claims them or a sweep misses them, sessions found own their zone.
	 */
	if (r == 0 && config->taken_over)
		r = ms_dataplane_session_foreach(config->dp, retire_seen, keeper->zones);
	if (r < 0) {
		ms_keeper_free(keeper);
		return r;
	}
	*ret_keeper = keeper;
	return 0;
}

struct ms_keeper *ms_keeper_free(struct ms_keeper *keeper)
{
	if (!keeper)
		return NULL;
	ms_iface_set_free(keeper->ifaces);
	ms_zone_pool_free(keeper->zones);
	free(keeper->checks);
	free(keeper);
	return NULL;
}

struct ms_iface_set *ms_keeper_ifaces(struct ms_keeper *keeper)
{
	return keeper->ifaces;
}

/* ---- the line in the datapath ---- */

static void bind_one(struct ms_keeper *keeper, struct ms_iface_entry *entry)
{
	const char *source = "", *group = NULL;

	if (keeper->config.bound_group)
		group = keeper->config.bound_group(keeper->config.user, &entry->link, &source);
	snprintf(entry->bound, sizeof(entry->bound), "%s", group ? group : "");
	snprintf(entry->bound_by, sizeof(entry->bound_by), "%s", group ? source : "");
}

/* Group number and side of the entry's link in one half's terms. Disabled groups are like none. */
static void aim(struct ms_iface *line, const struct ms_policy *policy,
		const struct ms_iface_entry *entry, unsigned int half)
{
	const struct ms_group_def *group = ms_iface_set_group(entry, policy, NULL, 0);

	if (group && group->mode == MS_MODE_DISABLED)
		group = NULL;
	line->group[half] = group ? (uint16_t)(group - policy->groups + 1) : 0;
	line->side &= (uint8_t) ~(1u << half);
	if (group && ms_iface_match_side(group, &entry->link) == MS_SIDE_WORKLOAD)
		line->side |= (uint8_t)(1u << half);
}

static uint8_t line_flags(const struct ms_iface_entry *entry)
{
	return (uint8_t)((entry->link.is_l3 ? MS_IFACE_L3 : 0) |
			 (entry->link.is_loopback ? MS_IFACE_LOOPBACK : 0) |
			 (entry->gap.open ? MS_IFACE_YOUNG : 0));
}

/*
 * An interface that carries our program already is the device an earlier daemon knew, so it keeps
 * its zone and with it its sessions; a line without a program on the hook belonged to a device
 * that is gone.
 */
static bool claim_zone(struct ms_keeper *keeper, struct ms_iface_entry *entry,
		       struct ms_iface *line)
{
	struct ms_attach_state state;

	if (!keeper->config.taken_over || !entry->link.from_walk ||
	    ms_dataplane_get_iface(keeper->config.dp, entry->link.ifindex, line) < 0 ||
	    ms_attacher_query(keeper->config.attacher, entry->link.ifindex, &state) < 0 ||
	    state.how == MS_ATTACHED_NONE || !ms_zone_pool_claim(keeper->zones, line->zone))
		return false;
	entry->zone = line->zone;
	entry->have = state.how;
	entry->state = MS_IFACE_PROTECTED;
	/* The program on the hook is the earlier daemon's: ours takes its place in settle. */
	ms_keeper_on_tc(keeper, entry->link.ifindex);
	return true;
}

/* Ours is on the hook, yet no pin of an earlier daemon was found: somebody hid or removed them. */
static bool is_orphan(struct ms_keeper *keeper, const struct ms_link *link)
{
	struct ms_attach_state state;

	return !keeper->config.taken_over && link->from_walk &&
	       ms_attacher_query(keeper->config.attacher, link->ifindex, &state) == 0 &&
	       state.how != MS_ATTACHED_NONE;
}

static int take_zone(struct ms_keeper *keeper, struct ms_iface_entry *entry, struct ms_iface *line)
{
	if (is_orphan(keeper, &entry->link))
		keeper->counts.orphaned++;
	*line = (struct ms_iface) { .ifindex = entry->link.ifindex };
	entry->zone = ms_zone_pool_take(keeper->zones);
	if (entry->zone == 0)
		return -ENOSPC;
	line->zone = entry->zone;
	ms_dataplane_clear_zone(keeper->config.dp, entry->zone);
	/* What was there before us was never meant to be filtered. */
	entry->gap.open = !entry->link.from_walk && entry->attached_ns == 0;
	entry->adopt = entry->link.from_walk || now_ns() - entry->link.seen_ns > SETTLED_NS;
	if (entry->adopt && keeper->config.adopt_grace_ns)
		line->grace_until =
			ms_dataplane_tick_now(keeper->config.dp) +
			ms_dataplane_ns_to_ticks(keeper->config.dp, keeper->config.adopt_grace_ns);
	return 0;
}

static int write_line(struct ms_keeper *keeper, struct ms_iface_entry *entry)
{
	unsigned int half = ms_dataplane_control(keeper->config.dp).half & MS_HALF_MASK;
	bool is_new = entry->zone == 0;
	struct ms_iface line;
	int r = 0;

	if (is_new)
		r = take_zone(keeper, entry, &line);
	else
		r = ms_dataplane_get_iface(keeper->config.dp, entry->link.ifindex, &line);
	if (r < 0)
		return r;
	line.flags = line_flags(entry);
	if (keeper->policy)
		aim(&line, keeper->policy, entry, half);
	if (keeper->prepared)
		aim(&line, keeper->prepared, entry, !half);
	r = ms_dataplane_put_iface(keeper->config.dp, &line);
	/* A zone without a line would be in the way of every commit to come. */
	if (r < 0 && is_new) {
		ms_zone_pool_retire(keeper->zones, entry->zone);
		entry->zone = 0;
	}
	return r;
}

static void drop_line(struct ms_keeper *keeper, struct ms_iface_entry *entry)
{
	if (entry->zone == 0)
		return;
	ms_dataplane_remove_iface(keeper->config.dp, entry->link.ifindex);
	ms_zone_pool_retire(keeper->zones, entry->zone);
	entry->zone = 0;
}

/* ---- links ---- */

/* Nothing stands in the way but the moment: out of memory or of buffers, no answer in time. */
static bool is_passing(int code)
{
	return code == -ENOBUFS || code == -ENOMEM || code == -EAGAIN || code == -ETIMEDOUT;
}

static void fail(struct ms_keeper *keeper, struct ms_iface_entry *entry, int code)
{
	if (code == -ENODEV) /* it went while we were at it: GONE is on its way */
		return;
	if (is_passing(code))
		ms_keeper_on_tc(keeper, entry->link.ifindex);
	if (entry->state != MS_IFACE_FAILED || entry->error != code) {
		keeper->counts.failed++;
		ms_outcome_failed(&keeper->counts.outcome, code);
		entry->error = code;
		entry->state = MS_IFACE_FAILED;
		tell(keeper, MS_KEEPER_FAILED, entry);
	}
}

/* The line follows the decision at once; attaching waits for settle. */
static void decide(struct ms_keeper *keeper, struct ms_iface_entry *entry)
{
	bool changed;
	int r;

	if (!keeper->policy)
		return;
	bind_one(keeper, entry);
	changed =
		ms_iface_set_decide(keeper->ifaces, entry, keeper->policy, keeper->config.attacher);
	/* What does not change it under this policy may do so under the next. */
	changed |= keeper->prepared != NULL;
	if (entry->want == MS_ATTACHED_NONE || (!changed && entry->zone))
		return;
	r = write_line(keeper, entry);
	if (r < 0)
		fail(keeper, entry, r);
	else if (entry->have != MS_ATTACHED_NONE)
		ms_dataplane_bump_epoch(keeper->config.dp);
}

static void on_gone(struct ms_keeper *keeper, struct ms_iface_entry *entry, bool moved)
{
	/* A tcx link would go on judging inside the other namespace: destroy it. For a deleted
	 * device this only clears its dead pin. */
	if (entry->have == MS_ATTACHED_TCX) {
		struct ms_attach_job job = {
			.ifindex = entry->link.ifindex,
			.how = MS_ATTACHED_NONE,
			.before = entry->have,
		};

		ms_attacher_run(keeper->config.attacher, &job, 1);
	}
	(void)moved;
	drop_line(keeper, entry);
	keeper->counts.left++;
	tell(keeper, MS_KEEPER_GONE, entry);
	ms_iface_set_remove(keeper->ifaces, entry->link.ifindex);
}

void ms_keeper_on_link(struct ms_keeper *keeper, enum ms_link_change change,
		       const struct ms_link *link, bool moved)
{
	struct ms_iface_entry *entry = ms_iface_set_find(keeper->ifaces, link->ifindex);

	if (change == MS_LINK_GONE) {
		if (entry)
			on_gone(keeper, entry, moved);
		return;
	}
	if (entry && entry->link.incarnation != link->incarnation)
		on_gone(keeper, entry, false);
	entry = ms_iface_set_put(keeper->ifaces, link);
	if (!entry)
		return; /* out of memory: the next resync tells it again */
	if (change == MS_LINK_NEW && !link->from_walk) {
		keeper->counts.appeared++;
		keeper->appeared_ns = link->seen_ns;
	}
	decide(keeper, entry);
}

/* ---- attaching ---- */

/* The first look, where the device's counters came with the attach. */
static void look_at_gap(struct ms_keeper *keeper, struct ms_iface_entry *entry,
			const struct ms_attach_job *job)
{
	struct ms_zone_gap seen;

	if (ms_dataplane_zone_gap(keeper->config.dp, entry->zone, &seen) == 0)
		ms_gap_look(&entry->gap, job->received + job->sent,
			    seen.frames[0] + seen.frames[1]);
}

static void close_gap(void *user, struct ms_iface_entry *entry)
{
	struct ms_keeper *keeper = user;

	if (!entry->gap.open || entry->state != MS_IFACE_PROTECTED ||
	    !ms_gap_rounds_take(&keeper->looks, &entry->gap, now_ns()))
		return;
	ms_gap_ask(&entry->gap, keeper->config.attacher, keeper->config.dp, entry->link.ifindex,
		   entry->zone);
	if (!entry->gap.open)
		write_line(keeper, entry);
}

bool ms_keeper_close_gaps(struct ms_keeper *keeper)
{
	uint64_t now = now_ns();

	if (ms_gap_rounds_put_off(&keeper->looks, keeper->appeared_ns, now))
		return true;
	ms_gap_rounds_step(&keeper->looks, now);
	ms_iface_set_foreach(keeper->ifaces, close_gap, keeper);
	return keeper->looks.more;
}

static void on_attached(struct ms_keeper *keeper, struct ms_iface_entry *entry,
			const struct ms_attach_job *job)
{
	bool news = entry->state != MS_IFACE_PROTECTED || entry->have != job->how;

	entry->have = job->how;
	entry->error = 0;
	if (job->how == MS_ATTACHED_NONE) {
		drop_line(keeper, entry);
		entry->state = MS_IFACE_EXCLUDED;
		tell(keeper, MS_KEEPER_RELEASED, entry);
		return;
	}
	entry->state = MS_IFACE_PROTECTED;
	if (entry->attached_ns == 0) {
		entry->attached_ns = now_ns();
		if (entry->gap.open) {
			/* One that waited for a policy to want it did not wait for us. */
			if (!entry->adopt)
				ms_outcome_attached(&keeper->counts.outcome,
						    entry->attached_ns - entry->link.seen_ns);
			if (job->has_packets)
				look_at_gap(keeper, entry, job);
		}
	}
	if (news)
		tell(keeper, MS_KEEPER_PROTECTED, entry);
}

static void run(struct ms_keeper *keeper, struct ms_attach_job *jobs, size_t count)
{
	ms_attacher_run(keeper->config.attacher, jobs, count);
	for (size_t i = 0; i < count; i++) {
		struct ms_iface_entry *entry = ms_iface_set_find(keeper->ifaces, jobs[i].ifindex);

		if (!entry)
			continue;
		if (jobs[i].result == 0)
			on_attached(keeper, entry, &jobs[i]);
		else
			fail(keeper, entry, jobs[i].result);
	}
}

void ms_keeper_settle(struct ms_keeper *keeper)
{
	ms_cleanup(ms_free) struct ms_attach_job *jobs = NULL;
	size_t count = 0;

	if (ms_iface_set_plan(keeper->ifaces, &jobs, &count) < 0 || count == 0)
		return;
	/* In a burst a question for the counters would wait for whoever makes interfaces, and all
	 * that come behind with it: they are read once it is over (core/iface/gap). */
	jobs[0].wants_packets = keeper->appeared_ns - keeper->settled_ns >= MS_GAP_CALM_NS;
	keeper->settled_ns = keeper->appeared_ns;
	run(keeper, jobs, count);
}

/* ---- policy ---- */

struct preparation {
	struct ms_keeper *keeper;
	const struct ms_policy *policy;
	unsigned int half;
	int result;
};

static void prepare_one(void *user, struct ms_iface_entry *entry)
{
	struct preparation *preparation = user;
	struct ms_dataplane *dp = preparation->keeper->config.dp;
	struct ms_iface line;
	int r;

	/* Interfaces without a line are not attached: they get one after the switch. */
	if (preparation->result < 0)
		return;
	/* The first generation of a restarted daemon: the earlier one's lines are judged by. */
	if (!preparation->keeper->policy)
		claim_zone(preparation->keeper, entry, &line);
	if (entry->zone == 0)
		return;
	r = ms_dataplane_get_iface(dp, entry->link.ifindex, &line);
	if (r == 0) {
		bind_one(preparation->keeper, entry);
		aim(&line, preparation->policy, entry, preparation->half);
		r = ms_dataplane_put_iface(dp, &line);
	}
	preparation->result = r;
}

int ms_keeper_prepare(struct ms_keeper *keeper, const struct ms_policy *policy, unsigned int half)
{
	struct preparation preparation = { keeper, policy, half, 0 };

	keeper->prepared = policy;
	if (!policy)
		return 0;
	ms_iface_set_foreach(keeper->ifaces, prepare_one, &preparation);
	return preparation.result;
}

static void decide_one(void *user, struct ms_iface_entry *entry)
{
	decide(user, entry);
}

void ms_keeper_rebind(struct ms_keeper *keeper)
{
	ms_iface_set_foreach(keeper->ifaces, decide_one, keeper);
	ms_keeper_settle(keeper);
}

void ms_keeper_policy_changed(struct ms_keeper *keeper, const struct ms_policy *policy)
{
	bool first = !keeper->policy;

	keeper->policy = policy;
	keeper->prepared = NULL;
	ms_iface_set_foreach(keeper->ifaces, decide_one, keeper);
	ms_keeper_settle(keeper);
	/* Those taken over from an earlier daemon get the program of this one. */
	if (first && keeper->config.taken_over)
		ms_keeper_check(keeper);
	if (first)
		ms_attacher_collect(keeper->config.attacher);
}

/* ---- hooks that others touch ---- */

void ms_keeper_on_tc(struct ms_keeper *keeper, uint32_t ifindex)
{
	uint32_t *checks;

	if (keeper->n_checks && keeper->checks[keeper->n_checks - 1] == ifindex)
		return;
	if ((keeper->n_checks & (keeper->n_checks - 1)) == 0) {
		checks = reallocarray(keeper->checks, keeper->n_checks ? 2 * keeper->n_checks : 1,
				      sizeof(*checks));
		if (!checks)
			return; /* the periodic look finds it */
		keeper->checks = checks;
	}
	keeper->checks[keeper->n_checks++] = ifindex;
}

bool ms_keeper_has_checks(const struct ms_keeper *keeper)
{
	return keeper->n_checks > 0;
}

/* Ours on every hook it should be on, once; by whichever daemon it was put there. */
static bool is_there(const struct ms_iface_entry *entry, const struct ms_attach_state *state)
{
	return state->how == entry->want && !state->duplicate && state->present[MS_HOOK_INGRESS] &&
	       (entry->link.is_loopback || state->present[MS_HOOK_EGRESS]);
}

static bool is_current(const struct ms_keeper *keeper, const struct ms_attach_state *state)
{
	for (int hook = 0; hook < MS_HOOK__COUNT; hook++) {
		if (state->present[hook] &&
		    state->program_id[hook] !=
			    ms_dataplane_program_id(keeper->config.dp, (enum ms_hook)hook))
			return false;
	}
	return true;
}

static void verify_one(void *user, struct ms_iface_entry *entry)
{
	struct ms_keeper *keeper = user;
	struct ms_attach_job job = {
		.ifindex = entry->link.ifindex,
		.how = entry->want,
		.loopback = entry->link.is_loopback,
	};
	struct ms_attach_state state;
	bool there;

	/* Pending ones are settle's; one that failed is tried again here. */
	if (entry->want == MS_ATTACHED_NONE || entry->state == MS_IFACE_PENDING)
		return;
	if (entry->zone == 0 && write_line(keeper, entry) < 0)
		return;
	if (ms_attacher_query(keeper->config.attacher, entry->link.ifindex, &state) < 0)
		return;
	there = is_there(entry, &state);
	if (entry->state == MS_IFACE_PROTECTED && there && is_current(keeper, &state))
		return;
	job.before = state.how;
	ms_attacher_run(keeper->config.attacher, &job, 1);
	if (job.result < 0) {
		fail(keeper, entry, job.result);
		return;
	}
	if (entry->state == MS_IFACE_PROTECTED && !there) {
		entry->repairs++;
		keeper->counts.repaired++;
		tell(keeper, MS_KEEPER_REPAIRED, entry);
	}
	on_attached(keeper, entry, &job);
}

void ms_keeper_check(struct ms_keeper *keeper)
{
	ms_cleanup(ms_free) uint32_t *checks = ms_take_ptr(keeper->checks);
	size_t count = keeper->n_checks;

	keeper->n_checks = 0;
	for (size_t i = 0; i < count; i++) {
		struct ms_iface_entry *entry = ms_iface_set_find(keeper->ifaces, checks[i]);

		if (entry)
			verify_one(keeper, entry);
	}
}

void ms_keeper_verify(struct ms_keeper *keeper)
{
	ms_iface_set_foreach(keeper->ifaces, verify_one, keeper);
	ms_attacher_collect(keeper->config.attacher);
}

bool ms_keeper_zone_is_gone(const struct ms_keeper *keeper, uint16_t zone)
{
	return ms_zone_pool_is_waiting(keeper->zones, zone);
}

void ms_keeper_round_done(struct ms_keeper *keeper, bool (*saw)(void *user, uint16_t zone),
			  void *user)
{
	ms_zone_pool_round_done(keeper->zones, saw, user);
}

static void count_one(void *user, struct ms_iface_entry *entry)
{
	struct ms_keeper_counts *counts = user;

	counts->by_state[entry->state]++;
	counts->unfiltered_packets += entry->gap.packets;
}

struct ms_keeper_counts ms_keeper_counts(const struct ms_keeper *keeper)
{
	struct ms_keeper_counts counts = keeper->counts;

	ms_iface_set_foreach(keeper->ifaces, count_one, &counts);
	return counts;
}
