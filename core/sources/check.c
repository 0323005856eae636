/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is on disk, read as a start would, without a daemon. */
#include "core/base/cleanup.h"
#include "core/sources/private.h"
#include "core/sources/sources.h"

int ms_sources_check(const struct ms_config *config, struct ms_policy **ret_policy,
		     struct ms_error *err)
{
	struct ms_sources sources = { .config = config };
	struct ms_sources_next next = { 0 };
	int r = ms_runtime_init(&next.runtime);

	if (r == 0)
		r = ms_sources_read_directory(&sources, &next, err);
	if (r == 0)
		r = ms_sources_merge(&sources, &next, err);
	if (r == 0)
		*ret_policy = ms_take_ptr(next.merged);
	ms_sources_next_fini(&next);
	return r;
}
