/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The bench's programs and maps. The verifier takes a hundred times as long as most cases do, so
 * they are loaded once a process, by the parent of all cases, and each case begins with maps that
 * were emptied.
 */
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "core/base/cleanup.h"
#include "microseg_hardened_test.skel.h"
#include "microseg_set_test.skel.h"
#include "microseg_test.skel.h"
#include "tests/bpf/private_bpffs.h"
#include "tests/bpf/rig_private.h"
#include "tests/harness/ms_check.h"

static int silent(enum libbpf_print_level level, const char *format, va_list args)
{
	if (level == LIBBPF_DEBUG)
		return 0;
	return vfprintf(stderr, format, args);
}

static bool is_variables(const struct bpf_map *map)
{
	return bpf_map__is_internal(map) && strstr(bpf_map__name(map), ".bss") != NULL;
}

/* Which of the shipped shapes of the datapath: the environment says, so that every test runs on
 * each of them. */
static const void *elf_bytes(size_t *ret_size)
{
	const char *shape = getenv("MS_RIG_SHAPE");

	if (shape && strcmp(shape, "hardened") == 0)
		return microseg_hardened_test_bpf__elf_bytes(ret_size);
	if (shape && strcmp(shape, "set") == 0)
		return microseg_set_test_bpf__elf_bytes(ret_size);
	ck_assert_msg(!shape, "no shape is called %s", shape);
	return microseg_test_bpf__elf_bytes(ret_size);
}

static void open_object(void)
{
	static const struct {
		const char *map;
		uint32_t entries;
	} tables[] = {
		{ "ms_sess4", MS_RIG_SESSIONS },
		{ "ms_sess6", MS_RIG_SESSIONS },
		{ "ms_half4", MS_RIG_SESSIONS },
		{ "ms_half6", MS_RIG_SESSIONS },
		{ "ms_lines4", MS_SET_COUNT(MS_RIG_SESSIONS) },
		{ "ms_lines6", MS_SET_COUNT(MS_RIG_SESSIONS) },
		{ "ms_tags", 2 * MS_SET_COUNT(MS_RIG_SESSIONS) },
		{ "ms_oneway4", MS_SET_COUNT(MS_RIG_SESSIONS) },
		{ "ms_oneway6", MS_SET_COUNT(MS_RIG_SESSIONS) },
		{ "ms_heads", 2 * MS_SET_COUNT(MS_RIG_SESSIONS) },
	};
	struct bpf_map *map;
	const void *bytes;
	size_t size;

	bytes = elf_bytes(&size);
	ms_rig.object = bpf_object__open_mem(bytes, size, NULL);
	ck_assert_ptr_nonnull(ms_rig.object);
	for (size_t i = 0; i < ms_array_size(tables); i++) {
		map = bpf_object__find_map_by_name(ms_rig.object, tables[i].map);
		if (map)
			bpf_map__set_max_entries(map, tables[i].entries);
	}
	/* To empty an array by its system call takes one for each of its lines. */
	bpf_object__for_each_map(map, ms_rig.object) if (bpf_map__type(map) == BPF_MAP_TYPE_ARRAY &&
							 !bpf_map__is_internal(map))
		bpf_map__set_map_flags(map, bpf_map__map_flags(map) | BPF_F_MMAPABLE);
	ck_assert_int_eq(bpf_object__load(ms_rig.object), 0);
}

void ms_rig_load(void)
{
	struct bpf_map *map;

	if (ms_rig.object)
		return;
	ms_private_bpffs_setup();
	libbpf_set_print(silent);
	open_object();
	if (bpf_object__find_map_by_name(ms_rig.object, "ms_lines4")) {
		ck_assert_int_eq(ms_dataplane_lines_open(ms_rig_fd("ms_lines4"),
							 ms_rig_fd("ms_lines6"),
							 ms_rig_fd("ms_tags"), 1, &ms_rig.lines),
				 0);
		ck_assert_int_eq(ms_dataplane_lines_map(&ms_rig.lines), 0);
		ck_assert_int_eq(ms_dataplane_lines_open(ms_rig_fd("ms_oneway4"),
							 ms_rig_fd("ms_oneway6"),
							 ms_rig_fd("ms_heads"), 1, &ms_rig.oneway),
				 0);
		ck_assert_int_eq(ms_dataplane_lines_map(&ms_rig.oneway), 0);
	}
	bpf_object__for_each_map(map, ms_rig.object) if (is_variables(map)) ms_rig.variables =
		mmap(NULL, bpf_map__value_size(map), PROT_READ | PROT_WRITE, MAP_SHARED,
		     bpf_map__fd(map), 0);
	ck_assert(ms_rig.variables && ms_rig.variables != MAP_FAILED);
	ms_rig.clock = ms_rig_variable("ms_clock_injected");
	ms_rig.cpus = (unsigned int)libbpf_num_possible_cpus();
}

