/* SPDX-License-Identifier: GPL-2.0-or-later */
#define _GNU_SOURCE
#include "core/manager/manager.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "core/base/cleanup.h"
#include "core/base/log.h"
#include "core/base/plural.h"
#include "core/base/sdnotify.h"
#include "core/base/utf8.h"
#include "core/manager/internal.h"

#define SWEEP_MS 100
#define VERIFY_MS 30000
#define CHECK_MS 200 /* somebody touched a hook: look soon, and once for a burst */
#define SECOND_MS 1000

/* ---- the monitor's callbacks ---- */

static void on_link(void *user, enum ms_link_change change, const struct ms_link *link,
		    const struct ms_link *old, bool moved)
{
	struct ms_manager *manager = user;

	(void)old;
	ms_keeper_on_link(manager->keeper, change, link, moved);
}

static void on_tc(void *user, uint32_t ifindex)
{
	struct ms_manager *manager = user;

	ms_keeper_on_tc(manager->keeper, ifindex);
}

static void on_addresses(void *user)
{
	struct ms_manager *manager = user;

	/* The first walk: read when it is complete. Sets being loaded: when they are. */
	if (manager->monitor && !manager->is_away)
		ms_manager_follow_addresses(manager);
	manager->addresses_wait = manager->is_away;
}

static void plan_check(struct ms_manager *manager)
{
	if (ms_keeper_has_checks(manager->keeper) && manager->check &&
	    !ms_watch_is_armed(manager->check))
		ms_watch_arm(manager->check, CHECK_MS, false);
}

static void on_settled(void *user)
{
	struct ms_manager *manager = user;

	ms_keeper_settle(manager->keeper);
	plan_check(manager);
}

/* ---- the loop's callbacks ---- */

static void plan_resync(struct ms_manager *manager)
{
	int due = ms_monitor_resync_due_ms(manager->monitor);

	if (due >= 0)
		ms_watch_arm(manager->resync, (uint64_t)due, false);
}

int ms_manager_dispatch_netlink(struct ms_manager *manager)
{
	int r = ms_monitor_dispatch(manager->monitor);

	if (r < 0) {
		/* Without it new interfaces stay open: better a restart, which loses nothing. */
		ms_log_error("netlink", "the netlink socket is beyond repair (%s): restarting",
			     strerror(-r));
		ms_loop_stop(manager->loop);
		return r;
	}
	plan_resync(manager);
	return 0;
}

static void on_netlink(void *user)
{
	ms_manager_dispatch_netlink(user);
}

static void on_resync(void *user)
{
	struct ms_manager *manager = user;

	ms_monitor_resync(manager->monitor);
	plan_resync(manager);
}

static void on_check(void *user)
{
	struct ms_manager *manager = user;

	ms_keeper_check(manager->keeper);
	plan_check(manager);
}

/* ---- the pins: what the next daemon takes over must be where this one left it ---- */

static void remember_pins(struct ms_manager *manager)
{
	uint64_t orphaned = ms_keeper_counts(manager->keeper).orphaned;
	struct stat st;

	if (stat(manager->config->bpffs, &st) == 0) {
		manager->pins_dev = st.st_dev;
		manager->pins_ino = st.st_ino;
	}
	if (orphaned == 0)
		return;
	snprintf(
		manager->pins_problem, sizeof(manager->pins_problem),
		"%llu interface%s carried an earlier daemon's program, but its pins are not in %.128s: "
		"was a bpffs mounted over it, or unmounted? Its sessions are lost",
		(unsigned long long)orphaned, ms_plural((long long)orphaned),
		manager->config->bpffs);
	ms_log_error("dataplane", "%s", manager->pins_problem);
}

/* Filtering goes on without them, but a restart would not find what is in force. */
static void look_for_pins(struct ms_manager *manager)
{
	struct stat st;
	bool there = stat(manager->config->bpffs, &st) == 0 && st.st_dev == manager->pins_dev &&
		     st.st_ino == manager->pins_ino;

	if (there || manager->pins_problem[0])
		return;
	snprintf(manager->pins_problem, sizeof(manager->pins_problem),
		 "our pins are no longer in %.128s: was a bpffs mounted over it, or unmounted? "
		 "Undo that before the daemon is restarted",
		 manager->config->bpffs);
	ms_log_error("dataplane", "%s", manager->pins_problem);
}

static void on_verify(void *user)
{
	struct ms_manager *manager = user;

	look_for_pins(manager);
	ms_monitor_resync(manager->monitor);
	ms_keeper_verify(manager->keeper);
}

static void on_events(void *user)
{
	struct ms_manager *manager = user;

	ms_dataplane_consume_events(manager->dp);
}

static bool saw_zone(void *user, uint16_t zone)
{
	return ms_sweeper_saw_zone(user, zone);
}

