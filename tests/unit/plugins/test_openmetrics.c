/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The text form that the exporter writes. */
#include <stdio.h>
#include <stdlib.h>

#include "plugins/exporter/openmetrics.h"
#include "tests/harness/ms_check.h"

START_TEST(labels_are_escaped)
{
	char *text = NULL;
	size_t length;
	FILE *to = open_memstream(&text, &length);

	ck_assert_ptr_nonnull(to);
	ms_exporter_openmetrics_family(to, "a_seconds", "gauge", "seconds", "One\\two\nthree.");
	ms_exporter_openmetrics_sample(to, "a_seconds", 9007199254740992.0, "b", "\"x\\y\n\xc3\xa4",
				       "c", "", NULL);
	ms_exporter_openmetrics_sample(to, "a_seconds", 0.25, NULL);
	ms_exporter_openmetrics_end(to);
	ck_assert_int_eq(fclose(to), 0);
	ck_assert_str_eq(text, "# TYPE a_seconds gauge\n# UNIT a_seconds seconds\n"
			       "# HELP a_seconds One\\\\two\\nthree.\n"
			       "a_seconds{b=\"\\\"x\\\\y\\n\xc3\xa4\",c=\"\"} 9007199254740992\n"
			       "a_seconds 0.25\n# EOF\n");
	free(text);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("plugins/openmetrics");
	TCase *tcase = tcase_create("openmetrics");

	tcase_add_test(tcase, labels_are_escaped);
	suite_add_tcase(suite, tcase);
	return ms_check_run(suite);
}
