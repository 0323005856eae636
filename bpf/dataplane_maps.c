/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Tables of the loaded object by their names. libbpf compares a name with those of all maps there
 * are, some sixty, and the daemon asks four times before it asks for a new interface's qdisc
 * (docs/adr/0202).
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/libbpf.h>

#include "bpf/dataplane_private.h"

struct ms_dataplane_map {
	const char *name; /* libbpf's */
	int fd;
};

static int compare(const void *a, const void *b)
{
	return strcmp(((const struct ms_dataplane_map *)a)->name,
		      ((const struct ms_dataplane_map *)b)->name);
}

int ms_dataplane_maps_index(struct ms_dataplane *dp)
{
	struct bpf_map *map;
	size_t count = 0;

	bpf_object__for_each_map(map, dp->object) count++;
	dp->maps = calloc(count ? count : 1, sizeof(*dp->maps));
	if (!dp->maps)
		return -ENOMEM;
	bpf_object__for_each_map(map, dp->object) dp->maps[dp->n_maps++] =
		(struct ms_dataplane_map) { bpf_map__name(map), bpf_map__fd(map) };
	qsort(dp->maps, dp->n_maps, sizeof(*dp->maps), compare);
	return 0;
}

void ms_dataplane_maps_forget(struct ms_dataplane *dp)
{
	free(dp->maps);
	dp->maps = NULL;
	dp->n_maps = 0;
}

int ms_dataplane_map(const struct ms_dataplane *dp, const char *name)
{
	const struct ms_dataplane_map wanted = { .name = name };
	const struct ms_dataplane_map *found =
		bsearch(&wanted, dp->maps, dp->n_maps, sizeof(wanted), compare);

	return found ? found->fd : -ENOENT;
}
