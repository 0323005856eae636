/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/plugin/registry_values.h"

#include <errno.h>

int ms_plugin_registry_values_refuse(const char *file, struct ms_place place, const char *word,
				     const struct ms_error *why, int r, struct ms_error *err)
{
	return ms_error_set_at(err, r == -ENOMEM ? r : -EINVAL, file, place.line, place.column,
			       word, "%s", why->message);
}

int ms_plugin_registry_values_read(const struct ms_rule_action *from, const char *file,
				   const char *alone, struct ms_plugin_values *into,
				   struct ms_error *err)
{
	struct ms_error why = MS_ERROR_INIT;
	int r;

	for (size_t i = 0; i < from->n_args; i++) {
		const struct ms_rule_action_arg *arg = &from->args[i];
		const char *name = arg->name ? arg->name : alone;

		if (!name)
			return ms_error_set_at(err, -EINVAL, file, arg->place.line,
					       arg->place.column, from->name,
					       "%s takes its arguments by name: { %s: { NAME: "
					       "value } }",
					       from->name, from->name);
		for (size_t j = 0; j < arg->n_values; j++) {
			r = ms_plugin_values_add(into, name, arg->values[j].text, &why);
			if (r < 0)
				return ms_plugin_registry_values_refuse(
					file, r == -ENOENT ? arg->place : arg->values[j].place,
					r == -ENOENT ? name : arg->values[j].text, &why, r, err);
		}
	}
	r = ms_plugin_values_finish(into, &why);
	return r < 0 ? ms_plugin_registry_values_refuse(file, from->place, from->name, &why, r, err)
		     : 0;
}

json_t *ms_plugin_registry_values_shape(const struct ms_rule_action *config)
{
	json_t *object = json_object();

	for (size_t i = 0; object && i < config->n_args; i++) {
		json_t *list = json_array();

		for (size_t j = 0; list && j < config->args[i].n_values; j++)
			json_array_append_new(list, json_string(config->args[i].values[j].text));
		if (!config->args[i].name ||
		    json_object_set_new(object, config->args[i].name, list) < 0) {
			json_decref(object);
			return NULL;
		}
	}
	return object;
}
