/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/cleanup.h"
#include "core/session/session.h"

/* A round of the largest tables takes this many slices and some, so that a slice each 100 ms is
 * round in less than 10 s; no slice is smaller than the second number. */
#define SLICES 80
#define SLICE_MIN 4096

struct seen {
	uint8_t zones[MS_ZONES_MAX / 8];
	uint8_t slots[MS_SLOTS_MAX / 8];
	struct ms_session_usage usage; /* without `swept` and the limits */
};

struct ms_sweeper {
	struct ms_dataplane *dp;
	struct ms_session_cursor cursor;
	struct seen now, last; /* the round under way, and the last whole one */
	uint64_t swept;
	size_t slice;
	struct ms_session_raw *sessions, *idle; /* `slice` each */
	bool (*is_gone)(void *user, uint16_t zone);
	void *user;
};

int ms_sweeper_new(struct ms_dataplane *dp, struct ms_sweeper **ret_sweeper)
{
	struct ms_sweeper *sweeper = calloc(1, sizeof(*sweeper));
	uint32_t sessions, half_open;

	if (!sweeper)
		return -ENOMEM;
	ms_dataplane_session_capacity(dp, &sessions, &half_open);
	sweeper->dp = dp;
	sweeper->slice = (2 * ((size_t)sessions + half_open) + SLICES - 1) / SLICES;
	if (sweeper->slice < SLICE_MIN)
		sweeper->slice = SLICE_MIN;
	sweeper->sessions = calloc(sweeper->slice, sizeof(*sweeper->sessions));
	sweeper->idle = calloc(sweeper->slice, sizeof(*sweeper->idle));
	if (!sweeper->sessions || !sweeper->idle) {
		ms_sweeper_free(sweeper);
		return -ENOMEM;
	}
	*ret_sweeper = sweeper;
	return 0;
}

struct ms_sweeper *ms_sweeper_free(struct ms_sweeper *sweeper)
{
	if (sweeper) {
		free(sweeper->sessions);
		free(sweeper->idle);
	}
	free(sweeper);
	return NULL;
}

void ms_sweeper_on_zone(struct ms_sweeper *sweeper, bool (*is_gone)(void *user, uint16_t zone),
			void *user)
{
	sweeper->is_gone = is_gone;
	sweeper->user = user;
}

static void set_bit(uint8_t *bits, uint32_t number)
{
	bits[number / 8] |= (uint8_t)(1u << (number % 8));
}

static bool has_bit(const uint8_t *bits, uint32_t number)
{
	return bits[number / 8] >> (number % 8) & 1;
}

static void note_seen(struct seen *seen, const struct ms_session_raw *raw)
{
	set_bit(seen->zones, raw->family == 4 ? raw->key.k4.zone : raw->key.k6.zone);
	set_bit(seen->slots, raw->value.word & MS_SESS_SLOT_MASK);
}

static void begin_round(struct ms_sweeper *sweeper)
{
	memset(&sweeper->now, 0, sizeof(sweeper->now));
	memset(&sweeper->cursor, 0, sizeof(sweeper->cursor));
}

int ms_sweeper_step(struct ms_sweeper *sweeper, bool *ret_round_done)
{
	struct ms_session_usage *usage = &sweeper->now.usage;
	size_t count, n_idle = 0, reaped = 0;
	bool done;
	int r;

	r = ms_dataplane_session_slice(sweeper->dp, &sweeper->cursor, sweeper->sessions,
				       sweeper->slice, &count, &done);
	if (r < 0) {
		begin_round(
			sweeper); /* a round with a hole would say "not seen" of what it missed */
		return r;
	}
	for (size_t i = 0; i < count; i++) {
		const struct ms_session_raw *raw = &sweeper->sessions[i];
		struct ms_session_view view;

		ms_session_decode(sweeper->dp, raw, &view);
		if (view.expired ||
		    (sweeper->is_gone && sweeper->is_gone(sweeper->user, view.zone))) {
			sweeper->idle[n_idle++] = *raw;
			continue;
		}
		note_seen(&sweeper->now, raw);
		(raw->half_open ? usage->half_open : usage->sessions)[raw->family == 6]++;
	}
	r = ms_dataplane_session_reap(sweeper->dp, sweeper->idle, n_idle, false, &reaped);
	if (r < 0) {
		begin_round(sweeper);
		return r;
	}
	/* Which of them a packet saved at the last moment is not told: all count as seen. */
	for (size_t i = 0; reaped < n_idle && i < n_idle; i++)
		note_seen(&sweeper->now, &sweeper->idle[i]);
	sweeper->swept += reaped;
	if (done) {
		sweeper->last = sweeper->now;
		begin_round(sweeper);
	}
	*ret_round_done = done;
	return 0;
}

struct ms_session_usage ms_sweeper_usage(const struct ms_sweeper *sweeper)
{
	struct ms_session_usage usage = sweeper->last.usage;

	ms_dataplane_session_capacity(sweeper->dp, &usage.sessions_max, &usage.half_open_max);
	usage.swept = sweeper->swept;
	return usage;
}

bool ms_sweeper_saw_zone(const struct ms_sweeper *sweeper, uint16_t zone)
{
	return has_bit(sweeper->last.zones, zone);
}

bool ms_sweeper_saw_slot(const struct ms_sweeper *sweeper, uint32_t slot)
{
	return slot < MS_SLOTS_MAX && has_bit(sweeper->last.slots, slot);
}
