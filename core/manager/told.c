/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What plugins are told: actions of events of the rules that name them, and that a rule has gone;
 * sinks of every event. */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/cleanup.h"
#include "core/base/log.h"
#include "core/manager/internal.h"
#include "core/policy/rule_action.h"

static size_t count_named(const struct ms_policy *policy)
{
	size_t count = 0;

	for (size_t i = 0; i < policy->n_rules; i++)
		count += policy->rules[i].n_actions;
	return count;
}

const char *ms_manager_missing_action(const struct ms_manager *manager, const struct ms_rule *rule)
{
	const struct ms_rule_action_known known = ms_plugin_registry_known(manager->plugins);

	for (size_t i = 0; i < rule->n_actions; i++) {
		if (!known.is_loaded(known.user, rule->actions[i].name))
			return rule->actions[i].name;
	}
	return NULL;
}

/* Said once, as long as it is the same: sources may commit every second. */
static void find_on_fallback(struct ms_manager *manager, const struct ms_policy *policy)
{
	const struct ms_rule *first = NULL;
	const char *action = NULL;
	char text[sizeof(manager->on_fallback)] = "";
	size_t count = 0;

	for (size_t i = 0; i < policy->n_rules; i++) {
		const char *missing = ms_manager_missing_action(manager, &policy->rules[i]);

		if (!missing)
			continue;
		if (count++ == 0) {
			first = &policy->rules[i];
			action = missing;
		}
	}
	if (first)
		snprintf(text, sizeof(text),
			 "rule %s is on its fallback, %s: no plugin that is loaded has the action "
			 "'%s' (rules on their fallback: %zu)",
			 first->id, first->fallback == MS_VERDICT_ALLOW ? "allow" : "deny", action,
			 count);
	if (first && strcmp(text, manager->on_fallback) != 0)
		ms_log_warn("plugin", "%s", text);
	else if (!first && manager->on_fallback[0])
		ms_log_notice("plugin", "no rule is on its fallback any more");
	memcpy(manager->on_fallback, text, sizeof(text));
	manager->n_on_fallback = count;
}

void ms_manager_follow_actions(struct ms_manager *manager)
{
	const struct ms_policy *policy = ms_sources_merged(manager->sources);
	ms_cleanup(ms_free) struct ms_plugin_registry_use *uses =
		calloc(count_named(policy) + 1, sizeof(*uses));
	size_t count = 0;

	for (size_t i = 0; uses && i < policy->n_rules; i++) {
		const struct ms_rule *rule = &policy->rules[i];

		for (size_t j = 0; j < rule->n_actions; j++)
			uses[count++] = (struct ms_plugin_registry_use) {
				.rule = ms_manager_slot(manager, rule->id),
				.action = rule->actions[j].name,
			};
	}
	if (!uses || ms_plugin_registry_use(manager->plugins, uses, count) < 0)
		ms_log_warn("plugin", "out of memory: actions are told of this change of rules "
				      "with the next one");
	find_on_fallback(manager, policy);
}

static void fill(const struct ms_event_record *record, struct ms_plugin_event *ret_event)
{
	const struct ms_event *raw = &record->raw;

	*ret_event = (struct ms_plugin_event) {
		.struct_size = sizeof(*ret_event),
		.ifindex = raw->ifindex,
		.time_ns = (uint64_t)record->time_ns,
		.seq = raw->seq,
		.suppressed = raw->suppressed,
		.generation = raw->generation,
		.length = raw->length,
		.cpu = raw->cpu,
		.rule = record->rule,
		.origin = record->origin,
		.iface = record->iface,
		.group = record->group,
		.sport = ntohs(raw->sport),
		.dport = ntohs(raw->dport),
		.ethertype = raw->ethertype,
		.vlan_outer = raw->vlan_outer,
		.vlan_inner = raw->vlan_inner,
		.family = raw->family,
		.proto = raw->proto,
		.tcp_flags = raw->tcp_flags,
		.icmp_type = raw->icmp_type,
		.icmp_code = raw->icmp_code,
		.dscp = raw->dscp,
		.dir = raw->dir,
		.verdict = raw->verdict,
		.reason = raw->reason,
	};
	memcpy(ret_event->src, raw->src, sizeof(ret_event->src));
	memcpy(ret_event->dst, raw->dst, sizeof(ret_event->dst));
}

void ms_manager_tell_plugins(struct ms_manager *manager, const struct ms_event_record *record)
{
	bool listens = ms_plugin_registry_listens(manager->plugins, record->raw.slot);
	struct ms_plugin_event event;

	if (!listens && manager->n_followers == 0)
		return;
	fill(record, &event);
	for (size_t i = 0; i < manager->n_followers; i++)
		ms_source_follower_tell(manager->followers[i], &event);
	if (listens)
		ms_plugin_registry_tell(manager->plugins, record->raw.slot, &event);
}
