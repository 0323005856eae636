/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/plugin/values.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/addr.h"
#include "core/base/cleanup.h"
#include "core/base/parse.h"
#include "core/policy/document.h"

#define NS_PER_MS 1000000

struct value {
	char *text;
	uint64_t number;
	struct ms_plugin_cidr cidr;
};

struct entry {
	struct value *values;
	uint32_t count;
};

struct ms_plugin_values {
	const struct ms_plugin_item *items;
	uint32_t n_items;
	struct entry entries[]; /* as many, in their order */
};

int ms_plugin_values_new(const struct ms_plugin_item *items, uint32_t count,
			 struct ms_plugin_values **ret_values)
{
	struct ms_plugin_values *values =
		calloc(1, sizeof(*values) + count * sizeof(values->entries[0]));

	if (!values)
		return -ENOMEM;
	values->items = items;
	values->n_items = count;
	*ret_values = values;
	return 0;
}

struct ms_plugin_values *ms_plugin_values_free(struct ms_plugin_values *values)
{
	for (uint32_t i = 0; values && i < values->n_items; i++) {
		for (uint32_t j = 0; j < values->entries[i].count; j++)
			free(values->entries[i].values[j].text);
		free(values->entries[i].values);
	}
	free(values);
	return NULL;
}

/* ---- one value ---- */

static bool parse_bool(const char *text, uint64_t *ret_number)
{
	*ret_number = strcmp(text, "true") == 0;
	return *ret_number || strcmp(text, "false") == 0;
}

/* A number and one of these units; the first stands for none. */
static bool parse_scaled(const char *text, const char *const *units, uint64_t step,
			 uint64_t *ret_number)
{
	size_t digits = strspn(text, "0123456789");
	uint64_t scale = 1;
	char number[24];

	if (digits >= sizeof(number))
		return false;
	memcpy(number, text, digits);
	number[digits] = '\0';
	if (!ms_parse_uint(number, 0, UINT64_MAX, ret_number))
		return false;
	for (; *units; units++, scale *= step) {
		if (strcmp(text + digits, *units) == 0)
			return !__builtin_mul_overflow(*ret_number, scale, ret_number);
	}
	return false;
}

static bool parse_duration(const char *text, uint64_t *ret_number)
{
	static const char *const units[] = { "ns", "us", NULL };

	return ms_parse_duration(text, ret_number) ||
	       (strcmp(text + strspn(text, "0123456789"), "us") == 0 &&
		parse_scaled(text, units, 1000, ret_number));
}

static bool parse_rate(const char *text, uint64_t *ret_number)
{
	static const char *const units[] = { "", "k", "M", "G", NULL };

	return parse_scaled(text, units, 1000, ret_number);
}

static bool parse_bytes(const char *text, uint64_t *ret_number)
{
	static const char *const units[] = { "", "KiB", "MiB", "GiB", "TiB", NULL };

	return parse_scaled(text, units, 1024, ret_number);
}

static bool parse_enum(const struct ms_plugin_item *item, const char *text, uint64_t *ret_number)
{
	for (uint64_t i = 0; item->words[i]; i++) {
		if (strcmp(item->words[i], text) == 0) {
			*ret_number = i;
			return true;
		}
	}
	return false;
}

static bool parse_cidr(const char *text, struct ms_plugin_cidr *ret_cidr)
{
	struct ms_cidr cidr;

	if (!ms_cidr_parse(text, &cidr))
		return false;
	*ret_cidr = (struct ms_plugin_cidr) { .family = cidr.addr.family, .len = cidr.len };
	memcpy(ret_cidr->addr, cidr.addr.bytes, sizeof(ret_cidr->addr));
	return true;
}

static bool is_ifname(const char *text)
{
	size_t length = strlen(text);

	return length >= 1 && length <= 15 && !strpbrk(text, "/: \t\n") && strcmp(text, ".") != 0 &&
	       strcmp(text, "..") != 0;
}

const char *ms_plugin_values_wants(uint32_t type)
{
	static const char *const wants[] = {
		[MS_PLUGIN_BOOL] = "true or false",
		[MS_PLUGIN_UINT] = "a whole number",
		[MS_PLUGIN_DURATION] = "a duration, e.g. 500us or 10s",
		[MS_PLUGIN_RATE] = "a rate per second, e.g. 100 or 10k",
		[MS_PLUGIN_BYTES] = "a number of bytes, e.g. 1500 or 64KiB",
		[MS_PLUGIN_STRING] = "a text",
		[MS_PLUGIN_ENUM] = "one of its words",
		[MS_PLUGIN_CIDR] = "an address or prefix",
		[MS_PLUGIN_IFNAME] = "the name of an interface",
		[MS_PLUGIN_SET] = "the name of a set",
		[MS_PLUGIN_GROUP] = "the name of a group",
	};

	return type < ms_array_size(wants) && wants[type] ? wants[type] : "a value";
}

