/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whose pins are touched, what a second daemon takes over, what it moves, what is removed. */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "bpf/dataplane_private.h"
#include "core/base/cleanup.h"
#include "tests/bpf/private_bpffs.h"
#include "tests/harness/ms_check.h"

#define PIN_DIR MS_PRIVATE_BPFFS "/microseg"

static const struct ms_dataplane_config config = {
	.pin_dir = PIN_DIR,
	.sessions = 1024,
	.half_open = 512,
};

static struct ms_dataplane *open_as(const struct ms_dataplane_config *as, unsigned int layout,
				    bool expect_taken_over)
{
	struct ms_dataplane *dp = NULL;
	struct ms_error err = MS_ERROR_INIT;
	bool taken_over = !expect_taken_over;
	int r = ms_dataplane_open_layout(as, layout, &taken_over, &dp, &err);

	ck_assert_msg(r == 0, "%d %s", r, err.message);
	ck_assert_int_eq(taken_over, expect_taken_over);
	return dp;
}

static void refuse(int code, const char *part)
{
	struct ms_dataplane *dp = NULL;
	struct ms_error err = MS_ERROR_INIT;
	bool taken_over = true;

	ck_assert_int_eq(ms_dataplane_open(&config, &taken_over, &dp, &err), code);
	ck_assert_ptr_null(dp);
	ck_assert(taken_over);
	ck_assert_msg(strstr(err.message, part) != NULL, "%s", err.message);
}

/* Names in a folder, sorted, with a space behind each; not bpffs' own, which have a dot. */
static const char *list(const char *path)
{
	static char names[1024];
	struct dirent **entries;
	int count = scandir(path, &entries, NULL, alphasort);

	names[0] = '\0';
	for (int i = 0; i < count; i++) {
		if (!strchr(entries[i]->d_name, '.')) {
			strcat(names, entries[i]->d_name);
			strcat(names, " ");
		}
		free(entries[i]);
	}
	if (count >= 0)
		free(entries);
	return names;
}

START_TEST(tables_outlive_their_daemon)
{
	struct ms_slot_name name = { .rule = "web/http", .origin = "a.yaml:3", .source = "file" };
	struct ms_slot_name back;
	struct ms_dataplane *dp = open_as(&config, MS_LAYOUT_VERSION, false);
	uint32_t ids[] = { ms_dataplane_program_id(dp, MS_HOOK_INGRESS),
			   ms_dataplane_program_id(dp, MS_HOOK_EGRESS) };
	struct ms_control control;

	ck_assert_str_eq(ms_dataplane_pin_dir(dp), PIN_DIR);
	ck_assert_str_eq(ms_dataplane_note(dp), "");
	ck_assert_int_eq(ms_dataplane_put_slot(dp, 7, &name), 0);
	ms_dataplane_publish(dp, 1, 41);
	control = ms_dataplane_control(dp);
	ms_dataplane_close(dp);

	dp = open_as(&config, MS_LAYOUT_VERSION, true);
	ck_assert_int_eq(ms_dataplane_get_slot(dp, 7, &back), 0);
	ck_assert_mem_eq(&back, &name, sizeof(name));
	ck_assert_uint_eq(ms_dataplane_control(dp).epoch, control.epoch);
	ck_assert_uint_eq(ms_dataplane_control(dp).generation, 41);
	ck_assert_uint_eq(ms_dataplane_control(dp).half, 1);
	ck_assert_uint_eq(ms_dataplane_epoch_generation(dp, control.epoch), 41);
	/* The code is new. */
	ck_assert_uint_ne(ms_dataplane_program_id(dp, MS_HOOK_INGRESS), ids[0]);
	ck_assert_uint_ne(ms_dataplane_program_id(dp, MS_HOOK_EGRESS), ids[1]);
	ck_assert_int_eq(ms_dataplane_settle(dp), 0);
	ck_assert_str_eq(list(PIN_DIR), "v13-1024-512 ");
	ms_dataplane_close(dp);
}
END_TEST

