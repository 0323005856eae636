/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/control/live.h"

#include <errno.h>
#include <stdlib.h>

static int on_step(struct ms_control_stream *stream, json_t **ret_reply, struct ms_error *err)
{
	struct ms_control_live *live = (struct ms_control_live *)stream;

	if (!live->is_counted) {
		int r = ms_session_live_step(ms_manager_dataplane(live->manager), &live->counts);

		if (r != 0)
			return r;
		live->is_counted = true;
		/* What belongs to no rule is nobody's count. */
		live->counts.by_slot[MS_SLOT_NONE] = (struct ms_slot_count) { 0 };
	}
	return live->on_counted(live, ret_reply, err);
}

static void on_end(struct ms_control_stream *stream)
{
	struct ms_control_live *live = (struct ms_control_live *)stream;

	if (live->on_end)
		live->on_end(live);
	free(live->counts.by_slot);
	free(live->counts.by_zone);
	free(live);
}

void *ms_control_live_new(size_t size, struct ms_manager *manager,
			  int (*on_counted)(struct ms_control_live *live, json_t **ret_reply,
					    struct ms_error *err))
{
	struct ms_control_live *live = calloc(1, size);

	if (!live)
		return NULL;
	live->stream.on_step = on_step;
	live->stream.on_end = on_end;
	live->manager = manager;
	live->on_counted = on_counted;
	live->counts.n_slots = MS_SLOTS_MAX;
	live->counts.by_slot = calloc(MS_SLOTS_MAX, sizeof(*live->counts.by_slot));
	live->counts.by_zone = calloc(MS_ZONES_MAX, sizeof(*live->counts.by_zone));
	if (!live->counts.by_slot || !live->counts.by_zone) {
		on_end(&live->stream);
		return NULL;
	}
	return live;
}
