/* SPDX-License-Identifier: GPL-2.0-or-later */
#define _GNU_SOURCE
#include "core/source/offer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/cleanup.h"
#include "core/base/utf8.h"
#include "core/policy/array.h"
#include "core/policy/document.h"
#include "core/source/complaint.h"

_Static_assert(MS_SOURCE_OFFER_TEXT_MAX +
			       MS_SOURCE_OFFER_TEXTS_MAX * (16 + MS_SOURCE_WIRE_ORIGIN_MAX) +
			       MS_SOURCE_OFFER_SETS_MAX * (24 + MS_SOURCE_WIRE_NAME_MAX) +
			       MS_SOURCE_OFFER_MEMBERS_MAX * 33 +
			       MS_SOURCE_OFFER_BINDS_MAX * (24 + MS_SOURCE_WIRE_NAME_MAX) +
			       MS_SOURCE_OFFER_LEFT_OUT_MAX * (16 + MS_SOURCE_WIRE_ORIGIN_MAX +
							       MS_SOURCE_WIRE_SENTENCE_MAX) <=
		       MS_SOURCE_OFFER_BYTES_MAX,
	       "what every builder lets through is read");

static void fini_text(struct ms_source_text *text)
{
	free(text->origin);
	free(text->text);
}

static void fini_left_out(struct ms_source_left_out *left_out)
{
	free(left_out->origin);
	free(left_out->why);
}

void ms_source_offer_fini(struct ms_source_offer *offer)
{
	for (size_t i = 0; i < offer->n_texts; i++)
		fini_text(&offer->texts[i]);
	for (size_t i = 0; i < offer->n_sets; i++) {
		free(offer->sets[i].name);
		free(offer->sets[i].members);
	}
	for (size_t i = 0; i < offer->n_binds; i++)
		free(offer->binds[i].group);
	for (size_t i = 0; i < offer->n_left_out; i++)
		fini_left_out(&offer->left_out[i]);
	free(offer->left_out);
	free(offer->texts);
	free(offer->sets);
	free(offer->binds);
	*offer = (struct ms_source_offer) { 0 };
}

/* ---- filling ---- */

static char *copy_bytes(const char *bytes, size_t length)
{
	char *copy = malloc(length + 1);

	if (!copy)
		return NULL;
	memcpy(copy, bytes, length);
	copy[length] = '\0';
	return copy;
}

int ms_source_offer_add_text(struct ms_source_offer *offer, enum ms_source_text_kind kind,
			     const char *origin, const char *text, size_t length)
{
	struct ms_source_text copy = { .kind = kind, .length = length };
	int r;

	if (!ms_utf8_is_line(origin))
		return -EINVAL;
	if (offer->n_texts == MS_SOURCE_OFFER_TEXTS_MAX ||
	    length > MS_SOURCE_OFFER_TEXT_MAX - offer->text_bytes)
		return -E2BIG;
	if (strlen(origin) > MS_SOURCE_WIRE_ORIGIN_MAX ||
	    length + strlen(origin) + 8 > MS_SOURCE_WIRE_BODY_MAX)
		return -EMSGSIZE;
	copy.origin = strdup(origin);
	copy.text = copy_bytes(text, length);
	r = copy.origin && copy.text ? ms_array_append(&offer->texts, &offer->n_texts, copy)
				     : -ENOMEM;
	if (r < 0)
		fini_text(&copy);
	else
		offer->text_bytes += length;
	return r;
}

void ms_source_offer_take_back(struct ms_source_offer *offer, const char *origin)
{
	while (offer->n_texts > 0) {
		struct ms_source_text *last = &offer->texts[offer->n_texts - 1];

		if (last->kind != MS_SOURCE_TEXT_RULE || strcmp(last->origin, origin) != 0)
			return;
		offer->text_bytes -= last->length;
		fini_text(last);
		offer->n_texts--;
	}
}

