/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "plugins/docker/events.h"

#include <errno.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* Of both engines. Not among them: exec_*, health_status and others that come every few seconds. */
static bool changes_policy(const char *action)
{
	static const char *const actions[] = { "create",  "init",   "start",   "restart",
					       "die",     "stop",   "cleanup", "remove",
					       "destroy", "rename", "connect", "disconnect" };

	for (size_t i = 0; i < sizeof(actions) / sizeof(actions[0]); i++)
		if (strcmp(action, actions[i]) == 0)
			return true;
	return false;
}

static int take_line(struct ms_docker_events *events, const char *line, size_t size)
{
	json_t *root = json_loadb(line, size, 0, NULL), *actor = json_object_get(root, "Actor");
	const char *type = json_string_value(json_object_get(root, "Type"));
	const char *action = json_string_value(json_object_get(root, "Action"));
	const char *id = NULL;

	if (!type || !action) {
		json_decref(root);
		return -EINVAL;
	}
	if (strcmp(type, "container") == 0)
		id = json_string_value(json_object_get(actor, "ID"));
	else if (strcmp(type, "network") == 0)
		id = json_string_value(
			json_object_get(json_object_get(actor, "Attributes"), "container"));
	if (id && changes_policy(action))
		events->on_container(events->user, id);
	json_decref(root);
	return 0;
}

static int keep(struct ms_docker_events *events, const char *data, size_t size)
{
	size_t room = events->room ? events->room : 1024;
	char *grown;

	if (events->size + size > MS_DOCKER_EVENTS_LINE_MAX)
		return -EFBIG;
	while (room < events->size + size)
		room *= 2;
	if (room != events->room) {
		grown = realloc(events->line, room);
		if (!grown)
			return -ENOMEM;
		events->line = grown;
		events->room = room;
	}
	memcpy(events->line + events->size, data, size);
	events->size += size;
	return 0;
}

/* Docker keeps nothing alive with empty lines, proxies before it do. */
static bool is_blank(const char *line, size_t size)
{
	while (size > 0 && strchr(" \r\t", line[size - 1]) && line[size - 1] != '\0')
		size--;
	return size == 0;
}

int ms_docker_events_feed(struct ms_docker_events *events, const char *data, size_t size)
{
	while (size > 0) {
		const char *end = memchr(data, '\n', size);
		size_t part = end ? (size_t)(end - data) : size;
		int r = keep(events, data, part);

		if (r == 0 && end && !is_blank(events->line, events->size))
			r = take_line(events, events->line, events->size);
		if (r < 0)
			return r;
		if (end)
			events->size = 0;
		part += end != NULL;
		data += part;
		size -= part;
	}
	return 0;
}

void ms_docker_events_fini(struct ms_docker_events *events)
{
	free(events->line);
	events->line = NULL;
	events->size = events->room = 0;
}
