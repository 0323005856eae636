/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The failsafe is judged before every rule, so "ssh from the office only" is ineffective while it
 * holds tcp:22 open to everybody. Such rules are named, with the narrower line to write instead.
 */
#include <stdio.h>
#include <string.h>

#include "core/base/cleanup.h"
#include "core/base/proto.h"
#include "core/policy/check_parts.h"

#define PEERS_MAX 6
#define WARNINGS_MAX 100 /* after so many the point has been made */

/* ---- whom the failsafe is about ---- */

static bool has_word(char *const *words, size_t count, const char *word)
{
	for (size_t i = 0; i < count; i++) {
		if (strcmp(words[i], word) == 0)
			return true;
	}
	return false;
}

/* Whether the selector can choose an interface that is the host's own and not loopback. */
static bool can_select_host(const struct ms_selector *selector, enum ms_side_choice side)
{
	static const char *const workload_kinds[] = { "veth", "netkit", "tap" };

	if (!selector->n_kinds)
		return selector->n_names != 1 || strcmp(selector->names[0].text, "lo") != 0;
	for (size_t i = 0; i < selector->n_kinds; i++) {
		bool is_workload = false;

		for (size_t j = 0; j < ms_array_size(workload_kinds); j++)
			is_workload |= strcmp(selector->kinds[i], workload_kinds[j]) == 0;
		if (strcmp(selector->kinds[i], "loopback") != 0 &&
		    (!is_workload || side == MS_SIDE_CHOICE_HOST))
			return true;
	}
	return false;
}

static bool can_be_host(const struct ms_group_def *group)
{
	if (group->side == MS_SIDE_CHOICE_WORKLOAD || group->mode == MS_MODE_DISABLED)
		return false;
	for (size_t i = 0; i < group->n_match; i++) {
		if (can_select_host(&group->match[i], group->side))
			return true;
	}
	return false;
}

static bool is_about_group(const struct ms_rule *rule, const struct ms_group_def *group)
{
	return !rule->n_groups || has_word(rule->groups, rule->n_groups, group->name);
}

/* ---- rules and entries ---- */

/* The other end's addresses: who comes in, or where it goes. */
static const struct ms_address *remote(const struct ms_rule *rule, enum ms_dir dir,
				       size_t *ret_count)
{
	*ret_count = dir == MS_DIR_IN ? rule->n_from : rule->n_to;
	return dir == MS_DIR_IN ? rule->from : rule->to;
}

static bool overlaps(const struct ms_cidr *a, const struct ms_cidr *b)
{
	return ms_cidr_covers(a, b) || ms_cidr_covers(b, a);
}

/* Whether the rule speaks of the entry's port by name: a rule about everything is not meant as one
 * about ssh, and the failsafe is meant to be stronger than it. */
static bool names_entry(const struct ms_rule *rule, enum ms_dir dir,
			const struct ms_failsafe_entry *entry)
{
	bool names_port = false, meets = false;
	const struct ms_address *peers;
	size_t n_peers;

	if (!(rule->dirs & 1 << dir) || !rule->n_protos ||
	    !memchr(rule->protos, entry->proto, rule->n_protos))
		return false;
	for (size_t i = 0; i < rule->n_dports; i++)
		names_port |=
			rule->dports[i].first <= entry->port && rule->dports[i].last >= entry->port;
	peers = remote(rule, dir, &n_peers);
	for (size_t i = 0; i < n_peers; i++)
		meets |= peers[i].kind == MS_ADDRESS_SET || overlaps(&peers[i].cidr, &entry->peer);
	return names_port && (!entry->has_peer || !n_peers || meets);
}

/* One entry of the failsafe, and whether any rule denies what it allows. */
struct door {
	enum ms_dir dir;
	const struct ms_failsafe_entry *entry;
	bool has_deny;
};

/* Whether what an allow leaves over would be denied, were it not for the failsafe. */
static bool is_denied_otherwise(const struct ms_policy *policy, const struct ms_rule *rule,
				const struct door *door)
{
	if (door->has_deny)
		return true;

	for (size_t i = 0; i < policy->n_groups; i++) {
		const struct ms_group_def *group = &policy->groups[i];

		if (is_about_group(rule, group) && can_be_host(group) &&
		    group->default_verdict[door->dir] == MS_VERDICT_DENY)
			return true;
	}
	return false;
}

