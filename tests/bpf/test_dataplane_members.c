/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What addresses are told, in the kernel's tables: whichever of them a prefix went to, the
 * datapath's own look-up finds the longest one that holds an address, as a list of them does.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>

#include "bpf/dataplane_private.h"
#include "tests/bpf/member_look_up.h"
#include "tests/bpf/private_bpffs.h"
#include "tests/harness/ms_check.h"

#define PREFIXES_MAX 300
#define ROUNDS 6000

static struct ms_dataplane *dp;
static struct {
	struct ms_cidr cidr;
	uint32_t set;
} prefixes[PREFIXES_MAX];
static size_t n_prefixes;
static uint64_t state;
static unsigned int full_percent; /* of what is to be put into ms_told4/6, what finds no room */

static uint32_t below(uint32_t limit)
{
	state = state * 6364136223846793005ull + 1442695040888963407ull;
	return (uint32_t)((state >> 32) * limit >> 32);
}

static int told_fd(unsigned int family)
{
	return ms_dataplane_map(dp, family == 4 ? "ms_told4" : "ms_told6");
}

int __real_bpf_map_update_elem(int fd, const void *key, const void *value, __u64 flags);
int __wrap_bpf_map_update_elem(int fd, const void *key, const void *value, __u64 flags);

/* As a full table: what is there is changed for all that, unless the kernel is short of memory. */
int __wrap_bpf_map_update_elem(int fd, const void *key, const void *value, __u64 flags)
{
	if (dp && (fd == told_fd(4) || fd == told_fd(6)) && below(100) < full_percent) {
		struct ms_member_sets there;
		bool is_there = bpf_map_lookup_elem(fd, key, &there) == 0;

		if (!is_there && flags == BPF_NOEXIST)
			return -E2BIG;
		if (is_there && flags == BPF_EXIST)
			return -ENOMEM;
	}
	return __real_bpf_map_update_elem(fd, key, value, flags);
}

static bool read_table(const char *table, const void *key, struct ms_member_sets *ret_sets)
{
	return bpf_map_lookup_elem(ms_dataplane_map(dp, table), key, ret_sets) == 0;
}

static void setup(void)
{
	const struct ms_dataplane_config config = {
		.pin_dir = MS_PRIVATE_BPFFS "/microseg",
		.sessions = 1024,
		.half_open = 512,
	};
	struct ms_error err = MS_ERROR_INIT;
	bool taken_over;

	ms_private_bpffs_setup();
	ck_assert_msg(ms_dataplane_open(&config, &taken_over, &dp, &err) == 0, "%s", err.message);
	n_prefixes = 0;
	full_percent = 0;
	state = 20261130;
}

static void teardown(void)
{
	ms_dataplane_close(dp);
	dp = NULL;
}

/* Few bits, so that many hold each other; of each length something now and then, of two mostly. */
static struct ms_cidr draw(void)
{
	struct ms_cidr drawn = { .addr.family = below(2) ? 4 : 6 };
	unsigned int bits = drawn.addr.family == 4 ? 32 : 128, kind = below(8);

	drawn.len = (uint8_t)(kind < 4 ? bits : kind < 6 ? bits - 4 : below(bits + 1));
	for (unsigned int bit = 0; bit < drawn.len; bit++)
		if (below(16) == 0)
			drawn.addr.bytes[bit / 8] |= (uint8_t)(0x80 >> bit % 8);
	return drawn;
}

static size_t find(const struct ms_cidr *cidr)
{
	for (size_t i = 0; i < n_prefixes; i++)
		if (ms_cidr_compare(&prefixes[i].cidr, cidr) == 0)
			return i;
	return n_prefixes;
}

static void put(const struct ms_cidr *cidr, uint32_t set)
{
	const struct ms_member_sets sets = { .count = 1, .of = { { .set = set } } };
	size_t at = find(cidr);

	ck_assert_int_eq(ms_dataplane_member_put(dp, cidr, &sets), 0);
	prefixes[at].cidr = *cidr;
	prefixes[at].set = set;
	n_prefixes += at == n_prefixes;
}

static void take_out(const struct ms_cidr *cidr)
{
	size_t at = find(cidr);

	ck_assert_int_eq(ms_dataplane_member_remove(dp, cidr), at < n_prefixes ? 0 : -ENOENT);
	if (at < n_prefixes)
		prefixes[at] = prefixes[--n_prefixes];
}

