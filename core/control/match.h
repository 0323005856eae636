/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * MATCH, the words that narrow sessions and events: the same keys with the same values as in a
 * rule, read by the same parser, and `iface` and `rule` besides.
 */
#ifndef MS_CORE_CONTROL_MATCH_H
#define MS_CORE_CONTROL_MATCH_H

#include <jansson.h>

#include "core/base/error.h"
#include "core/event/event.h"
#include "core/policy/model.h"
#include "core/session/session.h"

struct ms_control_match {
	bool all;            /* nothing was asked */
	struct ms_rule rule; /* the rule that would have this match */
	char *iface;         /* name or glob; NULL = any */
	char *id;            /* rule id or glob; NULL = any */
};

/* `object` NULL or {} matches everything. -EINVAL with the offending word; -ENOENT for a set that
 * `policy` does not have. */
int ms_control_match_init(struct ms_control_match *match, const struct ms_policy *policy,
			  json_t *object, struct ms_error *err);
/* -EINVAL for what only packets have, and sessions do not keep. */
int ms_control_match_check_sessions(const struct ms_control_match *match, struct ms_error *err);
void ms_control_match_fini(struct ms_control_match *match);

/* `policy` has the sets that from and to may name. `rule` is the session's rule id. */
bool ms_control_match_session(const struct ms_control_match *match, const struct ms_policy *policy,
			      const struct ms_session_view *session, const char *iface,
			      const char *group, const char *rule);
bool ms_control_match_event(const struct ms_control_match *match, const struct ms_policy *policy,
			    const struct ms_event_record *record);

#endif
