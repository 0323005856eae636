/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The policy of a trial: core/service/default-policy.yaml, embedded at build. */
#ifndef MS_CORE_DEFAULT_POLICY_H
#define MS_CORE_DEFAULT_POLICY_H

#include <stddef.h>

const char *ms_default_policy(size_t *ret_length);

#endif