START_TEST(a_link_is_not_followed)
{
	ck_assert_int_eq(mkdir(MS_PRIVATE_BPFFS "/elsewhere", 0700), 0);
	ck_assert_int_eq(symlink(MS_PRIVATE_BPFFS "/elsewhere", PIN_DIR), 0);
	refuse(-ENOTDIR, "symbolic link");
	ck_assert_str_eq(list(MS_PRIVATE_BPFFS "/elsewhere"), "");
	ck_assert_int_eq(ms_dataplane_unpin_all(PIN_DIR, NULL), -ENOTDIR);
}
END_TEST

START_TEST(another_owner_s_folder_is_refused)
{
	ck_assert_int_eq(mkdir(PIN_DIR, 0700), 0);
	ck_assert_int_eq(chown(PIN_DIR, 12345, 0), 0);
	refuse(-EPERM, "belongs to user 12345");
	ck_assert_int_eq(ms_dataplane_unpin_all(PIN_DIR, NULL), -EPERM);
	ck_assert_int_eq(chown(PIN_DIR, 0, 0), 0);
	ms_dataplane_close(open_as(&config, MS_LAYOUT_VERSION, false));
}
END_TEST

START_TEST(a_folder_others_can_write_is_refused)
{
	static const mode_t modes[] = { 0707, 0770, 0702, 0720 };

	ck_assert_int_eq(mkdir(PIN_DIR, 0700), 0);
	ck_assert_int_eq(chmod(PIN_DIR, modes[_i]), 0);
	refuse(-EPERM, "can be written by others");
	ck_assert_str_eq(list(PIN_DIR), "");
}
END_TEST

START_TEST(a_foreign_table_folder_is_refused_too)
{
	ck_assert_int_eq(mkdir(PIN_DIR, 0700), 0);
	ck_assert_int_eq(mkdir(PIN_DIR "/v13-1024-512", 0700), 0);
	ck_assert_int_eq(chown(PIN_DIR "/v13-1024-512", 12345, 0), 0);
	refuse(-EPERM, "belongs to user 12345");
}
END_TEST

START_TEST(no_bpffs_is_said)
{
	ck_assert_int_eq(umount(MS_PRIVATE_BPFFS), 0);
	refuse(-EMEDIUMTYPE, "is no bpffs: mount one there");
}
END_TEST

START_TEST(something_mounted_over_the_folder_is_noticed)
{
	ck_assert_int_eq(mkdir(PIN_DIR, 0700), 0);
	ck_assert_int_eq(mount("tmpfs", PIN_DIR, "tmpfs", 0, "mode=0700"), 0);
	refuse(-EMEDIUMTYPE, "mounted over it");
	ck_assert_int_eq(umount(PIN_DIR), 0);
	ms_dataplane_close(open_as(&config, MS_LAYOUT_VERSION, false));
}
END_TEST

static void drop_capabilities(const int *dropped, size_t count)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];

	ck_assert_int_eq(syscall(SYS_capget, &header, data), 0);
	for (size_t i = 0; i < count; i++)
		data[CAP_TO_INDEX(dropped[i])].effective &= ~CAP_TO_MASK(dropped[i]);
	ck_assert_int_eq(syscall(SYS_capset, &header, data), 0);
}

START_TEST(missing_permissions_are_named)
{
	static const int bpf[] = { CAP_SYS_ADMIN, CAP_BPF };
	static const int net_admin[] = { CAP_NET_ADMIN };

	if (_i == 0) {
		drop_capabilities(bpf, ms_array_size(bpf));
		refuse(-EPERM, "CAP_BPF");
	} else {
		drop_capabilities(net_admin, ms_array_size(net_admin));
		refuse(-EPERM, "CAP_NET_ADMIN");
	}
	ck_assert_str_eq(list(MS_PRIVATE_BPFFS), "");
}
END_TEST

START_TEST(without_perfmon_it_loads_hardened_or_says_why_not)
{
	struct ms_dataplane *dp = open_as(&config, MS_LAYOUT_VERSION, false);
	struct ms_dataplane_config wishes = config;

	ck_assert(!ms_dataplane_is_hardened(dp));
	ms_dataplane_close(dp);
	wishes.session_table = MS_SESSION_TABLE_SET;
	ms_private_bpffs_drop_perfmon();
	if (!ms_private_bpffs_loads_hardened()) {
		refuse(-EACCES, "CAP_PERFMON is missing");
		return;
	}
	dp = open_as(&wishes, MS_LAYOUT_VERSION, true);
	ck_assert(ms_dataplane_is_hardened(dp));
	ck_assert_int_eq(ms_dataplane_session_table(dp), MS_SESSION_TABLE_LRU_HASH);
	ms_dataplane_close(dp);
}
END_TEST

