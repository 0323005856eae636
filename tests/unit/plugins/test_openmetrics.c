/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The text forms that the exporter writes. */
#include <stdio.h>
#include <stdlib.h>

#include "core/base/cleanup.h"
#include "plugins/exporter/openmetrics.h"
#include "tests/harness/ms_check.h"

static const char *const written[] = {
	[MS_EXPORTER_OPENMETRICS] =
		"# TYPE a_seconds gauge\n# UNIT a_seconds seconds\n"
		"# HELP a_seconds One\\\\two\\n\\\"three\\\".\n"
		"a_seconds{b=\"\\\"x\\\\y\\n\xc3\xa4\",c=\"\"} 9007199254740992\n"
		"a_seconds 0.25\n"
		"# TYPE b_bytes counter\n# UNIT b_bytes bytes\n# HELP b_bytes B.\nb_bytes_total 1\n"
		"# TYPE c info\n# HELP c C.\nc_info{d=\"e\"} 1\n# EOF\n",
	[MS_EXPORTER_PLAIN] =
		"# TYPE a_seconds gauge\n"
		"# HELP a_seconds One\\\\two\\n\"three\".\n"
		"a_seconds{b=\"\\\"x\\\\y\\n\xc3\xa4\",c=\"\"} 9007199254740992\n"
		"a_seconds 0.25\n"
		"# TYPE b_bytes_total counter\n# HELP b_bytes_total B.\nb_bytes_total 1\n"
		"# TYPE c_info gauge\n# HELP c_info C.\nc_info{d=\"e\"} 1\n",
};

START_TEST(each_form_is_written_by_its_rules)
{
	struct ms_exporter_text to = { .form = (enum ms_exporter_form)_i };
	char *text = NULL;
	size_t length;

	to.file = open_memstream(&text, &length);
	ck_assert_ptr_nonnull(to.file);
	ms_exporter_openmetrics_family(&to, "a_seconds", "gauge", "seconds",
				       "One\\two\n\"three\".");
	ms_exporter_openmetrics_sample(&to, "a_seconds", 9007199254740992.0, "b",
				       "\"x\\y\n\xc3\xa4", "c", "", NULL);
	ms_exporter_openmetrics_sample(&to, "a_seconds", 0.25, NULL);
	ms_exporter_openmetrics_family(&to, "b_bytes", "counter", "bytes", "B.");
	ms_exporter_openmetrics_sample(&to, "b_bytes_total", 1, NULL);
	ms_exporter_openmetrics_family(&to, "c", "info", NULL, "C.");
	ms_exporter_openmetrics_sample(&to, "c_info", 1, "d", "e", NULL);
	ms_exporter_openmetrics_end(&to);
	ck_assert_int_eq(fclose(to.file), 0);
	ck_assert_str_eq(text, written[_i]);
	free(text);
}
END_TEST

static const struct {
	const char *accept;
	enum ms_exporter_form form;
} asked[] = {
	{ NULL, MS_EXPORTER_PLAIN },
	{ "", MS_EXPORTER_PLAIN },
	{ "*/*", MS_EXPORTER_PLAIN },
	{ "text/html, */*;q=0.1", MS_EXPORTER_PLAIN },
	{ "text/plain", MS_EXPORTER_PLAIN },
	{ "application/openmetrics-text", MS_EXPORTER_OPENMETRICS },
	{ "Application/OpenMetrics-Text ; charset=utf-8 ; Version=1.0.0", MS_EXPORTER_OPENMETRICS },
	{ "application/openmetrics-text; version=0.0.1", MS_EXPORTER_PLAIN },
	{ "application/openmetrics-text; version=2.0.0", MS_EXPORTER_PLAIN },
	{ "application/openmetrics-text;q=0", MS_EXPORTER_PLAIN },
	{ "text/plain, application/openmetrics-text;q=0.9", MS_EXPORTER_PLAIN },
	{ "text/plain;version=0.0.4;q=0.5,application/openmetrics-text;q=0.6",
	  MS_EXPORTER_OPENMETRICS },
	{ "application/openmetrics-textual", MS_EXPORTER_PLAIN },
	{ ",;,=,;q,", MS_EXPORTER_PLAIN },
	/* A wildcard is the older form, and what is named more closely comes before it. */
	{ "text/*", MS_EXPORTER_PLAIN },
	{ "*/*;q=0.1", MS_EXPORTER_PLAIN },
	{ "application/*", MS_EXPORTER_OPENMETRICS },
	{ "application/json", MS_EXPORTER_PLAIN },
	{ "application/openmetrics-text, */*", MS_EXPORTER_OPENMETRICS },
	{ "application/openmetrics-text;q=0.5, */*;q=0.9", MS_EXPORTER_PLAIN },
	{ "application/openmetrics-text;q=0.5, text/*;q=0.9", MS_EXPORTER_PLAIN },
	{ "text/*;q=0.2, application/*;q=0.5, */*", MS_EXPORTER_OPENMETRICS },
	{ "*/*, text/plain;q=0.1, application/openmetrics-text;q=0.5", MS_EXPORTER_OPENMETRICS },
	{ "application/openmetrics-text;q=0, application/*, */*", MS_EXPORTER_PLAIN },
	{ "text/plain;version=1.0.0, application/openmetrics-text;q=0.1", MS_EXPORTER_OPENMETRICS },
	{ "text/html,application/xml;q=0.9,*/*;q=0.8", MS_EXPORTER_PLAIN },
	/* Prometheus 2.42 and 3. */
	{ "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q="
	  "0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
	  MS_EXPORTER_OPENMETRICS },
	{ "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,application/"
	  "openmetrics-text;version=0.0.1;q=0.4,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,"
	  "text/plain;version=0.0.4;q=0.2,/;q=0.1",
	  MS_EXPORTER_OPENMETRICS },
};

START_TEST(a_client_gets_what_it_reads)
{
	ck_assert_int_eq(ms_exporter_openmetrics_negotiate(asked[_i].accept), asked[_i].form);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("plugins/openmetrics");
	TCase *tcase = tcase_create("openmetrics");

	tcase_add_loop_test(tcase, each_form_is_written_by_its_rules, 0, MS_EXPORTER_FORM__COUNT);
	tcase_add_loop_test(tcase, a_client_gets_what_it_reads, 0, ms_array_size(asked));
	suite_add_tcase(suite, tcase);
	return ms_check_run(suite);
}
