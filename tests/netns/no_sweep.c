/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A sweep that the kernel refuses, for as long as the file named by MS_TEST_NO_SWEEP_FILE is there.
 */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/session/session.h"

int __real_ms_sweeper_step(struct ms_sweeper *sweeper, bool *ret_round_done);
int __wrap_ms_sweeper_step(struct ms_sweeper *sweeper, bool *ret_round_done);

int __wrap_ms_sweeper_step(struct ms_sweeper *sweeper, bool *ret_round_done)
{
	const char *file = getenv("MS_TEST_NO_SWEEP_FILE");

	if (file && access(file, F_OK) == 0)
		return -EIO;
	return __real_ms_sweeper_step(sweeper, ret_round_done);
}
