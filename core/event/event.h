/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Verdict events: consumer, history of the last N, and the one text form. The names a kernel event
 * lacks (interface, rule, file:line) are resolved when it arrives, so that history stays true
 * after the interface or rule is gone.
 */
#ifndef MS_CORE_EVENT_EVENT_H
#define MS_CORE_EVENT_EVENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bpf/dataplane.h"

struct ms_event_record {
	uint64_t number;   /* from 1, of this daemon */
	int64_t time_ns;   /* wall clock, ns since 1970 */
	uint64_t since_ns; /* since the slot's event before this one, 0 = not known */
	struct ms_event raw;
	char iface[16]; /* "" = gone before the event was read */
	char group[64];
	char rule[MS_RULE_ID_MAX]; /* never "" : every event has an author */
	char origin[MS_ORIGIN_MAX];
	char source[16];
};

const char *ms_verdict_name(enum ms_verdict verdict); /* "allow", "deny", "audit" */
const char *ms_reason_name(enum ms_reason reason);
const char *ms_reason_doc(enum ms_reason reason);
enum ms_reason_class ms_reason_class(enum ms_reason reason);
bool ms_reason_parse(const char *name, enum ms_reason *ret_reason);
const char *ms_dir_name(enum ms_dir dir);
const char *ms_stat_name(enum ms_stat stat);
const char *ms_stat_doc(enum ms_stat stat);

/*
 * The design's event line in local time, without a newline. Returns `buf`.
 *
 *	14:53:14.652 DENY veth1a2b in tcp 10.0.0.5:41234 > 10.0.0.9:5432 SYN len=60 rule=db/app
 *	src=10-db.yaml:14 reason=rule gen=41 [+3 in 1.0s]
 */
char *ms_event_format(const struct ms_event_record *record, char *buf, size_t size);

/*
 * Kernel events to records. The kernel stamps events with CLOCK_MONOTONIC; the wall clock is asked
 * when the event is read, so that neither a step of the clock before the event nor one long before
 * the daemon's start shows.
 */
struct ms_event_stream;
int ms_event_stream_new(struct ms_event_stream **ret_stream);
struct ms_event_stream *ms_event_stream_free(struct ms_event_stream *stream);
/* Numbers, times and copies `event`; the names stay "" for the caller to resolve. */
void ms_event_stream_take(struct ms_event_stream *stream, const struct ms_event *event,
			  struct ms_event_record *ret_record);
/* Events that gaps say were lost since this stream began. */
uint64_t ms_event_stream_lost(const struct ms_event_stream *stream);

/* When, on the wall, something stamped `event_ns` on CLOCK_MONOTONIC was, given both clocks now. */
int64_t ms_event_wall_time(uint64_t event_ns, uint64_t monotonic_now_ns, int64_t wall_now_ns);

/* History: a ring of `capacity` records; the oldest goes first. */
struct ms_event_history;
/* `capacity` 0 holds nothing. */
int ms_event_history_new(size_t capacity, struct ms_event_history **ret_history);
struct ms_event_history *ms_event_history_free(struct ms_event_history *history);
void ms_event_history_add(struct ms_event_history *history, const struct ms_event_record *record);
size_t ms_event_history_count(const struct ms_event_history *history);
/* 0 = the oldest held. */
const struct ms_event_record *ms_event_history_at(const struct ms_event_history *history,
						  size_t index);

/* Sequence gaps per CPU = events the ring lost. A CPU's first event only tells where to count from;
 * CPUs beyond the table are left to the kernel's own counter (events_lost). */
struct ms_event_losses {
	uint64_t expected[256];
	uint64_t lost;
};
void ms_event_losses_note(struct ms_event_losses *losses, const struct ms_event *event);

#endif