static bool parse_number(const struct ms_plugin_item *item, const char *text, uint64_t *ret_number)
{
	switch (item->type) {
	case MS_PLUGIN_UINT:
		return ms_parse_uint_or_hex(text, 0, UINT64_MAX, ret_number);
	case MS_PLUGIN_DURATION:
		return parse_duration(text, ret_number);
	case MS_PLUGIN_RATE:
		return parse_rate(text, ret_number);
	default:
		return parse_bytes(text, ret_number);
	}
}

static bool parse(const struct ms_plugin_item *item, const char *text, struct value *into)
{
	switch (item->type) {
	case MS_PLUGIN_BOOL:
		return parse_bool(text, &into->number);
	case MS_PLUGIN_STRING:
		return true;
	case MS_PLUGIN_ENUM:
		return parse_enum(item, text, &into->number);
	case MS_PLUGIN_CIDR:
		return parse_cidr(text, &into->cidr);
	case MS_PLUGIN_IFNAME:
		return is_ifname(text);
	case MS_PLUGIN_SET:
		return ms_document_is_set_name(text);
	case MS_PLUGIN_GROUP:
		return ms_document_is_group_name(text);
	default:
		return parse_number(item, text, &into->number);
	}
}

static int refuse_type(const struct ms_plugin_item *item, const char *text, struct ms_error *err)
{
	char words[256] = "";

	for (size_t i = 0; item->type == MS_PLUGIN_ENUM && item->words[i]; i++) {
		size_t used = strlen(words);

		snprintf(words + used, sizeof(words) - used, "%s%s", i ? ", " : ": ",
			 item->words[i]);
	}
	if (item->flags & MS_PLUGIN_SECRET)
		return ms_error_set_at(err, -EINVAL, NULL, 0, 0, item->name, "%s must be %s%s",
				       item->name, ms_plugin_values_wants(item->type), words);
	return ms_error_set_at(err, -EINVAL, NULL, 0, 0, item->name, "%s must be %s%s, not '%.80s'",
			       item->name, ms_plugin_values_wants(item->type), words, text);
}

static bool has_range(const struct ms_plugin_item *item)
{
	return item->type >= MS_PLUGIN_UINT && item->type <= MS_PLUGIN_STRING;
}

/* The largest unit of these that leaves nothing over. */
static void put_scaled(uint64_t number, const char *const *units, uint64_t step, char *buf,
		       size_t size)
{
	while (number && number % step == 0 && units[1]) {
		number /= step;
		units++;
	}
	snprintf(buf, size, "%" PRIu64 "%s", number, *units);
}

char *ms_plugin_values_limit(uint32_t type, uint64_t limit, char *buf, size_t size)
{
	static const char *const times[] = { "ns", "us", NULL };
	static const char *const bytes[] = { "", "KiB", "MiB", "GiB", "TiB", NULL };
	static const char *const rates[] = { "", "k", "M", "G", NULL };
	static const char *const plain[] = { "", NULL };

	if (type == MS_PLUGIN_DURATION && limit && limit % NS_PER_MS == 0)
		return ms_format_duration(limit, buf, size);
	if (type == MS_PLUGIN_DURATION)
		put_scaled(limit, times, 1000, buf, size);
	else if (type == MS_PLUGIN_BYTES)
		put_scaled(limit, bytes, 1024, buf, size);
	else
		put_scaled(limit, type == MS_PLUGIN_RATE ? rates : plain, 1000, buf, size);
	return buf;
}

static int read_value(const struct ms_plugin_item *item, const char *text, struct value *into,
		      struct ms_error *err)
{
	const char *of = item->type == MS_PLUGIN_STRING ? "the length of " : "";
	char limit[32];
	uint64_t size;

	if (!parse(item, text, into))
		return refuse_type(item, text, err);
	size = item->type == MS_PLUGIN_STRING ? strlen(text) : into->number;
	if (has_range(item) && size < item->min)
		return ms_error_set_at(
			err, -EINVAL, NULL, 0, 0, item->name, "%s%s must not be below %s", of,
			item->name,
			ms_plugin_values_limit(item->type, item->min, limit, sizeof(limit)));
	if (has_range(item) && item->max && size > item->max)
		return ms_error_set_at(
			err, -EINVAL, NULL, 0, 0, item->name, "%s%s must not be above %s", of,
			item->name,
			ms_plugin_values_limit(item->type, item->max, limit, sizeof(limit)));
	return 0;
}

