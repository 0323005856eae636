/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A walk over the lines of the session table `set`: meets what is there, passes by what is empty.
 */
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "bpf/dataplane_private.h"
#include "tests/bpf/private_bpffs.h"
#include "tests/harness/ms_check.h"

#define SESSIONS 65536
#define PUT_MAX 40000
#define PAGE 4096
#define STEP 4096
#define FEW 30

static struct ms_dataplane *dp;
static size_t mapped; /* bytes, since it was last set to 0 */

void *__real_mmap(void *at, size_t length, int prot, int flags, int fd, off_t offset);
void *__wrap_mmap(void *at, size_t length, int prot, int flags, int fd, off_t offset);
void *__wrap_mmap(void *at, size_t length, int prot, int flags, int fd, off_t offset)
{
	if (fd >= 0)
		mapped += length;
	return __real_mmap(at, length, prot, flags, fd, offset);
}

static void setup(void)
{
	const struct ms_dataplane_config config = {
		.pin_dir = MS_PRIVATE_BPFFS "/microseg",
		.sessions = SESSIONS,
		.half_open = 64,
		.session_table = MS_SESSION_TABLE_SET,
	};
	struct ms_error err = MS_ERROR_INIT;

	ms_private_bpffs_setup();
	ck_assert_msg(ms_dataplane_open(&config, &(bool) { false }, &dp, &err) == 0, "%s",
		      err.message);
	ck_assert_uint_eq(ms_dataplane_session_table(dp), MS_SESSION_TABLE_SET);
}

static void teardown(void)
{
	ms_dataplane_close(dp);
}

/* Number `i`, of both families by turns. */
static struct ms_session_raw make(uint32_t i)
{
	struct ms_session_raw raw = { .family = i % 2 ? 6 : 4 };

	if (raw.family == 4)
		raw.key.k4 = (struct ms_key4) { .lo = i, .proto = IPPROTO_UDP };
	else
		raw.key.k6 = (struct ms_key6) { .lo = { i }, .proto = IPPROTO_UDP };
	raw.value.epoch = 1;
	return raw;
}

static bool note(void *user, const struct ms_session_raw *raw)
{
	uint8_t *met = user;
	uint32_t i = raw->family == 4 ? raw->key.k4.lo : raw->key.k6.lo[0];

	ck_assert_uint_lt(i, PUT_MAX);
	met[i]++;
	return true;
}

static const uint32_t counts[] = { 0, 1, 2, 29, 3000, PUT_MAX };

START_TEST(a_walk_meets_what_is_there_and_maps_little_more)
{
	static uint8_t met[PUT_MAX];
	/* A step of a walk looks at STEP lines: it maps their tags, and their lines if one of them
	 * is in use. */
	size_t steps = 2 * dp->lines.sets * MS_SET_WAYS / STEP,
	       tags = 2 * dp->lines.sets * sizeof(uint64_t) + steps * 2 * PAGE,
	       of_one = STEP * sizeof(struct ms_line6) + 2 * PAGE,
	       all = dp->lines.sets * (sizeof(struct ms_lines4) + sizeof(struct ms_lines6));

	for (uint32_t i = 0; i < counts[_i]; i++) {
		struct ms_session_raw raw = make(i);

		ck_assert_int_eq(ms_dataplane_lines_put(&dp->lines, &raw), 0);
	}
	ms_dataplane_lines_unmap(&dp->lines);
	mapped = 0;
	ck_assert_int_eq(ms_dataplane_session_foreach(dp, note, met), 0);
	for (uint32_t i = 0; i < PUT_MAX; i++)
		ck_assert_msg(met[i] == (i < counts[_i]), "%u: %u times", i, met[i]);
	if (counts[_i] < FEW) {
		ck_assert_uint_le(mapped, tags + counts[_i] * of_one);
		ck_assert_uint_lt(mapped, all);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("bpf/dataplane_lines");
	TCase *tcase = tcase_create("lines");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_set_timeout(tcase, 60);
	tcase_add_loop_test(tcase, a_walk_meets_what_is_there_and_maps_little_more, 0,
			    (int)(sizeof(counts) / sizeof(counts[0])));
	suite_add_tcase(suite, tcase);
	return ms_check_run(suite);
}
