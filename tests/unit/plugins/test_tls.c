/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/harness/ms_check.h"

#include "core/include/microseg/trial.h"
#include "plugins/lib/tls.h"

static const struct {
	const char *ca, *cert, *key;
	const char *says; /* NULL = it is taken */
} cases[] = {
	{ NULL, NULL, NULL, NULL },
	{ "/a.pem", NULL, NULL, NULL },
	{ NULL, "/c.pem", "/k.pem", NULL },
	{ "a.pem", NULL, NULL, "full path, and a.pem is not" },
	{ NULL, "/c.pem", "k.pem", "full path, and k.pem is not" },
	{ NULL, "/c.pem", NULL, "`cert_file` and `key_file` go together" },
	{ NULL, NULL, "/k.pem", "`cert_file` and `key_file` go together" },
};

START_TEST(files_are_full_paths_and_a_certificate_has_its_key)
{
	static struct ms_plugin_host_state host;
	struct ms_trial_value list[3];
	struct ms_plugin_values values = { list, 0 };
	struct ms_plugin_error error = { "" };
	struct ms_tls tls = { NULL, NULL, NULL };
	int r;

	ms_trial_init(&host);
	if (cases[_i].ca)
		list[values.count++] =
			(struct ms_trial_value) { .name = "ca_file", .string = cases[_i].ca };
	if (cases[_i].cert)
		list[values.count++] =
			(struct ms_trial_value) { .name = "cert_file", .string = cases[_i].cert };
	if (cases[_i].key)
		list[values.count++] =
			(struct ms_trial_value) { .name = "key_file", .string = cases[_i].key };
	r = ms_tls_read(&tls, &host.table, &values, &error);
	if (cases[_i].says) {
		ck_assert_int_eq(r, -EINVAL);
		ck_assert_ptr_nonnull(strstr(error.sentence, cases[_i].says));
	} else {
		ck_assert_int_eq(r, 0);
		ck_assert_pstr_eq(tls.ca_file, cases[_i].ca);
		ck_assert_pstr_eq(tls.cert_file, cases[_i].cert);
		ck_assert_pstr_eq(tls.key_file, cases[_i].key);
	}
	ms_tls_fini(&tls);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("tls");
	TCase *tcase = tcase_create("tls");

	tcase_add_loop_test(tcase, files_are_full_paths_and_a_certificate_has_its_key, 0,
			    (int)(sizeof(cases) / sizeof(cases[0])));
	suite_add_tcase(suite, tcase);
	return ms_check_run(suite);
}
