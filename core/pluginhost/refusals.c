/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/pluginhost/refusals.h"

#include <stdlib.h>
#include <string.h>

#include "core/policy/array.h"

static void fini_refusal(struct ms_pluginhost_refusal *refusal)
{
	free(refusal->origin);
	free(refusal->sentence);
	ms_source_offer_fini(&refusal->rules);
}

static void remove_nth(struct ms_pluginhost_refusals *refusals, size_t nth)
{
	fini_refusal(&refusals->list[nth]);
	refusals->count--;
	memmove(&refusals->list[nth], &refusals->list[nth + 1],
		(refusals->count - nth) * sizeof(*refusals->list));
}

void ms_pluginhost_refusals_fini(struct ms_pluginhost_refusals *refusals)
{
	for (size_t i = 0; i < refusals->count; i++)
		fini_refusal(&refusals->list[i]);
	free(refusals->list);
	ms_source_offer_fini(&refusals->told);
	*refusals = (struct ms_pluginhost_refusals) { 0 };
}

/* Documents and groups stay out of it: no source is better off without one of them. */
void ms_pluginhost_refusals_tell(struct ms_pluginhost_refusals *refusals,
				 struct ms_source_offer *offer)
{
	struct ms_source_offer told = { 0 };

	for (size_t i = 0; i < offer->n_texts; i++) {
		struct ms_source_text *text = &offer->texts[i];

		if (text->kind == MS_SOURCE_TEXT_RULE &&
		    ms_array_append(&told.texts, &told.n_texts, *text) == 0)
			*text = (struct ms_source_text) { 0 };
	}
	ms_source_offer_fini(offer);
	ms_source_offer_fini(&refusals->told);
	refusals->told = told;
}

static struct ms_pluginhost_refusal take_told(struct ms_pluginhost_refusals *refusals,
					      const char *origin)
{
	struct ms_pluginhost_refusal refusal = { 0 };

	for (size_t i = 0; i < refusals->told.n_texts; i++) {
		struct ms_source_text *text = &refusals->told.texts[i];

		if (text->origin && strcmp(text->origin, origin) == 0 &&
		    ms_array_append(&refusal.rules.texts, &refusal.rules.n_texts, *text) == 0)
			*text = (struct ms_source_text) { 0 };
	}
	return refusal;
}

bool ms_pluginhost_refusals_add(struct ms_pluginhost_refusals *refusals, const char *origin,
				const char *sentence, uint64_t now_ns)
{
	struct ms_pluginhost_refusal refusal = take_told(refusals, origin);

	if (refusal.rules.n_texts == 0)
		return false;
	refusal.until_ns = now_ns + MS_PLUGINHOST_REFUSALS_KEPT_NS;
	refusal.origin = strdup(origin);
	refusal.sentence = strdup(sentence);
	for (size_t i = refusals->count; i-- > 0;)
		if (strcmp(refusals->list[i].origin, origin) == 0 ||
		    refusals->list[i].until_ns <= now_ns)
			remove_nth(refusals, i);
	if (refusals->count == MS_PLUGINHOST_REFUSALS_MAX)
		remove_nth(refusals, 0);
	if (!refusal.origin || !refusal.sentence ||
	    ms_array_append(&refusals->list, &refusals->count, refusal) < 0) {
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

const char *ms_pluginhost_refusals_find(const struct ms_pluginhost_refusals *refusals,
					const char *origin, const char *text, size_t length,
					uint64_t now_ns)
{
	for (size_t i = 0; i < refusals->count; i++) {
		const struct ms_pluginhost_refusal *refusal = &refusals->list[i];

		if (strcmp(refusal->origin, origin) == 0)
			return refusal->until_ns > now_ns && has_rule(&refusal->rules, text, length)
				       ? refusal->sentence
				       : NULL;
	}
	return NULL;
}