static bool saw_slot(void *user, uint32_t slot)
{
	return ms_sweeper_saw_slot(user, slot);
}

static bool zone_is_gone(void *user, uint16_t zone)
{
	return ms_keeper_zone_is_gone(user, zone);
}

/* Without sweeps ended sessions keep their places and counts stand still: said once, and in
 * status until a step works again. */
static void note_sweep(struct ms_manager *manager, int r)
{
	if (r < 0 && !manager->sweep_problem[0]) {
		snprintf(manager->sweep_problem, sizeof(manager->sweep_problem),
			 "sessions are not swept: %s. Ended ones keep their place, and counts are "
			 "old",
			 strerror(-r));
		ms_log_error("session", "%s", manager->sweep_problem);
	} else if (r >= 0 && manager->sweep_problem[0]) {
		manager->sweep_problem[0] = '\0';
		ms_log_notice("session", "sessions are swept again");
	}
}

static void on_sweep(void *user)
{
	struct ms_manager *manager = user;
	bool round_done = false;
	int r = ms_sweeper_step(manager->sweeper, &round_done);

	note_sweep(manager, r);
	if (r < 0 || !round_done)
		return;
	ms_keeper_round_done(manager->keeper, saw_zone, manager->sweeper);
	ms_committer_round_done(manager->committer, saw_slot, manager->sweeper);
}

static void on_touch(void *user)
{
	ms_manager_touch_rest(user);
}

static void on_watchdog(void *user)
{
	struct ms_manager *manager = user;

	ms_watch_arm(manager->watchdog, ms_sdnotify_alive(), false);
}

/* ---- start ---- */

static int open_state(struct ms_manager *manager, struct ms_error *err)
{
	int r = ms_state_open(manager->config->state_dir, &manager->state, err);

	if (r == 0)
		manager->generation = ms_state_load_generation(manager->state);
	return r;
}

static int open_dataplane(struct ms_manager *manager, struct ms_error *err)
{
	const struct ms_dataplane_config config = {
		.pin_dir = manager->config->bpffs,
		.sessions = manager->config->sessions,
		.half_open = manager->config->half_open,
		.session_table = manager->config->session_table,
	};
	int r = ms_dataplane_open(&config, &manager->taken_over, &manager->dp, err);
	uint32_t pinned;

	if (r < 0)
		return r;
	if (*ms_dataplane_note(manager->dp))
		ms_log_notice("dataplane", "%s", ms_dataplane_note(manager->dp));
	/* A lost state directory must not make numbers repeat while sessions carry them. */
	pinned = ms_dataplane_control(manager->dp).generation;
	if (pinned > manager->generation)
		manager->generation = pinned;
	ms_dataplane_set_timeouts(manager->dp, manager->config->timeouts_ns);
	return 0;
}

static int open_policy(struct ms_manager *manager, struct ms_error *err)
{
	struct ms_keeper_config keeper = {
		.dp = manager->dp,
		.adopt_grace_ns = manager->config->adopt_grace_ns,
		.taken_over = manager->taken_over,
		.bound_group = ms_manager_bound_group,
		.on_news = ms_manager_on_news,
		.user = manager,
	};
	int r = ms_sources_new(manager->config, manager->state, &manager->sources, err);

	if (r == 0)
		r = ms_numbering_new(MS_SLOTS_MAX, &manager->numbers);
	if (r == 0)
		r = ms_attacher_new(manager->dp, &manager->attacher, err);
	keeper.attacher = manager->attacher;
	if (r == 0)
		r = ms_keeper_new(&keeper, &manager->keeper);
	return r;
}

static int prepare(void *user, const struct ms_policy *policy, unsigned int half)
{
	return ms_keeper_prepare(((struct ms_manager *)user)->keeper, policy, half);
}

int ms_manager_action_of(void *user, const struct ms_policy *policy, const struct ms_rule *rule,
			 const struct ms_rule_action *action, struct ms_rule_action_call *ret_call,
			 struct ms_error *err)
{
	struct ms_manager *manager = user;

	/* What rules say to it has been judged, and not by the one that is loaded, which may have
	 * had an action that the next one does not have. */
	if (ms_manager_rehearses(manager, action->name) ||
	    ms_manager_rehearses_without(manager, action->name))
		return -ENOENT;
	return ms_plugin_registry_encode(manager->plugins, policy, rule, action, ret_call, err);
}

