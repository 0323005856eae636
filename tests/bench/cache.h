/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A cache of lines, thought of: when it is full, the line goes that was not read for longest. */
#ifndef MS_TESTS_BENCH_CACHE_H
#define MS_TESTS_BENCH_CACHE_H

#include <stdbool.h>
#include <stdint.h>

struct ms_bench_cache;

/* Empty; lines have numbers below `lines`, and `room` of them have a place. */
struct ms_bench_cache *ms_bench_cache_new(uint32_t lines, uint32_t room);
struct ms_bench_cache *ms_bench_cache_free(struct ms_bench_cache *cache); /* returns NULL */
/* Whether it was there; now it is. */
bool ms_bench_cache_read(struct ms_bench_cache *cache, uint32_t line);

#endif