static bool find_set(struct ms_source_offer *offer, const char *name)
{
	if (offer->last_set < offer->n_sets && strcmp(offer->sets[offer->last_set].name, name) == 0)
		return true;
	for (size_t i = 0; i < offer->n_sets; i++) {
		if (strcmp(offer->sets[i].name, name) == 0) {
			offer->last_set = i;
			return true;
		}
	}
	return false;
}

static int append_set(struct ms_source_offer *offer, const char *name, bool is_kept)
{
	struct ms_source_set set = { .is_kept = is_kept };
	int r;

	if (!ms_document_is_set_name(name) || strcmp(name, MS_SET_HOST) == 0)
		return -EINVAL;
	if (find_set(offer, name))
		return -EEXIST;
	if (offer->n_sets == MS_SOURCE_OFFER_SETS_MAX)
		return -E2BIG;
	set.name = strdup(name);
	r = set.name ? ms_array_append(&offer->sets, &offer->n_sets, set) : -ENOMEM;
	if (r < 0)
		free(set.name);
	else
		offer->last_set = offer->n_sets - 1;
	return r;
}

int ms_source_offer_add_set(struct ms_source_offer *offer, const char *name)
{
	return append_set(offer, name, false);
}

int ms_source_offer_keep_set(struct ms_source_offer *offer, const char *name)
{
	return append_set(offer, name, true);
}

static int add_member(struct ms_source_offer *offer, size_t set,
		      const struct ms_source_member *member)
{
	int r;

	if (offer->sets[set].is_kept)
		return -EINVAL;
	if (offer->n_members == MS_SOURCE_OFFER_MEMBERS_MAX)
		return -E2BIG;
	r = ms_array_append(&offer->sets[set].members, &offer->sets[set].n_members, *member);
	offer->n_members += r == 0;
	return r;
}

int ms_source_offer_add_member(struct ms_source_offer *offer, const char *set,
			       const struct ms_source_member *member)
{
	return find_set(offer, set) ? add_member(offer, offer->last_set, member) : -ENOENT;
}

int ms_source_offer_add_bind(struct ms_source_offer *offer, uint32_t kind, uint64_t workload,
			     const char *group)
{
	struct ms_source_bind bind = { .kind = kind, .workload = workload };
	int r;

	if (offer->n_binds == MS_SOURCE_OFFER_BINDS_MAX)
		return -E2BIG;
	if (!*group || strlen(group) > MS_SOURCE_WIRE_NAME_MAX)
		return -EMSGSIZE;
	bind.group = strdup(group);
	r = bind.group ? ms_array_append(&offer->binds, &offer->n_binds, bind) : -ENOMEM;
	if (r < 0)
		free(bind.group);
	return r;
}

/* What others wrote: a line of it is shown, whatever it was. */
static char *copy_line(const char *text, size_t max)
{
	char line[MS_SOURCE_WIRE_SENTENCE_MAX + 1];

	ms_source_complaint_line(line, max + 1, text, strlen(text));
	return strdup(line);
}

int ms_source_offer_leave_out(struct ms_source_offer *offer, const char *origin, const char *why)
{
	struct ms_source_left_out left_out;
	int r;

	if (offer->n_left_out == MS_SOURCE_OFFER_LEFT_OUT_MAX)
		return -E2BIG;
	if (!*origin || !*why || strlen(origin) > MS_SOURCE_WIRE_ORIGIN_MAX)
		return -EMSGSIZE;
	left_out.origin = copy_line(origin, MS_SOURCE_WIRE_ORIGIN_MAX);
	left_out.why = copy_line(why, MS_SOURCE_WIRE_SENTENCE_MAX);
	r = left_out.origin && left_out.why
		    ? ms_array_append(&offer->left_out, &offer->n_left_out, left_out)
		    : -ENOMEM;
	if (r < 0)
		fini_left_out(&left_out);
	return r;
}

/* ---- finishing ---- */

static int by_prefix(const void *a, const void *b)
{
	return ms_cidr_compare(&((const struct ms_source_member *)a)->cidr,
			       &((const struct ms_source_member *)b)->cidr);
}

static bool is_in_order(const struct ms_source_set *set)
{
	for (size_t i = 1; i < set->n_members; i++) {
		if (by_prefix(&set->members[i - 1], &set->members[i]) >= 0)
			return false;
	}
	return true;
}