static void put_session(struct ms_dataplane *dp, const char *map, uint16_t port, uint64_t packets)
{
	struct ms_key4 key = { .lo = 1, .hi = 2, .lo_port = port, .zone = 3, .proto = 6 };
	struct ms_session value = {
		.epoch = 1, .packets = { packets }, .word = 7, .first_seen = 9
	};
	struct ms_session_raw raw = { .family = 4, .key.k4 = key, .value = value };

	if (dp->session_table == MS_SESSION_TABLE_SET) {
		ms_dataplane_lines_put(strcmp(map, "ms_half4") == 0 ? &dp->oneway : &dp->lines,
				       &raw);
		return;
	}
	ck_assert_int_eq(bpf_map_update_elem(ms_dataplane_map(dp, map), &key, &value, BPF_ANY), 0);
}

struct wanted {
	struct ms_key4 key;
	bool half_open;
	uint64_t packets;
};

static bool look_for(void *user, const struct ms_session_raw *session)
{
	struct wanted *wanted = user;

	if (session->half_open == wanted->half_open &&
	    memcmp(&session->key.k4, &wanted->key, sizeof(wanted->key)) == 0)
		wanted->packets = session->value.packets[0];
	return true;
}

static uint64_t session_packets(struct ms_dataplane *dp, const char *map, uint16_t port)
{
	struct ms_key4 key = { .lo = 1, .hi = 2, .lo_port = port, .zone = 3, .proto = 6 };
	struct wanted wanted = { .key = key, .half_open = strcmp(map, "ms_half4") == 0 };

	ck_assert_int_eq(ms_dataplane_session_foreach(dp, look_for, &wanted), 0);
	return wanted.packets;
}

/* No tags (before layout 7), one-way sessions in a hash (11), a shorter ms_slotlog (12). */
static void make_older(const char *folder, uint16_t port, uint64_t packets)
{
	static const char *const newer[] = { "ms_tags", "ms_oneway4", "ms_oneway6", "ms_heads",
					     "ms_slotlog" };
	struct ms_key4 key = { .lo = 1, .hi = 2, .lo_port = port, .zone = 3, .proto = 6 };
	struct ms_session value = { .epoch = 1, .packets = { packets }, .word = 7 };
	ms_cleanup(ms_close_fd) int log =
		bpf_map_create(BPF_MAP_TYPE_ARRAY, "ms_slotlog", 4, 16, MS_SLOTS_MAX, NULL);
	char path[256];

	for (size_t i = 0; i < ms_array_size(newer); i++) {
		snprintf(path, sizeof(path), "%s/%s", folder, newer[i]);
		ck_assert_int_eq(unlink(path), 0);
	}
	ck_assert_int_eq(bpf_obj_pin(log, path), 0);
	for (int family = 4; family <= 6; family += 2) {
		int fd = bpf_map_create(BPF_MAP_TYPE_LRU_HASH, "ms_half",
					family == 4 ? sizeof(struct ms_key4)
						    : sizeof(struct ms_key6),
					sizeof(value), 512, NULL);

		if (family == 4)
			ck_assert_int_eq(bpf_map_update_elem(fd, &key, &value, BPF_ANY), 0);
		snprintf(path, sizeof(path), "%s/ms_half%d", folder, family);
		ck_assert_int_eq(bpf_obj_pin(fd, path), 0);
		close(fd);
	}
}

#define HASH MS_SESSION_TABLE_LRU_HASH
#define SET MS_SESSION_TABLE_SET

