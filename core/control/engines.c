/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/control/engines.h"

static json_t *shape_engine(const struct ms_engine_choice *choices, unsigned int index)
{
	const struct ms_engine_choice *choice = &choices[index];
	char text[MS_ENGINE_SENTENCE];
	json_t *shaped =
		json_pack("{s:s, s:s, s:I}", "family", index == 0 ? "ipv4" : "ipv6", "engine",
			  ms_engine_name(choice->engine), "rows", (json_int_t)choice->n_rows);
	json_t *more;

	if (!shaped || !ms_engine_warn(choices, index, text, sizeof(text)))
		return shaped;
	more = json_pack("{s:s, s:I, s:I, s:s}", "bound", ms_engine_limit_name(choice->bound.limit),
			 "limit", (json_int_t)choice->bound.most, "needed",
			 (json_int_t)choice->bound.needed, "warning", text);
	if (json_object_update(shaped, more) < 0) {
		json_decref(shaped);
		shaped = NULL;
	}
	json_decref(more);
	return shaped;
}

json_t *ms_control_engines_shape(const struct ms_engine_choice *choices)
{
	json_t *list = json_array();

	for (unsigned int i = 0; list && i < MS_ENGINE_FAMILIES; i++) {
		if (json_array_append_new(list, shape_engine(choices, i)) < 0) {
			json_decref(list);
			return NULL;
		}
	}
	return list;
}

size_t ms_control_compiled_warn(const struct ms_engine_choice *choices,
				const struct ms_unobserved *unobserved,
				struct ms_warning *ret_warnings)
{
	struct ms_warning none = { .kind = "unobserved" };
	size_t count = 0;

	for (unsigned int i = 0; i < MS_ENGINE_FAMILIES; i++) {
		struct ms_warning warning = { .kind = "slow_engine" };

		if (ms_engine_warn(choices, i, warning.message, sizeof(warning.message)))
			ret_warnings[count++] = warning;
	}
	if (ms_unobserved_warn(unobserved, none.message, sizeof(none.message)))
		ret_warnings[count++] = none;
	return count;
}
