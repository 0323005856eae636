/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The oracle's policy: a linear scan over rules, in words the design uses. */
#include "tests/harness/oracle_decide.h"

#include <stdio.h>
#include <string.h>

enum { ICMP4 = 1, UDP = 17, ICMP6 = 58 };

/* ---- matching ---- */

static bool cidr_holds(const struct ms_oracle_cidr *cidr, int family, const uint8_t *addr)
{
	if (cidr->family != family)
		return false;
	for (unsigned int bit = 0; bit < cidr->len; bit++)
		if ((cidr->addr[bit / 8] ^ addr[bit / 8]) & (0x80 >> bit % 8))
			return false;
	return true;
}

static bool address_matches(const struct ms_oracle_policy *policy,
			    const struct ms_oracle_address *list, size_t n, int family,
			    const uint8_t *addr)
{
	if (n == 0)
		return true;
	for (size_t i = 0; i < n; i++) {
		if (!list[i].is_set) {
			if (cidr_holds(&list[i].cidr, family, addr))
				return true;
			continue;
		}
		for (size_t m = 0; m < policy->sets[list[i].set].n_members; m++)
			if (cidr_holds(&policy->sets[list[i].set].members[m], family, addr))
				return true;
	}
	return false;
}

static bool port_matches(const struct ms_oracle_range *list, size_t n,
			 const struct ms_oracle_headers *h, uint16_t port)
{
	if (n == 0)
		return true;
	if (!h->has_ports)
		return false;
	for (size_t i = 0; i < n; i++)
		if (port >= list[i].first && port <= list[i].last)
			return true;
	return false;
}

/* What a rule asks that needs no look behind the IP header. */
static bool rule_matches_l3(const struct ms_oracle_policy *policy,
			    const struct ms_oracle_rule *rule, const struct ms_oracle_iface *iface,
			    const struct ms_oracle_headers *h, enum ms_oracle_dir dir)
{
	bool proto = rule->n_protos == 0, vlan = rule->n_vlans == 0;
	bool dscp = rule->n_dscps == 0;

	if (rule->groups && !(rule->groups & 1u << iface->group))
		return false;
	if (rule->workload_only && !iface->workload)
		return false;
	if (!iface->loopback && !rule->dirs[dir])
		return false;
	for (size_t i = 0; i < rule->n_protos; i++) {
		/* Each ICMP belongs to its own family, by name or by number. */
		if (rule->protos[i] == (h->family == 4 ? ICMP6 : ICMP4))
			continue;
		proto |= h->hidden || rule->protos[i] == h->proto;
	}
	for (size_t i = 0; i < rule->n_vlans; i++)
		vlan |= rule->vlans[i] == h->vlan_outer;
	for (size_t i = 0; i < rule->n_dscps; i++)
		dscp |= rule->dscps[i] == h->dscp;
	return proto && vlan && dscp &&
	       address_matches(policy, rule->from, rule->n_from, h->family, h->src) &&
	       address_matches(policy, rule->to, rule->n_to, h->family, h->dst);
}

static bool rule_asks_l4(const struct ms_oracle_rule *rule)
{
	return rule->n_sports || rule->n_dports || rule->n_icmps;
}

static bool rule_matches(const struct ms_oracle_policy *policy, const struct ms_oracle_rule *rule,
			 const struct ms_oracle_iface *iface, const struct ms_oracle_headers *h,
			 enum ms_oracle_dir dir)
{
	bool icmp = rule->n_icmps == 0;

	if (!rule_matches_l3(policy, rule, iface, h, dir))
		return false;
	for (size_t i = 0; i < rule->n_icmps; i++)
		icmp |= h->has_icmp && rule->icmps[i].type == h->icmp_type &&
			(rule->icmps[i].code < 0 || rule->icmps[i].code == h->icmp_code);
	return icmp && port_matches(rule->sports, rule->n_sports, h, h->sport) &&
	       port_matches(rule->dports, rule->n_dports, h, h->dport);
}

/* ---- deciding without sessions ---- */

enum ms_oracle_verdict ms_oracle_soften(enum ms_oracle_verdict verdict, enum ms_oracle_mode mode)
{
	return verdict == MS_ORACLE_DENY && mode == MS_ORACLE_AUDITING ? MS_ORACLE_AUDIT : verdict;
}

