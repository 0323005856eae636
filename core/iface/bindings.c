/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/iface/bindings.h"

#include <errno.h>
#include <stdlib.h>

#include "core/policy/array.h"

void ms_bindings_fini(struct ms_bindings *bindings)
{
	free(bindings->items);
	*bindings = (struct ms_bindings) { 0 };
}

int ms_bindings_add(struct ms_bindings *bindings, const struct ms_binding *binding)
{
	int r;

	/* One that is there already was first; what is sorted stays so only then. */
	if (bindings->is_sorted && ms_bindings_find(bindings, binding->kind, binding->workload))
		return 0;
	r = ms_array_append(&bindings->items, &bindings->count, *binding);
	if (r < 0)
		return r;
	bindings->is_sorted = false;
	bindings->has_addresses |= binding->kind == MS_BINDING_ADDRESS;
	return 0;
}

static int compare(const void *a, const void *b)
{
	const struct ms_binding *x = a, *y = b;

	if (x->kind != y->kind)
		return x->kind < y->kind ? -1 : 1;
	return (x->workload > y->workload) - (x->workload < y->workload);
}

/* An insertion sort keeps equal ones in their order and is quick where most are sorted. */
static void sort(struct ms_bindings *bindings)
{
	for (size_t i = 1; i < bindings->count; i++) {
		struct ms_binding binding = bindings->items[i];
		size_t at = i;

		while (at > 0 && compare(&bindings->items[at - 1], &binding) > 0) {
			bindings->items[at] = bindings->items[at - 1];
			at--;
		}
		bindings->items[at] = binding;
	}
	bindings->is_sorted = true;
}

const struct ms_binding *ms_bindings_find(struct ms_bindings *bindings, enum ms_binding_kind kind,
					  uint64_t workload)
{
	const struct ms_binding key = { .kind = kind, .workload = workload };
	size_t low = 0, high = bindings->count;

	if (!bindings->is_sorted)
		sort(bindings);
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (compare(&bindings->items[middle], &key) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low < bindings->count && compare(&bindings->items[low], &key) == 0
		       ? &bindings->items[low]
		       : NULL;
}
