/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The table of two-way sessions that a test runs on. The environment names it
 * (MS_TEST_SESSION_TABLE, `lru_hash` if nothing does), so that one test can run on each of them.
 */
#ifndef MS_TESTS_BPF_TABLES_H
#define MS_TESTS_BPF_TABLES_H

#include <stdbool.h>
#include <stddef.h>

#include "bpf/dataplane.h"

/* A datapath opened with that table; fails the test if it got another one. */
struct ms_dataplane *ms_tables_open(const struct ms_dataplane_config *config, bool *ret_taken_over);

/* Puts a new two-way session in, dead or live, by user space. False = there is no room. */
bool ms_tables_put(struct ms_dataplane *dp, const struct ms_session_raw *session);

/* Entries for untagged flows of a family, dead ones among them. */
size_t ms_tables_count(struct ms_dataplane *dp, unsigned int family, bool one_way);

#endif
