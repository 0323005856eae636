/* SPDX-License-Identifier: GPL-2.0-or-later */
#define _GNU_SOURCE
#include "plugins/docker/excerpt.h"

#include <errno.h>
#include <libfyaml.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A second document, which the policy language does not know. */
static const char refused_behind[] = "\n---\n";

struct span {
	size_t start, end; /* bytes */
};

static int depth_of(enum fy_event_type type)
{
	switch (type) {
	case FYET_MAPPING_START:
	case FYET_SEQUENCE_START:
		return 1;
	case FYET_MAPPING_END:
	case FYET_SEQUENCE_END:
		return -1;
	default:
		return 0;
	}
}

/* A list's items are what begins and ends at its own depth. */
static bool find_rule(struct fy_parser *parser, size_t number, struct span *ret_span)
{
	struct span span = { 0 };
	bool is_found = false;
	struct fy_event *event;
	size_t item = 0;
	int depth = 0;

	while (!is_found && (event = fy_parser_parse(parser))) {
		const struct fy_mark *start = fy_event_start_mark(event);
		const struct fy_mark *end = fy_event_end_mark(event);
		int step = depth_of(event->type);

		if (depth == 1 && (step > 0 || event->type == FYET_SCALAR) && ++item == number)
			span.start = start ? start->input_pos : 0;
		depth += step;
		if (event->type == FYET_MAPPING_END && depth == 1 && item == number && end) {
			span.end = end->input_pos;
			is_found = true;
		}
		fy_parser_event_free(parser, event);
	}
	*ret_span = span;
	return is_found && span.start < span.end;
}

static char *make_text(const char *label, const struct span *span)
{
	char *text = malloc(span->end + sizeof(refused_behind));

	if (!text)
		return NULL;
	for (size_t i = 0; i < span->start; i++)
		text[i] = label[i] == '\n' ? '\n' : ' ';
	memcpy(text + span->start, label + span->start, span->end - span->start);
	memcpy(text + span->end, refused_behind, sizeof(refused_behind));
	return text;
}

const char *ms_docker_excerpt_begin(const char *text, char *buf, size_t size)
{
	const char *at = text + strspn(text, " \n"),
		   *newline = memrchr(text, '\n', (size_t)(at - text));
	size_t lines = 0;

	for (const char *from = text; from < at; from++)
		lines += *from == '\n';
	snprintf(buf, size, "%zu:%td", lines + 1, newline ? at - newline : at - text + 1);
	return buf;
}

int ms_docker_excerpt_make(const char *label, size_t number, char **ret_text)
{
	const struct fy_parse_cfg cfg = { .flags = FYPCF_QUIET };
	struct fy_parser *parser = fy_parser_create(&cfg);
	struct span span;
	bool is_found;

	if (!parser)
		return -ENOMEM;
	is_found = fy_parser_set_string(parser, label, strlen(label)) == 0 &&
		   find_rule(parser, number, &span);
	fy_parser_destroy(parser);
	if (!is_found)
		return -ENOENT;
	*ret_text = make_text(label, &span);
	return *ret_text ? 0 : -ENOMEM;
}