static bool covers_peer(const struct ms_policy *policy, const struct ms_address *address,
			const struct ms_cidr *peer)
{
	const struct ms_set_def *set;

	if (address->kind == MS_ADDRESS_CIDR)
		return ms_cidr_covers(&address->cidr, peer);
	set = ms_policy_find_set(policy, address->set);
	for (size_t i = 0; set && i < set->n_members; i++) {
		if (ms_cidr_covers(&set->members[i].cidr, peer))
			return true;
	}
	return false;
}

/* Whether the rule lets in all whom the entry lets in anyway. */
static bool lets_all_in(const struct ms_policy *policy, const struct ms_rule *rule,
			const struct door *door)
{
	size_t n_peers;
	const struct ms_address *peers = remote(rule, door->dir, &n_peers);

	for (size_t i = 0; door->entry->has_peer && i < n_peers; i++) {
		if (covers_peer(policy, &peers[i], &door->entry->peer))
			return true;
	}
	return n_peers == 0;
}

/* ---- the line to write instead ---- */

struct peers {
	struct ms_cidr cidrs[PEERS_MAX];
	size_t count;
	bool has_more;
};

static void add_peer(struct peers *peers, const struct ms_cidr *cidr)
{
	for (size_t i = 0; i < peers->count; i++) {
		if (ms_cidr_covers(&peers->cidrs[i], cidr))
			return;
	}
	if (peers->count < PEERS_MAX)
		peers->cidrs[peers->count++] = *cidr;
	else
		peers->has_more = true;
}

static void add_peers(const struct ms_policy *policy, const struct ms_rule *rule, enum ms_dir dir,
		      struct peers *peers)
{
	size_t n_addresses;
	const struct ms_address *addresses = remote(rule, dir, &n_addresses);

	for (size_t i = 0; i < n_addresses; i++) {
		const struct ms_set_def *set;

		if (addresses[i].kind == MS_ADDRESS_CIDR) {
			add_peer(peers, &addresses[i].cidr);
			continue;
		}
		set = ms_policy_find_set(policy, addresses[i].set);
		for (size_t j = 0; set && j < set->n_members; j++)
			add_peer(peers, &set->members[j].cidr);
	}
}

static void put_entry(FILE *out, const struct ms_failsafe_entry *entry, const struct ms_cidr *peer,
		      bool *is_first)
{
	char proto[16], cidr[MS_CIDR_TEXT];

	fprintf(out, "%s\"%s:", *is_first ? "" : ", ",
		ms_proto_format(entry->proto, proto, sizeof(proto)));
	*is_first = false;
	if (peer)
		fprintf(out, peer->addr.family == 6 ? "[%s]:" : "%s:",
			ms_cidr_format(peer, cidr, sizeof(cidr)));
	fprintf(out, "%u\"", entry->port);
}

/* The list of this direction with the entry narrowed to `peers`, all others as they are. */
static void format_line(const struct ms_failsafe_def *failsafe, enum ms_dir dir,
			const struct ms_failsafe_entry *narrowed, const struct peers *peers,
			char *buf, size_t size)
{
	FILE *out = fmemopen(buf, size, "w");
	bool is_first = true;

	buf[0] = '\0';
	if (!out)
		return;
	fprintf(out, "failsafe: { %s: [", dir == MS_DIR_IN ? "in" : "out");
	for (size_t i = 0; i < failsafe->n_entries[dir]; i++) {
		const struct ms_failsafe_entry *entry = &failsafe->entries[dir][i];

		if (entry != narrowed) {
			put_entry(out, entry, entry->has_peer ? &entry->peer : NULL, &is_first);
			continue;
		}
		for (size_t j = 0; j < peers->count; j++)
			put_entry(out, entry, &peers->cidrs[j], &is_first);
	}
	fputs("] }", out);
	fclose(out);
}

/* Whom an allow lets in is whom the failsafe should; for a deny, whom the allows before it do. */
static void collect_peers(const struct ms_policy *policy, const struct ms_rule *rule,
			  enum ms_dir dir, const struct ms_failsafe_entry *entry,
			  struct peers *peers)
{
	if (rule->verdict == MS_VERDICT_ALLOW) {
		add_peers(policy, rule, dir, peers);
		return;
	}
	for (const struct ms_rule *other = policy->rules; other < rule; other++) {
		if (other->verdict == MS_VERDICT_ALLOW && names_entry(other, dir, entry))
			add_peers(policy, other, dir, peers);
	}
}

