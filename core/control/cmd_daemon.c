/* SPDX-License-Identifier: GPL-2.0-or-later */
/* status, stats, version, panic: the daemon as a whole. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "core/base/cleanup.h"
#include "core/base/parse.h"
#include "core/control/command.h"
#include "core/control/engines.h"
#include "core/control/message.h"
#include "core/control/param.h"
#include "core/control/shape.h"
#include "core/event/event.h"
#include "core/iface/keeper.h"

#define NS_PER_MS 1000000ULL

/* ---- status ---- */

struct iface_counts {
	json_int_t by_state[MS_IFACE_STATE__COUNT];
	json_t *problems;
};

static void add_problem(json_t *problems, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static void add_problem(json_t *problems, const char *format, ...)
{
	char text[768];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	json_array_append_new(problems, ms_message_text(text));
}

static void count_iface(void *user, struct ms_iface_entry *entry)
{
	struct iface_counts *counts = user;

	counts->by_state[entry->state]++;
	if (entry->state == MS_IFACE_FAILED)
		add_problem(counts->problems, "%s is not protected: %s", entry->link.name,
			    ms_attach_explain(entry->error));
	else if (entry->state == MS_IFACE_PENDING)
		add_problem(counts->problems, "%s is not protected yet", entry->link.name);
}

static json_t *shape_ifaces(const struct iface_counts *counts)
{
	json_t *shape = json_object();

	for (int i = 0; shape && i < MS_IFACE_STATE__COUNT; i++) {
		if (ms_control_shape_put(shape, ms_iface_state_name((enum ms_iface_state)i),
					 json_integer(counts->by_state[i])) < 0) {
			json_decref(shape);
			return NULL;
		}
	}
	return shape;
}

static json_t *shape_sessions(const struct ms_session_usage *usage)
{
	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "ipv4",
			 (json_int_t)usage->sessions[0], "ipv6", (json_int_t)usage->sessions[1],
			 "half_open_ipv4", (json_int_t)usage->half_open[0], "half_open_ipv6",
			 (json_int_t)usage->half_open[1], "sessions_max",
			 (json_int_t)usage->sessions_max, "half_open_max",
			 (json_int_t)usage->half_open_max, "swept", (json_int_t)usage->swept);
}

static json_t *shape_netlink(const struct ms_monitor_stats *stats)
{
	return json_pack("{s:I, s:I, s:I, s:I}", "messages", (json_int_t)stats->messages,
			 "overruns", (json_int_t)stats->overruns, "resyncs",
			 (json_int_t)stats->resyncs, "inconsistent_dumps",
			 (json_int_t)stats->inconsistent_dumps);
}

static json_t *shape_waits(const struct ms_outcome *outcome)
{
	json_t *waits = json_array();

	for (int i = 0; i < MS_OUTCOME_BOUNDS; i++)
		json_array_append_new(waits,
				      json_pack("{s:I, s:I}", "within_ms",
						(json_int_t)(ms_outcome_bounds_ns[i] / NS_PER_MS),
						"count", (json_int_t)outcome->within[i]));
	return waits;
}

static json_t *shape_failures(const struct ms_outcome *outcome)
{
	json_t *failures = json_array();

	for (int i = 0; i < MS_OUTCOME_CODES; i++) {
		int code = outcome->failures[i].code;
		const char *name = code ? strerrorname_np(-code) : NULL;

		if (outcome->failures[i].count)
			json_array_append_new(failures,
					      json_pack("{s:s, s:I}", "errno",
							name ? name : "other", "count",
							(json_int_t)outcome->failures[i].count));
	}
	return failures;
}

static json_t *shape_attach(const struct ms_keeper_counts *counts)
{
	const struct ms_outcome *outcome = &counts->outcome;

	return json_pack("{s:I, s:I, s:o, s:o, s:I}", "attached", (json_int_t)outcome->attached,
			 "waited_ns", (json_int_t)outcome->waited_ns, "waits", shape_waits(outcome),
			 "failures", shape_failures(outcome), "unfiltered_packets",
			 (json_int_t)counts->unfiltered_packets);
}

