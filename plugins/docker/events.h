/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The stream of GET /events: JSON objects that follow each other, one a line, in pieces that end
 * anywhere. Pure.
 */
#ifndef MS_PLUGINS_DOCKER_EVENTS_H
#define MS_PLUGINS_DOCKER_EVENTS_H

#include <stddef.h>

struct ms_docker_events {
	char *line; /* what came of an event that is not whole yet */
	size_t size, room;
	/* Something about this container has changed that a policy may depend on. */
	void (*on_container)(void *user, const char *id);
	void *user;
};

/* Bytes of one event; the engines put all labels of a container into it. */
#define MS_DOCKER_EVENTS_LINE_MAX (4U << 20)

/* Takes the next piece. -EINVAL: a line is no event, -EFBIG: it is too long, -ENOMEM. */
int ms_docker_events_feed(struct ms_docker_events *events, const char *data, size_t size);
/* Forgets what is half there; what is left may be fed again. */
void ms_docker_events_fini(struct ms_docker_events *events);

#endif