static int open_committer(struct ms_manager *manager)
{
	const struct ms_committer_hooks hooks = {
		.prepare = prepare,
		.panic_of = ms_manager_panic_of,
		.action = ms_manager_action_of,
		.leave = ms_manager_leaves_refused,
		.away = ms_manager_beside,
		.user = manager,
	};
	const struct ms_runtime_override *everywhere =
		ms_runtime_find_override(ms_sources_runtime(manager->sources), "");

	ms_dataplane_set_panic(manager->dp, everywhere ? everywhere->panic : MS_PANIC_OFF);
	return ms_committer_new(manager->dp, manager->numbers, manager->config->set_members_max,
				&hooks, &manager->committer);
}

static int open_sweeper(struct ms_manager *manager)
{
	int r = ms_sweeper_new(manager->dp, &manager->sweeper);

	if (r == 0)
		ms_sweeper_on_zone(manager->sweeper, zone_is_gone, manager->keeper);
	return r;
}

static int open_monitor(struct ms_manager *manager, struct ms_error *err)
{
	static const struct ms_monitor_callbacks callbacks = {
		.on_link = on_link,
		.on_tc = on_tc,
		.on_addresses = on_addresses,
		.on_settled = on_settled,
	};
	int r = ms_monitor_open(&callbacks, manager, &manager->monitor, err);

	if (r < 0)
		return r;
	ms_monitor_ignore(manager->monitor, ms_attacher_port(manager->attacher));
	on_addresses(manager);
	return 0;
}

static int add_timers(struct ms_manager *manager)
{
	const struct {
		struct ms_watch **watch;
		enum ms_loop_priority priority;
		ms_loop_callback callback;
		uint64_t every_ms; /* 0 = armed when needed */
	} timers[] = {
		{ &manager->resync, MS_LOOP_NETLINK, on_resync, 0 },
		{ &manager->check, MS_LOOP_NETLINK, on_check, 0 },
		{ &manager->verify, MS_LOOP_NETLINK, on_verify, VERIFY_MS },
		{ &manager->sweep, MS_LOOP_CONTROL, on_sweep, SWEEP_MS },
		{ &manager->touch, MS_LOOP_NETLINK, on_touch, 0 },
		{ &manager->expiry, MS_LOOP_CONTROL, ms_manager_on_expiry, 0 },
		{ &manager->tell, MS_LOOP_CONTROL, ms_manager_on_tell, 0 },
		{ &manager->second, MS_LOOP_CONTROL, ms_manager_on_second, SECOND_MS },
		{ &manager->gaps, MS_LOOP_CONTROL, ms_manager_on_gaps, 0 },
		{ &manager->watchdog, MS_LOOP_CONTROL, on_watchdog, ms_sdnotify_watchdog_ms() },
	};

	for (size_t i = 0; i < ms_array_size(timers); i++) {
		int r = ms_loop_add_timer(manager->loop, timers[i].priority, timers[i].callback,
					  manager, timers[i].watch);

		if (r == 0 && timers[i].every_ms)
			r = ms_watch_arm(*timers[i].watch, timers[i].every_ms, true);
		if (r < 0)
			return r;
	}
	return 0;
}

static int add_watches(struct ms_manager *manager)
{
	int r = ms_loop_add_fd(manager->loop, ms_monitor_fd(manager->monitor), MS_LOOP_NETLINK,
			       on_netlink, manager, &manager->on_netlink);

	ms_dataplane_on_events(manager->dp, ms_manager_on_event, manager);
	if (r == 0)
		r = ms_loop_add_fd(manager->loop, ms_dataplane_events_fd(manager->dp),
				   MS_LOOP_EVENTS, on_events, manager, &manager->on_events);
	return r;
}

static int start(struct ms_manager *manager, struct ms_error *err)
{
	int r = ms_manager_take_lock(&manager->lock_fd, err);

	if (r == 0)
		r = open_state(manager, err);
	if (r == 0)
		r = open_dataplane(manager, err);
	if (r == 0)
		r = open_policy(manager, err);
	if (r == 0)
		r = open_committer(manager);
	if (r == 0)
		r = ms_manager_open_plugins(manager, err);
	if (r == 0)
		r = open_sweeper(manager);
	if (r == 0)
		r = ms_event_stream_new(&manager->stream);
	if (r == 0)
		r = ms_event_history_new(manager->config->events_max, &manager->history);
	if (r == 0)
		r = add_timers(manager);
	if (r == 0)
		r = open_monitor(manager, err);
	if (r == 0)
		r = ms_manager_commit_initial(manager, err);
	if (r == 1) {
		char text[640];

		ms_error_format(err, manager->last_error, sizeof(manager->last_error));
		ms_log_error("policy", "%s: the last good policy stays in force",
			     ms_error_format(err, text, sizeof(text)));
		*err = (struct ms_error)MS_ERROR_INIT;
		r = 0;
	}
	/* Every hook runs the new programs by now. */
	if (r == 0)
		r = ms_dataplane_settle(manager->dp);
	if (r == 0)
		remember_pins(manager);
	if (r == 0)
		r = add_watches(manager);
	if (r < 0)
		return ms_error_set(err, r, "cannot start: %s", strerror(-r));
	return 0;
}

