/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The control word and the tables behind it, written and read back through a real kernel. */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>

#include "bpf/dataplane_private.h"
#include "bpf/lib/rules.h"
#include "core/classify/image.h"
#include "tests/bpf/private_bpffs.h"
#include "tests/harness/ms_check.h"

static struct ms_dataplane *dp;

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
}

static void teardown(void)
{
	ms_dataplane_close(dp);
}

/* ---- control word ---- */

START_TEST(a_publish_shows_half_generation_and_a_new_epoch)
{
	struct ms_control before = ms_dataplane_control(dp), after;
	unsigned int half = 9;

	ck_assert_uint_eq(before.epoch, 1);
	ck_assert_uint_eq(before.half, 0);
	ck_assert_uint_gt(before.tick_us, 0);
	ck_assert_int_eq(ms_dataplane_idle_half(dp, &half), 0);
	ck_assert_uint_eq(half, 1);
	ms_dataplane_publish(dp, half, 41);
	after = ms_dataplane_control(dp);
	ck_assert_uint_eq(after.epoch, 2);
	ck_assert_uint_eq(after.half, 1);
	ck_assert_uint_eq(after.generation, 41);
	ck_assert_int_eq(ms_dataplane_idle_half(dp, &half), 0);
	ck_assert_uint_eq(half, 0);
	ms_dataplane_publish(dp, half, 42);
	ck_assert_uint_eq(ms_dataplane_epoch_generation(dp, 1), 0);
	ck_assert_uint_eq(ms_dataplane_epoch_generation(dp, 2), 41);
	ck_assert_uint_eq(ms_dataplane_epoch_generation(dp, 3), 42);
	ck_assert_uint_eq(ms_dataplane_epoch_generation(dp, 4), 0);
	ms_dataplane_bump_epoch(dp);
	ck_assert_uint_eq(ms_dataplane_control(dp).half, 0);
	ck_assert_uint_eq(ms_dataplane_epoch_generation(dp, 4), 42);
}
END_TEST

START_TEST(an_epoch_is_remembered_until_its_place_is_needed)
{
	ms_dataplane_publish(dp, 1, 41); /* epoch 2 */
	for (unsigned int i = 0; i < MS_EPOCHS_MAX - 1; i++)
		ms_dataplane_bump_epoch(dp);
	ck_assert_uint_eq(ms_dataplane_epoch_generation(dp, 2), 41);
	ms_dataplane_publish(dp, 0, 43);
	ck_assert_uint_eq(ms_dataplane_epoch_generation(dp, 2), 0);
	ck_assert_uint_eq(ms_dataplane_epoch_generation(dp, 2 + MS_EPOCHS_MAX), 43);
}
END_TEST

START_TEST(epochs_skip_the_numbers_that_mean_something)
{
	ck_assert_uint_eq(ms_dataplane_next_epoch(1), 2);
	ck_assert_uint_eq(ms_dataplane_next_epoch(MS_EPOCH_HELD - 2), MS_EPOCH_HELD - 1);
	ck_assert_uint_eq(ms_dataplane_next_epoch(MS_EPOCH_HELD - 1), 1);
	dp->control->epoch = MS_EPOCH_HELD - 1;
	ms_dataplane_bump_epoch(dp);
	ck_assert_uint_eq(ms_dataplane_control(dp).epoch, 1);
}
END_TEST

START_TEST(panic_keeps_the_half_and_bumps_the_epoch)
{
	ms_dataplane_publish(dp, 1, 41);
	ms_dataplane_set_panic(dp, MS_PANIC_CLOSED);
	ck_assert_uint_eq(ms_dataplane_control(dp).panic, MS_PANIC_CLOSED);
	ck_assert_uint_eq(ms_dataplane_control(dp).half, 1);
	ck_assert_uint_eq(ms_dataplane_control(dp).epoch, 3);
	ms_dataplane_publish(dp, 0, 42); /* a commit does not end a panic */
	ck_assert_uint_eq(ms_dataplane_control(dp).panic, MS_PANIC_CLOSED);
	ms_dataplane_set_panic(dp, MS_PANIC_OFF);
	ck_assert_uint_eq(ms_dataplane_control(dp).panic, MS_PANIC_OFF);
}
END_TEST

static atomic_bool stop;
static atomic_uint looks, torn;

/* What a packet does: one load. Half and epoch are published in step, so their parities agree. */
static void *look_at_word(void *user)
{
	(void)user;
	while (!atomic_load(&stop)) {
		union ms_control_word word;

		word.word = __atomic_load_n((const uint64_t *)dp->control, __ATOMIC_RELAXED);
		if (word.half != (word.epoch & 1))
			atomic_fetch_add(&torn, 1);
		atomic_fetch_add(&looks, 1);
	}
	return NULL;
}

