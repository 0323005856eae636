/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/control/command.h"

#include <errno.h>
#include <string.h>

#include "core/base/cleanup.h"
#include "core/manager/manager.h"

typedef int (*handler)(struct ms_manager *manager, struct ms_control_call *call, json_t **ret_reply,
		       struct ms_error *err);

static const handler handlers[] = {
#define HANDLER(name, text, function, flags) ms_control_cmd_##function,
	MS_METHODS(HANDLER)
#undef HANDLER
};
_Static_assert(ms_array_size(handlers) == MS_METHOD__COUNT, "a handler per method");

static int dispatch(void *user, struct ms_control_call *call, json_t **ret_reply,
		    struct ms_error *err)
{
	/* Sources and sinks run as user 0 and parse what others wrote: they may ask like anybody.
	 */
	if ((ms_method_flags(call->method) & MS_METHOD_CHANGES) &&
	    ms_manager_is_plugin(user, call->pid))
		return ms_error_set(err, -EPERM, "%s is not for a plugin's process",
				    ms_method_name(call->method));
	return handlers[call->method](user, call, ret_reply, err);
}

/* Members of a set in force do not wait for a policy that is on its way. */
static bool is_urgent(void *user, const struct ms_control_call *call)
{
	const char *set = json_string_value(json_object_get(call->parameters, "name"));

	return call->method == MS_METHOD_SET_ADD && set && ms_manager_takes_early(user, set);
}

int ms_control_open(struct ms_manager *manager, struct ms_loop *loop, const char *path,
		    struct ms_control_server **ret_server, struct ms_error *err)
{
	struct ms_control_server *server;
	int r = ms_control_server_open(loop, path, dispatch, manager, &server, err);

	if (r < 0)
		return r;
	r = ms_control_server_admit_urgent(server, is_urgent);
	if (r < 0) {
		ms_control_server_close(server);
		return ms_error_set(err, r, "cannot serve %s: %s", path, strerror(-r));
	}
	*ret_server = server;
	return 0;
}
