/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What plugins are told: actions of events of the rules that name them, and that a rule has gone;
 * sinks of every event. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/cleanup.h"
#include "core/base/log.h"
#include "core/manager/internal.h"
#include "core/policy/array.h"
#include "core/policy/rule_action.h"

static const char untold[] =
	"out of memory: actions are told of this change of rules with the next one";

int ms_manager_acting_find(const struct ms_policy *policy, struct ms_manager_acting *ret_acting)
{
	struct ms_manager_acting acting = { .rules = NULL };

	for (size_t i = 0; i < policy->n_rules; i++) {
		if (policy->rules[i].n_actions == 0)
			continue;
		if (ms_array_append(&acting.rules, &acting.count, &policy->rules[i]) < 0) {
			free(acting.rules);
			return -ENOMEM;
		}
		acting.n_actions += policy->rules[i].n_actions;
	}
	*ret_acting = acting;
	return 0;
}

const char *ms_manager_missing_action(const struct ms_manager *manager, const struct ms_rule *rule,
				      const struct ms_error **ret_refused)
{
	const struct ms_rule_action_known known = ms_plugin_registry_known(manager->plugins);

	*ret_refused = NULL;
	for (size_t i = 0; i < rule->n_actions; i++) {
		if (!known.is_loaded(known.user, rule->actions[i].name))
			return rule->actions[i].name;
		*ret_refused = ms_committer_refused(manager->committer, &rule->actions[i]);
		if (*ret_refused)
			return rule->actions[i].name;
	}
	return NULL;
}

void ms_manager_refusals_begin(struct ms_manager *manager, enum ms_manager_refusals refusals)
{
	manager->refusals = refusals;
}

void ms_manager_refusals_end(struct ms_manager *manager)
{
	manager->refusals = MS_REFUSALS_STANDING;
	ms_name_index_fini(&manager->acting);
	manager->is_acting_known = false;
}

static int index_acting(struct ms_manager *manager, const struct ms_policy *now)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < now->n_rules; i++) {
		if (now->rules[i].n_actions)
			r = ms_name_index_add(&manager->acting, now->rules[i].id, i);
	}
	manager->is_acting_known = r == 0;
	return r;
}

/* Thousands may be asked for, of 100,000. */
static const struct ms_rule *find_acting(struct ms_manager *manager, const struct ms_policy *now,
					 const char *id)
{
	size_t at;

	if (!manager->is_acting_known && index_acting(manager, now) < 0) {
		ms_name_index_fini(&manager->acting);
		return ms_policy_find_rule(now, id);
	}
	return ms_name_index_find(&manager->acting, id, &at) ? &now->rules[at] : NULL;
}

const struct ms_rule *ms_manager_said_before(struct ms_manager *manager, const struct ms_rule *rule)
{
	const struct ms_policy *now = ms_sources_merged(manager->sources);
	const struct ms_rule *before = now ? find_acting(manager, now, rule->id) : NULL;

	return before && ms_rule_action_equal(before->actions, before->n_actions, rule->actions,
					      rule->n_actions)
		       ? before
		       : NULL;
}

bool ms_manager_leaves_refused(void *user, const struct ms_rule *rule, size_t nth)
{
	struct ms_manager *manager = user;
	const struct ms_rule *before;

	if (manager->refusals == MS_REFUSALS_ALL)
		return true;
	if (rule->origin.source == MS_SOURCE_FILE && manager->refusals == MS_REFUSALS_NO_FILES)
		return false;
	before = ms_manager_said_before(manager, rule);
	return before && ms_committer_refused(manager->committer, &before->actions[nth]);
}

static void say_why(const char *action, const struct ms_error *refused, char *buf, size_t size)
{
	char why[400];

	if (refused)
		snprintf(buf, size, "its action '%s' is refused: %s", action,
			 ms_error_format(refused, why, sizeof(why)));
	else
		snprintf(buf, size, "no plugin that is loaded has the action '%s'", action);
}

/* Said once, as long as it is the same: sources may commit every second. */
static void find_on_fallback(struct ms_manager *manager, const struct ms_manager_acting *acting)
{
	const struct ms_rule *first = NULL;
	char text[sizeof(manager->on_fallback)] = "", why[440] = "";
	size_t count = 0;

	for (size_t i = 0; i < acting->count; i++) {
		const struct ms_error *refused;
		const char *missing =
			ms_manager_missing_action(manager, acting->rules[i], &refused);

		if (!missing)
			continue;
		if (count++ == 0) {
			first = acting->rules[i];
			say_why(missing, refused, why, sizeof(why));
		}
	}
	if (first)
		snprintf(text, sizeof(text),
			 "rules on their fallback: %zu; rule %s is on its fallback, %s: %s", count,
			 first->id, first->fallback == MS_VERDICT_ALLOW ? "allow" : "deny", why);
	if (first && strcmp(text, manager->on_fallback) != 0)
		ms_log_warn("plugin", "%s", text);
	else if (!first && manager->on_fallback[0])
		ms_log_notice("plugin", "no rule is on its fallback any more");
	memcpy(manager->on_fallback, text, sizeof(text));
	manager->n_on_fallback = count;
}

static void tell_actions(struct ms_manager *manager, const struct ms_manager_acting *acting)
{
	ms_cleanup(ms_free) struct ms_plugin_registry_use *uses =
		calloc(acting->n_actions + 1, sizeof(*uses));
	size_t count = 0;

	for (size_t i = 0; uses && i < acting->count; i++) {
		const struct ms_rule *rule = acting->rules[i];

		for (size_t j = 0; j < rule->n_actions; j++) {
			const struct ms_rule_action *action = &rule->actions[j];

			/* To the plugin that refuses it, it is not there. */
			if (!ms_committer_refused(manager->committer, action))
				uses[count++] = (struct ms_plugin_registry_use) {
					.rule = ms_manager_slot(manager, rule->id),
					.action = action,
					.args = ms_committer_args(manager->committer, action),
				};
		}
	}
	if (!uses || ms_plugin_registry_use(manager->plugins, uses, count) < 0)
		ms_log_warn("plugin", "%s", untold);
}

void ms_manager_acting_tell(struct ms_manager *manager, const struct ms_manager_acting *acting)
{
	tell_actions(manager, acting);
	find_on_fallback(manager, acting);
}

static void tell_in_force(struct ms_manager *manager,
			  void (*tell)(struct ms_manager *manager,
				       const struct ms_manager_acting *acting))
{
	struct ms_manager_acting acting;

	if (ms_manager_acting_find(ms_sources_merged(manager->sources), &acting) < 0) {
		ms_log_warn("plugin", "%s", untold);
		return;
	}
	tell(manager, &acting);
	free(acting.rules);
}

void ms_manager_follow_actions(struct ms_manager *manager)
{
	tell_in_force(manager, ms_manager_acting_tell);
}

void ms_manager_tell_new_actions(struct ms_manager *manager)
{
	tell_in_force(manager, tell_actions);
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
