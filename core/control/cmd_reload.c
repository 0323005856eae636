/* SPDX-License-Identifier: GPL-2.0-or-later */
/* reload: configuration of plugins and policy as they are on disk now. */
#include <errno.h>
#include <stdio.h>

#include "core/control/awaited.h"
#include "core/control/command.h"
#include "core/control/engines.h"
#include "core/control/param.h"
#include "core/control/shape.h"

static json_t *shape_steps(const struct ms_manager_task *task)
{
	static const char *const words[] = {
		[MS_STEP_LOADED] = "loaded",
		[MS_STEP_CHANGED] = "changed",
		[MS_STEP_UNLOADED] = "unloaded",
	};
	json_t *list = json_array();
	enum ms_manager_step step;
	const char *name;

	for (size_t i = 0; list && ms_manager_task_step(task, i, &name, &step); i++) {
		if (json_array_append_new(
			    list, json_pack("{s:s, s:s}", "name", name, "step", words[step])) < 0) {
			json_decref(list);
			return NULL;
		}
	}
	return list;
}

static json_t *shape(struct ms_control_awaited *awaited, const struct ms_manager_done *done)
{
	json_t *reply = ms_control_shape_commit(&done->commit, awaited->dry_run);
	struct ms_warning warnings[MS_CONTROL_COMPILED_WARNINGS];
	struct ms_manager_status status;
	size_t n_warnings;

	ms_manager_status(awaited->manager, &status);
	n_warnings =
		awaited->dry_run
			? ms_control_compiled_warn(ms_manager_engines_asked(awaited->manager),
						   ms_manager_unobserved_asked(awaited->manager),
						   warnings)
			: ms_control_compiled_warn(status.engines, &status.unobserved, warnings);
	if (!reply ||
	    ms_control_shape_put(reply, "policy_source", json_string(status.policy_source)) < 0 ||
	    ms_control_shape_put(reply, "plugins", shape_steps(done->task)) < 0 ||
	    ms_control_shape_put(reply, "warnings",
				 ms_control_shape_warnings(warnings, n_warnings)) < 0) {
		json_decref(reply);
		return NULL;
	}
	snprintf(awaited->stream.audit, sizeof(awaited->stream.audit), "generation %u in force",
		 done->commit.generation);
	return reply;
}

int ms_control_cmd_reload(struct ms_manager *manager, struct ms_control_call *call,
			  json_t **ret_reply, struct ms_error *err)
{
	struct ms_control_awaited *awaited;
	int dry_run = false;
	int r = ms_control_unpack(call->parameters, err, "{s?b}", "dry_run", &dry_run);

	(void)ret_reply;
	if (r < 0)
		return r;
	awaited = ms_control_awaited_new(manager, shape);
	if (!awaited)
		return -ENOMEM;
	awaited->dry_run = dry_run;
	r = ms_manager_configure(manager, dry_run, ms_control_awaited_done, awaited);
	if (r < 0) {
		ms_control_awaited_free(awaited);
		return r;
	}
	call->stream = &awaited->stream;
	return 0;
}
