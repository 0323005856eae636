/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/event/event.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/base/cleanup.h"

/* ---- names, generated from the lists the datapath is generated from ---- */

static const char *const verdict_names[] = { "allow", "deny", "audit" };
_Static_assert(ms_array_size(verdict_names) == MS_VERDICT__COUNT, "a name each");

static const char *const dir_names[] = { "in", "out" };
_Static_assert(ms_array_size(dir_names) == MS_DIR__COUNT, "a name each");

static const struct {
	const char *name, *doc;
	enum ms_reason_class class;
} reasons[] = {
#define REASON(id, text, class, doc) { text, doc, MS_CLASS_##class },
	MS_REASONS(REASON)
#undef REASON
};
_Static_assert(ms_array_size(reasons) == MS_REASON__COUNT, "a line each");

static const struct {
	const char *name, *doc;
} stats[] = {
#define STAT(id, text, doc) { text, doc },
	MS_STATS(STAT)
#undef STAT
};
_Static_assert(ms_array_size(stats) == MS_STAT__COUNT, "a line each");

/* Numbers come out of pinned memory that another version may have written. */
static const char unknown[] = "unknown";

const char *ms_verdict_name(enum ms_verdict verdict)
{
	return (unsigned int)verdict < MS_VERDICT__COUNT ? verdict_names[verdict] : unknown;
}

const char *ms_reason_name(enum ms_reason reason)
{
	return (unsigned int)reason < MS_REASON__COUNT ? reasons[reason].name : unknown;
}

const char *ms_reason_doc(enum ms_reason reason)
{
	return (unsigned int)reason < MS_REASON__COUNT ? reasons[reason].doc : unknown;
}

enum ms_reason_class ms_reason_class(enum ms_reason reason)
{
	return (unsigned int)reason < MS_REASON__COUNT ? reasons[reason].class
						       : MS_CLASS_POLICY_HIT;
}

bool ms_reason_parse(const char *name, enum ms_reason *ret_reason)
{
	for (unsigned int i = 0; i < MS_REASON__COUNT; i++) {
		if (strcmp(reasons[i].name, name) == 0) {
			*ret_reason = (enum ms_reason)i;
			return true;
		}
	}
	return false;
}

const char *ms_dir_name(enum ms_dir dir)
{
	return (unsigned int)dir < MS_DIR__COUNT ? dir_names[dir] : unknown;
}

const char *ms_stat_name(enum ms_stat stat)
{
	return (unsigned int)stat < MS_STAT__COUNT ? stats[stat].name : unknown;
}

const char *ms_stat_doc(enum ms_stat stat)
{
	return (unsigned int)stat < MS_STAT__COUNT ? stats[stat].doc : unknown;
}

/* ---- losses ---- */

void ms_event_losses_note(struct ms_event_losses *losses, const struct ms_event *event)
{
	uint64_t expected;

	if (event->cpu >= ms_array_size(losses->expected))
		return;
	expected = losses->expected[event->cpu];
	if (expected != 0 && event->seq > expected)
		losses->lost += event->seq - expected;
	losses->expected[event->cpu] = event->seq + 1;
}

/* ---- stream ---- */

struct ms_event_stream {
	uint64_t count;
	struct ms_event_losses losses;
	uint64_t last_ns[MS_SLOTS_MAX]; /* by slot: its latest event; pages are touched as needed */
};

int ms_event_stream_new(struct ms_event_stream **ret_stream)
{
	struct ms_event_stream *stream = calloc(1, sizeof(*stream));

	if (!stream)
		return -ENOMEM;
	*ret_stream = stream;
	return 0;
}

struct ms_event_stream *ms_event_stream_free(struct ms_event_stream *stream)
{
	free(stream);
	return NULL;
}

static int64_t read_clock(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

int64_t ms_event_wall_time(uint64_t event_ns, uint64_t monotonic_now_ns, int64_t wall_now_ns)
{
	return wall_now_ns - (int64_t)(monotonic_now_ns - event_ns);
}

void ms_event_stream_take(struct ms_event_stream *stream, const struct ms_event *event,
			  struct ms_event_record *ret_record)
{
	uint64_t *last_ns = &stream->last_ns[event->slot & (MS_SLOTS_MAX - 1)];

	memset(ret_record, 0, sizeof(*ret_record));
	ret_record->number = ++stream->count;
	ret_record->raw = *event;
	ret_record->time_ns = ms_event_wall_time(
		event->time_ns, (uint64_t)read_clock(CLOCK_MONOTONIC), read_clock(CLOCK_REALTIME));
	/* CPUs share the ring, so an event may arrive behind a younger one. */
	if (*last_ns != 0 && event->time_ns > *last_ns)
		ret_record->since_ns = event->time_ns - *last_ns;
	if (event->time_ns > *last_ns)
		*last_ns = event->time_ns;
	ms_event_losses_note(&stream->losses, event);
}

uint64_t ms_event_stream_lost(const struct ms_event_stream *stream)
{
	return stream->losses.lost;
}

/* ---- history ---- */

struct ms_event_history {
	size_t capacity, count;
	size_t first; /* index of the oldest */
	struct ms_event_record *records;
};

int ms_event_history_new(size_t capacity, struct ms_event_history **ret_history)
{
	ms_cleanup(ms_free) struct ms_event_history *history = calloc(1, sizeof(*history));

	if (!history)
		return -ENOMEM;
	history->capacity = capacity;
	if (capacity > 0) {
		history->records = calloc(capacity, sizeof(*history->records));
		if (!history->records)
			return -ENOMEM;
	}
	*ret_history = ms_take_ptr(history);
	return 0;
}

struct ms_event_history *ms_event_history_free(struct ms_event_history *history)
{
	if (history)
		free(history->records);
	free(history);
	return NULL;
}

void ms_event_history_add(struct ms_event_history *history, const struct ms_event_record *record)
{
	if (history->capacity == 0)
		return;
	if (history->count < history->capacity) {
		history->records[(history->first + history->count++) % history->capacity] = *record;
	} else {
		history->records[history->first] = *record;
		history->first = (history->first + 1) % history->capacity;
	}
}

size_t ms_event_history_count(const struct ms_event_history *history)
{
	return history->count;
}

const struct ms_event_record *ms_event_history_at(const struct ms_event_history *history,
						  size_t index)
{
	return &history->records[(history->first + index) % history->capacity];
}
