/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The pool of zones: the 16-bit identities that session keys carry. A zone given back is not given
 * out again before a whole sweep, begun after it came back, met no session with it. Pure.
 */
#ifndef MS_CORE_IFACE_ZONE_H
#define MS_CORE_IFACE_ZONE_H

#include <stdbool.h>
#include <stdint.h>

struct ms_zone_pool;

int ms_zone_pool_new(struct ms_zone_pool **ret_pool);
struct ms_zone_pool *ms_zone_pool_free(struct ms_zone_pool *pool); /* returns NULL */

/* 0 = none left: every zone is in use or still waited for. */
uint16_t ms_zone_pool_take(struct ms_zone_pool *pool);
/* Takes this very zone, for interfaces found protected at start. False if it is taken already. */
bool ms_zone_pool_claim(struct ms_zone_pool *pool, uint16_t zone);
/* Given back, or found in a session of nobody's at start: waits for a clean sweep. */
void ms_zone_pool_retire(struct ms_zone_pool *pool, uint16_t zone);
/* A sweep round has ended and another begins. `saw` tells whether it met a session of a zone. */
void ms_zone_pool_round_done(struct ms_zone_pool *pool, bool (*saw)(void *user, uint16_t zone),
			     void *user);
/* Is this zone given back and not free yet? Then no packet can be judged in it any more. */
bool ms_zone_pool_is_waiting(const struct ms_zone_pool *pool, uint16_t zone);
unsigned int ms_zone_pool_waiting(const struct ms_zone_pool *pool);

#endif
