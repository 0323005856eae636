/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What was probably meant: other tools' words, and the nearest word of those that are known. */
#include "core/policy/document_hint.h"

#include <string.h>
#include <strings.h>

#include "core/base/cleanup.h"

static const struct {
	const char *word, *meant;
} foreign[] = {
	/* verdicts */
	{ "drop", "deny" },
	{ "reject", "deny" },
	{ "block", "deny" },
	{ "blackhole", "deny" },
	{ "accept", "allow" },
	{ "permit", "allow" },
	{ "pass", "allow" },
	/* directions */
	{ "ingress", "in" },
	{ "input", "in" },
	{ "inbound", "in" },
	{ "egress", "out" },
	{ "output", "out" },
	{ "outbound", "out" },
	{ "direction", "dir" },
	/* match */
	{ "src", "from" },
	{ "source", "from" },
	{ "saddr", "from" },
	{ "dst", "to" },
	{ "dest", "to" },
	{ "destination", "to" },
	{ "daddr", "to" },
	{ "port", "dport" },
	{ "ports", "dport" },
	{ "destination-port", "dport" },
	{ "source-port", "sport" },
	{ "protocol", "proto" },
	{ "icmp-type", "icmp" },
	{ "icmp_type", "icmp" },
	{ "tos", "dscp" },
	{ "tclass", "dscp" },
	{ "dsfield", "dscp" },
	{ "interface", "group" },
	{ "iface", "group" },
	{ "iifname", "group" },
	{ "oifname", "group" },
	{ "icmp6", "icmpv6" },
	{ "ipv6-icmp", "icmpv6" },
	{ "all", "any" },
	{ "*", "any" },
	/* rules and groups */
	{ "verdict", "action" },
	{ "target", "action" },
	{ "jump", "action" },
	{ "policy", "default" },
	{ "name", "id" },
	{ "description", "comment" },
	{ "prio", "priority" },
	{ "until", "expires" },
	{ "members", "sets" },
	{ "ipset", "sets" },
	{ "interfaces", "groups" },
	{ "select", "match" },
	{ "selector", "match" },
	{ "type", "kind" },
	{ "bridge", "master" },
	{ "ttl", "timeout" },
	{ "off", "disabled" },
	{ "dry-run", "audit" },
	{ "permissive", "audit" },
	{ "on", "enforce" },
	{ "enforcing", "enforce" },
	{ "yes", "true" },
	{ "on", "true" },
	{ "1", "true" },
};

static bool is_known(const char *word, const char *const *known, size_t n_known)
{
	for (size_t i = 0; i < n_known; i++) {
		if (strcmp(word, known[i]) == 0)
			return true;
	}
	return false;
}

/* Letters to add, drop, change or swap with their neighbour; anything above `limit` is limit + 1.
 */
static unsigned int distance(const char *a, const char *b, unsigned int limit)
{
	enum { LONGEST = 32 };
	unsigned int rows[3][LONGEST + 1];
	size_t n_a = strlen(a), n_b = strlen(b);

	if (n_a > LONGEST || n_b > LONGEST)
		return limit + 1;
	for (size_t j = 0; j <= n_b; j++)
		rows[0][j] = (unsigned int)j;
	for (size_t i = 1; i <= n_a; i++) {
		unsigned int *row = rows[i % 3];
		const unsigned int *above = rows[(i + 2) % 3], *two_above = rows[(i + 1) % 3];

		row[0] = (unsigned int)i;
		for (size_t j = 1; j <= n_b; j++) {
			unsigned int best = above[j - 1] + (a[i - 1] != b[j - 1]);

			if (above[j] + 1 < best)
				best = above[j] + 1;
			if (row[j - 1] + 1 < best)
				best = row[j - 1] + 1;
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
			    two_above[j - 2] + 1 < best)
				best = two_above[j - 2] + 1;
			row[j] = best;
		}
	}
	return rows[n_a % 3][n_b];
}

const char *ms_document_hint_find(const char *word, const char *const *known, size_t n_known)
{
	size_t length = strlen(word);
	unsigned int limit = length < 4 ? 1 : 2, best = limit + 1;
	const char *found = NULL;

	if (length == 0)
		return NULL;
	for (size_t i = 0; i < n_known; i++) {
		if (strcasecmp(word, known[i]) == 0)
			return known[i];
	}
	for (size_t i = 0; i < ms_array_size(foreign); i++) {
		if (strcasecmp(word, foreign[i].word) == 0 &&
		    is_known(foreign[i].meant, known, n_known))
			return foreign[i].meant;
	}
	for (size_t i = 0; i < n_known; i++) {
		unsigned int d = distance(word, known[i], limit);

		/* As many changes as letters is another word. */
		if (d < best && d < strlen(known[i]) && d < length) {
			best = d;
			found = known[i];
		}
	}
	return found;
}
