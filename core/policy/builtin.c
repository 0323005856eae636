/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/policy/builtin.h"

#include <netinet/in.h>
#include <string.h>

#include "core/base/cleanup.h"

#define DIR_BIT(dir) (1 << (dir))
#define BOTH_DIRS (DIR_BIT(MS_DIR_IN) | DIR_BIT(MS_DIR_OUT))

/* A built-in rule begins as an operator's with nothing said but allow. */
static struct ms_rule plain_rule(const char *id)
{
	return (struct ms_rule) {
		.origin.source = MS_SOURCE_BUILTIN,
		.id = (char *)id,
		.dirs = BOTH_DIRS,
		.verdict = MS_VERDICT_ALLOW,
		.mode = MS_MODE_INHERIT,
		.priority = MS_RULE_PRIORITY_DEFAULT,
		.fallback = MS_VERDICT_DENY,
	};
}

/* Neighbours, routers and multicast listeners: without them IPv6 is no network at all. Redirects
 * are not among them; nobody needs them and they turn routes. */
static int add_nd(struct ms_policy *policy)
{
	uint8_t protos[] = { IPPROTO_ICMPV6 };
	struct ms_icmp_match icmps[] = {
		{ 130, -1 }, { 131, -1 }, { 132, -1 }, { 133, -1 },
		{ 134, -1 }, { 135, -1 }, { 136, -1 }, { 143, -1 },
	};
	struct ms_rule rule = plain_rule(MS_BUILTIN_ND);

	rule.stateless = true;
	rule.protos = protos;
	rule.n_protos = ms_array_size(protos);
	rule.icmps = icmps;
	rule.n_icmps = ms_array_size(icmps);
	return ms_policy_add_rule(policy, &rule);
}

/* Both protocols, no types: which error it is and whom it quotes is the datapath's to know. */
static int add_icmp_error(struct ms_policy *policy)
{
	uint8_t protos[] = { IPPROTO_ICMP, IPPROTO_ICMPV6 };
	struct ms_rule rule = plain_rule(MS_BUILTIN_ICMP_ERROR);

	rule.protos = protos;
	rule.n_protos = ms_array_size(protos);
	return ms_policy_add_rule(policy, &rule);
}

/*
 * A workload may be a DHCP client, never a server: each line is one direction of one family's
 * pair of ports. One rule with lists of ports would allow their cross product, 67 to 68 out of
 * the workload included. The lines share the id, and with it slot and counters.
 */
static int add_dhcp(struct ms_policy *policy)
{
	static const struct {
		enum ms_dir dir;
		uint16_t sport, dport;
	} lines[] = {
		{ MS_DIR_OUT, 68, 67 },
		{ MS_DIR_IN, 67, 68 },
		{ MS_DIR_OUT, 546, 547 },
		{ MS_DIR_IN, 547, 546 },
	};
	uint8_t protos[] = { IPPROTO_UDP };

	for (size_t i = 0; i < ms_array_size(lines); i++) {
		struct ms_port_range sport = { lines[i].sport, lines[i].sport };
		struct ms_port_range dport = { lines[i].dport, lines[i].dport };
		struct ms_rule rule = plain_rule(MS_BUILTIN_DHCP);
		int r;

		rule.workload_only = true;
		rule.dirs = (uint8_t)DIR_BIT(lines[i].dir);
		rule.protos = protos;
		rule.n_protos = ms_array_size(protos);
		rule.sports = &sport;
		rule.n_sports = 1;
		rule.dports = &dport;
		rule.n_dports = 1;
		r = ms_policy_add_rule(policy, &rule);
		if (r < 0)
			return r;
	}
	return 0;
}

int ms_builtin_add_rules(struct ms_policy *policy)
{
	int r = add_nd(policy);

	if (r == 0)
		r = add_icmp_error(policy);
	if (r == 0)
		r = add_dhcp(policy);
	return r;
}

bool ms_builtin_is_id(const char *id)
{
	return strcmp(id, MS_BUILTIN_ND) == 0 || strcmp(id, MS_BUILTIN_ICMP_ERROR) == 0 ||
	       strcmp(id, MS_BUILTIN_DHCP) == 0;
}

bool ms_builtin_is_icmp_error(const struct ms_rule *rule)
{
	return rule->origin.source == MS_SOURCE_BUILTIN &&
	       strcmp(rule->id, MS_BUILTIN_ICMP_ERROR) == 0;
}
