/* SPDX-License-Identifier: GPL-2.0-or-later */
/* microsegctl as a person runs it, with its answers as JSON. Failures fail the test. */
#ifndef MS_TESTS_HARNESS_CTL_H
#define MS_TESTS_HARNESS_CTL_H

#include <jansson.h>

#include "tests/harness/proc.h"

/* Runs `microsegctl -o json ARGS... NULL`; must exit 0. Result: what it printed, one object a line,
 * as a new array. */
json_t *ms_ctl(const struct ms_proc *daemon, ...) __attribute__((sentinel));
/* The same when only the success matters. */
void ms_ctl_do(const struct ms_proc *daemon, ...) __attribute__((sentinel));
/* Its exit status; `ret_text` (of `size`) gets both of its outputs. */
int ms_ctl_status(const struct ms_proc *daemon, char *ret_text, size_t size, ...)
	__attribute__((sentinel));

/* Value at a path like "applied.generation" or "sessions.0.rule"; fails if absent. Borrowed. */
json_t *ms_ctl_at(json_t *object, const char *path);
json_int_t ms_ctl_int(json_t *object, const char *path);
const char *ms_ctl_text(json_t *object, const char *path);

/* The first item of the lists named `plural` (over all lines of an answer; a line without such a
 * list is itself an item) whose `key` has this text; NULL = none. Borrowed. */
json_t *ms_ctl_find(json_t *lines, const char *plural, const char *key, const char *text);
/* How many such items; `key` NULL = all. */
size_t ms_ctl_count(json_t *lines, const char *plural, const char *key, const char *text);

#define MS_CTL_ID 64

/* `rule add ARGS... NULL`; writes the new rule's id. */
void ms_ctl_rule_add(const struct ms_proc *daemon, char ret_id[MS_CTL_ID], ...)
	__attribute__((sentinel));
void ms_ctl_rule_del(const struct ms_proc *daemon, const char *id);
/* Packets that this rule (also "default/GROUP/in" ...) has decided, those in live sessions too. */
json_int_t ms_ctl_rule_packets(const struct ms_proc *daemon, const char *id);
/* Has one of the problems that `status` names this in its text? */
bool ms_ctl_has_problem(const struct ms_proc *daemon, const char *part);
/* A number of `stats`. */
json_int_t ms_ctl_stat(const struct ms_proc *daemon, const char *name);
/* The newest event of this rule and verdict; waits for it, fails if none comes. New reference. */
json_t *ms_ctl_event(const struct ms_proc *daemon, const char *rule, const char *verdict);
/* The same, the newest for this reason. */
json_t *ms_ctl_event_for(const struct ms_proc *daemon, const char *rule, const char *verdict,
			 const char *reason);
/* Waits until the interface is in this state, e.g. "protected"; fails if it does not get there. */
void ms_ctl_wait_iface(const struct ms_proc *daemon, const char *name, const char *state);
/* `iface show NAME`. New reference. */
json_t *ms_ctl_iface(const struct ms_proc *daemon, const char *name);

#endif
