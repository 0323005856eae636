/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/iface/outcome.h"

#define NS_PER_MS 1000000ULL

const uint64_t ms_outcome_bounds_ns[MS_OUTCOME_BOUNDS] = {
	1 * NS_PER_MS,  2 * NS_PER_MS,   5 * NS_PER_MS,   10 * NS_PER_MS,  20 * NS_PER_MS,
	50 * NS_PER_MS, 100 * NS_PER_MS, 200 * NS_PER_MS, 500 * NS_PER_MS, 1000 * NS_PER_MS,
};

void ms_outcome_attached(struct ms_outcome *outcome, uint64_t waited_ns)
{
	outcome->attached++;
	outcome->waited_ns += waited_ns;
	for (int i = 0; i < MS_OUTCOME_BOUNDS; i++)
		outcome->within[i] += waited_ns <= ms_outcome_bounds_ns[i];
}

void ms_outcome_failed(struct ms_outcome *outcome, int code)
{
	int i = 0;

	while (i < MS_OUTCOME_CODES - 1 && outcome->failures[i].code &&
	       outcome->failures[i].code != code)
		i++;
	if (i < MS_OUTCOME_CODES - 1)
		outcome->failures[i].code = code;
	outcome->failures[i].count++;
}
