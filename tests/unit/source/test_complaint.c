/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who is at fault where a transaction is refused, and what is said of it. */
#include <errno.h>
#include <string.h>

#include "core/base/cleanup.h"
#include "core/source/complaint.h"
#include "tests/harness/ms_check.h"

static const struct {
	int code;
	const char *file;
	const char *origin, *says;
} refusals[] = {
	{ -EINVAL, "docker:container web", "container web", "docker:container web:2:7: no" },
	/* What the plugin of an action makes of its arguments, whatever it calls that. */
	{ -ERANGE, "docker:container web", "container web", "docker:container web:2:7: no" },
	{ -EINVAL, "dockers:container web", NULL, "dockers:container web:2:7: no" },
	{ -EINVAL, "10-db.yaml", NULL, "10-db.yaml:2:7: no" },
	{ -ENOMEM, "docker:container web", NULL, "no" },
	{ -ENOSPC, "docker:container web", NULL, "no" },
	{ -EIO, "docker:container web", NULL, "no" },
};

START_TEST(who_is_at_fault)
{
	struct ms_error error = MS_ERROR_INIT;
	char text[256];
	const char *origin;

	ms_error_set_at(&error, refusals[_i].code, refusals[_i].file, 2, 7, "word", "no");
	origin = ms_source_complaint_origin("docker", &error);
	if (refusals[_i].origin)
		ck_assert_str_eq(origin, refusals[_i].origin);
	else
		ck_assert_ptr_null(origin);
	ms_source_complaint_error(text, sizeof(text), &error);
	ck_assert_str_eq(text, refusals[_i].says);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("source complaint");
	TCase *tcase = tcase_create("complaint");

	tcase_add_loop_test(tcase, who_is_at_fault, 0, ms_array_size(refusals));
	suite_add_tcase(suite, tcase);
	return ms_check_run(suite);
}
