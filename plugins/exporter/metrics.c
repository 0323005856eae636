/* SPDX-License-Identifier: GPL-2.0-or-later */
#define _GNU_SOURCE
#include "metrics.h"

#include <stdbool.h>
#include <string.h>
#include <time.h>

#include "openmetrics.h"

#define family ms_exporter_openmetrics_family
#define sample ms_exporter_openmetrics_sample

static double number(const json_t *object, const char *key)
{
	return json_number_value(json_object_get(object, key));
}

static const char *text(const json_t *object, const char *key)
{
	const char *value = json_string_value(json_object_get(object, key));

	return value ? value : "";
}

void ms_exporter_metrics_forget(struct ms_exporter_answers *answers)
{
	json_decref(answers->version);
	json_decref(answers->status);
	json_decref(answers->stats);
	json_decref(answers->groups);
	json_decref(answers->sources);
	json_decref(answers->plugins);
	json_decref(answers->shown);
	json_decref(answers->rules);
	*answers = (struct ms_exporter_answers) { .rules_max = answers->rules_max,
						  .source_rules = answers->source_rules };
}

/* ---- one number of an answer, one family ---- */

struct single {
	const char *key;
	const char *name; /* of the family */
	const char *type;
	const char *help;
};

static void write_singles(struct ms_exporter_text *to, const json_t *answer,
			  const struct single *list, size_t count)
{
	char total[96];

	for (size_t i = 0; i < count; i++) {
		snprintf(total, sizeof(total), "%s%s", list[i].name,
			 strcmp(list[i].type, "counter") == 0 ? "_total" : "");
		family(to, list[i].name, list[i].type, NULL, list[i].help);
		sample(to, total, number(answer, list[i].key), NULL);
	}
}

/* ---- status ---- */

static void write_labelled(struct ms_exporter_text *to, const json_t *object, const char *name,
			   const char *label)
{
	const char *key;
	json_t *value;

	json_object_foreach ((json_t *)object, key, value) {
		if (json_is_number(value))
			sample(to, name, json_number_value(value), label, key, NULL);
	}
}

static void write_sessions(struct ms_exporter_text *to, const json_t *sessions)
{
	static const struct {
		const char *table, *max;
	} tables[] = {
		{ "ipv4", "sessions_max" },
		{ "ipv6", "sessions_max" },
		{ "half_open_ipv4", "half_open_max" },
		{ "half_open_ipv6", "half_open_max" },
	};

	family(to, "microseg_sessions", "gauge", NULL, "Live sessions at the last sweep.");
	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++)
		sample(to, "microseg_sessions", number(sessions, tables[i].table), "table",
		       tables[i].table, NULL);
	family(to, "microseg_sessions_max", "gauge", NULL, "Sessions that the table has room for.");
	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++)
		sample(to, "microseg_sessions_max", number(sessions, tables[i].max), "table",
		       tables[i].table, NULL);
}

static void write_attach(struct ms_exporter_text *to, const json_t *attach)
{
	static const struct single singles[] = {
		{ "unfiltered_packets", "microseg_unfiltered_packets", "gauge",
		  "Packets that passed the interfaces there are before they were protected; an upper "
		  "bound." },
	};
	const json_t *waits = json_object_get(attach, "waits"),
		     *failures = json_object_get(attach, "failures");
	char bound[32];
	json_t *at;
	size_t i;

	family(to, "microseg_attach_latency_seconds", "histogram", "seconds",
	       "From the kernel's word that an interface is there until it is protected.");
	json_array_foreach (waits, i, at) {
		snprintf(bound, sizeof(bound), "%g", number(at, "within_ms") / 1000);
		sample(to, "microseg_attach_latency_seconds_bucket", number(at, "count"), "le",
		       bound, NULL);
	}
	sample(to, "microseg_attach_latency_seconds_bucket", number(attach, "attached"), "le",
	       "+Inf", NULL);
	sample(to, "microseg_attach_latency_seconds_sum", number(attach, "waited_ns") / 1e9, NULL);
	sample(to, "microseg_attach_latency_seconds_count", number(attach, "attached"), NULL);
	family(to, "microseg_attach_errors", "counter", NULL,
	       "Interfaces that could not be protected, by why.");
	json_array_foreach (failures, i, at)
		sample(to, "microseg_attach_errors_total", number(at, "count"), "reason",
		       text(at, "errno"), NULL);
	write_singles(to, attach, singles, sizeof(singles) / sizeof(singles[0]));
}

