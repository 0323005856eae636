/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/classify/unobserved.h"

#include <inttypes.h>
#include <stdio.h>

#include "microseg/chain.h"

bool ms_unobserved_warn(const struct ms_unobserved *unobserved, char *buf, size_t size)
{
	if (unobserved->count == 0)
		return false;
	snprintf(buf, size,
		 "in audit mode no action runs of %" PRIu32 " of the rules that deny, %s the first "
		 "of them: those that only look are a list of their own there, and the policy has "
		 "as many lists of actions as fit, which are %d",
		 unobserved->count, unobserved->first, MS_ACTION_LISTS - 1);
	return true;
}