static void name_author(char *author, const char *format, const char *a, const char *b)
{
	snprintf(author, MS_ORACLE_ID, format, a, b);
}

static void decide_by_rule(const struct ms_oracle_policy *policy,
			   const struct ms_oracle_iface *iface, const struct ms_oracle_rule *rule,
			   struct ms_oracle_decision *d)
{
	enum ms_oracle_mode mode = rule->mode;

	if (mode == MS_ORACLE_INHERIT)
		mode = policy->groups[iface->group].mode;
	d->would_be = rule->verdict;
	d->verdict = ms_oracle_soften(rule->verdict, mode);
	d->reason = rule->builtin ? MS_ORACLE_BY_BUILTIN : MS_ORACLE_BY_RULE;
	d->established = rule->established;
	d->log = rule->log;
	d->stateless = rule->stateless;
	name_author(d->author, "%s", rule->id, NULL);
}

static void decide_by_default(const struct ms_oracle_policy *policy,
			      const struct ms_oracle_iface *iface, enum ms_oracle_dir dir,
			      struct ms_oracle_decision *d)
{
	const struct ms_oracle_group *group = &policy->groups[iface->group];

	/* The one pass over loopback stands for both directions: either default may deny it. */
	if (iface->loopback)
		dir = group->defaults[MS_ORACLE_IN] == MS_ORACLE_DENY ? MS_ORACLE_IN
								      : MS_ORACLE_OUT;
	d->would_be = group->defaults[dir];
	d->verdict = ms_oracle_soften(group->defaults[dir], group->mode);
	d->reason = MS_ORACLE_BY_DEFAULT;
	name_author(d->author, "default/%s/%s", group->name, dir == MS_ORACLE_IN ? "in" : "out");
}

static bool door_open(const struct ms_oracle_policy *policy, const struct ms_oracle_iface *iface,
		      const struct ms_oracle_headers *h, enum ms_oracle_dir dir, bool any_port)
{
	if (iface->workload || iface->loopback)
		return false;
	for (size_t i = 0; i < policy->n_doors; i++) {
		const struct ms_oracle_door *door = &policy->doors[i];

		if (door->dir != dir || door->proto != h->proto || h->hidden)
			continue;
		if (!any_port && (!h->has_ports || door->port != h->dport))
			continue;
		if (!door->has_peer ||
		    cidr_holds(&door->peer, h->family, dir == MS_ORACLE_IN ? h->src : h->dst))
			return true;
	}
	return false;
}

static void decide_by_rules(const struct ms_oracle_policy *policy,
			    const struct ms_oracle_iface *iface, const struct ms_oracle_headers *h,
			    enum ms_oracle_dir dir, struct ms_oracle_decision *d)
{
	for (size_t i = 0; i < policy->n_rules; i++) {
		if (rule_matches(policy, &policy->rules[i], iface, h, dir)) {
			decide_by_rule(policy, iface, &policy->rules[i], d);
			return;
		}
	}
	decide_by_default(policy, iface, dir, d);
}

void ms_oracle_decide(const struct ms_oracle_policy *policy, enum ms_oracle_panic panic,
		      const struct ms_oracle_iface *iface, const struct ms_oracle_headers *h,
		      enum ms_oracle_dir dir, struct ms_oracle_decision *d)
{
	memset(d, 0, sizeof(*d));
	if (panic != MS_ORACLE_PANIC_OFF) {
		d->would_be = panic == MS_ORACLE_PANIC_OPEN ? MS_ORACLE_ALLOW : MS_ORACLE_DENY;
		d->verdict = ms_oracle_soften(d->would_be, policy->groups[iface->group].mode);
		d->reason = MS_ORACLE_BY_PANIC;
		d->stateless = true;
		name_author(d->author, "panic", NULL, NULL);
	} else if (door_open(policy, iface, h, dir, false)) {
		d->verdict = MS_ORACLE_ALLOW;
		d->reason = MS_ORACLE_BY_FAILSAFE;
		name_author(d->author, "failsafe/%s", dir == MS_ORACLE_IN ? "in" : "out", NULL);
	} else {
		decide_by_rules(policy, iface, h, dir, d);
	}
}