static void write_start(struct ms_exporter_text *to, const json_t *status)
{
	struct tm tm = { 0 };

	if (!strptime(text(status, "started_at"), "%Y-%m-%dT%H:%M:%SZ", &tm))
		return;
	family(to, "microseg_start_time_seconds", "gauge", "seconds",
	       "When the daemon was started, in seconds since 1970.");
	sample(to, "microseg_start_time_seconds", (double)timegm(&tm), NULL);
}

static void write_panic(struct ms_exporter_text *to, const json_t *status)
{
	static const char *const states[] = { "off", "open", "closed" };

	family(to, "microseg_panic", "gauge", NULL, "1 for the panic that is in force everywhere.");
	for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++)
		sample(to, "microseg_panic", strcmp(text(status, "panic"), states[i]) == 0, "state",
		       states[i], NULL);
}

static void write_status(struct ms_exporter_text *to, const json_t *status)
{
	static const struct single singles[] = {
		{ "groups", "microseg_groups", "gauge", "Groups of the policy in force." },
		{ "rules", "microseg_rules", "gauge", "Rules of the policy in force." },
		{ "rules_on_fallback", "microseg_rules_on_fallback", "gauge",
		  "Rules of which an action's plugin is not there, so that their fallback holds." },
		{ "sets", "microseg_sets", "gauge", "Sets of the policy in force." },
		{ "repairs", "microseg_repairs", "counter",
		  "Times that the program was put back on an interface that somebody took it off." },
	};
	static const struct single netlink[] = {
		{ "messages", "microseg_netlink_messages", "counter",
		  "Messages about interfaces that the kernel sent." },
		{ "overruns", "microseg_netlink_overruns", "counter",
		  "Times that the kernel had more to say than the socket holds." },
		{ "resyncs", "microseg_netlink_resyncs", "counter",
		  "Times that all interfaces were read anew." },
		{ "inconsistent_dumps", "microseg_netlink_inconsistent_dumps", "counter",
		  "Dumps that changed while they were read, and were begun again." },
	};

	family(to, "microseg_degraded", "gauge", NULL,
	       "1 if something is not as desired: microsegctl status says what.");
	sample(to, "microseg_degraded", json_is_true(json_object_get(status, "degraded")), NULL);
	write_panic(to, status);
	write_start(to, status);
	family(to, "microseg_interfaces", "gauge", NULL, "Interfaces by state.");
	write_labelled(to, json_object_get(status, "interfaces"), "microseg_interfaces", "state");
	family(to, "microseg_policy_generation", "gauge", NULL,
	       "Number of the policy that is desired and of the one in force.");
	sample(to, "microseg_policy_generation", number(status, "generation_desired"), "state",
	       "desired", NULL);
	sample(to, "microseg_policy_generation", number(status, "generation_applied"), "state",
	       "applied", NULL);
	write_sessions(to, json_object_get(status, "sessions"));
	write_attach(to, json_object_get(status, "attach"));
	write_singles(to, status, singles, sizeof(singles) / sizeof(singles[0]));
	write_singles(to, json_object_get(status, "netlink"), netlink,
		      sizeof(netlink) / sizeof(netlink[0]));
}

/* ---- stats ---- */

