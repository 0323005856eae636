/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The text form of OpenMetrics 1.0: families, each with its samples behind it, and an end. It keeps
 * no books: the caller writes a family's samples before the next family begins.
 */
#ifndef MS_EXPORTER_OPENMETRICS_H
#define MS_EXPORTER_OPENMETRICS_H

#include <stdio.h>

#define MS_EXPORTER_OPENMETRICS_TYPE "application/openmetrics-text; version=1.0.0; charset=utf-8"

/* `type`: "counter", "gauge", "histogram", "info". `unit` is the end of the name, or NULL. */
void ms_exporter_openmetrics_family(FILE *to, const char *name, const char *type, const char *unit,
				    const char *help);
/* `name` with what its type asks for, "_total", "_bucket" or "_info". Then pairs of label and value
 * up to a NULL; values may be any UTF-8. */
void ms_exporter_openmetrics_sample(FILE *to, const char *name, double value, ...)
	__attribute__((sentinel));
void ms_exporter_openmetrics_end(FILE *to);

#endif
