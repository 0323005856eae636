/* SPDX-License-Identifier: GPL-2.0-or-later */
#define _GNU_SOURCE
#include "core/control/match.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fnmatch.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/cleanup.h"
#include "core/policy/document.h"

/* What a match is asked about, whatever it came from. */
struct subject {
	const char *iface, *group, *rule;
	enum ms_dir dir;
	uint8_t proto;
	struct ms_addr from, to;
	bool has_ports, has_icmp;
	uint16_t sport, dport;
	uint8_t icmp_type, icmp_code;
	uint16_t vlan;
	uint8_t dscp;
};

static int take_word(json_t *object, const char *key, char **ret_word, struct ms_error *err)
{
	json_t *value = json_object_get(object, key);

	if (!value)
		return 0;
	if (!json_is_string(value))
		return ms_error_set_at(err, -EINVAL, NULL, 0, 0, key, "'%s' must be one name", key);
	*ret_word = strdup(json_string_value(value));
	json_object_del(object, key);
	return *ret_word ? 0 : -ENOMEM;
}

static int parse_rule(json_t *object, struct ms_rule *ret_rule, struct ms_error *err)
{
	static const char *const keys[] = { "group", "dir",   "from", "to",   "proto",
					    "sport", "dport", "icmp", "vlan", "dscp" };
	ms_cleanup(ms_free) char *text = NULL;
	const char *key;
	json_t *value;

	json_object_foreach (object, key, value) {
		size_t i;

		for (i = 0; i < ms_array_size(keys) && strcmp(key, keys[i]) != 0; i++)
			;
		if (i == ms_array_size(keys))
			return ms_error_set_at(err, -EINVAL, NULL, 0, 0, key,
					       "'%s' is nothing to match by", key);
	}
	/* A rule needs an action to be one; it is never looked at. */
	if (json_object_set_new(object, "action", json_string("allow")) < 0)
		return -ENOMEM;
	text = json_dumps(object, JSON_COMPACT);
	if (!text)
		return -ENOMEM;
	return ms_document_parse_rule("match", text, ret_rule, err);
}

/* A set that is not there matches nothing, which would read as "there is nothing". */
static int check_sets(const struct ms_policy *policy, const struct ms_address *addresses,
		      size_t count, struct ms_error *err)
{
	for (size_t i = 0; i < count; i++) {
		const char *name = addresses[i].set;

		if (addresses[i].kind == MS_ADDRESS_SET && !ms_policy_find_set(policy, name))
			return ms_error_set_at(err, -ENOENT, NULL, 0, 0, name,
					       "no set '%s' to match by", name);
	}
	return 0;
}

int ms_control_match_init(struct ms_control_match *match, const struct ms_policy *policy,
			  json_t *object, struct ms_error *err)
{
	struct ms_control_match parsed = { .all = true };
	json_auto_t *rest = object ? json_copy(object) : json_object();
	struct ms_error found = MS_ERROR_INIT;
	int r;

	if (!json_is_object(rest))
		return ms_error_set(err, -EBADMSG, "parameters: 'match' must be an object");
	parsed.all = json_object_size(rest) == 0;
	r = take_word(rest, "iface", &parsed.iface, &found);
	if (r == 0)
		r = take_word(rest, "rule", &parsed.id, &found);
	if (r == 0)
		r = parse_rule(rest, &parsed.rule, &found);
	if (r == 0)
		r = check_sets(policy, parsed.rule.from, parsed.rule.n_from, &found);
	if (r == 0)
		r = check_sets(policy, parsed.rule.to, parsed.rule.n_to, &found);
	if (r < 0) {
		/* The place in the text made here would tell nobody anything. */
		ms_error_set_at(err, r, NULL, 0, 0, found.word, "%s",
				found.message[0] ? found.message : strerror(-r));
		ms_control_match_fini(&parsed);
		return r;
	}
	*match = parsed;
	return 0;
}

int ms_control_match_check_sessions(const struct ms_control_match *match, struct ms_error *err)
{
	/* Matching none would read as "there is nothing". */
	if (match->rule.n_dscps)
		return ms_error_set_at(err, -EINVAL, NULL, 0, 0, "dscp",
				       "a session has no DSCP to match by, only packets have");
	return 0;
}

void ms_control_match_fini(struct ms_control_match *match)
{
	ms_rule_fini(&match->rule);
	free(ms_take_ptr(match->iface));
	free(ms_take_ptr(match->id));
}

static bool is_in_set(const struct ms_policy *policy, const char *name, const struct ms_addr *addr)
{
	const struct ms_set_def *set = ms_policy_find_set(policy, name);

	for (size_t i = 0; set && i < set->n_members; i++) {
		if (ms_cidr_contains(&set->members[i].cidr, addr))
			return true;
	}
	return false;
}

