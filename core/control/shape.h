/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The JSON contract's shapes that several commands share: addresses as text, times RFC 3339 UTC,
 * durations in milliseconds. Every function returns a new reference, NULL = out of memory.
 */
#ifndef MS_CORE_CONTROL_SHAPE_H
#define MS_CORE_CONTROL_SHAPE_H

#include <jansson.h>

#include "core/base/addr.h"
#include "core/control/server.h"
#include "core/manager/manager.h"

json_t *ms_control_shape_time(int64_t seconds); /* null for 0 */
json_t *ms_control_shape_time_ms(int64_t ns);   /* with milliseconds */
json_t *ms_control_shape_ms(uint64_t ns);
json_t *ms_control_shape_addr(const struct ms_addr *addr);
json_t *ms_control_shape_icmp(uint8_t proto, uint8_t type); /* name or number; null: not ICMP */
json_t *ms_control_shape_rule(const struct ms_rule *rule);  /* the language's own mapping */
const char *ms_control_shape_panic(enum ms_panic panic);
const char *ms_control_shape_mode(enum ms_mode mode); /* "policy" for MS_MODE_INHERIT */
/* {"generation","sessions_end","sessions_end_is_minimum","changes","dry_run"} */
json_t *ms_control_shape_commit(const struct ms_commit *commit, bool dry_run);

/* Sets `key`, which is stolen even on failure; NULL as value = out of memory. */
int ms_control_shape_put(json_t *object, const char *key, json_t *value);
/* Warnings of ms_policy_check(), as a list. */
struct ms_warning;
json_t *ms_control_shape_warnings(const struct ms_warning *warnings, size_t count);

#endif
