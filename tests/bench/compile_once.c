/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * compile_once SHAPE COUNT: compiles one made rule set, for test_compile_count.sh to count the
 * instructions of.
 */
#include <stdio.h>
#include <stdlib.h>

#include "core/classify/image.h"
#include "tests/bench/bench.h"
#include "tests/bench/rules.h"
#include "tests/bench/world.h"

int main(int argc, char **argv)
{
	struct ms_image *image = NULL;
	struct ms_bench_rules rules;
	size_t length;
	char *text;

	if (argc != 3)
		ms_bench_fail("usage: compile_once SHAPE COUNT");
	rules = ms_bench_rules_make((enum ms_bench_shape)atoi(argv[1]), strtoul(argv[2], NULL, 10),
				    1);
	text = ms_bench_rules_document(&rules, "", &length);
	if (ms_bench_world_compile(text, length, 1, MS_ENGINE_PAIRS, &image) < 0)
		ms_bench_fail("the rules do not fit");
	ms_image_free(image);
	ms_bench_rules_fini(&rules);
	free(text);
	return 0;
}