START_TEST(a_publish_is_one_store)
{
	pthread_t reader;
	unsigned int before;

	ms_dataplane_publish(dp, 0, 1); /* epoch 2 */
	ck_assert_int_eq(pthread_create(&reader, NULL, look_at_word, NULL), 0);
	while (atomic_load(&looks) == 0)
		;
	before = atomic_load(&looks);
	for (unsigned int i = 1; i <= 200000 || atomic_load(&looks) < before + 100000; i++)
		ms_dataplane_publish(dp, i & 1, i);
	atomic_store(&stop, true);
	pthread_join(reader, NULL);
	ck_assert_uint_eq(atomic_load(&torn), 0);
}
END_TEST

START_TEST(timeouts_are_stored_in_ticks)
{
	uint64_t timeouts_ns[MS_TIMEOUT__COUNT];

	for (unsigned int i = 0; i < MS_TIMEOUT__COUNT; i++)
		timeouts_ns[i] = (i + 1) * 1000000000ull;
	ms_dataplane_set_timeouts(dp, timeouts_ns);
	for (unsigned int i = 0; i < MS_TIMEOUT__COUNT; i++)
		ck_assert_uint_eq(ms_dataplane_control(dp).timeouts[i],
				  ms_dataplane_ns_to_ticks(dp, timeouts_ns[i]));
}
END_TEST

START_TEST(the_tick_is_the_kernel_s)
{
	/* The kernel's clock, read between two of ours. */
	uint32_t before = ms_dataplane_tick_now(dp), zero = 0, after;
	struct ms_clock_io io;

	ck_assert_int_eq(ms_dataplane_run(ms_dataplane_find_program(dp, "ms_clock"), NULL, 0), 0);
	after = ms_dataplane_tick_now(dp);
	ck_assert_int_eq(bpf_map_lookup_elem(ms_dataplane_map(dp, "ms_clock_io"), &zero, &io), 0);
	ck_assert_int_ge((int32_t)((uint32_t)(io.jiffies >> MS_TICK_SHIFT) - before), -1);
	ck_assert_int_le((int32_t)((uint32_t)(io.jiffies >> MS_TICK_SHIFT) - after), 1);
}
END_TEST

START_TEST(a_grace_period_has_an_end_on_any_kernel)
{
	ck_assert_int_eq(ms_dataplane_wait_grace(), 0);
	ck_assert_int_eq(ms_dataplane_wait_grace_by_map(), 0);
}
END_TEST

/* ---- policy ---- */

static struct ms_image *make_image(void)
{
	struct ms_image *image = calloc(1, sizeof(*image));

	ck_assert_ptr_nonnull(image);
	image->groups[5] = (struct ms_group) { .mode = MS_MODE_AUDIT, .slot = { 3, 4 } };
	image->failsafe[1] = (struct ms_failsafe) { .proto = 6, .slot = 8 };
	image->tables[0] = (struct ms_image_table) {
		.map = "ms_decisions",
		.capacity = MS_DECISIONS,
		.row_size = sizeof(struct ms_decision),
		.n_rows = 3,
		.rows = calloc(3, sizeof(struct ms_decision)),
	};
	image->n_tables = 1;
	((struct ms_decision *)image->tables[0].rows)[2].slot = 77;
	return image;
}

static void free_image(struct ms_image *image)
{
	free(image->tables[0].rows);
	free(image);
}

START_TEST(an_image_goes_into_its_half_only)
{
	struct ms_image *image = make_image();
	struct ms_error err = MS_ERROR_INIT;
	struct ms_group group;
	struct ms_failsafe failsafe;
	struct ms_decision decision;
	uint32_t key = MS_FAILSAFE_MAX + 1;

	ck_assert_int_eq(ms_dataplane_load_image(dp, 1, image, &err), 0);
	ck_assert_int_eq(ms_dataplane_get_group(dp, 1, 5, &group), 0);
	ck_assert_mem_eq(&group, &image->groups[5], sizeof(group));
	ck_assert_int_eq(ms_dataplane_get_group(dp, 0, 5, &group), 0);
	ck_assert_uint_eq(group.mode, 0);
	ck_assert_int_eq(bpf_map_lookup_elem(ms_dataplane_map(dp, "ms_failsafe"), &key, &failsafe),
			 0);
	ck_assert_uint_eq(failsafe.slot, 8);
	key = MS_DECISIONS + 2;
	ck_assert_int_eq(bpf_map_lookup_elem(ms_dataplane_map(dp, "ms_decisions"), &key, &decision),
			 0);
	ck_assert_uint_eq(decision.slot, 77);
	key = 2;
	ck_assert_int_eq(bpf_map_lookup_elem(ms_dataplane_map(dp, "ms_decisions"), &key, &decision),
			 0);
	ck_assert_uint_eq(decision.slot, 0);
	free_image(image);
}
END_TEST

