/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/bpf/random_late.h"

#include "tests/harness/ms_check.h"

void ms_random_late_choose(struct ms_random *random, const struct ms_policy *merged,
			   struct ms_late *ret_late)
{
	unsigned int one_in = 1 + ms_random_below(random, 8);

	for (size_t i = 0; i < merged->n_rules && ret_late->count < MS_LATE_RULES; i++) {
		if (merged->rules[i].origin.source == MS_SOURCE_BUILTIN ||
		    ms_random_below(random, one_in))
			continue;
		ret_late->rules[ret_late->count++] = i;
		if (!ms_late_fits(merged, ret_late))
			ret_late->count--;
	}
}

static void load(struct ms_dataplane *dp, const struct ms_policy *merged,
		 const struct ms_late *late, const struct ms_numbering *numbering,
		 const struct ms_image *image, unsigned int half)
{
	const struct ms_image_table *heads = &image->tables[image->n_tables - 1];
	struct ms_policy_head head = *(struct ms_policy_head *)heads->rows;
	struct ms_error error = MS_ERROR_INIT;
	struct ms_image *bank = NULL;
	int r = ms_late_compile(merged, late, half & MS_HALF_BANK ? 1 : 0, image->generation,
				numbering, &head, &bank, &error);

	if (r == 0)
		r = ms_dataplane_load_tables(dp, half, bank, &error);
	ck_assert_msg(r == 0, "%s", error.message);
	ms_image_free(bank);
}

void ms_random_late_move(struct ms_random *random, struct ms_dataplane *dp,
			 const struct ms_policy *merged, const struct ms_late *late,
			 const struct ms_numbering *numbering, const struct ms_image *image,
			 unsigned int *half)
{
	static const struct ms_late none;
	struct ms_policy *turned;

	if (ms_random_below(random, 2))
		return;
	/* Who reads the bank that is left is found out: its rows decide the contrary, and its head
	 * knows of none. */
	turned = ms_policy_copy(merged);
	ck_assert_ptr_nonnull(turned);
	for (size_t i = 0; i < late->count; i++)
		turned->rules[late->rules[i]].verdict =
			turned->rules[late->rules[i]].verdict == MS_VERDICT_DENY ? MS_VERDICT_ALLOW
										 : MS_VERDICT_DENY;
	load(dp, turned, late, numbering, image, *half);
	ms_policy_free(turned);
	load(dp, merged, &none, numbering, image, *half);
	*half |= MS_HALF_BANK;
	load(dp, merged, late, numbering, image, *half);
}
