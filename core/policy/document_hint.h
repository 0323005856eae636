/* SPDX-License-Identifier: GPL-2.0-or-later */
/* "did you mean": for a word that is none of those known. Pure. */
#ifndef MS_CORE_POLICY_DOCUMENT_HINT_H
#define MS_CORE_POLICY_DOCUMENT_HINT_H

#include <stdbool.h>
#include <stddef.h>

/* The word of `known` that was probably meant: the same in other letters, what another tool's
 * word is here, or the nearest in spelling. NULL = no idea. */
const char *ms_document_hint_find(const char *word, const char *const *known, size_t n_known);

#endif