START_TEST(an_image_that_does_not_fit_is_refused_with_a_sentence)
{
	struct ms_image *image = make_image();
	struct ms_error err = MS_ERROR_INIT;

	image->tables[0].n_rows = MS_DECISIONS + 1;
	ck_assert_int_eq(ms_dataplane_load_image(dp, 1, image, &err), -ENOSPC);
	ck_assert_ptr_nonnull(strstr(err.message, "ms_decisions"));
	image->tables[0].n_rows = 3;
	image->tables[0].row_size = 4;
	ck_assert_int_eq(ms_dataplane_load_image(dp, 1, image, NULL), -EPROTO);
	image->tables[0].map = "ms_nonsense";
	ck_assert_int_lt(ms_dataplane_load_image(dp, 1, image, NULL), 0);
	free_image(image);
}
END_TEST

START_TEST(a_group_s_line_can_be_changed_alone)
{
	struct ms_group line = { .mode = MS_MODE_ENFORCE, .panic = MS_PANIC_OPEN }, back;

	ck_assert_int_eq(ms_dataplane_set_group(dp, 1, 255, &line), 0);
	ck_assert_int_eq(ms_dataplane_get_group(dp, 1, 255, &back), 0);
	ck_assert_mem_eq(&back, &line, sizeof(line));
	ck_assert_int_eq(ms_dataplane_set_group(dp, 0, MS_GROUPS_MAX, &line), -ERANGE);
}
END_TEST

/* ---- sets ---- */

struct member {
	uint32_t set;
	const char *cidr;
	uint32_t expires;
	unsigned int seen;
};

static struct member members[] = {
	{ 1, "10.0.0.0/8", 0, 0 },       { 1, "10.1.2.3", 500, 0 }, { 2, "10.0.0.0/8", 7, 0 },
	{ 1, "2001:db8::/32", 0, 0 },    { 2, "::1", 9, 0 },        { 3, "0.0.0.0/0", 0, 0 },
	{ 70000, "192.0.2.7", 1234, 0 }, { 3, "::/0", 0, 0 },
};
#define N_MEMBERS (sizeof(members) / sizeof(members[0]))

static bool note_member(void *user, uint32_t set, const struct ms_cidr *member,
			uint32_t expires_tick)
{
	char text[MS_CIDR_TEXT];

	ms_cidr_format(member, text, sizeof(text));
	for (size_t i = 0; i < N_MEMBERS; i++) {
		if (members[i].set == set && strcmp(members[i].cidr, text) == 0 &&
		    members[i].expires == expires_tick)
			members[i].seen++;
	}
	return --*(unsigned int *)user > 0;
}

static struct ms_cidr cidr(const char *text)
{
	struct ms_cidr parsed;

	ck_assert(ms_cidr_parse(text, &parsed));
	return parsed;
}

START_TEST(set_members_come_back_as_they_were_stored)
{
	unsigned int limit = 1000;
	struct ms_cidr one;

	for (size_t i = 0; i < N_MEMBERS; i++) {
		one = cidr(members[i].cidr);
		ck_assert_int_eq(ms_dataplane_set_add(dp, members[i].set, &one, 1, 1), 0);
		/* Again, with its real expiry. */
		ck_assert_int_eq(ms_dataplane_set_add(dp, members[i].set, &one, members[i].expires,
						      members[i].expires),
				 0);
	}
	ck_assert_int_eq(ms_dataplane_set_foreach(dp, note_member, &limit), 0);
	ck_assert_uint_eq(limit, 1000 - N_MEMBERS);
	for (size_t i = 0; i < N_MEMBERS; i++)
		ck_assert_uint_eq(members[i].seen, 1);

	one = cidr("10.0.0.0/8");
	ck_assert_int_eq(ms_dataplane_set_remove(dp, 1, &one), 0);
	ck_assert_int_eq(ms_dataplane_set_remove(dp, 1, &one), -ENOENT);
	limit = 1000;
	ck_assert_int_eq(ms_dataplane_set_foreach(dp, note_member, &limit), 0);
	ck_assert_uint_eq(members[0].seen, 1);
	ck_assert_uint_eq(members[2].seen, 2); /* another set's twin stays */
	limit = 3;
	ck_assert_int_eq(ms_dataplane_set_foreach(dp, note_member, &limit), 0);
	ck_assert_uint_eq(limit, 0);
}
END_TEST

