/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/pluginhost/refusals.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/policy/array.h"

static void fini_refusal(struct ms_pluginhost_refusal *refusal)
{
	free(refusal->origin);
	free(refusal->sentence);
	ms_source_offer_fini(&refusal->rules);
}

static void free_told(struct ms_pluginhost_refusals_told *told, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		free(told[i].rule.origin);
		free(told[i].rule.text);
	}
	free(told);
}

void ms_pluginhost_refusals_fini(struct ms_pluginhost_refusals *refusals)
{
	for (size_t i = 0; i < refusals->count; i++)
		fini_refusal(&refusals->list[i]);
	free(refusals->list);
	free_told(refusals->told, refusals->n_told);
	*refusals = (struct ms_pluginhost_refusals) { 0 };
}

/* Those that were taken for a refusal have no origin, and come first. */
static int by_origin_and_text(const void *a, const void *b)
{
	const struct ms_source_text *one = &((const struct ms_pluginhost_refusals_told *)a)->rule;
	const struct ms_source_text *other = &((const struct ms_pluginhost_refusals_told *)b)->rule;
	int order;

	if (!one->origin || !other->origin)
		return (one->origin != NULL) - (other->origin != NULL);
	order = strcmp(one->origin, other->origin);
	if (order == 0 && one->length != other->length)
		order = one->length < other->length ? -1 : 1;
	return order ? order : memcmp(one->text, other->text, one->length);
}

/* Both are sorted. */
static void carry_numbers(struct ms_pluginhost_refusals_told *told, size_t count,
			  const struct ms_pluginhost_refusals_told *before, size_t n_before)
{
	for (size_t i = 0, j = 0; i < count && j < n_before;) {
		int order = by_origin_and_text(&told[i], &before[j]);

		if (order == 0)
			told[i].since = before[j].since;
		i += order <= 0;
		j += order > 0;
	}
}

static void forget_others(struct ms_pluginhost_refusals *refusals)
{
	size_t kept = 0;

	for (size_t i = 0; i < refusals->count; i++) {
		struct ms_pluginhost_refusal refusal = refusals->list[i];

		if (!refusal.is_asked_for) {
			fini_refusal(&refusal);
			continue;
		}
		refusal.is_asked_for = false;
		refusals->list[kept++] = refusal;
	}
	refusals->count = kept;
}

/* Documents and groups stay out of it: no source is better off without one of them. */
void ms_pluginhost_refusals_tell(struct ms_pluginhost_refusals *refusals,
				 struct ms_source_offer *offer)
{
	struct ms_pluginhost_refusals_told *told = NULL;
	size_t count = 0;

	refusals->number++;
	for (size_t i = 0; i < offer->n_texts; i++) {
		struct ms_source_text *text = &offer->texts[i];
		const struct ms_pluginhost_refusals_told one = { *text, refusals->number };

		if (text->kind == MS_SOURCE_TEXT_RULE && ms_array_append(&told, &count, one) == 0)
			*text = (struct ms_source_text) { 0 };
	}
	ms_source_offer_fini(offer);
	if (count)
		qsort(told, count, sizeof(*told), by_origin_and_text);
	carry_numbers(told, count, refusals->told, refusals->n_told);
	free_told(refusals->told, refusals->n_told);
	refusals->told = told;
	refusals->n_told = count;
	forget_others(refusals);
}

static struct ms_pluginhost_refusal take_told(struct ms_pluginhost_refusals *refusals,
					      uint32_t number, const char *origin)
{
	struct ms_pluginhost_refusal refusal = { 0 };

	for (size_t i = 0; i < refusals->n_told; i++) {
		struct ms_pluginhost_refusals_told *told = &refusals->told[i];

		if (told->rule.origin && told->since <= number &&
		    strcmp(told->rule.origin, origin) == 0 &&
		    ms_array_append(&refusal.rules.texts, &refusal.rules.n_texts, told->rule) == 0)
			told->rule = (struct ms_source_text) { 0 };
	}
	return refusal;
}

/* Where the first from there is, or would be. */
static size_t place_of(const struct ms_pluginhost_refusals *refusals, const char *origin)
{
	size_t low = 0, high = refusals->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (strcmp(refusals->list[middle].origin, origin) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* Before those that were refused from there earlier, which stay refused. */
static int put(struct ms_pluginhost_refusals *refusals, const struct ms_pluginhost_refusal *refusal)
{
	size_t at = place_of(refusals, refusal->origin);

	if (ms_array_append(&refusals->list, &refusals->count, *refusal) < 0)
		return -ENOMEM;
	memmove(&refusals->list[at + 1], &refusals->list[at],
		(refusals->count - 1 - at) * sizeof(*refusals->list));
	refusals->list[at] = *refusal;
	return 0;
}

bool ms_pluginhost_refusals_add(struct ms_pluginhost_refusals *refusals, uint32_t number,
				const char *origin, const char *sentence, uint64_t now_ns)
{
	struct ms_pluginhost_refusal refusal = take_told(refusals, number, origin);

	if (refusal.rules.n_texts == 0)
		return false;
	refusal.until_ns = now_ns + MS_PLUGINHOST_REFUSALS_KEPT_NS;
	refusal.origin = strdup(origin);
	refusal.sentence = strdup(sentence);
	if (!refusal.origin || !refusal.sentence || put(refusals, &refusal) < 0) {
		fini_refusal(&refusal);
		return false;
	}
	return true;
}

static bool has_rule(const struct ms_source_offer *rules, const char *text, size_t length)
{
	for (size_t i = 0; i < rules->n_texts; i++)
		if (rules->texts[i].length == length &&
		    memcmp(rules->texts[i].text, text, length) == 0)
			return true;
	return false;
}

const char *ms_pluginhost_refusals_find(struct ms_pluginhost_refusals *refusals, const char *origin,
					const char *text, size_t length, uint64_t now_ns)
{
	const char *sentence = NULL;

	for (size_t i = place_of(refusals, origin);
	     i < refusals->count && strcmp(refusals->list[i].origin, origin) == 0; i++) {
		struct ms_pluginhost_refusal *refusal = &refusals->list[i];

		refusal->is_asked_for = refusal->until_ns > now_ns;
		if (refusal->is_asked_for && has_rule(&refusal->rules, text, length))
			sentence = refusal->sentence;
	}
	return sentence;
}
