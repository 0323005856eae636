/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/classify/late.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

#include "core/base/cleanup.h"
#include "core/classify/rows.h"

static void free_image(struct ms_image **image)
{
	ms_image_free(*image);
}

size_t ms_late_rows(const struct ms_rule *rule)
{
	const size_t lists[] = {
		rule->n_groups, rule->n_from,  rule->n_to,    rule->n_protos, rule->n_sports,
		rule->n_dports, rule->n_icmps, rule->n_vlans, rule->n_dscps,
	};
	size_t rows = 1;

	/* Lists of actions are the half's. */
	if (rule->n_actions)
		return MS_LATE_ROWS + 1;
	for (size_t i = 0; i < ms_array_size(lists) && rows <= MS_LATE_ROWS; i++)
		if (lists[i])
			rows *= lists[i];
	return rows;
}

bool ms_late_fits(const struct ms_policy *policy, const struct ms_late *late)
{
	size_t rows = 0;

	for (size_t i = 0; i < late->count && rows <= MS_LATE_ROWS; i++)
		rows += ms_late_rows(&policy->rules[late->rules[i]]);
	return rows <= MS_LATE_ROWS;
}

void ms_late_choose(const struct ms_policy *policy, struct ms_late *ret_late)
{
	struct ms_late late = { .count = 0 };
	size_t rows = 0;

	for (size_t i = 0; i < policy->n_rules; i++) {
		if (policy->rules[i].origin.source != MS_SOURCE_RUNTIME ||
		    ms_late_rows(&policy->rules[i]) > MS_LATE_ROWS)
			continue;
		rows += ms_late_rows(&policy->rules[i]);
		if (late.count == MS_LATE_RULES / 2 || rows > MS_LATE_ROWS / 2) {
			late.count = 0;
			break;
		}
		late.rules[late.count++] = i;
	}
	*ret_late = late;
}

/* ---- steps ---- */

static bool remove_rule(struct ms_late *late, size_t at)
{
	bool found = false;
	size_t kept = 0;

	for (size_t i = 0; i < late->count; i++) {
		if (late->rules[i] == at)
			found = true;
		else
			late->rules[kept++] = late->rules[i] - (late->rules[i] > at);
	}
	late->count = kept;
	return found;
}

static bool insert_rule(struct ms_late *late, size_t at)
{
	size_t i = late->count;

	if (late->count == MS_LATE_RULES)
		return false;
	for (; i > 0 && late->rules[i - 1] >= at; i--)
		late->rules[i] = late->rules[i - 1] + 1;
	late->rules[i] = at;
	late->count++;
	return true;
}

bool ms_late_follow(struct ms_late *late, const struct ms_amend *amend)
{
	struct ms_late next = *late;

	for (size_t i = 0; i < amend->count; i++) {
		const struct ms_amend_step *step = &amend->steps[i];

		if (!(step->is_removal ? remove_rule : insert_rule)(&next, step->at))
			return false;
	}
	*late = next;
	return true;
}

/* ---- a bank ---- */

static int put_rows(struct ms_image *image, const char *map, unsigned int bank, const void *rows,
		    size_t count, size_t size)
{
	struct ms_image_table *table;
	int r = 0;

	if (count > MS_LATE_ROWS)
		return -ENOSPC;
	if (count == 0)
		return 0;
	table = ms_image_add_table(image, map, MS_RULES_ROWS, size);
	if (!table)
		return -ENOMEM;
	table->first = MS_LATE_ROW(bank);
	for (size_t i = 0; r == 0 && i < count; i++)
		r = ms_image_add_row(table, (const char *)rows + i * size);
	return r;
}

static int add_rules(struct ms_image *image, const struct ms_policy *policy,
		     const struct ms_late *late, unsigned int bank, uint32_t n_unjudged,
		     struct ms_rows *rows, struct ms_error *err)
{
	struct ms_image_table *table =
		ms_image_add_table(image, "ms_decisions", MS_DECISIONS, sizeof(struct ms_decision));
	int r = 0;

	if (!table)
		return -ENOMEM;
	table->first = MS_LATE_DECISION(bank);
	for (size_t i = 0; r == 0 && i < late->count; i++) {
		const struct ms_rule *rule = &policy->rules[late->rules[i]];
		struct ms_decision decision;

		r = ms_compile_decision(rule, rows->numbering, &decision, err);
		if (r < 0)
			return r;
		/* Of the rules before it, as many are the engine's decisions. */
		decision.before = (uint32_t)(late->rules[i] - i) - n_unjudged;
		r = ms_image_add_row(table, &decision);
		if (r == 0)
			r = ms_rows_add_rule(rows, rule, table->first + (uint32_t)i, err);
	}
	return r;
}

static int put_head(struct ms_image *image, unsigned int bank, const struct ms_policy_head *head)
{
	struct ms_image_table *table =
		ms_image_add_table(image, "ms_policy", MS_BANKS, sizeof(*head));

	if (!table)
		return -ENOMEM;
	table->first = bank;
	return ms_image_add_row(table, head);
}

int ms_late_add(struct ms_image *image, const struct ms_policy *policy, const struct ms_late *late,
		unsigned int bank, const struct ms_numbering *numbering,
		struct ms_policy_head *head, struct ms_error *err)
{
	/* The one that the datapath itself decides stands before all that can be late. */
	uint32_t n_unjudged = head->flags & MS_POLICY_ICMP_ERROR ? 1 : 0;
	ms_cleanup(ms_rows_fini) struct ms_rows rows;
	int r = 0;

	ms_rows_init(&rows, numbering);
	if (late && late->count)
		r = add_rules(image, policy, late, bank, n_unjudged, &rows, err);
	if (r == 0)
		r = put_rows(image, "ms_rules4", bank, rows.rows4, rows.n_rows4,
			     sizeof(*rows.rows4));
	if (r == 0)
		r = put_rows(image, "ms_rules6", bank, rows.rows6, rows.n_rows6,
			     sizeof(*rows.rows6));
	if (r < 0)
		return r;
	head->late4 = (uint16_t)rows.n_rows4;
	head->late6 = (uint16_t)rows.n_rows6;
	return put_head(image, bank, head);
}

int ms_late_compile(const struct ms_policy *policy, const struct ms_late *late, unsigned int bank,
		    uint32_t generation, const struct ms_numbering *numbering,
		    struct ms_policy_head *head, struct ms_image **ret_image, struct ms_error *err)
{
	ms_cleanup(free_image) struct ms_image *image = ms_image_new(generation);
	int r;

	if (!image)
		return -ENOMEM;
	head->generation = generation;
	r = ms_late_add(image, policy, late, bank, numbering, head, err);
	if (r < 0)
		return r;
	*ret_image = ms_take_ptr(image);
	return 0;
}
