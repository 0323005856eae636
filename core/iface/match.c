/* SPDX-License-Identifier: GPL-2.0-or-later */
#define _GNU_SOURCE
#include "core/iface/match.h"

#include <fnmatch.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/cleanup.h"
#include "core/base/plural.h"

/*
 * Compiling an expression costs fifty times what matching it does, and a commit asks the same few
 * about thousands of interfaces. So the last ones are kept; that changes no answer. One thread.
 */
#define COMPILED_MAX 32
static struct {
	char *text;
	bool is_valid;
	regex_t expression;
} compiled[COMPILED_MAX];
static unsigned int next_compiled;

static bool compile(const char *text, size_t length, regex_t *expression)
{
	ms_cleanup(ms_free) char *anchored = NULL;

	/* The slashes are not part of it, and alternatives must be anchored together. */
	if (asprintf(&anchored, "^(%.*s)$", (int)length - 2, text + 1) < 0) {
		anchored = NULL;
		return false;
	}
	return regcomp(expression, anchored, REG_EXTENDED | REG_NOSUB) == 0;
}

static const regex_t *find_compiled(const char *text, size_t length)
{
	unsigned int at;
	char *copy;

	for (at = 0; at < COMPILED_MAX && compiled[at].text; at++) {
		if (strcmp(compiled[at].text, text) == 0)
			return compiled[at].is_valid ? &compiled[at].expression : NULL;
	}
	copy = strdup(text);
	if (!copy)
		return NULL;
	at = next_compiled++ % COMPILED_MAX;
	if (compiled[at].is_valid)
		regfree(&compiled[at].expression);
	free(compiled[at].text);
	compiled[at].text = copy;
	compiled[at].is_valid = compile(text, length, &compiled[at].expression);
	return compiled[at].is_valid ? &compiled[at].expression : NULL;
}

bool ms_iface_match_pattern(const struct ms_pattern *pattern, const char *text)
{
	size_t length = strlen(pattern->text);

	if (length >= 2 && pattern->text[0] == '/' && pattern->text[length - 1] == '/') {
		const regex_t *expression = find_compiled(pattern->text, length);

		return expression && regexec(expression, text, 0, NULL, 0) == 0;
	}
	return fnmatch(pattern->text, text, 0) == 0;
}

static const char *first_pattern(const struct ms_pattern *patterns, size_t count, const char *text)
{
	for (size_t i = 0; i < count; i++) {
		if (ms_iface_match_pattern(&patterns[i], text))
			return patterns[i].text;
	}
	return NULL;
}

static bool is_kind(const struct ms_link *link, const char *kind)
{
	if (strcmp(kind, "loopback") == 0)
		return link->is_loopback;
	if (strcmp(kind, "physical") == 0)
		return link->is_physical;
	return link->kind[0] && strcmp(link->kind, kind) == 0;
}

static const char *first_kind(const struct ms_selector *selector, const struct ms_link *link)
{
	for (size_t i = 0; i < selector->n_kinds; i++) {
		if (is_kind(link, selector->kinds[i]))
			return selector->kinds[i];
	}
	return NULL;
}

/* What of each key said yes; NULL where the key asks nothing. */
struct match {
	const char *name, *kind, *master;
};

static bool match_selector(const struct ms_selector *selector, const struct ms_link *link,
			   struct match *ret_match)
{
	struct match match = { .name = NULL };

	if (selector->n_kinds > 0 && !(match.kind = first_kind(selector, link)))
		return false;
	if (selector->n_names > 0 &&
	    !(match.name = first_pattern(selector->names, selector->n_names, link->name)))
		return false;
	if (selector->n_masters > 0 &&
	    (!link->master_name[0] ||
	     !(match.master =
		       first_pattern(selector->masters, selector->n_masters, link->master_name))))
		return false;
	*ret_match = match;
	return true;
}

bool ms_iface_match_selector(const struct ms_selector *selector, const struct ms_link *link)
{
	struct match match;

	return match_selector(selector, link, &match);
}

/* Which of `selectors` says yes: its number from 1, 0 = none. */
static size_t first_selector(const struct ms_selector *selectors, size_t count,
			     const struct ms_link *link, struct match *ret_match)
{
	for (size_t i = 0; i < count; i++) {
		if (match_selector(&selectors[i], link, ret_match))
			return i + 1;
	}
	return 0;
}

static void describe_match(const struct ms_group_def *group, const char *what, size_t number,
			   const struct match *match, const struct ms_link *link, char *buf,
			   size_t size)
{
	char origin[128], name[64] = "", kind[48] = "", master[96] = "";

	if (match->name)
		snprintf(name, sizeof(name), ", name like %s", match->name);
	if (match->kind)
		snprintf(kind, sizeof(kind), ", kind %s", match->kind);
	if (match->master)
		snprintf(master, sizeof(master), ", master %s like %s", link->master_name,
			 match->master);
	snprintf(buf, size, "group %s (%s), %s %zu%s%s%s", group->name,
		 ms_origin_format(&group->origin, origin, sizeof(origin)), what, number, name, kind,
		 master);
}

const struct ms_group_def *ms_iface_match_bound(const struct ms_policy *policy, const char *group,
						const char *source, char *explain,
						size_t explain_size)
{
	const struct ms_group_def *found = ms_policy_find_group(policy, group);
	char origin[MS_ORIGIN_MAX];

	if (found && explain)
		snprintf(explain, explain_size, "group %s (%s), put there by source %s", group,
			 ms_origin_format(&found->origin, origin, sizeof(origin)), source);
	return found;
}

const struct ms_group_def *ms_iface_match_group(const struct ms_policy *policy,
						const struct ms_link *link, char *explain,
						size_t explain_size)
{
	char excluded[192] = "";
	struct match match;

	for (size_t i = 0; i < policy->n_groups; i++) {
		const struct ms_group_def *group = &policy->groups[i];
		size_t number = first_selector(group->match, group->n_match, link, &match);
		size_t exception;
		struct match exempt;

		if (number == 0)
			continue;
		exception = first_selector(group->exclude, group->n_exclude, link, &exempt);
		if (exception == 0) {
			if (explain)
				describe_match(group, "selector", number, &match, link, explain,
					       explain_size);
			return group;
		}
		if (explain && !excluded[0])
			describe_match(group, "exclude", exception, &exempt, link, excluded,
				       sizeof(excluded));
	}
	if (explain && excluded[0])
		snprintf(explain, explain_size, "no group: left out by %s, and no other matches",
			 excluded);
	else if (explain)
		snprintf(explain, explain_size, "no group: no selector of %zu group%s matches",
			 policy->n_groups, ms_plural((long long)policy->n_groups));
	return NULL;
}

enum ms_side ms_iface_match_side(const struct ms_group_def *group, const struct ms_link *link)
{
	static const char *const workload_kinds[] = { "veth", "netkit", "tap" };

	if (group->side == MS_SIDE_CHOICE_HOST)
		return MS_SIDE_HOST;
	if (group->side == MS_SIDE_CHOICE_WORKLOAD)
		return MS_SIDE_WORKLOAD;
	/* A host that is itself a container reaches the world through a veth. */
	if (link->has_default_route)
		return MS_SIDE_HOST;
	for (size_t i = 0; i < ms_array_size(workload_kinds); i++) {
		if (strcmp(link->kind, workload_kinds[i]) == 0)
			return MS_SIDE_WORKLOAD;
	}
	return MS_SIDE_HOST;
}
