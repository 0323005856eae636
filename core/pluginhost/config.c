/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/pluginhost/config.h"

#include <errno.h>

static int add_values(struct ms_plugin_values *values, const json_t *config, struct ms_error *err)
{
	const json_t *list, *text;
	const char *name;
	size_t i;

	json_object_foreach ((json_t *)config, name, list) {
		json_array_foreach (list, i, text) {
			int r = json_is_string(text)
					? ms_plugin_values_add(values, name,
							       json_string_value(text), err)
					: ms_error_set(err, -EINVAL, "%s is no list of texts",
						       name);

			if (r < 0)
				return r;
		}
	}
	return 0;
}

int ms_pluginhost_config_read(const struct ms_plugin_item *items, uint32_t count,
			      const json_t *config, struct ms_plugin_values **ret_values,
			      struct ms_error *err)
{
	struct ms_plugin_values *values;
	int r = ms_plugin_values_new(items, count, &values);

	if (r < 0)
		return r;
	if (json_is_object(config))
		r = add_values(values, config, err);
	if (r == 0)
		r = ms_plugin_values_finish(values, err);
	if (r < 0) {
		ms_plugin_values_free(values);
		return r;
	}
	*ret_values = values;
	return 0;
}
