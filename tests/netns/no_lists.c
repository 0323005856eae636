/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Lists of actions that cannot be looked at. */
#include <errno.h>

#include "bpf/dataplane.h"

int __wrap_ms_dataplane_action_called(const struct ms_dataplane *dp, uint64_t *ret_slots);

int __wrap_ms_dataplane_action_called(const struct ms_dataplane *dp, uint64_t *ret_slots)
{
	(void)dp;
	(void)ret_slots;
	return -ENOMEM;
}