static const struct {
	unsigned int layout;
	uint32_t sessions, half_open;
	enum ms_session_table from, to;
	const char *moving, *settled;
	bool is_older; /* what is moved is of a layout before 7 */
} moves[] = {
	{ 2, 1024, 512, HASH, HASH, "new-v2-1024-512 v1-1024-512 ", "v2-1024-512 ", false },
	{ 1, 4096, 512, HASH, HASH, "new-v1-4096-512 v1-1024-512 ", "v1-4096-512 ", false },
	{ 1, 1024, 2048, HASH, HASH, "new-v1-1024-2048 v1-1024-512 ", "v1-1024-2048 ", false },
	{ 1, 1024, 512, HASH, SET, "new-v1-1024-512-set v1-1024-512 ", "v1-1024-512-set ", false },
	{ 1, 1024, 512, SET, HASH, "new-v1-1024-512 v1-1024-512-set ", "v1-1024-512 ", false },
	{ 1, 4096, 512, SET, SET, "new-v1-4096-512-set v1-1024-512-set ", "v1-4096-512-set ",
	  false },
	{ 2, 1024, 512, SET, SET, "new-v2-1024-512-set v1-1024-512-set ", "v2-1024-512-set ",
	  false },
	{ 2, 1024, 512, SET, SET, "new-v2-1024-512-set v1-1024-512-set ", "v2-1024-512-set ",
	  true },
	{ 2, 1024, 512, SET, HASH, "new-v2-1024-512 v1-1024-512-set ", "v2-1024-512 ", true },
};

START_TEST(another_layout_or_size_takes_the_sessions_along)
{
	struct ms_dataplane_config other = config;
	struct ms_iface line = { .ifindex = 9, .zone = 3 }, far = { .ifindex = 100000, .zone = 4 };
	struct ms_iface last = { .ifindex = MS_IFACES_MAX - 1, .zone = 5 };
	struct ms_slot_name name = { .rule = "web/http", .origin = "a.yaml:3", .source = "file" };
	struct ms_dataplane_config first = config;
	struct ms_dataplane *old, *dp;
	uint32_t epoch;

	first.session_table = moves[_i].from;
	old = open_as(&first, 1, false);
	other.session_table = moves[_i].to;
	other.sessions = moves[_i].sessions;
	other.half_open = moves[_i].half_open;
	ms_dataplane_publish(old, 1, 41);
	ms_dataplane_set_panic(old, MS_PANIC_CLOSED);
	epoch = ms_dataplane_control(old).epoch;
	put_session(old, "ms_sess4", 80, 1000);
	put_session(old, "ms_half4", 81, 1);
	ck_assert_int_eq(ms_dataplane_put_iface(old, &line), 0);
	ck_assert_int_eq(ms_dataplane_put_iface(old, &far), 0);
	ck_assert_int_eq(ms_dataplane_put_iface(old, &last), 0);
	ck_assert_int_eq(ms_dataplane_put_slot(old, 7, &name), 0);
	if (moves[_i].is_older)
		make_older(PIN_DIR "/v1-1024-512-set", 81, 1);

	dp = open_as(&other, moves[_i].layout, true);
	ck_assert_ptr_nonnull(
		strstr(ms_dataplane_note(dp), "sessions moved from tables v1-1024-512"));
	ck_assert_str_eq(list(PIN_DIR), moves[_i].moving);
	ck_assert_uint_eq(session_packets(dp, "ms_sess4", 80), 1000);
	ck_assert_uint_eq(session_packets(dp, "ms_half4", 81), 1);
	/* Zones and epochs go along: with other ones a session would be found by strangers. */
	ck_assert_int_eq(ms_dataplane_get_iface(dp, 9, &line), 0);
	ck_assert_uint_eq(line.zone, 3);
	ck_assert_int_eq(ms_dataplane_get_iface(dp, 100000, &far), 0);
	ck_assert_uint_eq(far.zone, 4);
	ck_assert_int_eq(ms_dataplane_get_iface(dp, MS_IFACES_MAX - 1, &last), 0);
	ck_assert_uint_eq(last.zone, 5);
	ck_assert_int_eq(ms_dataplane_get_slot(dp, 7, &name), 0);
	ck_assert_uint_eq(ms_dataplane_control(dp).epoch, epoch + 1);
	ck_assert_uint_eq(ms_dataplane_control(dp).generation, 41);
	ck_assert_uint_eq(ms_dataplane_control(dp).panic, MS_PANIC_CLOSED);
	/* The old programs go on with the old tables until the hooks have moved. */
	put_session(old, "ms_sess4", 80, 1001);
	put_session(old, "ms_sess4", 82, 5);
	ck_assert_uint_eq(session_packets(dp, "ms_sess4", 82), 0);
	ck_assert_int_eq(ms_dataplane_settle(dp), 0);
	ck_assert_uint_eq(session_packets(dp, "ms_sess4", 82), 5);
	ck_assert_str_eq(list(PIN_DIR), moves[_i].settled);
	ms_dataplane_close(dp);
	ms_dataplane_close(old);

	dp = open_as(&other, moves[_i].layout, true);
	ck_assert_str_eq(ms_dataplane_note(dp), "");
	ck_assert_uint_eq(session_packets(dp, "ms_sess4", 80), 1000);
	ms_dataplane_close(dp);
}
END_TEST

