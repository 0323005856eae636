/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * compile_once SHAPE COUNT: compiles one made rule set, for test_compile_count.sh to count the
 * instructions of.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/cleanup.h"
#include "core/classify/compile.h"
#include "core/policy/document.h"
#include "core/policy/merge.h"
#include "tests/bench/bench.h"
#include "tests/bench/rules.h"
#include "tests/bench/world.h"

int main(int argc, char **argv)
{
	struct ms_policy *files = ms_policy_new(), *merged = NULL;
	struct ms_merge_inputs inputs = { .files = files, .now = 1 };
	struct ms_error error = MS_ERROR_INIT;
	struct ms_image *image = NULL;
	struct ms_bench_rules rules;
	size_t length;
	char *text;
	int r;

	if (argc != 3)
		ms_bench_fail("usage: compile_once SHAPE COUNT");
	rules = ms_bench_rules_make((enum ms_bench_shape)atoi(argv[1]), strtoul(argv[2], NULL, 10),
				    1);
	text = ms_bench_rules_document(&rules, "", &length);
	r = ms_document_parse("bench.yaml", text, length, MS_SOURCE_FILE, files, &error);
	if (r == 0)
		r = ms_policy_merge(&inputs, &merged, &error);
	if (r == 0)
		r = ms_compile(merged, 1, ms_bench_world_numbering(), MS_ENGINE_PAIRS, NULL, &image,
			       &error);
	if (r < 0)
		ms_bench_fail("the rules: %s", error.message);
	ms_image_free(image);
	ms_policy_free(merged);
	ms_policy_free(files);
	ms_bench_rules_fini(&rules);
	free(text);
	return 0;
}
