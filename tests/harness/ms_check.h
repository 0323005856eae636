/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One way to run a check suite: forked tests, normal output, exit status for ctest.
 *
 *	int main(void)
 *	{
 *		return ms_check_run(make_suite());
 *	}
 */
#ifndef MS_TESTS_HARNESS_MS_CHECK_H
#define MS_TESTS_HARNESS_MS_CHECK_H

#include <check.h>
#include <stdlib.h>

/* Rounds of what is there to catch the kernel, or a daemon that grows: a sanitizer sees in a tenth
 * of them all it will, and takes many times as long for each. */
#ifdef __SANITIZE_ADDRESS__
#define MS_CHECK_ROUNDS(n) ((n) / 10)
#else
#define MS_CHECK_ROUNDS(n) (n)
#endif

static inline int ms_check_run(Suite *suite)
{
	SRunner *runner = srunner_create(suite);
	int failed;

	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

#endif
