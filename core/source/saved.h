/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a source said last, as a start finds it on disk: without the members whose time has ended
 * since, and after a reboot without numbers of processes and interfaces, which are those of one
 * boot.
 */
#ifndef MS_CORE_SOURCE_SAVED_H
#define MS_CORE_SOURCE_SAVED_H

#include <stdint.h>

#include "core/source/offer.h"
#include "core/state/state.h"

/* `*ret_saved_at` is in seconds since 1970. -ENOENT, without a sentence: nothing was saved. */
int ms_source_saved_read(struct ms_state *state, const char *name,
			 struct ms_source_offer *ret_offer, int64_t *ret_saved_at,
			 struct ms_error *err);

#endif