static uint64_t longer(uint64_t a, uint64_t b)
{
	if (a == 0 || b == 0)
		return 0;
	return a > b ? a : b;
}

static void merge_doubles(struct ms_source_set *set)
{
	size_t kept = 0;

	for (size_t i = 0; i < set->n_members; i++) {
		struct ms_source_member *last = kept ? &set->members[kept - 1] : NULL;

		if (last && by_prefix(last, &set->members[i]) == 0)
			last->timeout_ns = longer(last->timeout_ns, set->members[i].timeout_ns);
		else
			set->members[kept++] = set->members[i];
	}
	set->n_members = kept;
}

void ms_source_offer_finish(struct ms_source_offer *offer)
{
	offer->n_members = 0;
	for (size_t i = 0; i < offer->n_sets; i++) {
		struct ms_source_set *set = &offer->sets[i];

		/* What a child sends is in order already. */
		if (!is_in_order(set)) {
			qsort(set->members, set->n_members, sizeof(*set->members), by_prefix);
			merge_doubles(set);
		}
		offer->n_members += set->n_members;
	}
}

/* ---- to frames and back ---- */

static int put_empty(struct ms_source_wire_buffer *buffer, enum ms_source_wire_kind kind)
{
	return ms_source_wire_put(buffer, &(struct ms_source_wire_message) { .kind = kind });
}

static int put_texts(const struct ms_source_offer *offer, struct ms_source_wire_buffer *buffer)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < offer->n_texts; i++) {
		const struct ms_source_text *text = &offer->texts[i];

		r = ms_source_wire_put(buffer, &(struct ms_source_wire_message) {
						       .kind = MS_SOURCE_WIRE_TEXT,
						       .number = (uint32_t)text->kind,
						       .origin = text->origin,
						       .origin_length = strlen(text->origin),
						       .text = text->text,
						       .length = text->length,
					       });
	}
	return r;
}

static int put_sets(const struct ms_source_offer *offer, struct ms_source_wire_buffer *buffer)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < offer->n_sets; i++) {
		const struct ms_source_set *set = &offer->sets[i];

		r = ms_source_wire_put(buffer, &(struct ms_source_wire_message) {
						       .kind = set->is_kept ? MS_SOURCE_WIRE_KEEP
									    : MS_SOURCE_WIRE_SET,
						       .text = set->name,
						       .length = strlen(set->name),
					       });
		if (r == 0)
			r = ms_source_wire_put_members(buffer, (uint32_t)i, set->members,
						       set->n_members);
	}
	return r;
}

static int put_binds(const struct ms_source_offer *offer, struct ms_source_wire_buffer *buffer)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < offer->n_binds; i++) {
		const struct ms_source_bind *bind = &offer->binds[i];

		r = ms_source_wire_put(buffer, &(struct ms_source_wire_message) {
						       .kind = MS_SOURCE_WIRE_BIND,
						       .number = bind->kind,
						       .workload = bind->workload,
						       .text = bind->group,
						       .length = strlen(bind->group),
					       });
	}
	return r;
}

static int put_left_out(const struct ms_source_offer *offer, struct ms_source_wire_buffer *buffer)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < offer->n_left_out; i++) {
		const struct ms_source_left_out *left_out = &offer->left_out[i];

		r = ms_source_wire_put(buffer, &(struct ms_source_wire_message) {
						       .kind = MS_SOURCE_WIRE_LEFT_OUT,
						       .origin = left_out->origin,
						       .origin_length = strlen(left_out->origin),
						       .text = left_out->why,
						       .length = strlen(left_out->why),
					       });
	}
	return r;
}

int ms_source_offer_encode(const struct ms_source_offer *offer,
			   struct ms_source_wire_buffer *buffer)
{
	size_t before = buffer->length;
	int r = put_empty(buffer, MS_SOURCE_WIRE_BEGIN);