void ms_oracle_decide_early_fragment(const struct ms_oracle_policy *policy,
				     const struct ms_oracle_iface *iface,
				     const struct ms_oracle_headers *h, enum ms_oracle_dir dir,
				     struct ms_oracle_decision *d)
{
	memset(d, 0, sizeof(*d));
	if (door_open(policy, iface, h, dir, true)) {
		d->verdict = MS_ORACLE_ALLOW;
		d->reason = MS_ORACLE_BY_FAILSAFE;
		name_author(d->author, "failsafe/%s", dir == MS_ORACLE_IN ? "in" : "out", NULL);
		return;
	}
	for (size_t i = 0; i < policy->n_rules; i++) {
		const struct ms_oracle_rule *rule = &policy->rules[i];

		if (!rule_matches_l3(policy, rule, iface, h, dir))
			continue;
		decide_by_rule(policy, iface, rule, d);
		/* A deny for some ports, or for one of the protocols it may turn out to be, leaves
		 * the others to later rules. */
		if (rule->verdict == MS_ORACLE_DENY &&
		    (rule_asks_l4(rule) || (h->hidden && rule->n_protos)))
			continue;
		return;
	}
	decide_by_default(policy, iface, dir, d);
}

void ms_oracle_classify(const struct ms_oracle_policy *policy, const struct ms_oracle_iface *iface,
			const struct ms_oracle_headers *headers, enum ms_oracle_dir dir,
			struct ms_oracle_judgement *ret_judgement)
{
	struct ms_oracle_decision d = { 0 };

	decide_by_rules(policy, iface, headers, dir, &d);
	memset(ret_judgement, 0, sizeof(*ret_judgement));
	ret_judgement->verdict = d.verdict;
	ret_judgement->reason = d.reason;
	ret_judgement->dir = dir;
	ret_judgement->log = d.log;
	memcpy(ret_judgement->author, d.author, sizeof(d.author));
}

/* ---- built-in rules ---- */

static struct ms_oracle_rule *add_builtin(struct ms_oracle_rule *rules, size_t *n, const char *id,
					  uint8_t proto)
{
	struct ms_oracle_rule *rule = &rules[(*n)++];

	memset(rule, 0, sizeof(*rule));
	snprintf(rule->id, sizeof(rule->id), "%s", id);
	rule->builtin = true;
	rule->verdict = MS_ORACLE_ALLOW;
	rule->dirs[MS_ORACLE_IN] = rule->dirs[MS_ORACLE_OUT] = true;
	rule->protos[rule->n_protos++] = proto;
	return rule;
}

size_t ms_oracle_builtin_rules(struct ms_oracle_rule *ret_rules)
{
	/* Neighbour and router discovery (a redirect is neither), then multicast listeners. */
	static const uint8_t nd[] = { 133, 134, 135, 136 }, mld[] = { 130, 131, 132, 143 };
	static const struct {
		uint16_t client, server;
	} dhcp[] = { { 68, 67 }, { 546, 547 } };
	struct ms_oracle_rule *rule;
	size_t n = 0;

	rule = add_builtin(ret_rules, &n, "builtin/nd", ICMP6);
	rule->stateless = true;
	for (size_t i = 0; i < sizeof(nd); i++)
		rule->icmps[rule->n_icmps++] = (struct ms_oracle_icmp) { nd[i], -1 };
	rule = add_builtin(ret_rules, &n, "builtin/nd", ICMP6);
	rule->stateless = true;
	for (size_t i = 0; i < sizeof(mld); i++)
		rule->icmps[rule->n_icmps++] = (struct ms_oracle_icmp) { mld[i], -1 };
	for (size_t i = 0; i < sizeof(dhcp) / sizeof(dhcp[0]); i++) {
		const struct ms_oracle_range client = { dhcp[i].client, dhcp[i].client };
		const struct ms_oracle_range server = { dhcp[i].server, dhcp[i].server };

		/* Asking is the workload's part, answering the other side's. */
		for (int dir = MS_ORACLE_IN; dir <= MS_ORACLE_OUT; dir++) {
			rule = add_builtin(ret_rules, &n, "builtin/dhcp", UDP);
			rule->workload_only = true;
			rule->dirs[!dir] = false;
			rule->sports[rule->n_sports++] = dir == MS_ORACLE_OUT ? client : server;
			rule->dports[rule->n_dports++] = dir == MS_ORACLE_OUT ? server : client;
		}
	}
	return n;
}
