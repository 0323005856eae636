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
	uint64_t number; /* from 1, of this daemon */
	int64_t time_ns; /* wall clock, ns since 1970 */
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

/* The design's event line, without a newline. Returns `buf`. */
char *ms_event_format(const struct ms_event_record *record, char *buf, size_t size);

/* History: a ring of `capacity` records; the oldest goes first. */
struct ms_event_history;
int ms_event_history_new(size_t capacity, struct ms_event_history **ret_history);
struct ms_event_history *ms_event_history_free(struct ms_event_history *history);
void ms_event_history_add(struct ms_event_history *history, const struct ms_event_record *record);
size_t ms_event_history_count(const struct ms_event_history *history);
/* 0 = the oldest held. */
const struct ms_event_record *ms_event_history_at(const struct ms_event_history *history,
						  size_t index);

/* Sequence gaps per CPU = events the ring lost. */
struct ms_event_losses {
	uint64_t expected[256];
	uint64_t lost;
};
void ms_event_losses_note(struct ms_event_losses *losses, const struct ms_event *event);

#endif
