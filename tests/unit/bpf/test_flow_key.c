/* SPDX-License-Identifier: GPL-2.0-or-later */
/* bpf/lib/flow_key.h: flows that differ in a few bits only are spread over the sets as any others.
 */
#include "bpf/lib/flow_key.h"

#include <string.h>

#include "tests/harness/ms_check.h"

#define SETS (1u << 14)
#define KEYS (4 * SETS) /* the tables' load: half of the lines */
#define PREFIX 0x0000b80d01200000ull

/* IPv6 flows by number: lower address, higher one, ports. */
static void differ_in_port(__u64 *key, __u64 i)
{
	key[3] = (i >> 16) << 32;
	key[4] |= i & 0xffff;
}

static void differ_in_one_host(__u64 *key, __u64 i)
{
	key[3] = __builtin_bswap64(i);
}

/* Hosts of the same numbers in two nets. */
static void differ_in_both_hosts_alike(__u64 *key, __u64 i)
{
	key[1] = __builtin_bswap64(i);
	key[3] = __builtin_bswap64(i);
}

static void differ_in_pairs_of_hosts(__u64 *key, __u64 i)
{
	key[1] = __builtin_bswap64(i & 255);
	key[3] = __builtin_bswap64(i >> 8);
}

static void differ_in_net(__u64 *key, __u64 i)
{
	key[0] |= (i & 255) << 48;
	key[2] |= (i >> 8) << 48;
}

static void differ_in_host_and_port(__u64 *key, __u64 i)
{
	key[1] = __builtin_bswap64(i & 255);
	key[4] |= (i >> 8) << 16;
}

static void (*const patterns[])(__u64 *key, __u64 i) = {
	differ_in_port,           differ_in_one_host, differ_in_both_hosts_alike,
	differ_in_pairs_of_hosts, differ_in_net,      differ_in_host_and_port,
};

/* Keys that find eight others in the set of a hash: 0.83 % of them if each is put anywhere. */
static unsigned int crowd(unsigned char *in_set, __u32 hash)
{
	__u32 set = ms_lines_index(hash, SETS);

	return ++in_set[set] > MS_SET_WAYS;
}

START_TEST(flows_are_spread_whatever_they_differ_in)
{
	static const __u32 seeds[] = { 0, 1, 0x5bd1e995, 0xffffffff };

	for (size_t s = 0; s < sizeof(seeds) / sizeof(seeds[0]); s++) {
		static unsigned char first[SETS], second[SETS];
		unsigned int firsts = 0, seconds = 0, ways[MS_SET_WAYS] = { 0 };

		memset(first, 0, sizeof(first));
		memset(second, 0, sizeof(second));
		for (__u64 i = 0; i < KEYS; i++) {
			__u64 key[MS_LINE6_WORDS] = {
				PREFIX, 0, PREFIX, 0, 7ull << 32, (__u64)MS_KEY_WIDE6 << 32
			};
			struct ms_lines_place place;

			patterns[_i](key, i);
			place = ms_lines_place(key, 1, seeds[s]);
			firsts += crowd(first, place.first);
			seconds += crowd(second, place.second);
			ways[place.way]++;
		}
		ck_assert_uint_le(firsts, KEYS / 80);
		ck_assert_uint_le(seconds, KEYS / 80);
		for (int way = 0; way < MS_SET_WAYS; way++) {
			ck_assert_uint_ge(ways[way], KEYS / MS_SET_WAYS * 9 / 10);
			ck_assert_uint_le(ways[way], KEYS / MS_SET_WAYS * 11 / 10);
		}
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("bpf/flow_key");
	TCase *tcase = tcase_create("places");

	tcase_add_loop_test(tcase, flows_are_spread_whatever_they_differ_in, 0,
			    sizeof(patterns) / sizeof(patterns[0]));
	suite_add_tcase(suite, tcase);
	return ms_check_run(suite);
}
