/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netlink/nlerr.h"

#include <errno.h>
#include <netlink/errno.h>

#include "tests/harness/ms_check.h"

START_TEST(known_errors_keep_their_meaning)
{
	ck_assert_int_eq(ms_nlerr_errno(-NLE_PERM), -EPERM);
	ck_assert_int_eq(ms_nlerr_errno(-NLE_NOMEM), -ENOMEM);
	ck_assert_int_eq(ms_nlerr_errno(-NLE_NODEV), -ENODEV);
}
END_TEST

START_TEST(every_error_stays_an_error)
{
	for (int nle = 1; nle <= NLE_MAX + 5; nle++)
		ck_assert_int_lt(ms_nlerr_errno(-nle), 0);
}
END_TEST

START_TEST(success_is_passed_on)
{
	ck_assert_int_eq(ms_nlerr_errno(0), 0);
	ck_assert_int_eq(ms_nlerr_errno(17), 17);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("netlink/nlerr");
	TCase *tcase = tcase_create("nlerr");

	tcase_add_test(tcase, known_errors_keep_their_meaning);
	tcase_add_test(tcase, every_error_stays_an_error);
	tcase_add_test(tcase, success_is_passed_on);
	suite_add_tcase(suite, tcase);
	return ms_check_run(suite);
}