/* A group that is shut, or open to all, must not look like one that policy judges. */
static void find_panics(struct ms_manager *manager, json_t *problems)
{
	const struct ms_policy *policy = ms_manager_policy(manager);

	for (size_t i = 0; i < policy->n_groups; i++) {
		enum ms_panic panic = ms_manager_group_panic(manager, policy->groups[i].name);

		if (panic != MS_PANIC_OFF)
			add_problem(problems, "panic %s is in force for group %s",
				    ms_control_shape_panic(panic), policy->groups[i].name);
	}
}

/*
 * Modes that were given by hand. One that judges less than the documents say is a problem like a
 * panic; one that judges more is only listed.
 */
static json_t *find_overrides(struct ms_manager *manager, json_t *problems)
{
	const struct ms_policy *policy = ms_manager_source(manager, MS_SOURCE_FILE);
	json_t *overrides = json_array();

	for (size_t i = 0; policy && i < policy->n_groups; i++) {
		const struct ms_group_def *group = &policy->groups[i];
		enum ms_mode mode = ms_manager_group_override(manager, group->name);
		const char *by_hand = ms_control_shape_mode(mode);
		const char *by_policy = ms_control_shape_mode(group->mode);

		if (mode == MS_MODE_INHERIT)
			continue;
		json_array_append_new(overrides,
				      json_pack("{s:s, s:s, s:s}", "group", group->name, "mode",
						by_hand, "policy_mode", by_policy));
		if (mode < group->mode)
			add_problem(problems,
				    "group %s is in mode %s by hand, the policy says %s: "
				    "'microsegctl group mode %s policy' ends it",
				    group->name, by_hand, by_policy, group->name);
	}
	return overrides;
}

static void find_plugin_problems(const struct ms_manager *manager, json_t *problems)
{
	size_t plugin = 0, source = 0;
	char sentence[640];

	while (ms_manager_next_plugin_problem(manager, &plugin, sentence, sizeof(sentence)))
		add_problem(problems, "%s", sentence);
	while (ms_manager_next_source_problem(manager, &source, sentence, sizeof(sentence)))
		add_problem(problems, "%s", sentence);
}

static void find_problems(const struct ms_manager *manager, const struct ms_manager_status *status,
			  json_t *problems)
{
	char unobserved[MS_UNOBSERVED_SENTENCE];

	if (status->last_error[0])
		add_problem(problems, "the policy on disk is not in force: %s", status->last_error);
	else if (status->generation_applied != status->generation_desired)
		add_problem(problems, "generation %u is wanted, %u is in force",
			    status->generation_desired, status->generation_applied);
	if (status->pins_problem[0])
		add_problem(problems, "%s", status->pins_problem);
	if (status->sweep_problem[0])
		add_problem(problems, "%s", status->sweep_problem);
	if (status->unsaved[0])
		add_problem(problems, "%s", status->unsaved);
	find_plugin_problems(manager, problems);
	if (status->fallback_problem[0])
		add_problem(problems, "%s", status->fallback_problem);
	if (ms_unobserved_warn(&status->unobserved, unobserved, sizeof(unobserved)))
		add_problem(problems, "%s", unobserved);
	if (status->host_problem[0])
		add_problem(problems, "%s", status->host_problem);
	if (status->sets_are_torn)
		add_problem(problems, "not all members of sets are as they should be: it is tried "
				      "again every 10 s");
	if (status->sets_are_asked)
		add_problem(problems,
			    "what sets an address is a member of cannot be stored: each new flow "
			    "is asked of every set; it is tried again every 10 s");
	if (status->panic != MS_PANIC_OFF)
		add_problem(problems, "panic %s is in force",
			    ms_control_shape_panic(status->panic));
	if (status->degraded && json_array_size(problems) == 0)
		add_problem(problems, "something is not as desired: see the daemon's log");
}

