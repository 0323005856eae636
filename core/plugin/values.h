/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What an operator wrote for the items of a plugin, typed and checked: configuration, or the
 * arguments of an action. Made in two steps: every value that was written, then finish(), which
 * looks for what is missing and puts defaults in. Read by the functions of the host table.
 *
 * The items are borrowed and must outlive the values. Pure.
 */
#ifndef MS_CORE_PLUGIN_VALUES_H
#define MS_CORE_PLUGIN_VALUES_H

#include <stdbool.h>

#include "core/base/error.h"
#include "core/include/microseg/plugin.h"

#define MS_PLUGIN_VALUES_MAX 256 /* of one LIST item */

int ms_plugin_values_new(const struct ms_plugin_item *items, uint32_t count,
			 struct ms_plugin_values **ret_values);
struct ms_plugin_values *ms_plugin_values_free(struct ms_plugin_values *values); /* returns NULL */

/* Adds one value. -ENOENT: no such item; -EEXIST: it takes one value and has it; -EINVAL: the text
 * is none for its type or range. `err` has the sentence, and the item as its word;
 * it never has the text of a SECRET. */
int ms_plugin_values_add(struct ms_plugin_values *values, const char *name, const char *text,
			 struct ms_error *err);
/* Whether the values of this item are never shown; of one that there is not they may be. */
bool ms_plugin_values_is_secret(const struct ms_plugin_values *values, const char *name);
/* -EINVAL: a required item has no value. */
int ms_plugin_values_finish(struct ms_plugin_values *values, struct ms_error *err);

/* Whether `text` is a value of `item`; for defaults of a descriptor. */
int ms_plugin_values_check(const struct ms_plugin_item *item, const char *text,
			   struct ms_error *err);
/* A limit of an item of this enum ms_plugin_type as somebody would write it: 1s, 64KiB, 10k.
 * Returns `buf`. */
char *ms_plugin_values_limit(uint32_t type, uint64_t limit, char *buf, size_t size);
/* "a duration, e.g. 500us or 10s" */
const char *ms_plugin_values_wants(uint32_t type);

/* As the host table's functions of these names. */
uint32_t ms_plugin_values_count(const struct ms_plugin_values *values, const char *name);
uint64_t ms_plugin_values_uint(const struct ms_plugin_values *values, const char *name,
			       uint32_t index);
const char *ms_plugin_values_string(const struct ms_plugin_values *values, const char *name,
				    uint32_t index);
int ms_plugin_values_cidr(const struct ms_plugin_values *values, const char *name, uint32_t index,
			  struct ms_plugin_cidr *ret_cidr);

#endif