static void write_cells(struct ms_exporter_text *to, const json_t *reasons, const char *name,
			const char *what)
{
	static const char *const verdicts[][2] = { { "allow", "allowed" },
						   { "deny", "denied" },
						   { "audit", "audited" } };
	char key[32];
	json_t *reason;
	size_t i;

	json_array_foreach (reasons, i, reason) {
		for (size_t j = 0; j < sizeof(verdicts) / sizeof(verdicts[0]); j++) {
			snprintf(key, sizeof(key), "%s_%s", verdicts[j][1], what);
			sample(to, name, number(reason, key), "verdict", verdicts[j][0], "reason",
			       text(reason, "reason"), NULL);
		}
	}
}

static void write_stats(struct ms_exporter_text *to, const json_t *stats)
{
	static const struct single singles[] = {
		{ "new_session", "microseg_sessions_begun", "counter",
		  "Sessions that packets began." },
		{ "insert_failed", "microseg_sessions_insert_failed", "counter",
		  "Sessions that could not be stored." },
		{ "midflow", "microseg_midflow_packets", "counter",
		  "Packets of TCP flows whose beginning was not seen." },
		{ "suppressed", "microseg_events_suppressed", "counter",
		  "Events that the kernel held back, since a rule has only some a second." },
	};
	const json_t *reasons = json_object_get(stats, "reasons");

	family(to, "microseg_packets", "counter", NULL, "Packets judged, by verdict and reason.");
	write_cells(to, reasons, "microseg_packets_total", "packets");
	family(to, "microseg_bytes", "counter", "bytes", "Bytes of the packets judged.");
	write_cells(to, reasons, "microseg_bytes_total", "bytes");
	write_singles(to, stats, singles, sizeof(singles) / sizeof(singles[0]));
}

/* ---- lists ---- */

static void write_groups(struct ms_exporter_text *to, const json_t *groups)
{
	json_t *group;
	size_t i;

	family(to, "microseg_group_interfaces", "gauge", NULL, "Interfaces of the group.");
	json_array_foreach (groups, i, group)
		sample(to, "microseg_group_interfaces", number(group, "interfaces"), "group",
		       text(group, "name"), NULL);
	family(to, "microseg_group_mode", "gauge", NULL, "1 for the mode that the group is in.");
	json_array_foreach (groups, i, group)
		sample(to, "microseg_group_mode", 1, "group", text(group, "name"), "mode",
		       text(group, "mode"), NULL);
}

static void write_rule_counter(struct ms_exporter_text *to, const json_t *rules, const char *name,
			       const char *key)
{
	json_t *rule;
	size_t i;

	json_array_foreach (rules, i, rule)
		sample(to, name, number(rule, key), "rule", text(rule, "id"), NULL);
}

static void write_rules(struct ms_exporter_text *to, const json_t *rules, int64_t now_ms)
{
	json_t *rule;
	size_t i;

	family(to, "microseg_rule_hits", "counter", NULL,
	       "Times that the rule was the answer to a new flow.");
	write_rule_counter(to, rules, "microseg_rule_hits_total", "hits");
	family(to, "microseg_rule_packets", "counter", NULL,
	       "Packets of the flows that the rule decided.");
	write_rule_counter(to, rules, "microseg_rule_packets_total", "packets");
	family(to, "microseg_rule_bytes", "counter", "bytes",
	       "Bytes of the flows that the rule decided.");
	write_rule_counter(to, rules, "microseg_rule_bytes_total", "bytes");
	family(to, "microseg_rule_last_hit_timestamp_seconds", "gauge", "seconds",
	       "When the rule was last the answer, in seconds since 1970; absent if never.");
	json_array_foreach (rules, i, rule) {
		const json_t *ago = json_object_get(rule, "last_hit_ms");

		if (json_is_number(ago))
			sample(to, "microseg_rule_last_hit_timestamp_seconds",
			       ((double)now_ms - json_number_value(ago)) / 1000, "rule",
			       text(rule, "id"), NULL);
	}
}

static void write_left_out(struct ms_exporter_text *to, const struct ms_exporter_answers *answers)
{
	double all = number(answers->status, "rules"), told = (double)answers->rules_told;

	family(to, "microseg_exporter_rules_left_out", "gauge", NULL,
	       "Rules without metrics of their own: there are more than `rules` allows, or a "
	       "source offers them.");
	sample(to, "microseg_exporter_rules_left_out", all > told ? all - told : 0, NULL);
}