/* Behind a whole number of any handful to copy by, and on each processor its own. */
START_TEST(counts_of_the_last_slot_are_taken_along)
{
	const unsigned int cpus = (unsigned int)libbpf_num_possible_cpus();
	ms_cleanup(ms_free) struct ms_slot_count *counts = calloc(cpus, sizeof(*counts));
	struct ms_dataplane *dp = open_as(&config, 1, false);
	struct ms_slot_log log = { .again = 9 };
	struct ms_slot_meta meta;
	uint32_t slot = MS_SLOTS_MAX - 1;

	for (unsigned int cpu = 0; cpu < cpus; cpu++)
		counts[cpu].packets = 10 + cpu;
	ck_assert_int_eq(
		bpf_map_update_elem(ms_dataplane_map(dp, "ms_slotcnt"), &slot, counts, BPF_ANY), 0);
	bpf_map_update_elem(ms_dataplane_map(dp, "ms_slotlog"), &slot, &log, BPF_ANY);
	ms_dataplane_close(dp);
	dp = open_as(&config, 2, true);
	ck_assert_int_eq(ms_dataplane_slot_count(dp, slot, &counts[0], &meta), 0);
	ck_assert_uint_eq(meta.hits, 9);
	ck_assert_int_eq(bpf_map_lookup_elem(ms_dataplane_map(dp, "ms_slotcnt"), &slot, counts), 0);
	for (unsigned int cpu = 0; cpu < cpus; cpu++)
		ck_assert_uint_eq(counts[cpu].packets, 10 + cpu);
	ms_dataplane_close(dp);
}
END_TEST

/* Bytes of maps that this process has mapped. */
static size_t mapped_bytes(void)
{
	ms_cleanup(ms_close_file) FILE *file = fopen("/proc/self/maps", "re");
	unsigned long first, end, sum = 0;
	char line[512];

	ck_assert_ptr_nonnull(file);
	while (fgets(line, sizeof(line), file))
		if (strstr(line, "bpf-map") && sscanf(line, "%lx-%lx", &first, &end) == 2)
			sum += end - first;
	return sum;
}

/* Tables that are always mapped would be the daemon's memory, and most of it. */
START_TEST(what_is_read_of_the_lines_is_mapped_no_longer_than_that)
{
	struct ms_dataplane_config large = config;
	struct ms_dataplane *dp;
	size_t size;

	large.session_table = SET;
	large.sessions = 65536;
	dp = open_as(&large, MS_LAYOUT_VERSION, false);
	size = dp->lines.tables[0].size + dp->lines.tables[1].size;
	ck_assert_uint_gt(size, 16u << 20);
	ck_assert_uint_lt(mapped_bytes(), size / 4);
	put_session(dp, "ms_sess4", 80, 1000);
	ck_assert_uint_gt(mapped_bytes(), size);
	ck_assert_uint_eq(session_packets(dp, "ms_sess4", 80), 1000);
	ck_assert_uint_lt(mapped_bytes(), size / 4);
	ms_dataplane_close(dp);
}
END_TEST

