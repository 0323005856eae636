/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/bpf/tables.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>

#include "bpf/dataplane_private.h"
#include "tests/harness/ms_check.h"

struct ms_dataplane *ms_tables_open(const struct ms_dataplane_config *config, bool *ret_taken_over)
{
	struct ms_dataplane_config wishes = *config;
	const char *name = getenv("MS_TEST_SESSION_TABLE");
	struct ms_error error = MS_ERROR_INIT;
	struct ms_dataplane *dp = NULL;

	wishes.session_table = MS_SESSION_TABLE_LRU_HASH;
	if (name && strcmp(name, "set") == 0)
		wishes.session_table = MS_SESSION_TABLE_SET;
	else
		ck_assert_msg(!name, "no session table is called %s", name);
	ck_assert_msg(ms_dataplane_open(&wishes, ret_taken_over, &dp, &error) == 0, "%s",
		      error.message);
	/* Where the kernel refuses the one, the other is used, and nothing of it tested. */
	ck_assert_str_eq(ms_dataplane_session_table_name(ms_dataplane_session_table(dp)),
			 ms_dataplane_session_table_name(wishes.session_table));
	return dp;
}

bool ms_tables_put(struct ms_dataplane *dp, const struct ms_session_raw *session)
{
	int fd = ms_dataplane_map(dp, session->family == 4 ? "ms_sess4" : "ms_sess6");
	int r;

	if (ms_dataplane_session_table(dp) == MS_SESSION_TABLE_SET)
		r = ms_dataplane_lines_put(&dp->lines, session);
	else
		r = bpf_map_update_elem(fd, &session->key, &session->value, BPF_NOEXIST);
	ck_assert(r == 0 || r == -E2BIG);
	return r == 0;
}

static size_t count_lines(struct ms_dataplane_lines *lines, bool wide)
{
	struct ms_session_raw session;
	size_t count = 0;

	ck_assert_int_eq(ms_dataplane_lines_map(lines), 0);
	for (uint32_t i = 0; i < lines->sets * MS_SET_WAYS; i++)
		count += ms_dataplane_lines_read(lines, wide, i, &session);
	return count;
}

size_t ms_tables_count(struct ms_dataplane *dp, unsigned int family, bool one_way)
{
	static const char *const maps[2][2] = { { "ms_sess4", "ms_sess6" },
						{ "ms_half4", "ms_half6" } };
	struct ms_key6 key, next; /* the larger one */
	size_t count = 0;
	int fd;

	if (ms_dataplane_session_table(dp) == MS_SESSION_TABLE_SET)
		return count_lines(one_way ? &dp->oneway : &dp->lines, family == 6);
	fd = ms_dataplane_map(dp, maps[one_way][family == 6]);
	while (bpf_map_get_next_key(fd, count ? &key : NULL, &next) == 0) {
		key = next;
		count++;
	}
	return count;
}
