/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/bpf/random_policy.h"

#include <arpa/inet.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { TCP = 6, UDP = 17, SCTP = 132, ICMP4 = 1, ICMP6 = 58 };

struct writer {
	char *text;
	size_t length;
};

static void say(struct writer *writer, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static void say(struct writer *writer, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	writer->length += vsnprintf(writer->text + writer->length, MS_RANDOM_TEXT - writer->length,
				    format, args);
	va_end(args);
}

static void random_cidr(struct ms_random *random, int family, struct ms_oracle_cidr *cidr)
{
	static const unsigned int lens4[] = { 32, 32, 31, 30, 29, 24, 16, 8, 0 };
	static const unsigned int lens6[] = { 128, 128, 127, 126, 125, 64, 63, 32, 0 };

	cidr->family = family;
	cidr->len = (family == 4 ? lens4 : lens6)[ms_random_below(random, 9)];
	ms_random_address(random, family, cidr->addr);
	for (unsigned int bit = cidr->len; bit < 128; bit++)
		cidr->addr[bit / 8] &= ~(0x80 >> bit % 8);
}

static void say_cidr(struct writer *writer, const struct ms_oracle_cidr *cidr)
{
	char text[INET6_ADDRSTRLEN];

	inet_ntop(cidr->family == 4 ? AF_INET : AF_INET6, cidr->addr, text, sizeof(text));
	say(writer, "\"%s/%u\"", text, cidr->len);
}

static void make_groups(struct ms_random *random, struct ms_random_policy *policy,
			struct writer *writer)
{
	say(writer, "version: 1\ngroups:\n");
	for (int i = 0; i < MS_RANDOM_GROUPS; i++) {
		struct ms_oracle_group *group = &policy->groups[i];

		snprintf(group->name, sizeof(group->name), "g%d", i);
		for (int dir = 0; dir < 2; dir++)
			group->defaults[dir] =
				ms_random_percent(random, 60) ? MS_ORACLE_DENY : MS_ORACLE_ALLOW;
		group->mode =
			ms_random_percent(random, 80) ? MS_ORACLE_ENFORCING : MS_ORACLE_AUDITING;
		group->non_ip = ms_random_percent(random, 30) ? MS_ORACLE_DENY : MS_ORACLE_ALLOW;
		say(writer,
		    "  - { name: g%d, match: { name: \"g%d*\" }, default: { in: %s, out: %s }, "
		    "mode: %s, non_ip: %s }\n",
		    i, i, ms_oracle_verdict_text(group->defaults[0]),
		    ms_oracle_verdict_text(group->defaults[1]),
		    group->mode == MS_ORACLE_ENFORCING ? "enforce" : "audit",
		    ms_oracle_verdict_text(group->non_ip));
	}
}

static void make_failsafe(struct ms_random *random, struct ms_random_policy *policy,
			  struct writer *writer)
{
	size_t n = ms_random_below(random, 4);

	say(writer, "failsafe: { ");
	for (int dir = 0; dir < 2; dir++) {
		bool first = true;

		say(writer, "%s: [", dir == MS_ORACLE_IN ? "in" : "out");
		for (size_t i = dir; i < n; i += 2) {
			struct ms_oracle_door *door = &policy->doors[policy->oracle.n_doors++];

			door->dir = dir;
			door->proto = ms_random_percent(random, 60) ? TCP : UDP;
			do {
				door->port = ms_random_port(random);
			} while (door->port == 0);
			door->has_peer = ms_random_percent(random, 60);
			say(writer, "%s'%s:", first ? "" : ", ",
			    door->proto == TCP ? "tcp" : "udp");
			first = false;
			if (door->has_peer) {
				char text[INET6_ADDRSTRLEN];
				bool v4 = ms_random_percent(random, 50);

				random_cidr(random, v4 ? 4 : 6, &door->peer);
				inet_ntop(v4 ? AF_INET : AF_INET6, door->peer.addr, text,
					  sizeof(text));
				say(writer, v4 ? "%s/%u:" : "[%s/%u]:", text, door->peer.len);
			}
			say(writer, "%u'", door->port);
		}
		say(writer, "]%s", dir == MS_ORACLE_IN ? ", " : " }\n");
	}
}

static void make_sets(struct ms_random *random, struct ms_random_policy *policy,
		      struct writer *writer)
{
	say(writer, "sets:\n");
	for (int i = 0; i < MS_RANDOM_SETS; i++) {
		policy->sets[i].members = policy->members[i];
		policy->sets[i].n_members = 1 + ms_random_below(random, MS_RANDOM_SET_MEMBERS);
		say(writer, "  s%d: [", i);
		for (size_t m = 0; m < policy->sets[i].n_members; m++) {
			random_cidr(random, ms_random_percent(random, 60) ? 4 : 6,
				    &policy->members[i][m]);
			/* The same member twice is refused, and tells nothing here. */
			for (size_t other = 0; other < m; other++)
				if (!memcmp(&policy->members[i][m], &policy->members[i][other],
					    sizeof(policy->members[i][m])))
					policy->sets[i].n_members = m;
			if (policy->sets[i].n_members == m)
				break;
			say(writer, "%s", m ? ", " : "");
			say_cidr(writer, &policy->members[i][m]);
		}
		say(writer, "]\n");
	}
}

static void make_addresses(struct ms_random *random, int family, struct writer *writer,
			   const char *key, struct ms_oracle_address *list, size_t *n)
{
	if (ms_random_percent(random, 40))
		return;
	say(writer, ", %s: [", key);
	for (size_t count = 1 + ms_random_below(random, 3); *n < count; (*n)++) {
		struct ms_oracle_address *address = &list[*n];

		say(writer, "%s", *n ? ", " : "");
		address->is_set = ms_random_percent(random, 25);
		if (address->is_set) {
			address->set = ms_random_below(random, MS_RANDOM_SETS);
			say(writer, "\"set:s%u\"", address->set);
		} else {
			random_cidr(random, family, &address->cidr);
			say_cidr(writer, &address->cidr);
		}
	}
	say(writer, "]");
}

static void make_ports(struct ms_random *random, struct writer *writer, const char *key,
		       struct ms_oracle_range *list, size_t *n)
{
	if (ms_random_percent(random, 50))
		return;
	say(writer, ", %s: [", key);
	for (size_t count = 1 + ms_random_below(random, 3); *n < count; (*n)++) {
		uint16_t a = ms_random_port(random), b = ms_random_port(random);

		if (ms_random_percent(random, 60))
			b = a;
		list[*n] = (struct ms_oracle_range) { a < b ? a : b, a < b ? b : a };
		say(writer, a == b ? "%s\"%u\"" : "%s%u-%u", *n ? ", " : "", list[*n].first,
		    list[*n].last);
	}
	say(writer, "]");
}

static void make_matches(struct ms_random *random, struct ms_oracle_rule *rule,
			 struct writer *writer)
{
	int family = ms_random_percent(random, 60) ? 4 : 6;
	uint8_t proto = ms_random_proto(random, family);

	if (ms_random_percent(random, 50)) {
		unsigned int group = ms_random_below(random, MS_RANDOM_GROUPS);

		rule->groups = 1u << group;
		say(writer, ", group: g%u", group);
	}
	rule->dirs[MS_ORACLE_IN] = rule->dirs[MS_ORACLE_OUT] = true;
	if (ms_random_percent(random, 50)) {
		bool out = ms_random_percent(random, 50);

		rule->dirs[out ? MS_ORACLE_IN : MS_ORACLE_OUT] = false;
		say(writer, ", dir: %s", out ? "out" : "in");
	}
	make_addresses(random, family, writer, "from", rule->from, &rule->n_from);
	make_addresses(random, family, writer, "to", rule->to, &rule->n_to);
	if (ms_random_percent(random, 30)) {
		rule->vlans[0] = ms_random_vlan(random);
		rule->n_vlans = 1;
		say(writer, ", vlan: %u", rule->vlans[0]);
	}
	if (ms_random_percent(random, 25)) {
		rule->dscps[0] = ms_random_dscp(random);
		rule->dscps[1] = ms_random_dscp(random);
		rule->n_dscps = 1 + ms_random_below(random, 2);
		say(writer, rule->n_dscps == 2 ? ", dscp: [%u, %u]" : ", dscp: %u", rule->dscps[0],
		    rule->dscps[1]);
	}
	if (ms_random_percent(random, 20))
		return;
	rule->protos[rule->n_protos++] = proto;
	if (proto == TCP && ms_random_percent(random, 30)) {
		rule->protos[rule->n_protos++] = UDP;
		say(writer, ", proto: [tcp, udp]");
	} else {
		say(writer, ", proto: %u", proto);
	}
	if (proto == TCP || proto == UDP || proto == SCTP) {
		make_ports(random, writer, "sport", rule->sports, &rule->n_sports);
		make_ports(random, writer, "dport", rule->dports, &rule->n_dports);
	} else if ((proto == ICMP4 || proto == ICMP6) && ms_random_percent(random, 60)) {
		rule->icmps[0].type = ms_random_icmp_type(random, family);
		rule->icmps[0].code = ms_random_percent(random, 60) ? -1 : 0;
		rule->n_icmps = 1;
		say(writer, rule->icmps[0].code < 0 ? ", icmp: \"%u\"" : ", icmp: \"%u/0\"",
		    rule->icmps[0].type);
	}
}

static void make_rule(struct ms_random *random, struct ms_oracle_rule *rule, unsigned int number,
		      unsigned int *ret_priority, struct writer *writer)
{
	static const unsigned int priorities[] = { 1000, 1000, 1000, 10, 2000 };

	snprintf(rule->id, sizeof(rule->id), "r%u", number);
	say(writer, "  - { id: r%u", number);
	make_matches(random, rule, writer);
	*ret_priority = priorities[ms_random_below(random, 5)];
	if (*ret_priority != 1000)
		say(writer, ", priority: %u", *ret_priority);
	rule->verdict = ms_random_percent(random, 50) ? MS_ORACLE_DENY : MS_ORACLE_ALLOW;
	if (ms_random_percent(random, 15)) {
		rule->mode =
			ms_random_percent(random, 50) ? MS_ORACLE_AUDITING : MS_ORACLE_ENFORCING;
		say(writer, ", mode: %s", rule->mode == MS_ORACLE_AUDITING ? "audit" : "enforce");
	}
	if (ms_random_percent(random, 25)) {
		rule->established = MS_ORACLE_KEEP;
		say(writer, ", established: keep");
	}
	if (ms_random_percent(random, 20)) {
		rule->log = true;
		say(writer, ", log: true");
	}
	say(writer, ", action: %s }\n", ms_oracle_verdict_text(rule->verdict));
}

void ms_random_policy_make(struct ms_random *random, struct ms_random_policy *ret_policy)
{
	struct ms_random_policy *policy = ret_policy;
	struct writer writer = { .text = policy->text };
	struct ms_oracle_rule rules[MS_RANDOM_RULES] = { 0 };
	unsigned int n = ms_random_below(random, MS_RANDOM_RULES);
	size_t at;

	memset(policy, 0, sizeof(*policy));
	make_groups(random, policy, &writer);
	make_failsafe(random, policy, &writer);
	make_sets(random, policy, &writer);
	say(&writer, n ? "rules:\n" : "");
	for (unsigned int i = 0; i < n; i++)
		make_rule(random, &rules[i], i, &policy->priorities[i], &writer);
	at = ms_oracle_builtin_rules(policy->rules);
	for (unsigned int priority = 0; priority <= 2000; priority += 10)
		for (unsigned int i = 0; i < n; i++)
			if (policy->priorities[i] == priority)
				policy->rules[at++] = rules[i];
	policy->oracle.rules = policy->rules;
	policy->oracle.n_rules = at;
	policy->oracle.sets = policy->sets;
	policy->oracle.n_sets = MS_RANDOM_SETS;
	policy->oracle.groups = policy->groups;
	policy->oracle.n_groups = MS_RANDOM_GROUPS;
	policy->oracle.doors = policy->doors;
	policy->oracle.icmp_errors = true;
}