static bool matches_address(const struct ms_policy *policy, const struct ms_address *wanted,
			    size_t count, const struct ms_addr *addr)
{
	for (size_t i = 0; i < count; i++) {
		if (wanted[i].kind == MS_ADDRESS_SET ? is_in_set(policy, wanted[i].set, addr)
						     : ms_cidr_contains(&wanted[i].cidr, addr))
			return true;
	}
	return count == 0;
}

static bool matches_port(const struct ms_port_range *ranges, size_t count, bool has_ports,
			 uint16_t port)
{
	for (size_t i = 0; i < count; i++) {
		if (has_ports && port >= ranges[i].first && port <= ranges[i].last)
			return true;
	}
	return count == 0;
}

static bool matches_icmp(const struct ms_rule *rule, const struct subject *subject)
{
	for (size_t i = 0; i < rule->n_icmps; i++) {
		const struct ms_icmp_match *icmp = &rule->icmps[i];

		if (subject->has_icmp && icmp->type == subject->icmp_type &&
		    (icmp->code < 0 || icmp->code == subject->icmp_code))
			return true;
	}
	return rule->n_icmps == 0;
}

static bool matches_names(const struct ms_control_match *match, const struct subject *subject)
{
	const struct ms_rule *rule = &match->rule;
	bool group = rule->n_groups == 0, proto = rule->n_protos == 0, vlan = rule->n_vlans == 0;
	bool dscp = rule->n_dscps == 0;

	for (size_t i = 0; i < rule->n_groups; i++)
		group |= strcmp(rule->groups[i], subject->group) == 0;
	for (size_t i = 0; i < rule->n_protos; i++)
		proto |= rule->protos[i] == subject->proto;
	for (size_t i = 0; i < rule->n_vlans; i++)
		vlan |= rule->vlans[i] == subject->vlan;
	for (size_t i = 0; i < rule->n_dscps; i++)
		dscp |= rule->dscps[i] == subject->dscp;
	return group && proto && vlan && dscp && (rule->dirs & (1u << subject->dir)) &&
	       (!match->iface || fnmatch(match->iface, subject->iface, 0) == 0) &&
	       (!match->id || fnmatch(match->id, subject->rule, 0) == 0);
}

static bool matches(const struct ms_control_match *match, const struct ms_policy *policy,
		    const struct subject *subject)
{
	const struct ms_rule *rule = &match->rule;

	return match->all ||
	       (matches_names(match, subject) &&
		matches_address(policy, rule->from, rule->n_from, &subject->from) &&
		matches_address(policy, rule->to, rule->n_to, &subject->to) &&
		matches_port(rule->sports, rule->n_sports, subject->has_ports, subject->sport) &&
		matches_port(rule->dports, rule->n_dports, subject->has_ports, subject->dport) &&
		matches_icmp(rule, subject));
}

static bool has_ports(uint8_t proto)
{
	return proto == IPPROTO_TCP || proto == IPPROTO_UDP || proto == IPPROTO_SCTP;
}

static bool has_types(uint8_t proto)
{
	return proto == IPPROTO_ICMP || proto == IPPROTO_ICMPV6;
}

bool ms_control_match_session(const struct ms_control_match *match, const struct ms_policy *policy,
			      const struct ms_session_view *session, const char *iface,
			      const char *group, const char *rule)
{
	const struct subject subject = {
		.iface = iface,
		.group = group,
		.rule = rule,
		.dir = session->dir,
		.proto = session->proto,
		.from = session->from,
		.to = session->to,
		.has_ports = has_ports(session->proto),
		.has_icmp = has_types(session->proto),
		.sport = session->sport,
		.dport = session->dport,
		.icmp_type = session->icmp_type,
		.icmp_code = session->icmp_code,
		.vlan = session->vlan_outer,
	};

	return matches(match, policy, &subject);
}

static struct ms_addr event_addr(const struct ms_event *event, const uint8_t *bytes)
{
	struct ms_addr addr = { .family = event->family };

	memcpy(addr.bytes, bytes, event->family == 4 ? 4 : 16);
	return addr;
}

bool ms_control_match_event(const struct ms_control_match *match, const struct ms_policy *policy,
			    const struct ms_event_record *record)
{
	const struct ms_event *event = &record->raw;
	const struct subject subject = {
		.iface = record->iface,
		.group = record->group,
		.rule = record->rule,
		.dir = (enum ms_dir)event->dir,
		.proto = event->proto,
		.from = event_addr(event, event->src),
		.to = event_addr(event, event->dst),
		.has_ports = has_ports(event->proto),
		.has_icmp = has_types(event->proto),
		.sport = ntohs(event->sport),
		.dport = ntohs(event->dport),
		.icmp_type = event->icmp_type,
		.icmp_code = event->icmp_code,
		.vlan = event->vlan_outer,
		.dscp = event->dscp,
	};

	return matches(match, policy, &subject);
}
