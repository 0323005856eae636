/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/source/restart.h"

const char *ms_source_restart_state_name(enum ms_source_state state)
{
	static const char *const names[MS_SOURCE_STATE__COUNT] = {
		[MS_SOURCE_STARTING] = "starting",
		[MS_SOURCE_RUNNING] = "running",
		[MS_SOURCE_WAITING] = "waiting",
		[MS_SOURCE_DISABLED] = "disabled",
	};

	return names[state];
}

static bool crashes_too_often(const struct ms_source_restart *restart, uint64_t now_ns)
{
	uint64_t oldest = restart->crashes_ns[restart->n_crashes % MS_SOURCE_RESTART_CRASHES];

	return restart->n_crashes >= MS_SOURCE_RESTART_CRASHES &&
	       now_ns - oldest < MS_SOURCE_RESTART_WITHIN_NS;
}

bool ms_source_restart_ended(struct ms_source_restart *restart, bool crashed, uint64_t now_ns,
			     uint64_t *ret_pause_ms)
{
	uint64_t pause_ms = MS_SOURCE_RESTART_PAUSE_MS;

	if (crashed) {
		restart->crashes_ns[restart->n_crashes++ % MS_SOURCE_RESTART_CRASHES] = now_ns;
		if (crashes_too_often(restart, now_ns))
			return false;
	}
	for (unsigned int i = 0; i < restart->failures && pause_ms < MS_SOURCE_RESTART_PAUSE_MAX_MS;
	     i++)
		pause_ms *= 2;
	restart->failures++;
	*ret_pause_ms = pause_ms < MS_SOURCE_RESTART_PAUSE_MAX_MS ? pause_ms
								  : MS_SOURCE_RESTART_PAUSE_MAX_MS;
	return true;
}

void ms_source_restart_worked(struct ms_source_restart *restart)
{
	restart->failures = 0;
}