/* The set that is named to an address within `cidr`, its own end at random; 0 = none. */
static void expect_longest(const struct ms_cidr *cidr)
{
	unsigned int bits = cidr->addr.family == 4 ? 32 : 128;
	struct ms_member_sets said = { .count = 0 };
	struct ms_cidr address = *cidr;
	const struct ms_cidr *longest = NULL;
	uint32_t set = 0;

	for (unsigned int bit = cidr->len; bit < bits; bit++)
		address.addr.bytes[bit / 8] |= (uint8_t)(below(4) ? 0 : 0x80 >> bit % 8);
	address.len = (uint8_t)bits;
	for (size_t i = 0; i < n_prefixes; i++) {
		if (ms_cidr_covers(&prefixes[i].cidr, &address) &&
		    (!longest || longest->len < prefixes[i].cidr.len)) {
			longest = &prefixes[i].cidr;
			set = prefixes[i].set;
		}
	}
	ck_assert_int_eq(ms_member_look_up(dp->asked, read_table, cidr->addr.family,
					   address.addr.bytes, &said),
			 set != 0);
	ck_assert_uint_eq(said.of[0].set, set);
}

/* With room for all, and with hardly any. */
START_TEST(the_longest_prefix_is_found_in_whichever_table)
{
	full_percent = (unsigned int)_i * 45;
	for (unsigned int round = 0; round < ROUNDS; round++) {
		struct ms_cidr cidr = n_prefixes && below(2)
					      ? prefixes[below((uint32_t)n_prefixes)].cidr
					      : draw();

		/* At times down to nothing: a length is another one's then. */
		if (n_prefixes == PREFIXES_MAX || below(round / 500 % 2 ? 4 : 3) < 2)
			take_out(&cidr);
		else
			put(&cidr, 1 + below(1000));
		expect_longest(&cidr);
		if (n_prefixes)
			expect_longest(&prefixes[below((uint32_t)n_prefixes)].cidr);
	}
	ck_assert_int_eq(ms_dataplane_members_clear(dp), 0);
	ck_assert_uint_eq(dp->asked->lengths[0] | dp->asked->lengths[1], 0);
	n_prefixes = 0;
	for (unsigned int i = 0; i < 100; i++) {
		struct ms_cidr cidr = draw();

		expect_longest(&cidr);
	}
}
END_TEST

/* Packets do not look where nothing is. */
START_TEST(tables_without_anything_are_not_asked)
{
	struct ms_cidr single, wide;

	ck_assert(ms_cidr_parse("10.0.0.1", &single) && ms_cidr_parse("10.0.0.0/8", &wide));
	put(&single, 1);
	ck_assert_uint_eq(dp->asked->lengths[0], 32);
	put(&wide, 2);
	ck_assert_uint_eq(dp->asked->lengths[0], 32 | 8 << 8);
	take_out(&single);
	ck_assert_uint_eq(dp->asked->lengths[0], 8 << 8);
	ck_assert(ms_cidr_parse("10.0.0.0/9", &single));
	put(&single, 3);
	ck_assert_uint_eq(dp->asked->lengths[0], 8 << 8 | 10 << 16);
	take_out(&single);
	take_out(&wide);
	ck_assert_uint_eq(dp->asked->lengths[0], 0);
	ck_assert_uint_eq(dp->asked->lengths[1], 0);
}
END_TEST

/* Two of them could be more than a reader sees. */
START_TEST(each_write_is_counted_before_it_is_done)
{
	uint32_t before = dp->asked->writes;
	struct ms_cidr cidr;

	ck_assert(ms_cidr_parse("10.0.0.1", &cidr));
	put(&cidr, 1);
	ck_assert_uint_eq(dp->asked->writes, before + 1);
	put(&cidr, 2); /* found there, and replaced */
	ck_assert_uint_eq(dp->asked->writes, before + 3);
	take_out(&cidr);
	ck_assert_uint_eq(dp->asked->writes, before + 4);
}
END_TEST

static Suite *make_suite(void)
{
	Suite *suite = suite_create("dataplane_members");
	TCase *tcase = tcase_create("members");

	tcase_set_timeout(tcase, 120);
	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_loop_test(tcase, the_longest_prefix_is_found_in_whichever_table, 0, 3);
	tcase_add_test(tcase, tables_without_anything_are_not_asked);
	tcase_add_test(tcase, each_write_is_counted_before_it_is_done);
	suite_add_tcase(suite, tcase);
	return suite;
}

int main(void)
{
	return ms_check_run(make_suite());
}
