/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Addresses: sets and the failsafe's entries. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/base/cleanup.h"
#include "core/policy/array.h"
#include "core/policy/document.h"
#include "core/policy/document_parts.h"

#define SECOND_NS 1000000000ULL
#define TIMEOUT_MAX_NS (3650ULL * 86400 * SECOND_NS)

int ms_document_cidr(struct ms_document_reader *reader, struct ms_cidr *ret_cidr)
{
	char hint[MS_CIDR_TEXT];
	struct ms_cidr meant;
	int r = ms_document_schema_scalar(reader, "an address or a prefix");

	if (r < 0)
		return r;
	if (ms_cidr_parse(reader->value, ret_cidr))
		return 0;
	if (ms_cidr_parse_meant(reader->value, &meant))
		return ms_document_reader_refuse(
			reader, reader->place, reader->value,
			"'%s' is not a prefix: bits are set behind its length, did you mean %s?",
			reader->value, ms_cidr_format(&meant, hint, sizeof(hint)));
	return ms_document_reader_refuse(reader, reader->place, reader->value,
					 "'%s' is not an address or a prefix", reader->value);
}

/* ---- sets ---- */

static int read_addr(struct ms_document_reader *reader, void *into)
{
	struct ms_set_member *member = into;
	int r = ms_document_cidr(reader, &member->cidr);

	if (r == 0) {
		member->origin.line = reader->place.line;
		member->origin.column = reader->place.column;
	}
	return r;
}

static int read_timeout(struct ms_document_reader *reader, void *into)
{
	return ms_document_schema_duration(reader, SECOND_NS, TIMEOUT_MAX_NS,
					   &((struct ms_set_member *)into)->timeout_ns);
}

static const struct ms_document_key member_keys[] = {
	{ "addr", read_addr, true },
	{ "timeout", read_timeout, false },
};

static int read_member(struct ms_document_reader *reader, void *into)
{
	struct ms_set_def *set = into;
	struct ms_set_member member = { 0 };
	struct ms_place place;
	int r = reader->event == MS_DOCUMENT_MAPPING
			? ms_document_schema_mapping(reader, "a set's member", member_keys,
						     ms_array_size(member_keys), NULL, &member)
			: read_addr(reader, &member);

	if (r < 0)
		return r;
	place = (struct ms_place) { member.origin.line, member.origin.column };
	r = ms_document_origin(reader, place, &member.origin);
	if (r < 0)
		return r;
	r = ms_array_append(&set->members, &set->n_members, member);
	if (r < 0)
		free(member.origin.file);
	return r;
}

static int compare_members(const void *a, const void *b)
{
	const struct ms_set_member *x = *(const struct ms_set_member *const *)a;
	const struct ms_set_member *y = *(const struct ms_set_member *const *)b;
	int order = ms_cidr_compare(&x->cidr, &y->cidr);

	return order ? order : (x > y) - (x < y);
}

static int check_members(struct ms_document_reader *reader, const struct ms_set_def *set)
{
	ms_cleanup(ms_free) const struct ms_set_member **sorted =
		calloc(set->n_members + 1, sizeof(const struct ms_set_member *));
	const struct ms_set_member *second = NULL;
	char text[MS_CIDR_TEXT];
	struct ms_place here;

	if (!sorted)
		return -ENOMEM;
	for (size_t i = 0; i < set->n_members; i++)
		sorted[i] = &set->members[i];
	qsort(sorted, set->n_members, sizeof(*sorted), compare_members);
	for (size_t i = 1; i < set->n_members; i++) {
		if (ms_cidr_compare(&sorted[i - 1]->cidr, &sorted[i]->cidr) == 0 &&
		    (!second || sorted[i] < second))
			second = sorted[i];
	}
	if (!second)
		return 0;
	ms_cidr_format(&second->cidr, text, sizeof(text));
	here = (struct ms_place) { second->origin.line, second->origin.column };
	return ms_document_reader_refuse_written(reader, here, "'%s' is in set '%s' already", text,
						 set->name);
}

bool ms_document_is_set_name(const char *name)
{
	return ms_document_schema_is_name(name, "._/-", MS_DOCUMENT_NAME_MAX);
}

int ms_document_set_read(struct ms_document_reader *reader, const char *name, struct ms_place place,
			 void *into)
{
	struct ms_document_draft *draft = into;
	ms_cleanup(ms_set_def_fini) struct ms_set_def set = { .name = strdup(name) };
	int r = set.name ? ms_document_origin(reader, place, &set.origin) : -ENOMEM;

	if (r < 0)
		return r;
	if (strcmp(name, MS_SET_HOST) == 0)
		return ms_document_reader_refuse(
			reader, place, name, "set 'host' is built in: this machine's addresses");
	if (!ms_document_is_set_name(name))
		return ms_document_reader_refuse(
			reader, place, name,
			"'%s' is not a set's name: up to %d lower-case letters, digits and ._/-",
			name, MS_DOCUMENT_NAME_MAX);
	r = ms_document_schema_list_or_none(reader, "a set's members", read_member, &set);
	if (r == 0)
		r = check_members(reader, &set);
	if (r < 0)
		return r;
	r = ms_name_index_add(&draft->sets, set.name, draft->policy.n_sets);
	if (r == -EEXIST)
		return ms_document_reader_refuse(reader, place, name, "there is a set '%s' already",
						 name);
	if (r == 0)
		r = ms_array_append(&draft->policy.sets, &draft->policy.n_sets, set);
	if (r == 0)
		set = (struct ms_set_def) { 0 };
	return r;
}
