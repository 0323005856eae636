/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/cli/value.h"

#include <stdio.h>
#include <string.h>

const char *ms_cli_value_text(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "";
}

json_int_t ms_cli_value_int(const json_t *object, const char *key)
{
	return json_integer_value(json_object_get(object, key));
}

bool ms_cli_value_is(const json_t *object, const char *key)
{
	return json_is_true(json_object_get(object, key));
}

static void add_word(const json_t *value, char *buf, size_t size)
{
	size_t used = strlen(buf);
	const char *comma = used ? "," : "";

	if (json_is_string(value))
		snprintf(buf + used, size - used, "%s%s", comma, json_string_value(value));
	else if (json_is_integer(value))
		snprintf(buf + used, size - used, "%s%lld", comma,
			 (long long)json_integer_value(value));
}

char *ms_cli_value_words(const json_t *object, const char *key, char *buf, size_t size)
{
	const json_t *value = json_object_get(object, key), *item;
	size_t i;

	buf[0] = '\0';
	if (!json_is_array(value))
		add_word(value, buf, size);
	json_array_foreach (value, i, item)
		add_word(item, buf, size);
	return buf;
}

size_t ms_cli_value_count(const json_t *object, const char *key)
{
	const json_t *value = json_object_get(object, key);

	if (json_is_array(value))
		return json_array_size(value);
	return value && !json_is_null(value) ? 1 : 0;
}
