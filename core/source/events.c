/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/source/events.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define STRINGS 4

/* In their order behind the event. */
static const char **string_of(struct ms_plugin_event *event, size_t nth)
{
	const char **const strings[STRINGS] = { &event->rule, &event->origin, &event->iface,
						&event->group };

	return strings[nth];
}

int ms_source_events_begin(struct ms_source_wire_buffer *body, uint64_t lost)
{
	return ms_source_wire_append(body, (const char *)&lost, sizeof(lost));
}

int ms_source_events_append(struct ms_source_wire_buffer *body, const struct ms_plugin_event *event)
{
	struct ms_plugin_event copy = *event;
	size_t before = body->length;
	int r;

	/* Addresses of this process mean nothing in the other, and are none of its business. */
	for (size_t i = 0; i < STRINGS; i++)
		*string_of(&copy, i) = NULL;
	r = ms_source_wire_append(body, (const char *)&copy, sizeof(copy));
	copy = *event;
	for (size_t i = 0; r == 0 && i < STRINGS; i++) {
		const char *text = *string_of(&copy, i);

		r = ms_source_wire_append(body, text, strlen(text) + 1);
	}
	if (r < 0)
		body->length = before;
	return r;
}

/* Takes one off the front; false = there is no whole one. */
static bool take(const char **at, size_t *left, struct ms_plugin_event *ret_event)
{
	if (*left < sizeof(*ret_event))
		return false;
	memcpy(ret_event, *at, sizeof(*ret_event));
	*at += sizeof(*ret_event);
	*left -= sizeof(*ret_event);
	for (size_t i = 0; i < STRINGS; i++) {
		const char *end = memchr(*at, '\0', *left);

		if (!end)
			return false;
		*string_of(ret_event, i) = *at;
		*left -= (size_t)(end + 1 - *at);
		*at = end + 1;
	}
	return ret_event->struct_size == sizeof(*ret_event);
}

int ms_source_events_decode(const char *body, size_t length, struct ms_source_events *ret_events)
{
	struct ms_source_events events = { 0 };
	/* Each has four NULs behind it. */
	size_t most = length / (sizeof(struct ms_plugin_event) + STRINGS);

	if (length < sizeof(events.lost))
		return -EPROTO;
	memcpy(&events.lost, body, sizeof(events.lost));
	body += sizeof(events.lost);
	length -= sizeof(events.lost);
	events.events = calloc(most + 1, sizeof(*events.events));
	events.list = calloc(most + 1, sizeof(const struct ms_plugin_event *));
	if (!events.events || !events.list) {
		ms_source_events_fini(&events);
		return -ENOMEM;
	}
	while (length > 0) {
		if (!take(&body, &length, &events.events[events.count])) {
			ms_source_events_fini(&events);
			return -EPROTO;
		}
		events.list[events.count] = &events.events[events.count];
		events.count++;
	}
	*ret_events = events;
	return 0;
}

void ms_source_events_fini(struct ms_source_events *events)
{
	free(events->events);
	free(events->list);
	*events = (struct ms_source_events) { 0 };
}