int ms_control_cmd_status(struct ms_manager *manager, struct ms_control_call *call,
			  json_t **ret_reply, struct ms_error *err)
{
	const struct ms_policy *policy = ms_manager_policy(manager);
	struct ms_session_usage usage = ms_sweeper_usage(ms_manager_sweeper(manager));
	struct ms_monitor_stats netlink = ms_monitor_stats(ms_manager_monitor(manager));
	struct ms_keeper_counts keeper = ms_manager_iface_counts(manager);
	struct iface_counts counts = { .problems = json_array() };
	struct ms_manager_status status = { 0 };
	char engine[MS_ENGINE_NAMES];
	json_auto_t *reply = NULL;
	json_t *overrides = NULL;
	int r = ms_control_unpack(call->parameters, err, "{}");

	if (r == 0) {
		ms_manager_status(manager, &status);
		overrides = find_overrides(manager, counts.problems);
		find_panics(manager, counts.problems);
		ms_iface_set_foreach(ms_manager_ifaces(manager), count_iface, &counts);
		find_problems(manager, &status, counts.problems);
		reply = json_pack(
			"{s:s, s:i, s:o, s:o, s:I, s:I, s:s, s:b, s:s, s:s, s:s, s:o, s:s, s:b, s:o, "
			"s:i, s:i, s:I, s:i, s:o, s:o, s:I, s:I, s:o, s:o, s:I, s:b}",
			"version", MS_VERSION, "pid", (int)getpid(), "started_at",
			ms_control_shape_time(status.started_at), "applied_at",
			ms_control_shape_time(status.applied_at), "generation_applied",
			(json_int_t)status.generation_applied, "generation_desired",
			(json_int_t)status.generation_desired, "policy_source",
			status.policy_source, "policy_is_applied", status.policy_is_applied,
			"last_error", status.last_error, "panic",
			ms_control_shape_panic(status.panic), "engine",
			ms_engine_describe(status.engines, engine, sizeof(engine)), "engines",
			ms_control_engines_shape(status.engines), "session_table",
			status.session_table, "hardened_load",
			ms_dataplane_is_hardened(ms_manager_dataplane(manager)), "interfaces",
			shape_ifaces(&counts), "groups", (int)policy->n_groups, "rules",
			(int)policy->n_rules, "rules_on_fallback",
			(json_int_t)status.rules_on_fallback, "sets", (int)policy->n_sets,
			"sessions", shape_sessions(&usage), "mode_overrides", overrides,
			"events_lost", (json_int_t)status.events_lost, "events_suppressed_in_log",
			(json_int_t)status.events_suppressed_in_log, "netlink",
			shape_netlink(&netlink), "attach", shape_attach(&keeper), "repairs",
			(json_int_t)status.repairs, "degraded",
			status.degraded || json_array_size(counts.problems) > 0);
		if (!reply || json_object_set(reply, "problems", counts.problems) < 0)
			r = -ENOMEM;
	}
	json_decref(counts.problems);
	if (r == 0)
		*ret_reply = ms_take_ptr(reply);
	return r;
}

/* ---- stats ---- */

struct sums {
	json_int_t total, allowed, audited, dropped, denied, malformed, dropped_other;
	json_int_t by_class[MS_CLASS__COUNT];
};

static bool is_denied_by_policy(enum ms_reason reason)
{
	return reason == MS_REASON_RULE || reason == MS_REASON_DEFAULT ||
	       reason == MS_REASON_SESSION;
}

static void add_reason(struct sums *sums, enum ms_reason reason, const __u64 *packets)
{
	json_int_t denied = (json_int_t)packets[MS_VERDICT_DENY];
	json_int_t audited = (json_int_t)packets[MS_VERDICT_AUDIT];
	/* An audited deny lets the packet pass: it counts as allowed, and as audited. */
	json_int_t allowed = (json_int_t)packets[MS_VERDICT_ALLOW] + audited;

	sums->total += allowed + denied;
	sums->allowed += allowed;
	sums->audited += audited;
	sums->dropped += denied;
	if (is_denied_by_policy(reason))
		sums->denied += denied;
	else if (reason == MS_REASON_MALFORMED)
		sums->malformed += denied;
	else
		sums->dropped_other += denied;
	sums->by_class[ms_reason_class(reason)] += allowed + denied;
}

static json_t *shape_reason(enum ms_reason reason, const struct ms_stats *stats)
{
	const __u64 *packets = stats->packets[reason], *bytes = stats->bytes[reason];

	return json_pack("{s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:I}", "reason",
			 ms_reason_name(reason), "about", ms_reason_doc(reason), "allowed_packets",
			 (json_int_t)packets[MS_VERDICT_ALLOW], "denied_packets",
			 (json_int_t)packets[MS_VERDICT_DENY], "audited_packets",
			 (json_int_t)packets[MS_VERDICT_AUDIT], "allowed_bytes",
			 (json_int_t)bytes[MS_VERDICT_ALLOW], "denied_bytes",
			 (json_int_t)bytes[MS_VERDICT_DENY], "audited_bytes",
			 (json_int_t)bytes[MS_VERDICT_AUDIT]);
}

