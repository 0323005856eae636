/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An offer as a policy. */
#define _GNU_SOURCE
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/cleanup.h"
#include "core/policy/array.h"
#include "core/policy/document.h"
#include "core/source/complaint.h"
#include "core/source/offer.h"

#define NAME_ROOM (MS_SOURCE_WIRE_NAME_MAX + 1 + MS_SOURCE_WIRE_ORIGIN_MAX + 1)

/* NAME/ORIGIN/N in the letters of an id; what does not fit of the origin is left out at its front,
 * where paths are alike. */
static char *make_id(const char *name, const char *origin, unsigned int nth)
{
	size_t taken = strlen(name) + strlen("//4294967295"), length = strlen(origin);
	size_t room = taken < MS_RULE_ID_MAX - 1 ? MS_RULE_ID_MAX - 1 - taken : 0;
	const char *tail = length > room ? origin + length - room : origin;
	char *id;

	while (*tail == '/')
		tail++;
	if (asprintf(&id, "%s/%s/%u", name, tail, nth) < 0)
		return NULL;
	for (char *p = id; *p; p++) {
		*p = (char)tolower((unsigned char)*p);
		if (!isalnum((unsigned char)*p) && !strchr("._/-", *p))
			*p = '_';
	}
	return id;
}

static int parse_text(const char *shown, enum ms_source_text_kind kind, const char *text,
		      size_t length, struct ms_policy *policy, struct ms_error *err)
{
	int r;

	if (kind == MS_SOURCE_TEXT_GROUP)
		r = ms_document_parse_group(shown, text, length, MS_SOURCE_PLUGIN, policy, err);
	else if (kind == MS_SOURCE_TEXT_RULE)
		r = ms_document_parse_unnamed(shown, text, length, MS_SOURCE_PLUGIN, policy, err);
	else
		r = ms_document_parse(shown, text, length, MS_SOURCE_PLUGIN, policy, err);
	if (r == 0 && policy->failsafe.present)
		return ms_error_set_at(err, -EINVAL, shown, policy->failsafe.origin.line,
				       policy->failsafe.origin.column, "failsafe",
				       "the failsafe is the operator's: a source cannot say it");
	return r;
}

int ms_source_offer_check_text(const char *name, enum ms_source_text_kind kind, const char *origin,
			       const char *text, size_t length, struct ms_error *err)
{
	ms_cleanup(ms_policy_fini) struct ms_policy policy = MS_POLICY_INIT;
	char shown[NAME_ROOM];

	snprintf(shown, sizeof(shown), "%s:%s", name, origin);
	return parse_text(shown, kind, text, length, &policy, err);
}

void ms_source_offer_unplace(const struct ms_source_offer *offer, const char *name,
			     struct ms_error *err)
{
	const char *origin = ms_source_complaint_origin(name, err);

	for (size_t i = 0; origin && i < offer->n_texts; i++) {
		const struct ms_source_text *text = &offer->texts[i];

		if (text->kind != MS_SOURCE_TEXT_DOCUMENT && strcmp(text->origin, origin) == 0)
			err->line = err->column = 0;
	}
}

/* Numbers count within one origin, so that a new container renames no other one's rules. */
static int name_rule(const struct ms_source_offer *offer, size_t at, const char *name,
		     unsigned int *nth, struct ms_policy *policy)
{
	const char *origin = offer->texts[at].origin;
	struct ms_rule *rule;

	*nth = at > 0 && strcmp(offer->texts[at - 1].origin, origin) == 0 ? *nth + 1 : 1;
	if (offer->texts[at].kind != MS_SOURCE_TEXT_RULE)
		return 0;
	rule = &policy->rules[policy->n_rules - 1];
	if (!rule->id)
		rule->id = make_id(name, origin, *nth);
	return rule->id ? 0 : -ENOMEM;
}

static int take_texts(const struct ms_source_offer *offer, const char *name,
		      const atomic_bool *is_given_up, struct ms_policy *policy,
		      struct ms_error *err)
{
	char shown[NAME_ROOM];
	unsigned int nth = 0;
	int r = 0;

	for (size_t i = 0; r == 0 && i < offer->n_texts; i++) {
		const struct ms_source_text *text = &offer->texts[i];

		if (is_given_up && *is_given_up)
			return -ECANCELED;
		snprintf(shown, sizeof(shown), "%s:%s", name, text->origin);
		r = parse_text(shown, text->kind, text->text, text->length, policy, err);
		if (r == 0)
			r = name_rule(offer, i, name, &nth, policy);
	}
	return r;
}

static int take_members(const struct ms_source_set *from, struct ms_set_def *set)
{
	if (from->n_members == 0)
		return 0;
	set->members = ms_array_reserve(NULL, from->n_members, sizeof(*set->members));
	if (!set->members)
		return -ENOMEM;
	/* No file of its own for each: a million would hold the same word. */
	for (; set->n_members < from->n_members; set->n_members++)
		set->members[set->n_members] = (struct ms_set_member) {
			.cidr = from->members[set->n_members].cidr,
			.timeout_ns = from->members[set->n_members].timeout_ns,
			.origin = { .source = MS_SOURCE_PLUGIN },
		};
	return 0;
}

static int take_set(const struct ms_source_set *from, const char *name, struct ms_policy *policy)
{
	ms_cleanup(ms_set_def_fini) struct ms_set_def set = {
		.name = strdup(from->name),
		.origin = { .source = MS_SOURCE_PLUGIN, .file = strdup(name) },
	};
	int r = set.name && set.origin.file ? take_members(from, &set) : -ENOMEM;

	if (r == 0)
		r = ms_array_append(&policy->sets, &policy->n_sets, set);
	if (r == 0)
		set = (struct ms_set_def) { 0 };
	return r;
}

int ms_source_offer_policy(const struct ms_source_offer *offer, const char *name,
			   const atomic_bool *is_given_up, struct ms_policy **ret_policy,
			   struct ms_error *err)
{
	struct ms_policy *policy = ms_policy_new();
	int r = policy ? 0 : -ENOMEM;

	if (r == 0)
		r = take_texts(offer, name, is_given_up, policy, err);
	for (size_t i = 0; r == 0 && i < offer->n_sets; i++)
		r = take_set(&offer->sets[i], name, policy);
	if (r < 0) {
		ms_policy_free(policy);
		return ms_error_set(err, r, "%s", r == -ENOMEM ? "out of memory" : "given up");
	}
	*ret_policy = policy;
	return 0;
}