static void write_sources(struct ms_exporter_text *to, const json_t *sources)
{
	static const char *const kinds[] = { "groups", "rules", "sets", "members" };
	json_t *source;
	size_t i;

	family(to, "microseg_source_age_seconds", "gauge", "seconds",
	       "Since the source last said that what it offers is current.");
	json_array_foreach (sources, i, source) {
		const json_t *age = json_object_get(source, "age_ms");

		if (json_is_number(age))
			sample(to, "microseg_source_age_seconds", json_number_value(age) / 1000,
			       "source", text(source, "name"), NULL);
	}
	family(to, "microseg_source_trouble", "gauge", NULL,
	       "1 if the source cannot reach what it follows, or what it said is refused.");
	json_array_foreach (sources, i, source)
		sample(to, "microseg_source_trouble",
		       *text(source, "trouble") || *text(source, "error"), "source",
		       text(source, "name"), NULL);
	family(to, "microseg_source_entries", "gauge", NULL, "What is in force of the source.");
	json_array_foreach (sources, i, source) {
		for (size_t j = 0; j < sizeof(kinds) / sizeof(kinds[0]); j++)
			sample(to, "microseg_source_entries", number(source, kinds[j]), "source",
			       text(source, "name"), "kind", kinds[j], NULL);
	}
}

/* ---- plugins ---- */

/* How many numbers of one family may still be written. */
struct room {
	uint64_t of_rules;   /* numbers that plugins have by rule */
	uint64_t of_plugins; /* those that they have once */
};

static bool take_room(uint64_t *left)
{
	if (*left == 0)
		return false;
	--*left;
	return true;
}

/* The ids of rules that have metrics of their own, as keys: what a rule is left out for does not
 * come in by its numbers. */
static json_t *make_told(const struct ms_exporter_answers *answers)
{
	json_t *told = json_object(), *rule;
	size_t i;

	json_array_foreach (answers->rules, i, rule)
		json_object_set_new(told, text(rule, "id"), json_true());
	return told;
}

/* A plugin's own numbers keep their names as labels, so that no plugin can take another's family.
 * Returns how many there was no room for. */
static uint64_t write_numbers(struct ms_exporter_text *to,
			      const struct ms_exporter_answers *answers, const json_t *told,
			      const char *kind, const char *name)
{
	struct room room = { answers->rules_max, MS_EXPORTER_NUMBERS_MAX };
	json_t *answer, *stat;
	uint64_t left_out = 0;
	size_t i, j;

	json_array_foreach (answers->shown, i, answer) {
		const char *plugin = text(json_object_get(answer, "entry"), "name");

		json_array_foreach (json_object_get(answer, "stats"), j, stat) {
			const char *rule = text(stat, "rule");

			if (strcmp(text(stat, "kind"), kind) != 0)
				continue;
			if ((!*rule || json_object_get(told, rule)) &&
			    take_room(*rule ? &room.of_rules : &room.of_plugins))
				sample(to, name, number(stat, "value"), "plugin", plugin, "name",
				       text(stat, "name"), "rule", rule, NULL);
			else
				left_out++;
		}
	}
	return left_out;
}

static void write_all_numbers(struct ms_exporter_text *to,
			      const struct ms_exporter_answers *answers)
{
	json_t *told = make_told(answers);
	uint64_t left_out;

	family(to, "microseg_plugin_number", "counter", NULL,
	       "What the plugin itself counts: microsegctl plugin show.");
	left_out = write_numbers(to, answers, told, "counter", "microseg_plugin_number_total");
	family(to, "microseg_plugin_level", "gauge", NULL,
	       "What the plugin itself measures: microsegctl plugin show.");
	left_out += write_numbers(to, answers, told, "gauge", "microseg_plugin_level");
	family(to, "microseg_exporter_numbers_left_out", "gauge", NULL,
	       "Plugins' own numbers that are not told, since there are more than there is room "
	       "for.");
	sample(to, "microseg_exporter_numbers_left_out", (double)left_out, NULL);
	json_decref(told);
}

