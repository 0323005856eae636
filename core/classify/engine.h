/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which engine holds the rows of each family, and where the look-up was wanted and could not hold
 * them, the bound that was in the way. Pure.
 */
#ifndef MS_CORE_CLASSIFY_ENGINE_H
#define MS_CORE_CLASSIFY_ENGINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum ms_engine {
	MS_ENGINE_FASTEST, /* asked for, never chosen: the one that is fastest for each family */
	MS_ENGINE_LINEAR,  /* rows are walked */
	MS_ENGINE_PAIRS,   /* rows are looked up */
};

/* What bounds the pairs engine (bpf/lib/blocks.h). */
enum ms_engine_limit {
	MS_ENGINE_UNLIMITED,
	MS_ENGINE_STEPS,  /* that the look-up may take for one packet */
	MS_ENGINE_MEMORY, /* bytes of the tables of both families */
	MS_ENGINE_BLOCK,  /* bytes of one run or node */
};

struct ms_engine_bound {
	enum ms_engine_limit limit; /* MS_ENGINE_UNLIMITED = none was in the way */
	uint64_t most, needed;      /* of STEPS exact, of the others needed at least */
};

struct ms_engine_choice {
	enum ms_engine engine;
	uint32_t n_rows;
	struct ms_engine_bound bound; /* why `engine` is not the faster one */
};

/* One for each family: IPv4, IPv6. */
#define MS_ENGINE_FAMILIES 2
#define MS_ENGINE_NAMES 40     /* bytes that all the names take */
#define MS_ENGINE_SENTENCE 384 /* bytes that a sentence takes */

const char *ms_engine_name(enum ms_engine engine);
const char *ms_engine_limit_name(enum ms_engine_limit limit);
const char *ms_engine_family_name(unsigned int index); /* "IPv4", "IPv6" */
/* "linear", "pairs", or which of them for which family. Returns `buf`. */
char *ms_engine_describe(const struct ms_engine_choice *choices, char *buf, size_t size);
/* "one packet might take 9000 steps, 8192 is the bound". Returns `buf`. */
char *ms_engine_explain(const struct ms_engine_bound *bound, char *buf, size_t size);
/* The sentence of a family that is slower than it was meant to be. False: it is not. */
bool ms_engine_warn(const struct ms_engine_choice *choices, unsigned int index, char *buf,
		    size_t size);

#endif
