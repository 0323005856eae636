/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The lists of actions of an image, as bpf/lib/chain.h finds them: by a rule's slot. */
#ifndef MS_CORE_CLASSIFY_CHAINS_H
#define MS_CORE_CLASSIFY_CHAINS_H

#include "core/classify/compile.h"

struct ms_chains;

/* Adds its tables to `image`, which is borrowed as `numbering` is; `policy` is asked for the modes
 * of its groups. NULL = out of memory. */
struct ms_chains *ms_chains_new(struct ms_image *image, const struct ms_policy *policy,
				const struct ms_numbering *numbering);
struct ms_chains *ms_chains_free(struct ms_chains *chains); /* returns NULL */

/* `rule` is borrowed until the end. -ENOSPC with a sentence if there are too many; what
 * `numbering->action` refuses; -ENOMEM. */
int ms_chains_add(struct ms_chains *chains, const struct ms_rule *rule, uint32_t slot,
		  struct ms_error *err);
/*
 * Behind the last one: all of them get their places. What runs of a rule in audit mode has one
 * behind the rule's own list, which rules that run the same share. Where there is none left nothing
 * runs then, and `image->unobserved` says of how many. -ENOMEM
 */
int ms_chains_end(struct ms_chains *chains);

#endif
