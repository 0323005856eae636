/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One rule of the label microseg.rules as its author wrote it and where he wrote it. Pure. */
#ifndef MS_PLUGINS_DOCKER_EXCERPT_H
#define MS_PLUGINS_DOCKER_EXCERPT_H

#include <stddef.h>

/*
 * A text that has the rule of this number, from 1, in the lines and columns of `label`, which is
 * YAML, and nothing else of it. It is not to be taken for a rule: something that no rule may have
 * stands behind it, so that the host's parser refuses it in any case, first for what is wrong with
 * the rule. The caller frees it. -ENOENT: there is no such mapping; -ENOMEM.
 */
int ms_docker_excerpt_make(const char *label, size_t number, char **ret_text);
/* "LINE:COLUMN" of where the rule begins. Returns `buf`. */
const char *ms_docker_excerpt_begin(const char *text, char *buf, size_t size);

#endif
