/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A rule that no packet of the tests matches, of more rows than a look-up may ask, none of which it
 * could be spared: the policy that has it falls to the linear engine.
 */
#ifndef MS_TESTS_BPF_WIDE_RULE_H
#define MS_TESTS_BPF_WIDE_RULE_H

#include <stdbool.h>

#include "core/classify/image.h"
#include "core/policy/model.h"

/* Adds the rule "wide" as a document of its own. True. */
bool ms_wide_rule_add(struct ms_policy *files);
/* Did both families fall? */
bool ms_wide_rule_fell(const struct ms_image *image);

#endif