/* ---- interfaces ---- */

START_TEST(interfaces_have_a_line_each)
{
	static const uint32_t indexes[] = { 1, MS_IFACES_MAX - 1, MS_IFACES_MAX, 4000000000u };
	struct ms_iface line = { .ifindex = indexes[_i], .zone = 7, .group = { 1, 2 } }, back;

	ck_assert_int_eq(ms_dataplane_get_iface(dp, line.ifindex, &back), -ENOENT);
	ck_assert_int_eq(ms_dataplane_remove_iface(dp, line.ifindex), -ENOENT);
	ck_assert_int_eq(ms_dataplane_put_iface(dp, &line), 0);
	ck_assert_int_eq(ms_dataplane_get_iface(dp, line.ifindex, &back), 0);
	ck_assert_mem_eq(&back, &line, sizeof(line));
	ck_assert_int_eq(ms_dataplane_remove_iface(dp, line.ifindex), 0);
	ck_assert_int_eq(ms_dataplane_get_iface(dp, line.ifindex, &back), -ENOENT);
	line.ifindex = 0;
	ck_assert_int_eq(ms_dataplane_put_iface(dp, &line), -EINVAL);
}
END_TEST

/* ---- slots and counters ---- */

static bool note_slot(void *user, uint32_t slot, const struct ms_slot_name *name)
{
	uint32_t *sum = user;

	ck_assert_str_eq(name->source, "file");
	*sum += slot;
	return true;
}

START_TEST(a_slot_s_next_owner_starts_at_zero)
{
	struct ms_slot_name name = { .rule = "a", .origin = "x.yaml:1", .source = "file" };
	struct ms_slot_meta meta = { .hits = 3, .last_hit = 4 }, meta_back;
	struct ms_slot_log log = { .sent = 5, .suppressed = 6, .again = 30, .last_again = 7 };
	struct ms_slot_count *counts = calloc(dp->n_cpus, sizeof(*counts)), count;
	uint32_t slot = 9, sum = 0;

	ck_assert_ptr_nonnull(counts);
	counts[0].packets = (uint64_t)-3; /* folded on another CPU than it was counted on */
	counts[dp->n_cpus - 1].packets += 10;
	counts[0].bytes = 100;
	ck_assert_int_eq(ms_dataplane_put_slot(dp, slot, &name), 0);
	ck_assert_int_eq(ms_dataplane_put_slot(dp, 1000, &name), 0);
	ck_assert_int_eq(ms_dataplane_put_slot(dp, MS_SLOTS_MAX, &name), -ERANGE);
	bpf_map_update_elem(ms_dataplane_map(dp, "ms_slotcnt"), &slot, counts, BPF_ANY);
	bpf_map_update_elem(ms_dataplane_map(dp, "ms_slotmeta"), &slot, &meta, BPF_ANY);
	bpf_map_update_elem(ms_dataplane_map(dp, "ms_slotlog"), &slot, &log, BPF_ANY);
	ck_assert_int_eq(ms_dataplane_slot_count(dp, slot, &count, &meta_back), 0);
	ck_assert_uint_eq(count.packets, 7);
	ck_assert_uint_eq(count.bytes, 100);
	/* Those that were denied again are hits, too, and the later one is the last. */
	ck_assert_uint_eq(meta_back.hits, 33);
	ck_assert_uint_eq(meta_back.last_hit, 7);
	meta.last_hit = 8;
	bpf_map_update_elem(ms_dataplane_map(dp, "ms_slotmeta"), &slot, &meta, BPF_ANY);
	ck_assert_int_eq(ms_dataplane_slot_count(dp, slot, &count, &meta_back), 0);
	ck_assert_uint_eq(meta_back.last_hit, 8);
	ck_assert_int_eq(ms_dataplane_slot_foreach(dp, note_slot, &sum), 0);
	ck_assert_uint_eq(sum, 1009);

	ck_assert_int_eq(ms_dataplane_remove_slot(dp, slot), 0);
	ck_assert_int_eq(ms_dataplane_get_slot(dp, slot, &name), -ENOENT);
	ck_assert_int_eq(ms_dataplane_slot_count(dp, slot, &count, &meta_back), 0);
	ck_assert_uint_eq(count.packets, 0);
	ck_assert_uint_eq(count.bytes, 0);
	ck_assert_uint_eq(meta_back.hits, 0);
	bpf_map_lookup_elem(ms_dataplane_map(dp, "ms_slotlog"), &slot, &log);
	ck_assert_uint_eq(log.suppressed, 0);
	sum = 0;
	ck_assert_int_eq(ms_dataplane_slot_foreach(dp, note_slot, &sum), 0);
	ck_assert_uint_eq(sum, 1000);
	free(counts);
}
END_TEST