static json_t *shape_sums(const struct sums *sums)
{
	return json_pack(
		"{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "total",
		sums->total, "allowed", sums->allowed, "audited", sums->audited, "dropped",
		sums->dropped, "denied", sums->denied, "malformed", sums->malformed,
		"dropped_other", sums->dropped_other, "session_hit",
		sums->by_class[MS_CLASS_SESSION_HIT], "policy_hit",
		sums->by_class[MS_CLASS_POLICY_HIT], "builtin", sums->by_class[MS_CLASS_BUILTIN],
		"failsafe", sums->by_class[MS_CLASS_FAILSAFE], "unparsed",
		sums->by_class[MS_CLASS_UNPARSED], "non_ip", sums->by_class[MS_CLASS_NON_IP]);
}

static int put_others(json_t *reply, const struct ms_stats *stats)
{
	static const char *const names[] = {
#define STAT_NAME(name, text, doc) text,
		MS_STATS(STAT_NAME)
#undef STAT_NAME
	};

	for (size_t i = 0; i < ms_array_size(names); i++) {
		int r = ms_control_shape_put(reply, names[i],
					     json_integer((json_int_t)stats->other[i]));

		if (r < 0)
			return r;
	}
	return 0;
}

int ms_control_cmd_stats(struct ms_manager *manager, struct ms_control_call *call,
			 json_t **ret_reply, struct ms_error *err)
{
	struct ms_stats stats = { 0 };
	struct sums sums = { 0 };
	json_auto_t *reply = NULL;
	json_auto_t *reasons = json_array();
	int r = ms_control_unpack(call->parameters, err, "{}");

	if (r == 0)
		r = ms_dataplane_stats(ms_manager_dataplane(manager), &stats);
	if (r < 0)
		return r;
	for (int i = 0; i < MS_REASON__COUNT; i++) {
		add_reason(&sums, (enum ms_reason)i, stats.packets[i]);
		if (json_array_append_new(reasons, shape_reason((enum ms_reason)i, &stats)) < 0)
			return -ENOMEM;
	}
	reply = shape_sums(&sums);
	if (!reply || put_others(reply, &stats) < 0 ||
	    json_object_set(reply, "reasons", reasons) < 0)
		return -ENOMEM;
	*ret_reply = ms_take_ptr(reply);
	return 0;
}

/* ---- version, panic ---- */

int ms_control_cmd_version(struct ms_manager *manager, struct ms_control_call *call,
			   json_t **ret_reply, struct ms_error *err)
{
	struct utsname kernel;
	int r = ms_control_unpack(call->parameters, err, "{}");

	(void)manager;
	if (r < 0)
		return r;
	uname(&kernel);
	*ret_reply = json_pack("{s:s, s:i, s:s, s:i}", "version", MS_VERSION, "pid", (int)getpid(),
			       "kernel", kernel.release, "layout", MS_LAYOUT_VERSION);
	return *ret_reply ? 0 : -ENOMEM;
}

int ms_control_cmd_panic(struct ms_manager *manager, struct ms_control_call *call,
			 json_t **ret_reply, struct ms_error *err)
{
	const char *state, *group = NULL;
	int dry_run = false, r;
	enum ms_panic panic;

	r = ms_control_unpack(call->parameters, err, "{s:s, s?s, s?b}", "state", &state, "group",
			      &group, "dry_run", &dry_run);
	if (r < 0)
		return r;
	for (panic = MS_PANIC_OFF; panic <= MS_PANIC_CLOSED; panic++) {
		if (strcmp(state, ms_control_shape_panic(panic)) == 0)
			break;
	}
	if (panic > MS_PANIC_CLOSED)
		return ms_error_set_at(err, -EINVAL, NULL, 0, 0, state,
				       "panic is open, closed or off, not '%s'", state);
	if (group && !ms_policy_find_group(ms_manager_policy(manager), group))
		return ms_error_set_at(err, -ENOENT, NULL, 0, 0, group, "no group '%s'", group);
	if (!dry_run)
		r = ms_manager_panic(manager, panic, group, err);
	if (r < 0)
		return r;
	*ret_reply = json_pack("{s:s, s:s?, s:b, s:b}", "state", state, "group", group, "saved",
			       r == 0, "dry_run", dry_run);
	return *ret_reply ? 0 : -ENOMEM;
}
