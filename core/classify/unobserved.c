/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/classify/unobserved.h"

#include <inttypes.h>
#include <stdio.h>

#include "core/base/plural.h"
#include "microseg/chain.h"

bool ms_unobserved_warn(const struct ms_unobserved *unobserved, char *buf, size_t size)
{
	if (unobserved->count == 0)
		return false;
	snprintf(buf, size,
		 "in audit mode nothing runs of the actions of %" PRIu32 " rule%s with a deny (%s "
		 "first), not even what only looks (capture, mirror): a policy has no room for "
		 "more than %d lists of actions; verdicts and counts are as ever; give what looks "
		 "the same arguments in such rules, which then share a list, or have fewer rules "
		 "with actions",
		 unobserved->count, ms_plural(unobserved->count), unobserved->first,
		 MS_ACTION_LISTS - 1);
	return true;
}
