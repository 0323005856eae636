/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the daemon answered, as metrics. Every number is the daemon's own, as `microsegctl -o json`
 * shows it; nothing is counted a second time here. Pure.
 */
#ifndef MS_EXPORTER_METRICS_H
#define MS_EXPORTER_METRICS_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "openmetrics.h"

/* Of plugins' numbers that are not by rule, in each of the two families. */
#define MS_EXPORTER_NUMBERS_MAX 1000

/* The `parameters` of each answer; NULL = there was none, and its metrics are left out. */
struct ms_exporter_answers {
	json_t *version, *status, *stats, *groups, *sources, *plugins;
	json_t *shown;      /* of the plugins that are loaded: an array of answers to plugin.show */
	json_t *rules;      /* an array of rules, in their order */
	uint64_t rules_max; /* also of a plugin's numbers by rule, in each of the two families */
	uint64_t rules_told; /* in that array, several of one name each */
	bool source_rules;   /* what plugin sources offer is told, too */
};

/* What only the exporter knows. */
struct ms_exporter_own {
	int is_up; /* the daemon answered */
	uint64_t scrapes, events, events_lost;
	int64_t now_ms; /* wall clock */
};

void ms_exporter_metrics_forget(struct ms_exporter_answers *answers);
/* The whole text, with its end. */
void ms_exporter_metrics_write(const struct ms_exporter_answers *answers,
			       const struct ms_exporter_own *own, struct ms_exporter_text *to);

#endif