int ms_manager_start(const struct ms_config *config, struct ms_loop *loop,
		     struct ms_manager **ret_manager, struct ms_error *err)
{
	struct ms_manager *manager = calloc(1, sizeof(*manager));
	int r;

	if (!manager)
		return -ENOMEM;
	manager->config = config;
	manager->loop = loop;
	manager->lock_fd = -1;
	manager->started_at = time(NULL);
	ms_list_init(&manager->listeners);
	ms_list_init(&manager->waiters);
	r = start(manager, err);
	if (r < 0) {
		ms_manager_stop(manager);
		return r;
	}
	*ret_manager = manager;
	return 0;
}

static void free_watches(struct ms_manager *manager)
{
	struct ms_watch **watches[] = {
		&manager->on_netlink, &manager->on_events, &manager->resync,   &manager->check,
		&manager->verify,     &manager->sweep,     &manager->touch,    &manager->expiry,
		&manager->second,     &manager->gaps,      &manager->watchdog, &manager->tell,
	};

	for (size_t i = 0; i < ms_array_size(watches); i++)
		*watches[i] = ms_watch_free(*watches[i]);
}

struct ms_manager *ms_manager_stop(struct ms_manager *manager)
{
	if (!manager)
		return NULL;
	ms_manager_drop_listeners(manager);
	free_watches(manager);
	ms_manager_early_forget(manager, 0);
	ms_monitor_close(manager->monitor);
	ms_event_history_free(manager->history);
	ms_event_stream_free(manager->stream);
	ms_sweeper_free(manager->sweeper);
	ms_keeper_free(manager->keeper);
	ms_attacher_free(manager->attacher);
	ms_manager_close_binder(manager);
	ms_manager_free_sources(manager);
	ms_manager_close_plugins(manager);
	ms_committer_free(manager->committer);
	ms_numbering_free(manager->numbers);
	ms_sources_free(manager->sources);
	ms_dataplane_close(manager->dp);
	ms_state_close(manager->state);
	if (manager->lock_fd >= 0)
		close(manager->lock_fd);
	free(manager);
	return NULL;
}

/* ---- what is ---- */

const struct ms_config *ms_manager_config(const struct ms_manager *manager)
{
	return manager->config;
}

struct ms_dataplane *ms_manager_dataplane(struct ms_manager *manager)
{
	return manager->dp;
}

struct ms_iface_set *ms_manager_ifaces(struct ms_manager *manager)
{
	return ms_keeper_ifaces(manager->keeper);
}

struct ms_attacher *ms_manager_attacher(struct ms_manager *manager)
{
	return manager->attacher;
}

const struct ms_monitor *ms_manager_monitor(const struct ms_manager *manager)
{
	return manager->monitor;
}

const struct ms_policy *ms_manager_policy(const struct ms_manager *manager)
{
	ms_sources_follow_members(manager->sources);
	return ms_sources_merged(manager->sources);
}

const struct ms_policy *ms_manager_source(const struct ms_manager *manager, enum ms_source source)
{
	ms_sources_follow_members(manager->sources);
	return ms_sources_policy(manager->sources, source);
}

struct ms_event_history *ms_manager_history(struct ms_manager *manager)
{
	return manager->history;
}

struct ms_sweeper *ms_manager_sweeper(struct ms_manager *manager)
{
	return manager->sweeper;
}

uint32_t ms_manager_slot(const struct ms_manager *manager, const char *rule_id)
{
	return ms_committer_slot(manager->committer, rule_id);
}

const struct ms_slot_name *ms_manager_slot_name(struct ms_manager *manager, uint32_t slot)
{
	if (slot == MS_SLOT_NONE ||
	    ms_dataplane_get_slot(manager->dp, slot, &manager->slot_name) < 0)
		return NULL;
	/* Of a rule that has gone it may be an older daemon's, cut within a letter. */
	ms_utf8_tidy(manager->slot_name.origin);
	return &manager->slot_name;
}

const struct ms_iface_entry *ms_manager_iface_of_zone(struct ms_manager *manager, uint16_t zone)
{
	return ms_iface_set_find_zone(ms_keeper_ifaces(manager->keeper), zone);
}

int ms_manager_set_left(const struct ms_manager *manager, const char *set,
			const struct ms_cidr *member, uint64_t *ret_left_ns)
{
	return ms_set_table_left(ms_committer_sets(manager->committer), set, member, ret_left_ns);
}

struct ms_keeper_counts ms_manager_iface_counts(const struct ms_manager *manager)
{
	return ms_keeper_counts(manager->keeper);
}