START_TEST(statistics_are_summed_over_cpus)
{
	struct ms_stats *cells = calloc(dp->n_cpus, sizeof(*cells)), sum;
	uint32_t zero = 0;

	ck_assert_ptr_nonnull(cells);
	for (unsigned int cpu = 0; cpu < dp->n_cpus; cpu++) {
		cells[cpu].packets[MS_REASON_RULE][MS_VERDICT_DENY] = 5;
		cells[cpu].other[MS_STAT__COUNT - 1] = 2;
	}
	bpf_map_update_elem(ms_dataplane_map(dp, "ms_stats"), &zero, cells, BPF_ANY);
	ck_assert_int_eq(ms_dataplane_stats(dp, &sum), 0);
	ck_assert_uint_eq(sum.packets[MS_REASON_RULE][MS_VERDICT_DENY], 5 * dp->n_cpus);
	ck_assert_uint_eq(sum.other[MS_STAT__COUNT - 1], 2 * dp->n_cpus);
	ck_assert_uint_eq(sum.packets[MS_REASON_RULE][MS_VERDICT_ALLOW], 0);
	free(cells);
}
END_TEST

START_TEST(zone_counters_are_read_and_cleared)
{
	struct ms_zone_count count = { .packets = { { 1, 2 }, { 3, 4 } } }, back;
	uint32_t zone = 65535;

	bpf_map_update_elem(ms_dataplane_map(dp, "ms_zonecnt"), &zone, &count, BPF_ANY);
	ck_assert_int_eq(ms_dataplane_zone_count(dp, 65535, &back), 0);
	ck_assert_mem_eq(&back, &count, sizeof(count));
	ck_assert_int_eq(ms_dataplane_clear_zone(dp, 65535), 0);
	ck_assert_int_eq(ms_dataplane_zone_count(dp, 65535, &back), 0);
	ck_assert_uint_eq(back.packets[1][1], 0);
}
END_TEST

START_TEST(programs_are_known_by_name)
{
	uint32_t insns = 0;

	ck_assert_int_eq(ms_dataplane_verified_insns(dp, "ms_ingress", &insns), 0);
	ck_assert_uint_gt(insns, 0);
	ck_assert_int_eq(ms_dataplane_verified_insns(dp, "ms_nonsense", &insns), -ENOENT);
	ck_assert_int_ge(ms_dataplane_program(dp, MS_HOOK_INGRESS), 0);
	ck_assert_int_ne(ms_dataplane_program(dp, MS_HOOK_INGRESS),
			 ms_dataplane_program(dp, MS_HOOK_EGRESS));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("bpf/dataplane_tables");
	TCase *tcase = tcase_create("tables");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_set_timeout(tcase, 60);
	tcase_add_test(tcase, a_publish_shows_half_generation_and_a_new_epoch);
	tcase_add_test(tcase, an_epoch_is_remembered_until_its_place_is_needed);
	tcase_add_test(tcase, epochs_skip_the_numbers_that_mean_something);
	tcase_add_test(tcase, panic_keeps_the_half_and_bumps_the_epoch);
	tcase_add_test(tcase, a_publish_is_one_store);
	tcase_add_test(tcase, timeouts_are_stored_in_ticks);
	tcase_add_test(tcase, the_tick_is_the_kernel_s);
	tcase_add_test(tcase, a_grace_period_has_an_end_on_any_kernel);
	tcase_add_test(tcase, an_image_goes_into_its_half_only);
	tcase_add_test(tcase, an_image_that_does_not_fit_is_refused_with_a_sentence);
	tcase_add_test(tcase, a_group_s_line_can_be_changed_alone);
	tcase_add_test(tcase, set_members_come_back_as_they_were_stored);
	tcase_add_loop_test(tcase, interfaces_have_a_line_each, 0, 4);
	tcase_add_test(tcase, a_slot_s_next_owner_starts_at_zero);
	tcase_add_test(tcase, statistics_are_summed_over_cpus);
	tcase_add_test(tcase, zone_counters_are_read_and_cleared);
	tcase_add_test(tcase, programs_are_known_by_name);
	suite_add_tcase(suite, tcase);
	return ms_check_run(suite);
}
