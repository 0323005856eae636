/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Slots of actions: what the kernel holds is the truth, nothing is remembered here. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <bpf/bpf.h>

#include "bpf/dataplane_private.h"
#include "bpf/dataplane_trial.h"
#include "core/base/cleanup.h"
#include "microseg/chain.h"

void ms_dataplane_action_maps(const struct ms_dataplane *dp,
			      struct ms_dataplane_shared_map ret_maps[MS_DATAPLANE_SHARED_MAPS])
{
	static const char *const names[] = { "ms_progs", "ms_actions", "ms_action_lists",
					     "ms_action_args" };

	_Static_assert(ms_array_size(names) == MS_DATAPLANE_SHARED_MAPS, "all of them");
	for (size_t i = 0; i < ms_array_size(names); i++)
		ret_maps[i] = (struct ms_dataplane_shared_map) {
			.name = names[i],
			.fd = ms_dataplane_map(dp, names[i]),
		};
}

int ms_dataplane_action_set(struct ms_dataplane *dp, uint32_t slot, const char *name, bool observes,
			    int program_fd, struct ms_error *err)
{
	struct ms_action_name named = { 0 };
	int r;

	if (slot >= MS_ACTION_SLOTS)
		return ms_error_set(err, -ERANGE, "action %s: there are %u slots, no slot %u", name,
				    MS_ACTION_SLOTS, slot);
	if (snprintf(named.name, sizeof(named.name), "%s", name) >= (int)sizeof(named.name))
		return ms_error_set(err, -EINVAL, "the action's name %s is too long", name);
	r = ms_dataplane_trial(program_fd, name, observes, err);
	if (r < 0)
		return r;
	/* The name first: a slot that runs is always somebody's. */
	if (bpf_map_update_elem(ms_dataplane_map(dp, "ms_actname"), &slot, &named, BPF_ANY) < 0)
		return ms_error_set(err, -errno, "action %s: the slot cannot be named: %s", name,
				    strerror(errno));
	if (bpf_map_update_elem(ms_dataplane_map(dp, "ms_actions"), &slot, &program_fd, BPF_ANY) <
	    0)
		return ms_error_set(err, -errno, "action %s: its program is refused: %s", name,
				    strerror(errno));
	return 0;
}

int ms_dataplane_action_rules(const struct ms_dataplane *dp, uint32_t **ret_rules,
			      size_t *ret_count)
{
	uint32_t first = (ms_dataplane_control(dp).half & MS_HALF_MASK) * MS_ACTION_LISTS;
	ms_cleanup(ms_free) uint32_t *rules = calloc(MS_ACTION_LISTS, sizeof(*rules));
	struct ms_action_list list;
	size_t count = 0;

	if (!rules)
		return -ENOMEM;
	for (uint32_t index = first; index < first + MS_ACTION_LISTS; index++) {
		if (bpf_map_lookup_elem(ms_dataplane_map(dp, "ms_action_lists"), &index, &list) < 0)
			return -errno;
		if (list.count == 0)
			break;
		rules[count++] = list.rule;
	}
	*ret_rules = rules;
	*ret_count = count;
	rules = NULL;
	return 0;
}

/* The slots that the list of one line calls. */
static int add_called(const struct ms_dataplane *dp, uint32_t index, uint64_t *slots)
{
	struct ms_action_list list;

	if (bpf_map_lookup_elem(ms_dataplane_map(dp, "ms_action_lists"), &index, &list) < 0)
		return -errno;
	for (unsigned int i = 0; i < list.count && i < MS_ACTION_LIST_MAX; i++) {
		uint8_t slot = (uint8_t)(list.slots >> 8 * i);

		if (slot < MS_ACTION_SLOTS)
			*slots |= 1ull << slot;
	}
	return 0;
}

int ms_dataplane_action_called(const struct ms_dataplane *dp, uint64_t *ret_slots)
{
	const uint32_t count = 2 * MS_SLOTS_MAX;
	const struct ms_action_index *lines =
		mmap(NULL, count * sizeof(*lines), PROT_READ, MAP_SHARED,
		     ms_dataplane_map(dp, "ms_action_index"), 0);
	int r = 0;

	_Static_assert(MS_ACTION_SLOTS <= 64, "a bit each");
	if (lines == MAP_FAILED)
		return -errno;
	*ret_slots = 0;
	/* Lists that no line leads to are of policies before. */
	for (uint32_t i = 0; r == 0 && i < count; i++) {
		if (lines[i].mode != MS_MODE_DISABLED)
			r = add_called(dp,
				       i / MS_SLOTS_MAX * MS_ACTION_LISTS +
					       lines[i].list % MS_ACTION_LISTS,
				       ret_slots);
	}
	munmap((void *)lines, count * sizeof(*lines));
	return r;
}

static int erase(const struct ms_dataplane *dp, const char *map, uint32_t slot)
{
	if (slot >= MS_ACTION_SLOTS)
		return -ERANGE;
	if (bpf_map_delete_elem(ms_dataplane_map(dp, map), &slot) < 0 && errno != ENOENT)
		return -errno;
	return 0;
}

int ms_dataplane_action_clear(struct ms_dataplane *dp, uint32_t slot)
{
	return erase(dp, "ms_actions", slot);
}

int ms_dataplane_action_forget(struct ms_dataplane *dp, uint32_t slot)
{
	int r = erase(dp, "ms_actions", slot);

	return r < 0 ? r : erase(dp, "ms_actname", slot);
}

int ms_dataplane_action_get(const struct ms_dataplane *dp, uint32_t slot,
			    struct ms_dataplane_action *ret_action)
{
	struct ms_action_name named;
	uint32_t program_id = 0;

	if (slot >= MS_ACTION_SLOTS)
		return -ERANGE;
	if (bpf_map_lookup_elem(ms_dataplane_map(dp, "ms_actname"), &slot, &named) < 0)
		return -errno;
	if (bpf_map_lookup_elem(ms_dataplane_map(dp, "ms_actions"), &slot, &program_id) < 0 &&
	    errno != ENOENT)
		return -errno;
	memcpy(ret_action->name, named.name, sizeof(named.name));
	/* Pinned memory: another hand may have written it. */
	ret_action->name[sizeof(named.name) - 1] = '\0';
	ret_action->program_id = program_id;
	return 0;
}

int ms_dataplane_action_folder(const struct ms_dataplane *dp, const char *plugin, int *ret_fd)
{
	char name[64];
	int fd;

	/* dataplane_pins.c removes what begins so. */
	snprintf(name, sizeof(name), "action-%s", plugin);
	if (mkdirat(dp->pins.dir_fd, name, 0700) < 0 && errno != EEXIST)
		return -errno;
	fd = openat(dp->pins.dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	*ret_fd = fd;
	return 0;
}