	if (r == 0)
		r = put_texts(offer, buffer);
	if (r == 0)
		r = put_sets(offer, buffer);
	if (r == 0)
		r = put_binds(offer, buffer);
	if (r == 0)
		r = put_left_out(offer, buffer);
	if (r == 0)
		r = put_empty(buffer, MS_SOURCE_WIRE_COMMIT);
	if (r < 0)
		buffer->length = before;
	return r;
}

static int add_message_text(struct ms_source_offer *offer,
			    const struct ms_source_wire_message *message)
{
	ms_cleanup(ms_free) char *origin = copy_bytes(message->origin, message->origin_length);

	if (!origin)
		return -ENOMEM;
	return ms_source_offer_add_text(offer, (enum ms_source_text_kind)message->number, origin,
					message->text, message->length);
}

static int add_message_left_out(struct ms_source_offer *offer,
				const struct ms_source_wire_message *message)
{
	ms_cleanup(ms_free) char *origin = copy_bytes(message->origin, message->origin_length);
	ms_cleanup(ms_free) char *why = copy_bytes(message->text, message->length);

	return origin && why ? ms_source_offer_leave_out(offer, origin, why) : -ENOMEM;
}

static int add_message_name(struct ms_source_offer *offer,
			    const struct ms_source_wire_message *message)
{
	ms_cleanup(ms_free) char *name = copy_bytes(message->text, message->length);

	if (!name)
		return -ENOMEM;
	if (message->kind != MS_SOURCE_WIRE_BIND)
		return append_set(offer, name, message->kind == MS_SOURCE_WIRE_KEEP);
	return ms_source_offer_add_bind(offer, message->number, message->workload, name);
}

static int add_message_members(struct ms_source_offer *offer,
			       const struct ms_source_wire_message *message)
{
	int r = message->number < offer->n_sets ? 0 : -ENOENT;

	for (size_t i = 0; r == 0 && i < message->n_members; i++) {
		struct ms_source_member member;

		r = ms_source_wire_member(message, i, &member)
			    ? add_member(offer, message->number, &member)
			    : -EINVAL;
	}
	return r;
}

int ms_source_offer_refuse_size(struct ms_error *err)
{
	return ms_error_set(err, -E2BIG,
			    "it is too large: at most %zu MiB of text, %zu texts, %zu sets, "
			    "%zu members of all sets, %zu workloads, and %zu notes of what is left "
			    "out",
			    MS_SOURCE_OFFER_TEXT_MAX >> 20, MS_SOURCE_OFFER_TEXTS_MAX,
			    MS_SOURCE_OFFER_SETS_MAX, MS_SOURCE_OFFER_MEMBERS_MAX,
			    MS_SOURCE_OFFER_BINDS_MAX, MS_SOURCE_OFFER_LEFT_OUT_MAX);
}

int ms_source_offer_add(struct ms_source_offer *offer, const struct ms_source_wire_message *message,
			struct ms_error *err)
{
	int r = -EPROTO;

	if (message->kind == MS_SOURCE_WIRE_TEXT)
		r = add_message_text(offer, message);
	else if (message->kind == MS_SOURCE_WIRE_SET || message->kind == MS_SOURCE_WIRE_KEEP ||
		 message->kind == MS_SOURCE_WIRE_BIND)
		r = add_message_name(offer, message);
	else if (message->kind == MS_SOURCE_WIRE_MEMBERS)
		r = add_message_members(offer, message);
	else if (message->kind == MS_SOURCE_WIRE_LEFT_OUT)
		r = add_message_left_out(offer, message);
	if (r == -E2BIG)
		return ms_source_offer_refuse_size(err);
	if (r == -ENOMEM)
		return ms_error_set(err, r, "out of memory");
	/* The child's own builder would not have let it through. */
	if (r < 0)
		return ms_error_set(err, -EPROTO,
				    "the source's process does not keep to the protocol: a "
				    "transaction that no builder makes");
	return 0;
}

int ms_source_offer_decode(const char *bytes, size_t length, struct ms_source_offer *ret_offer,
			   struct ms_error *err)
{
	ms_cleanup(ms_source_offer_fini) struct ms_source_offer offer = { 0 };
	struct ms_source_wire_message message = { 0 };
	int r = ms_source_wire_take(&bytes, &length, &message, err);

