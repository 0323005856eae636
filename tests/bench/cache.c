/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/bench/cache.h"

#include <stdlib.h>

#include "tests/bench/bench.h"

/* A ring of the lines that are there; the link behind the last line is where it begins. */
struct link {
	uint32_t older, newer;
	bool there;
};

struct ms_bench_cache {
	struct link *links;
	uint32_t ring, room;
};

struct ms_bench_cache *ms_bench_cache_new(uint32_t lines, uint32_t room)
{
	struct ms_bench_cache *cache = calloc(1, sizeof(*cache));

	if (cache)
		cache->links = calloc((size_t)lines + 1, sizeof(*cache->links));
	if (!cache || !cache->links)
		ms_bench_fail("out of memory");
	cache->ring = lines;
	cache->room = room;
	cache->links[lines].older = cache->links[lines].newer = lines;
	return cache;
}

struct ms_bench_cache *ms_bench_cache_free(struct ms_bench_cache *cache)
{
	if (cache)
		free(cache->links);
	free(cache);
	return NULL;
}

static void take_out(struct ms_bench_cache *cache, uint32_t line)
{
	struct link *link = &cache->links[line];

	cache->links[link->older].newer = link->newer;
	cache->links[link->newer].older = link->older;
	link->there = false;
	cache->room++;
}

static void put_newest(struct ms_bench_cache *cache, uint32_t line)
{
	struct link *ring = &cache->links[cache->ring];

	cache->links[line] = (struct link) { .older = ring->older, .newer = cache->ring, true };
	cache->links[ring->older].newer = line;
	ring->older = line;
	cache->room--;
}

bool ms_bench_cache_read(struct ms_bench_cache *cache, uint32_t line)
{
	bool was_there = cache->links[line].there;

	if (was_there)
		take_out(cache, line);
	else if (cache->room == 0)
		take_out(cache, cache->links[cache->ring].newer);
	put_newest(cache, line);
	return was_there;
}