volatile uint32_t *ms_rig_variable(const char *name)
{
	const struct btf *btf = bpf_object__btf(ms_rig.object);
	int id = btf__find_by_name_kind(btf, ".bss", BTF_KIND_DATASEC);
	const struct btf_var_secinfo *places;
	const struct btf_type *section;

	ck_assert_int_gt(id, 0);
	section = btf__type_by_id(btf, (uint32_t)id);
	places = btf_var_secinfos(section);
	for (unsigned int i = 0; i < btf_vlen(section); i++) {
		const struct btf_type *variable = btf__type_by_id(btf, places[i].type);

		if (strcmp(btf__name_by_offset(btf, variable->name_off), name) == 0)
			return (uint32_t *)(ms_rig.variables + places[i].offset);
	}
	ck_abort_msg("no variable %s", name);
	return NULL;
}

/* ---- emptying ---- */

static void clear_array(const struct bpf_map *map)
{
	uint32_t line = (bpf_map__value_size(map) + 7) / 8 * 8;
	size_t size = (size_t)line * bpf_map__max_entries(map);
	void *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, bpf_map__fd(map), 0);

	ck_assert_msg(at != MAP_FAILED, "%s", bpf_map__name(map));
	memset(at, 0, size);
	munmap(at, size);
}

/* The counters of rules are by far the longest of these, and the bench's rules are few. */
static void clear_percpu_array(const struct bpf_map *map)
{
	uint32_t line = (bpf_map__value_size(map) + 7) / 8 * 8, count = bpf_map__max_entries(map);
	ms_cleanup(ms_free) void *none = calloc(ms_rig.cpus, line);
	int r = 0;

	ck_assert_ptr_nonnull(none);
	if (strcmp(bpf_map__name(map), "ms_slotcnt") == 0)
		count = MS_RIG_AUTHORS_MAX;
	for (uint32_t key = 0; r == 0 && key < count; key++)
		r = bpf_map_update_elem(bpf_map__fd(map), &key, none, BPF_ANY);
	ck_assert_msg(r == 0, "%s", bpf_map__name(map));
}

static void clear_hash(const struct bpf_map *map)
{
	ms_cleanup(ms_free) void *key = malloc(bpf_map__key_size(map));
	int fd = bpf_map__fd(map);

	ck_assert_ptr_nonnull(key);
	while (bpf_map_get_next_key(fd, NULL, key) == 0)
		ck_assert_int_eq(bpf_map_delete_elem(fd, key), 0);
}

static void clear_programs(const struct bpf_map *map)
{
	for (uint32_t key = 0; key < bpf_map__max_entries(map); key++)
		bpf_map_delete_elem(bpf_map__fd(map), &key);
}

void ms_rig_clear(void)
{
	struct bpf_map *map;

	bpf_object__for_each_map(map, ms_rig.object)
	{
		/* Constants among them. */
		if (bpf_map__is_internal(map) && !is_variables(map))
			continue;
		switch (bpf_map__type(map)) {
		case BPF_MAP_TYPE_ARRAY:
			clear_array(map);
			break;
		case BPF_MAP_TYPE_PERCPU_ARRAY:
			clear_percpu_array(map);
			break;
		case BPF_MAP_TYPE_HASH:
		case BPF_MAP_TYPE_LRU_HASH:
		case BPF_MAP_TYPE_LPM_TRIE:
			clear_hash(map);
			break;
		case BPF_MAP_TYPE_PROG_ARRAY:
			clear_programs(map);
			break;
		case BPF_MAP_TYPE_RINGBUF: /* by who reads it */
			break;
		default:
			ck_abort_msg("nobody knows how to empty %s", bpf_map__name(map));
		}
	}
}
