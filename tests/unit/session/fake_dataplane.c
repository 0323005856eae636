/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/unit/session/fake_dataplane.h"

#include <string.h>

struct ms_control ms_dataplane_control(const struct ms_dataplane *dp)
{
	return dp->control;
}

uint32_t ms_dataplane_epoch_generation(const struct ms_dataplane *dp, uint32_t epoch)
{
	return epoch == dp->epoch ? dp->generation : 0;
}

uint32_t ms_dataplane_tick_now(const struct ms_dataplane *dp)
{
	return dp->now;
}

uint64_t ms_dataplane_ticks_to_ns(const struct ms_dataplane *dp, uint32_t ticks)
{
	(void)dp;
	return ticks * FAKE_TICK_NS;
}

void ms_dataplane_session_capacity(const struct ms_dataplane *dp, uint32_t *ret_sessions,
				   uint32_t *ret_half_open)
{
	(void)dp;
	*ret_sessions = 1000;
	*ret_half_open = 500;
}

int ms_dataplane_session_foreach(struct ms_dataplane *dp,
				 bool (*visit)(void *user, const struct ms_session_raw *session),
				 void *user)
{
	for (size_t i = 0; i < dp->n_sessions; i++) {
		if (!visit(user, &dp->sessions[i]))
			break;
	}
	return 0;
}

int ms_dataplane_session_slice(struct ms_dataplane *dp, struct ms_session_cursor *cursor,
			       struct ms_session_raw *sessions, size_t max, size_t *ret_count,
			       bool *ret_done)
{
	size_t count = 0;
	int r = dp->slice_error;

	dp->slice_error = 0;
	if (r < 0)
		return r;
	while (count < dp->per_slice && count < max && cursor->table < dp->n_sessions)
		sessions[count++] = dp->sessions[cursor->table++];
	*ret_count = count;
	*ret_done = cursor->table >= dp->n_sessions;
	return 0;
}

int ms_dataplane_session_reap(struct ms_dataplane *dp, const struct ms_session_raw *sessions,
			      size_t count, bool force, size_t *ret_deleted)
{
	int r = dp->reap_error;

	(void)force;
	dp->reap_error = 0;
	if (r < 0)
		return r;
	*ret_deleted = 0;
	for (size_t i = 0; i < count; i++) {
		for (size_t k = 0; k < dp->n_sessions; k++) {
			if (k != dp->saved &&
			    memcmp(&dp->sessions[k], &sessions[i], sizeof(sessions[i])) == 0)
				(*ret_deleted)++;
		}
	}
	return 0;
}