static int warn_ineffective(struct ms_check *check, const struct ms_rule *rule, enum ms_dir dir,
			    const struct ms_failsafe_entry *entry)
{
	const struct ms_policy *policy = check->policy;
	struct peers peers = { 0 };
	char line[256], proto[16];
	bool is_deny = rule->verdict == MS_VERDICT_DENY;

	collect_peers(policy, rule, dir, entry, &peers);
	ms_proto_format(entry->proto, proto, sizeof(proto));
	format_line(&policy->failsafe, dir, entry, &peers, line, sizeof(line));
	if (peers.has_more || strlen(line) + 1 >= sizeof(line))
		return ms_check_warn(check, "failsafe", &rule->origin, rule,
				     "%s has no effect on the host's own interfaces: the failsafe "
				     "holds %s:%u open before any rule; write %s:PREFIX:%u in it "
				     "for each prefix instead",
				     rule->id ? rule->id : "the rule", proto, entry->port, proto,
				     entry->port);
	return ms_check_warn(check, "failsafe", &rule->origin, rule,
			     "%s %s on the host's own interfaces: the failsafe holds %s:%u open "
			     "before any rule; write instead %s",
			     rule->id ? rule->id : "the rule",
			     is_deny ? "denies nothing" : "shuts nobody out", proto, entry->port,
			     line);
}

static bool is_ineffective(const struct ms_policy *policy, const struct ms_rule *rule,
			   const struct door *door)
{
	if (!names_entry(rule, door->dir, door->entry))
		return false;
	if (rule->verdict == MS_VERDICT_DENY)
		return true;
	return !lets_all_in(policy, rule, door) && is_denied_otherwise(policy, rule, door);
}

static bool is_host_rule(const struct ms_policy *policy, const struct ms_rule *rule)
{
	for (size_t i = 0; i < policy->n_groups; i++) {
		if (is_about_group(rule, &policy->groups[i]) && can_be_host(&policy->groups[i]))
			return true;
	}
	return false;
}

/* What somebody wrote and means to have an effect. */
static bool is_looked_at(const struct ms_rule *rule)
{
	return rule->origin.source != MS_SOURCE_BUILTIN && rule->mode != MS_MODE_AUDIT;
}

static int check_door(struct ms_check *check, const struct door *door, size_t *n_warned)
{
	const struct ms_policy *policy = check->policy;
	struct door known = *door;
	int r = 0;

	for (size_t i = 0; i < policy->n_rules && !known.has_deny; i++)
		known.has_deny = policy->rules[i].verdict == MS_VERDICT_DENY &&
				 names_entry(&policy->rules[i], known.dir, known.entry);
	for (size_t i = 0; r == 0 && i < policy->n_rules && *n_warned < WARNINGS_MAX; i++) {
		const struct ms_rule *rule = &policy->rules[i];

		if (!is_looked_at(rule) || !is_ineffective(policy, rule, &known) ||
		    !is_host_rule(policy, rule))
			continue;
		r = warn_ineffective(check, rule, known.dir, known.entry);
		++*n_warned;
	}
	return r;
}

static int check_empty(struct ms_check *check)
{
	const struct ms_failsafe_def *failsafe = &check->policy->failsafe;

	if (!failsafe->present)
		return 0;
	if (failsafe->n_entries[MS_DIR_IN] == 0 && failsafe->n_entries[MS_DIR_OUT] == 0)
		return ms_check_warn(check, "empty_failsafe", &failsafe->origin, NULL,
				     "the failsafe is empty: a rule can lock you out of this host");
	if (failsafe->n_entries[MS_DIR_IN] == 0)
		return ms_check_warn(check, "empty_failsafe", &failsafe->origin, NULL,
				     "the failsafe lets nobody in: a rule can lock you out of this "
				     "host");
	return 0;
}

int ms_check_failsafe(struct ms_check *check)
{
	const struct ms_failsafe_def *failsafe = &check->policy->failsafe;
	size_t n_warned = 0;
	int r = check_empty(check);

	for (int dir = 0; dir < MS_DIR__COUNT; dir++) {
		for (size_t i = 0; r == 0 && i < failsafe->n_entries[dir]; i++) {
			const struct door door = { (enum ms_dir)dir, &failsafe->entries[dir][i],
						   false };

			r = check_door(check, &door, &n_warned);
		}
	}
	return r;
}