	if (r == 1 && message.kind != MS_SOURCE_WIRE_BEGIN)
		return ms_error_set(err, -EPROTO, "no transaction begins here");
	while (r == 1) {
		r = ms_source_wire_take(&bytes, &length, &message, err);
		if (r == 1 && message.kind == MS_SOURCE_WIRE_COMMIT)
			break;
		if (r == 1) {
			int added = ms_source_offer_add(&offer, &message, err);

			if (added < 0)
				return added;
		}
	}
	if (r < 0)
		return r;
	if (r == 0 || length)
		return ms_error_set(err, -EPROTO, "not one whole transaction");
	ms_source_offer_finish(&offer);
	*ret_offer = offer;
	offer = (struct ms_source_offer) { 0 };
	return 0;
}

/* ---- what stays as it is ---- */

static const struct ms_source_set *find_in(const struct ms_source_offer *offer, const char *name)
{
	for (size_t i = 0; offer && i < offer->n_sets; i++) {
		if (strcmp(offer->sets[i].name, name) == 0)
			return &offer->sets[i];
	}
	return NULL;
}

static int copy_members(struct ms_source_set *set, const struct ms_source_set *from)
{
	set->members = calloc(from->n_members + 1, sizeof(*set->members));
	if (!set->members)
		return -ENOMEM;
	if (from->n_members)
		memcpy(set->members, from->members, from->n_members * sizeof(*set->members));
	set->n_members = from->n_members;
	set->is_kept = false;
	return 0;
}

/* Neither it nor one behind it is asked for by its number any more. */
static void leave_set_out(struct ms_source_offer *offer, size_t at)
{
	free(offer->sets[at].name);
	offer->n_sets--;
	offer->last_set = 0;
	memmove(&offer->sets[at], &offer->sets[at + 1],
		(offer->n_sets - at) * sizeof(*offer->sets));
}

int ms_source_offer_keep(struct ms_source_offer *offer, const struct ms_source_offer *before,
			 struct ms_error *err)
{
	int any = 0;

	for (size_t i = 0; i < offer->n_sets;) {
		struct ms_source_set *set = &offer->sets[i];
		const struct ms_source_set *from = set->is_kept ? find_in(before, set->name) : NULL;

		any |= set->is_kept;
		if (set->is_kept && !from) {
			leave_set_out(offer, i);
			continue;
		}
		if (from && copy_members(set, from) < 0)
			return ms_error_set(err, -ENOMEM, "out of memory");
		offer->n_members += from ? from->n_members : 0;
		i++;
	}
	return offer->n_members > MS_SOURCE_OFFER_MEMBERS_MAX ? ms_source_offer_refuse_size(err)
							      : any;
}

/* ---- what differs ---- */

static bool equal_texts(const struct ms_source_offer *a, const struct ms_source_offer *b)
{
	if (a->n_texts != b->n_texts)
		return false;
	for (size_t i = 0; i < a->n_texts; i++) {
		const struct ms_source_text *x = &a->texts[i], *y = &b->texts[i];

		if (x->kind != y->kind || x->length != y->length ||
		    strcmp(x->origin, y->origin) != 0 || memcmp(x->text, y->text, x->length) != 0)
			return false;
	}
	return true;
}

bool ms_source_offer_equal_but_members(const struct ms_source_offer *a,
				       const struct ms_source_offer *b)
{
	if (!equal_texts(a, b) || a->n_sets != b->n_sets || a->n_binds != b->n_binds)
		return false;
	for (size_t i = 0; i < a->n_sets; i++) {
		if (strcmp(a->sets[i].name, b->sets[i].name) != 0)
			return false;
	}
	for (size_t i = 0; i < a->n_binds; i++) {
		if (a->binds[i].kind != b->binds[i].kind ||
		    a->binds[i].workload != b->binds[i].workload ||
		    strcmp(a->binds[i].group, b->binds[i].group) != 0)
			return false;
	}
	return true;
}
