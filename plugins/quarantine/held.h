/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Whom the plugin has put in and for how long, in a map that has room for `max` of them: forged
 * sources may be any number. Somebody whom an operator lets out counts until his time is over.
 */
#ifndef MS_PLUGINS_QUARANTINE_HELD_H
#define MS_PLUGINS_QUARANTINE_HELD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "quarantine.h"

/* Who is there already gets the new end. -E2BIG: there is no room; another -errno of the map. */
int ms_quarantine_held_add(int map_fd, const struct quarantine_case *told, uint64_t until_ns,
			   bool *ret_is_new);
void ms_quarantine_held_remove(int map_fd, const struct quarantine_case *told);
/* Forgets those whose time is over. How many are left. */
size_t ms_quarantine_held_clear(int map_fd, uint64_t now_ns);

#endif