int ms_plugin_values_check(const struct ms_plugin_item *item, const char *text,
			   struct ms_error *err)
{
	struct value value;

	return read_value(item, text, &value, err);
}

/* ---- all of them ---- */

static int find(const struct ms_plugin_values *values, const char *name)
{
	for (uint32_t i = 0; i < values->n_items; i++) {
		if (strcmp(values->items[i].name, name) == 0)
			return (int)i;
	}
	return -1;
}

static int append(struct entry *entry, const struct ms_plugin_item *item, const char *text,
		  struct ms_error *err)
{
	struct value value = { 0 }, *grown;
	int r = read_value(item, text, &value, err);

	if (r < 0)
		return r;
	value.text = strdup(text);
	grown = reallocarray(entry->values, entry->count + 1, sizeof(*grown));
	if (grown)
		entry->values = grown;
	if (!value.text || !grown) {
		free(value.text);
		return -ENOMEM;
	}
	grown[entry->count++] = value;
	return 0;
}

static int refuse_unknown(const struct ms_plugin_values *values, const char *name,
			  struct ms_error *err)
{
	char known[160] = "";
	size_t length = 0;

	for (uint32_t i = 0; i < values->n_items && length < sizeof(known); i++)
		length += (size_t)snprintf(known + length, sizeof(known) - length, "%s%s",
					   i ? ", " : ": there are ", values->items[i].name);
	/* More than can be listed help nobody. */
	return ms_error_set_at(err, -ENOENT, NULL, 0, 0, name, "there is no item '%.80s'%s", name,
			       length < sizeof(known) ? known : "");
}

int ms_plugin_values_add(struct ms_plugin_values *values, const char *name, const char *text,
			 struct ms_error *err)
{
	int at = find(values, name);
	const struct ms_plugin_item *item = at < 0 ? NULL : &values->items[at];

	if (!item)
		return refuse_unknown(values, name, err);
	if (values->entries[at].count && !(item->flags & MS_PLUGIN_LIST))
		return ms_error_set_at(err, -EEXIST, NULL, 0, 0, name, "%s takes one value", name);
	if (values->entries[at].count == MS_PLUGIN_VALUES_MAX)
		return ms_error_set_at(err, -EINVAL, NULL, 0, 0, name, "%s takes at most %d values",
				       name, MS_PLUGIN_VALUES_MAX);
	return append(&values->entries[at], item, text, err);
}

bool ms_plugin_values_is_secret(const struct ms_plugin_values *values, const char *name)
{
	int at = find(values, name);

	return at >= 0 && values->items[at].flags & MS_PLUGIN_SECRET;
}

int ms_plugin_values_finish(struct ms_plugin_values *values, struct ms_error *err)
{
	for (uint32_t i = 0; i < values->n_items; i++) {
		const struct ms_plugin_item *item = &values->items[i];
		int r;

		if (values->entries[i].count)
			continue;
		if (item->flags & MS_PLUGIN_REQUIRED)
			return ms_error_set(err, -EINVAL, "%s is missing", item->name);
		if (!item->def)
			continue;
		r = append(&values->entries[i], item, item->def, err);
		if (r < 0)
			return r;
	}
	return 0;
}

static const struct value *value_at(const struct ms_plugin_values *values, const char *name,
				    uint32_t index)
{
	int at = find(values, name);

	return at < 0 || index >= values->entries[at].count ? NULL
							    : &values->entries[at].values[index];
}

uint32_t ms_plugin_values_count(const struct ms_plugin_values *values, const char *name)
{
	int at = find(values, name);

	return at < 0 ? 0 : values->entries[at].count;
}

uint64_t ms_plugin_values_uint(const struct ms_plugin_values *values, const char *name,
			       uint32_t index)
{
	const struct value *value = value_at(values, name, index);

	return value ? value->number : 0;
}

const char *ms_plugin_values_string(const struct ms_plugin_values *values, const char *name,
				    uint32_t index)
{
	const struct value *value = value_at(values, name, index);

	return value ? value->text : "";
}

int ms_plugin_values_cidr(const struct ms_plugin_values *values, const char *name, uint32_t index,
			  struct ms_plugin_cidr *ret_cidr)
{
	const struct value *value = value_at(values, name, index);

	if (!value || !value->cidr.family)
		return -ENOENT;
	*ret_cidr = value->cidr;
	return 0;
}