static void write_plugins(struct ms_exporter_text *to, const struct ms_exporter_answers *answers)
{
	const json_t *plugins = json_object_get(answers->plugins, "plugins");
	json_t *plugin;
	size_t i;

	family(to, "microseg_plugin_loaded", "gauge", NULL,
	       "1 if the plugin is loaded, 0 if it failed.");
	json_array_foreach (plugins, i, plugin)
		sample(to, "microseg_plugin_loaded", strcmp(text(plugin, "state"), "loaded") == 0,
		       "plugin", text(plugin, "name"), NULL);
	family(to, "microseg_plugin_trouble", "gauge", NULL,
	       "1 if the plugin failed or cannot do its work: microsegctl plugin list says why.");
	json_array_foreach (plugins, i, plugin)
		sample(to, "microseg_plugin_trouble", *text(plugin, "reason") != '\0', "plugin",
		       text(plugin, "name"), NULL);
	family(to, "microseg_sink_events_lost", "counter", NULL,
	       "Events that the sink was too slow for, or had not taken when its process ended.");
	json_array_foreach (plugins, i, plugin) {
		const json_t *lost = json_object_get(plugin, "events_lost");

		if (json_is_number(lost))
			sample(to, "microseg_sink_events_lost_total", json_number_value(lost),
			       "plugin", text(plugin, "name"), NULL);
	}
	write_all_numbers(to, answers);
}

/* ---- all ---- */

static void write_own(struct ms_exporter_text *to, const struct ms_exporter_answers *answers,
		      const struct ms_exporter_own *own)
{
	family(to, "microseg_up", "gauge", NULL, "1 if the daemon answered this scrape.");
	sample(to, "microseg_up", own->is_up, NULL);
	family(to, "microseg_exporter_scrapes", "counter", NULL, "Scrapes, this one included.");
	sample(to, "microseg_exporter_scrapes_total", (double)own->scrapes, NULL);
	family(to, "microseg_exporter_events", "counter", NULL,
	       "Events that reached the exporter; packets are counted in microseg_packets.");
	sample(to, "microseg_exporter_events_total", (double)own->events, NULL);
	family(to, "microseg_events_lost", "counter", NULL,
	       "Events that were lost: no room in the kernel's ring, too many for the log, or a "
	       "slow exporter. No verdict is.");
	if (answers->status) {
		sample(to, "microseg_events_lost_total", number(answers->status, "events_lost"),
		       "where", "ring", NULL);
		sample(to, "microseg_events_lost_total",
		       number(answers->status, "events_suppressed_in_log"), "where", "log", NULL);
	}
	sample(to, "microseg_events_lost_total", (double)own->events_lost, "where", "exporter",
	       NULL);
}

void ms_exporter_metrics_write(const struct ms_exporter_answers *answers,
			       const struct ms_exporter_own *own, struct ms_exporter_text *to)
{
	if (answers->version) {
		family(to, "microseg_build", "info", NULL, "The daemon and its kernel.");
		sample(to, "microseg_build_info", 1, "version", text(answers->version, "version"),
		       "kernel", text(answers->version, "kernel"), NULL);
	}
	write_own(to, answers, own);
	if (answers->status)
		write_status(to, answers->status);
	if (answers->stats)
		write_stats(to, answers->stats);
	if (answers->groups)
		write_groups(to, json_object_get(answers->groups, "groups"));
	if (answers->sources)
		write_sources(to, json_object_get(answers->sources, "sources"));
	if (answers->plugins)
		write_plugins(to, answers);
	if (answers->rules) {
		write_rules(to, answers->rules, own->now_ms);
		write_left_out(to, answers);
	}
	ms_exporter_openmetrics_end(to);
}
