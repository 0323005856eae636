/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/classify/engine.h"

#include <inttypes.h>
#include <stdio.h>

#include "core/base/cleanup.h"

const char *ms_engine_name(enum ms_engine engine)
{
	static const char *const names[] = { "fastest", "linear", "pairs" };
	_Static_assert(ms_array_size(names) == MS_ENGINE_PAIRS + 1, "a name per engine");

	return names[engine];
}

const char *ms_engine_limit_name(enum ms_engine_limit limit)
{
	static const char *const names[] = { "", "steps", "memory", "block" };
	_Static_assert(ms_array_size(names) == MS_ENGINE_BLOCK + 1, "a name per bound");

	return names[limit];
}

const char *ms_engine_family_name(unsigned int index)
{
	static const char *const names[MS_ENGINE_FAMILIES] = { "IPv4", "IPv6" };

	return names[index];
}

char *ms_engine_describe(const struct ms_engine_choice *choices, char *buf, size_t size)
{
	const char *name4 = ms_engine_name(choices[0].engine);

	if (choices[0].engine == choices[1].engine)
		snprintf(buf, size, "%s", name4);
	else
		snprintf(buf, size, "%s for IPv4, %s for IPv6", name4,
			 ms_engine_name(choices[1].engine));
	return buf;
}

char *ms_engine_explain(const struct ms_engine_bound *bound, char *buf, size_t size)
{
	static const struct {
		const char *before, *behind; /* the number */
	} words[] = {
		[MS_ENGINE_STEPS] = { "one packet might take ", " steps" },
		[MS_ENGINE_MEMORY] = { "the tables of both families take at least ", " bytes" },
		[MS_ENGINE_BLOCK] = { "one list of rules takes ", " bytes" },
	};
	_Static_assert(ms_array_size(words) == MS_ENGINE_BLOCK + 1, "words for each bound");

	if (bound->limit == MS_ENGINE_UNLIMITED)
		snprintf(buf, size, "nothing is in the way");
	else
		snprintf(buf, size, "%s%" PRIu64 "%s, %" PRIu64 " is the bound",
			 words[bound->limit].before, bound->needed, words[bound->limit].behind,
			 bound->most);
	return buf;
}

bool ms_engine_warn(const struct ms_engine_choice *choices, unsigned int index, char *buf,
		    size_t size)
{
	const struct ms_engine_choice *choice = &choices[index];
	char why[128];

	if (choice->bound.limit == MS_ENGINE_UNLIMITED)
		return false;
	snprintf(buf, size,
		 "new flows of %s are judged slowly: its %" PRIu32
		 " rows are walked one by one, as a look-up cannot hold them (bound '%s': %s)",
		 ms_engine_family_name(index), choice->n_rows,
		 ms_engine_limit_name(choice->bound.limit),
		 ms_engine_explain(&choice->bound, why, sizeof(why)));
	return true;
}