/* A layout that knew two reasons less: the same counters in shorter tables. */
START_TEST(counters_of_fewer_reasons_are_taken_along)
{
	enum { REASONS = MS_REASON__COUNT - 2, TABLE = REASONS * MS_VERDICT__COUNT };
	const size_t cells = 2 * TABLE + MS_STAT__COUNT;
	const unsigned int cpus = (unsigned int)libbpf_num_possible_cpus();
	const char *pin = PIN_DIR "/v1-1024-512/ms_stats";
	uint64_t *old = calloc(cpus, cells * sizeof(*old));
	struct ms_dataplane *dp = open_as(&config, 1, false);
	struct ms_stats sum;
	uint32_t zero = 0;
	int fd;

	ms_dataplane_close(dp);
	for (unsigned int cpu = 0; cpu < cpus; cpu++) {
		old[cpu * cells + MS_REASON_RULE * MS_VERDICT__COUNT + MS_VERDICT_DENY] = 3;
		old[cpu * cells + TABLE + MS_REASON_INCOMPLETE * MS_VERDICT__COUNT] = 50;
		old[cpu * cells + 2 * TABLE + MS_STAT_INSERT_FAILED] = 7;
	}
	fd = bpf_map_create(BPF_MAP_TYPE_PERCPU_ARRAY, "ms_stats", 4,
			    (uint32_t)(cells * sizeof(*old)), 1, NULL);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(bpf_map_update_elem(fd, &zero, old, BPF_ANY), 0);
	ck_assert_int_eq(unlink(pin), 0);
	ck_assert_int_eq(bpf_obj_pin(fd, pin), 0);
	close(fd);
	free(old);

	dp = open_as(&config, 2, true);
	ck_assert_int_eq(ms_dataplane_stats(dp, &sum), 0);
	ck_assert_uint_eq(sum.packets[MS_REASON_RULE][MS_VERDICT_DENY], 3 * cpus);
	ck_assert_uint_eq(sum.bytes[MS_REASON_INCOMPLETE][MS_VERDICT_ALLOW], 50 * cpus);
	ck_assert_uint_eq(sum.other[MS_STAT_INSERT_FAILED], 7 * cpus);
	ck_assert_uint_eq(sum.packets[MS_REASON_MISSING_ACTION][MS_VERDICT_DENY], 0);
	ms_dataplane_close(dp);
}
END_TEST

START_TEST(a_move_that_crashed_begins_anew)
{
	struct ms_dataplane_config other = config;
	struct ms_dataplane *dp = open_as(&config, 1, false);

	put_session(dp, "ms_sess4", 80, 1000);
	ms_dataplane_close(dp);
	other.sessions = 4096;
	ms_dataplane_close(open_as(&other, 1, true)); /* not settled */

	dp = open_as(&config, 1, true); /* hooks still use the old ones: traffic goes on there */
	ck_assert_str_eq(list(PIN_DIR), "v1-1024-512 ");
	put_session(dp, "ms_sess4", 80, 2000);
	ms_dataplane_close(dp);

	dp = open_as(&other, 1, true);
	ck_assert_uint_eq(session_packets(dp, "ms_sess4", 80), 2000);
	ms_dataplane_close(dp);
	/* This time it crashed between the removal of the old and the new one's name. */
	ck_assert_int_eq(rename(PIN_DIR "/v1-1024-512", MS_PRIVATE_BPFFS "/aside"), 0);
	dp = open_as(&other, 1, true);
	ck_assert_str_eq(list(PIN_DIR), "v1-4096-512 ");
	ck_assert_uint_eq(session_packets(dp, "ms_sess4", 80), 2000);
	ms_dataplane_close(dp);
}
END_TEST

START_TEST(a_layout_nobody_can_read_is_said_and_replaced)
{
	struct ms_dataplane *dp = open_as(&config, 99, false);

	put_session(dp, "ms_sess4", 80, 1000);
	ms_dataplane_close(dp);
	dp = open_as(&config, 1, false);
	ck_assert_ptr_nonnull(strstr(ms_dataplane_note(dp), "layout 99 cannot be read"));
	ck_assert_uint_eq(session_packets(dp, "ms_sess4", 80), 0);
	ck_assert_str_eq(list(PIN_DIR), "new-v1-1024-512 v99-1024-512 ");
	ck_assert_int_eq(ms_dataplane_settle(dp), 0);
	ck_assert_str_eq(list(PIN_DIR), "v1-1024-512 ");
	ms_dataplane_close(dp);
}
END_TEST

START_TEST(sessions_of_another_shape_are_not_read)
{
	static const char pin[] = PIN_DIR "/v1-1024-512/ms_sess4";
	const struct ms_key4 key = { .lo = 1 };
	struct ms_session longer[2] = { { .epoch = 1 } };
	struct ms_dataplane *dp;
	int fd;

	ms_dataplane_close(open_as(&config, 1, false));
	fd = bpf_map_create(BPF_MAP_TYPE_HASH, "ms_sess4", sizeof(key), sizeof(longer), 1, NULL);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(bpf_map_update_elem(fd, &key, longer, BPF_ANY), 0);
	ck_assert_int_eq(unlink(pin), 0);
	ck_assert_int_eq(bpf_obj_pin(fd, pin), 0);
	close(fd);
	dp = open_as(&config, 2, false);
	ck_assert_ptr_nonnull(strstr(ms_dataplane_note(dp), "cannot be read"));
	ms_dataplane_close(dp);
}
END_TEST

