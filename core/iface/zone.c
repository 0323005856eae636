/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/iface/zone.h"

#include <errno.h>
#include <stdlib.h>

#include "bpf/lib/layout.h"

enum state {
	FREE,
	TAKEN,
	RETIRED, /* while a round was under way: that round may have passed its sessions already */
	WAITING, /* a whole round will have run since it was given back */
};

struct ms_zone_pool {
	uint8_t state[MS_ZONES_MAX];
	uint16_t next; /* round robin: the longest possible time before a number comes back */
	unsigned int waiting;
};

int ms_zone_pool_new(struct ms_zone_pool **ret_pool)
{
	struct ms_zone_pool *pool = calloc(1, sizeof(*pool));

	if (!pool)
		return -ENOMEM;
	pool->next = 1;
	*ret_pool = pool;
	return 0;
}

struct ms_zone_pool *ms_zone_pool_free(struct ms_zone_pool *pool)
{
	free(pool);
	return NULL;
}

uint16_t ms_zone_pool_take(struct ms_zone_pool *pool)
{
	for (unsigned int tried = 1; tried < MS_ZONES_MAX; tried++) {
		uint16_t zone = pool->next;

		pool->next = zone == MS_ZONES_MAX - 1 ? 1 : (uint16_t)(zone + 1);
		if (pool->state[zone] == FREE) {
			pool->state[zone] = TAKEN;
			return zone;
		}
	}
	return 0;
}

bool ms_zone_pool_claim(struct ms_zone_pool *pool, uint16_t zone)
{
	if (zone == 0 || pool->state[zone] == TAKEN)
		return false;
	if (pool->state[zone] != FREE)
		pool->waiting--;
	pool->state[zone] = TAKEN;
	return true;
}

void ms_zone_pool_retire(struct ms_zone_pool *pool, uint16_t zone)
{
	if (zone == 0 || pool->state[zone] == RETIRED || pool->state[zone] == WAITING)
		return;
	pool->state[zone] = RETIRED;
	pool->waiting++;
}

void ms_zone_pool_round_done(struct ms_zone_pool *pool, bool (*saw)(void *user, uint16_t zone),
			     void *user)
{
	if (pool->waiting == 0)
		return;
	for (unsigned int zone = 1; zone < MS_ZONES_MAX; zone++) {
		if (pool->state[zone] == WAITING && !saw(user, (uint16_t)zone)) {
			pool->state[zone] = FREE;
			pool->waiting--;
		} else if (pool->state[zone] == RETIRED) {
			pool->state[zone] = WAITING;
		}
	}
}

bool ms_zone_pool_is_waiting(const struct ms_zone_pool *pool, uint16_t zone)
{
	return pool->state[zone] == RETIRED || pool->state[zone] == WAITING;
}

unsigned int ms_zone_pool_waiting(const struct ms_zone_pool *pool)
{
	return pool->waiting;
}
