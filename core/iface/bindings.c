/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/iface/bindings.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/policy/array.h"

void ms_bindings_fini(struct ms_bindings *bindings)
{
	for (size_t i = 0; i < bindings->count; i++) {
		free((char *)bindings->items[i].group);
		free((char *)bindings->items[i].source);
	}
	free(bindings->items);
	*bindings = (struct ms_bindings) { 0 };
}

int ms_bindings_add(struct ms_bindings *bindings, const struct ms_binding *binding)
{
	struct ms_binding copy = *binding;
	int r;

	copy.order = bindings->count;
	copy.group = strdup(binding->group);
	copy.source = strdup(binding->source);
	r = copy.group && copy.source ? ms_array_append(&bindings->items, &bindings->count, copy)
				      : -ENOMEM;
	if (r < 0) {
		free((char *)copy.group);
		free((char *)copy.source);
		return r;
	}
	bindings->is_sorted = false;
	bindings->has_addresses |= binding->kind == MS_BINDING_ADDRESS;
	return 0;
}

static int compare_workloads(const struct ms_binding *a, const struct ms_binding *b)
{
	if (a->kind != b->kind)
		return a->kind < b->kind ? -1 : 1;
	return (a->workload > b->workload) - (a->workload < b->workload);
}

static int compare(const void *a, const void *b)
{
	const struct ms_binding *x = a, *y = b;
	int order = compare_workloads(x, y);

	return order ? order : (x->order > y->order) - (x->order < y->order);
}

const struct ms_binding *ms_bindings_find(struct ms_bindings *bindings, enum ms_binding_kind kind,
					  uint64_t workload)
{
	const struct ms_binding key = { .kind = kind, .workload = workload };
	size_t low = 0, high = bindings->count;

	if (!bindings->is_sorted && bindings->count)
		qsort(bindings->items, bindings->count, sizeof(*bindings->items), compare);
	bindings->is_sorted = true;
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (compare_workloads(&bindings->items[middle], &key) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low < bindings->count && compare_workloads(&bindings->items[low], &key) == 0
		       ? &bindings->items[low]
		       : NULL;
}
