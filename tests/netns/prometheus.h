/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A real Prometheus on loopback of the test's namespace, and what it says. */
#ifndef MS_TESTS_NETNS_PROMETHEUS_H
#define MS_TESTS_NETNS_PROMETHEUS_H

#include <stdbool.h>
#include <sys/types.h>

/* Scrapes `target` ("127.0.0.1:9477") as job `microseg`, twice a second. Ends with the test, or by
 * ms_proc_end(). */
pid_t ms_prometheus_start(const char *target);
/* Whether the first result of the query has this value now. */
bool ms_prometheus_says(const char *query, const char *value);
/* Waits for it; fails the test if it never has. */
void ms_prometheus_expect(const char *query, const char *value);
/* What kind of metric it took the family for. Only a reader of OpenMetrics finds a unit. */
void ms_prometheus_expect_metadata(const char *family, const char *type, const char *unit);

#endif