START_TEST(a_pin_of_another_shape_is_refused_not_emptied)
{
	int fd;

	ck_assert_int_eq(mkdir(PIN_DIR, 0700), 0);
	ck_assert_int_eq(mkdir(PIN_DIR "/v13-1024-512", 0700), 0);
	fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "ms_sess4", 4, 4, 1, NULL);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(bpf_obj_pin(fd, PIN_DIR "/v13-1024-512/ms_sess4"), 0);
	close(fd);
	refuse(-EINVAL, "another shape");
	ck_assert_int_eq(access(PIN_DIR "/v13-1024-512/ms_sess4", F_OK), 0);
}
END_TEST

START_TEST(unpin_leaves_nothing_and_needs_no_daemon)
{
	ms_dataplane_close(open_as(&config, 1, false));
	ck_assert_int_eq(mkdir(PIN_DIR "/links", 0700), 0);
	ck_assert_int_eq(ms_dataplane_unpin_all(PIN_DIR, NULL), 0);
	ck_assert_str_eq(list(MS_PRIVATE_BPFFS), "");
	ck_assert_int_eq(ms_dataplane_unpin_all(PIN_DIR, NULL), -ENOENT);
}
END_TEST

START_TEST(unpin_leaves_what_is_not_ours)
{
	struct ms_error err = MS_ERROR_INIT;

	ms_dataplane_close(open_as(&config, 1, false));
	ck_assert_int_eq(mkdir(PIN_DIR "/foreign", 0700), 0);
	ck_assert_int_eq(ms_dataplane_unpin_all(PIN_DIR, &err), -ENOTEMPTY);
	ck_assert_ptr_nonnull(strstr(err.message, "not ours"));
	ck_assert_str_eq(list(PIN_DIR), "foreign ");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("bpf/dataplane_pins");
	TCase *tcase = tcase_create("pins");

	tcase_add_checked_fixture(tcase, ms_private_bpffs_setup, NULL);
	tcase_set_timeout(tcase, 60);
	tcase_add_test(tcase, tables_outlive_their_daemon);
	tcase_add_test(tcase, a_link_is_not_followed);
	tcase_add_test(tcase, another_owner_s_folder_is_refused);
	tcase_add_loop_test(tcase, a_folder_others_can_write_is_refused, 0, 4);
	tcase_add_test(tcase, a_foreign_table_folder_is_refused_too);
	tcase_add_test(tcase, no_bpffs_is_said);
	tcase_add_test(tcase, something_mounted_over_the_folder_is_noticed);
	tcase_add_loop_test(tcase, missing_permissions_are_named, 0, 2);
	tcase_add_test(tcase, without_perfmon_it_loads_hardened_or_says_why_not);
	/* Each loads the programs twice: of `set` an emulated guest does the first. */
	tcase_add_loop_test(tcase, another_layout_or_size_takes_the_sessions_along, 0,
			    getenv("MS_TEST_EMULATED") ? 4 : ms_array_size(moves));
	tcase_add_test(tcase, counts_of_the_last_slot_are_taken_along);
	tcase_add_test(tcase, what_is_read_of_the_lines_is_mapped_no_longer_than_that);
	tcase_add_test(tcase, a_move_that_crashed_begins_anew);
	tcase_add_test(tcase, counters_of_fewer_reasons_are_taken_along);
	tcase_add_test(tcase, a_layout_nobody_can_read_is_said_and_replaced);
	tcase_add_test(tcase, sessions_of_another_shape_are_not_read);
	tcase_add_test(tcase, a_pin_of_another_shape_is_refused_not_emptied);
	tcase_add_test(tcase, unpin_leaves_nothing_and_needs_no_daemon);
	tcase_add_test(tcase, unpin_leaves_what_is_not_ours);
	suite_add_tcase(suite, tcase);
	return ms_check_run(suite);
}
