/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/ends.h"

#include <errno.h>
#include <stdlib.h>

#define PAST (1u << 30)

/* ---- a heap ---- */

static bool is_before(const struct ms_ends *ends, uint32_t a, uint32_t b)
{
	return a - ends->since < b - ends->since;
}

static void swap(uint32_t *a, uint32_t *b)
{
	uint32_t held = *a;

	*a = *b;
	*b = held;
}

static int push(const struct ms_ends *ends, struct ms_ends_heap *heap, uint32_t tick)
{
	uint32_t *ticks = heap->ticks;
	size_t at = heap->count;

	if (heap->count == heap->room) {
		size_t room = heap->room ? 2 * heap->room : 16;

		ticks = reallocarray(ticks, room, sizeof(*ticks));
		if (!ticks)
			return -ENOMEM;
		heap->ticks = ticks;
		heap->room = room;
	}
	ticks[heap->count++] = tick;
	for (; at > 0 && is_before(ends, ticks[at], ticks[(at - 1) / 2]); at = (at - 1) / 2)
		swap(&ticks[at], &ticks[(at - 1) / 2]);
	return 0;
}

static void pop(const struct ms_ends *ends, struct ms_ends_heap *heap)
{
	uint32_t *ticks = heap->ticks;
	size_t at = 0;

	ticks[0] = ticks[--heap->count];
	for (;;) {
		size_t least = at;

		for (size_t below = 2 * at + 1; below <= 2 * at + 2 && below < heap->count; below++)
			if (is_before(ends, ticks[below], ticks[least]))
				least = below;
		if (least == at)
			return;
		swap(&ticks[at], &ticks[least]);
		at = least;
	}
}

static void pop_past(const struct ms_ends *ends, struct ms_ends_heap *heap, uint32_t now)
{
	while (heap->count && !is_before(ends, now, heap->ticks[0]))
		pop(ends, heap);
}

/* ---- both ---- */

/* It never becomes the nearest, and its removal is no news either. */
static bool is_past(const struct ms_ends *ends, uint32_t tick)
{
	return ends->since - tick <= PAST;
}

int ms_ends_put(struct ms_ends *ends, uint32_t tick)
{
	return is_past(ends, tick) ? 0 : push(ends, &ends->put, tick);
}

void ms_ends_remove(struct ms_ends *ends, uint32_t tick)
{
	if (!is_past(ends, tick))
		push(ends, &ends->removed, tick);
}

bool ms_ends_nearest(struct ms_ends *ends, uint32_t now, uint32_t *ret_tick)
{
	pop_past(ends, &ends->put, now);
	pop_past(ends, &ends->removed, now);
	/* Whoever is ahead is in both if he was removed. */
	while (ends->removed.count && ends->removed.ticks[0] == ends->put.ticks[0]) {
		pop(ends, &ends->put);
		pop(ends, &ends->removed);
	}
	ends->since = now;
	if (ends->put.count == 0)
		return false;
	*ret_tick = ends->put.ticks[0];
	return true;
}

void ms_ends_fini(struct ms_ends *ends)
{
	free(ends->put.ticks);
	free(ends->removed.ticks);
	*ends = (struct ms_ends) { .since = ends->since };
}
