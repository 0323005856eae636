/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The rules everybody has: shown in `rule list` as builtin/..., overridable by a rule of the same
 * id. Judged after the failsafe, before the operator's. Pure.
 */
#ifndef MS_CORE_POLICY_BUILTIN_H
#define MS_CORE_POLICY_BUILTIN_H

#include "core/policy/model.h"

#define MS_BUILTIN_ND "builtin/nd"
#define MS_BUILTIN_DHCP "builtin/dhcp"
/* Decided in the datapath (the inner packet's session), so it has no match of its own. */
#define MS_BUILTIN_ICMP_ERROR "builtin/icmp-error"

/* That one; an operator's rule of its id is a plain rule. */
bool ms_builtin_is_icmp_error(const struct ms_rule *rule);

/* Appends the built-in rules to `policy`; dhcp is several lines of one id. -ENOMEM, and then some
 * of them may be there. */
int ms_builtin_add_rules(struct ms_policy *policy);
bool ms_builtin_is_id(const char *id);

#endif
