/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which group an interface belongs to, and whom it belongs to. Pure. */
#ifndef MS_CORE_IFACE_MATCH_H
#define MS_CORE_IFACE_MATCH_H

#include "core/policy/model.h"
#include "netlink/monitor.h"

/* A shell glob, or /ERE/ anchored at both ends. The pattern has been validated by the parser. */
bool ms_iface_match_pattern(const struct ms_pattern *pattern, const char *text);
bool ms_iface_match_selector(const struct ms_selector *selector, const struct ms_link *link);

/* The group of that name, into which `source` has put the link; NULL = the policy has no such
 * group, and nothing is explained. */
const struct ms_group_def *ms_iface_match_bound(const struct ms_policy *policy, const char *group,
						const char *source, char *explain,
						size_t explain_size);
/* The first group whose match says yes and whose exclude does not; NULL = left alone.
 * `explain`, if given, gets one sentence: which selector (with file:line), or why none. */
const struct ms_group_def *ms_iface_match_group(const struct ms_policy *policy,
						const struct ms_link *link, char *explain,
						size_t explain_size);

enum ms_side ms_iface_match_side(const struct ms_group_def *group, const struct ms_link *link);

#endif
