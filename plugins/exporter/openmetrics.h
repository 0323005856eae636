/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The text forms of metrics: OpenMetrics 1.0, and the older one of Prometheus, 0.0.4, which knows
 * neither `info` nor units, calls a counter's family by the name of its samples and has no end.
 * Samples are the same in both. It keeps no books: the caller writes a family's samples before the
 * next family begins.
 */
#ifndef MS_EXPORTER_OPENMETRICS_H
#define MS_EXPORTER_OPENMETRICS_H

#include <stdio.h>

enum ms_exporter_form {
	MS_EXPORTER_OPENMETRICS,
	MS_EXPORTER_PLAIN,
	MS_EXPORTER_FORM__COUNT,
};

struct ms_exporter_text {
	FILE *file;
	enum ms_exporter_form form;
};

/* What a client that sends this header (NULL = none) reads best: OpenMetrics if it asks for it, by
 * name or as `application/` and a star, at no lower quality than the older form, which every
 * wildcard names too. */
enum ms_exporter_form ms_exporter_openmetrics_negotiate(const char *accept);
/* The Content-Type. */
const char *ms_exporter_openmetrics_type(enum ms_exporter_form form);

/* `type`: "counter", "gauge", "histogram", "info". `unit` is the end of the name, or NULL. */
void ms_exporter_openmetrics_family(struct ms_exporter_text *to, const char *name, const char *type,
				    const char *unit, const char *help);
/* `name` with what its type asks for, "_total", "_bucket" or "_info". Then pairs of label and value
 * up to a NULL; values may be any UTF-8. */
void ms_exporter_openmetrics_sample(struct ms_exporter_text *to, const char *name, double value,
				    ...) __attribute__((sentinel));
void ms_exporter_openmetrics_end(struct ms_exporter_text *to);

#endif
