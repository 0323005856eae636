/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which of the plugins' own numbers become metrics. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plugins/exporter/metrics.h"
#include "tests/harness/ms_check.h"

/* One plugin p with so many counters by rule, then so many that are not. */
static json_t *make_shown(unsigned int by_rule, unsigned int plain)
{
	json_t *stats = json_array();

	for (unsigned int i = 0; i < by_rule + plain; i++) {
		json_t *stat = json_pack("{s:s, s:o, s:i}", "kind", "counter", "name",
					 json_sprintf("n%u", i), "value", 7);

		if (i < by_rule)
			json_object_set_new(stat, "rule", json_string("r"));
		json_array_append_new(stats, stat);
	}
	return json_pack("[{s:{s:s}, s:o}]", "entry", "name", "p", "stats", stats);
}

static char *write_text(struct ms_exporter_answers *answers)
{
	const struct ms_exporter_own own = { .is_up = 1 };
	struct ms_exporter_text to = { .form = MS_EXPORTER_OPENMETRICS };
	char *text = NULL;
	size_t length;

	answers->plugins = json_pack("{s:[]}", "plugins");
	to.file = open_memstream(&text, &length);
	ck_assert_ptr_nonnull(to.file);
	ms_exporter_metrics_write(answers, &own, &to);
	ck_assert_int_eq(fclose(to.file), 0);
	ms_exporter_metrics_forget(answers);
	return text;
}

static unsigned int count(const char *text, const char *what)
{
	unsigned int found = 0;

	for (; (text = strstr(text, what)); text += strlen(what))
		found++;
	return found;
}

static const struct {
	unsigned int rules_max, by_rule, plain;
	unsigned int told_by_rule, told_plain;
} rooms[] = {
	{ 0, 3, 2, 0, 2 },
	{ 0, 2, MS_EXPORTER_NUMBERS_MAX + 2, 0, MS_EXPORTER_NUMBERS_MAX },
	{ 2, 3, 4, 2, 4 },
	{ 9, 3, 4, 3, 4 },
};

START_TEST(numbers_of_plugins_are_bounded)
{
	struct ms_exporter_answers answers = {
		.shown = make_shown(rooms[_i].by_rule, rooms[_i].plain),
		.rules = json_pack("[{s:s}]", "id", "r"),
		.rules_max = rooms[_i].rules_max,
	};
	char left_out[64], *text = write_text(&answers);

	ck_assert_uint_eq(count(text, ",rule=\"r\"} 7\n"), rooms[_i].told_by_rule);
	ck_assert_uint_eq(count(text, ",rule=\"\"} 7\n"), rooms[_i].told_plain);
	snprintf(left_out, sizeof(left_out), "\nmicroseg_exporter_numbers_left_out %u\n",
		 rooms[_i].by_rule + rooms[_i].plain - rooms[_i].told_by_rule -
			 rooms[_i].told_plain);
	ck_assert_ptr_nonnull(strstr(text, left_out));
	free(text);
}
END_TEST

/* Who has none gets none by a plugin that counts by rule. */
START_TEST(numbers_of_a_rule_that_is_left_out_are_too)
{
	struct ms_exporter_answers answers = {
		.shown = make_shown(3, 1),
		.rules = json_pack("[{s:s}]", "id", "other"),
		.rules_max = 9,
	};
	char *text = write_text(&answers);

	ck_assert_uint_eq(count(text, "rule=\"r\""), 0);
	ck_assert_uint_eq(count(text, ",rule=\"\"} 7\n"), 1);
	ck_assert_ptr_nonnull(strstr(text, "\nmicroseg_exporter_numbers_left_out 3\n"));
	free(text);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("plugins/exporter_metrics");
	TCase *cases = tcase_create("exporter_metrics");

	tcase_add_loop_test(cases, numbers_of_plugins_are_bounded, 0,
			    (int)(sizeof(rooms) / sizeof(rooms[0])));
	tcase_add_test(cases, numbers_of_a_rule_that_is_left_out_are_too);
	suite_add_tcase(suite, cases);
	return ms_check_run(suite);
}
