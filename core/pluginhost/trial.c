/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/pluginhost/trial.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/base/cleanup.h"
#include "core/base/utf8.h"
#include "core/plugin/callback.h"
#include "core/plugin/copy.h"
#include "core/plugin/describe.h"
#include "core/plugin/descriptor.h"
#include "core/plugin/host.h"
#include "core/plugin/library.h"
#include "core/plugin/spawn.h"
#include "core/plugin/values.h"
#include "core/pluginhost/config.h"
#include "core/pluginhost/smoke.h"
#include "core/pluginhost/supervise.h"

static void free_values(struct ms_plugin_values **values)
{
	ms_plugin_values_free(*values);
}

static int load_action(const struct ms_plugin_action *action, void *self,
		       struct ms_plugin_host_state *state, const struct ms_pluginhost_smoke *smoke,
		       void *supervision, struct ms_error *err)
{
	struct ms_plugin_error error = { "" };
	char callback[96];
	int fd = -1, r;

	snprintf(callback, sizeof(callback), MS_PLUGIN_CALLBACK_LOAD " %s", action->name);
	ms_pluginhost_supervise_note(supervision, callback);
	r = action->load(self, ms_pluginhost_smoke_env(smoke), &fd, &error);
	ms_pluginhost_supervise_note(supervision, NULL);
	if (r != 0)
		return ms_plugin_host_failed(state, callback, r, &error, err);
	return ms_pluginhost_smoke_run(fd, state->name, action, err);
}

static int load_actions(const struct ms_plugin *plugin, void *self,
			struct ms_plugin_host_state *state, void *supervision, struct ms_error *err)
{
	ms_cleanup(ms_pluginhost_smoke_free) struct ms_pluginhost_smoke *smoke = NULL;
	int r = plugin->action_count ? ms_pluginhost_smoke_new(&smoke, err) : 0;

	for (uint32_t i = 0; r == 0 && i < plugin->action_count; i++)
		r = load_action(&plugin->actions[i], self, state, smoke, supervision, err);
	return r;
}

/* ---- arguments of rules ---- */

static const char *text_of(const json_t *asked, const char *key)
{
	const char *text = json_string_value(json_object_get(asked, key));

	return text ? text : "";
}

static const struct ms_plugin_action *find_action(const struct ms_plugin *plugin, const char *name)
{
	for (uint32_t i = 0; i < plugin->action_count; i++) {
		if (strcmp(plugin->actions[i].name, name) == 0)
			return &plugin->actions[i];
	}
	return NULL;
}

static int encode(const struct ms_plugin *plugin, void *self, struct ms_plugin_host_state *state,
		  const json_t *asked, void *supervision, struct ms_error *err)
{
	const struct ms_plugin_action *action = find_action(plugin, text_of(asked, "action"));
	ms_cleanup(free_values) struct ms_plugin_values *values = NULL;
	uint8_t args[MS_PLUGIN_ARGS_SIZE] = { 0 };
	struct ms_plugin_error error = { "" };
	char callback[96];
	int r;

	if (!action || !action->encode_args)
		return 0;
	r = ms_pluginhost_config_read(action->args, action->arg_count,
				      json_object_get(asked, "values"), &values, err);
	if (r < 0)
		return r;
	snprintf(callback, sizeof(callback), MS_PLUGIN_CALLBACK_ENCODE_OF " %s",
		 text_of(asked, "rule"));
	ms_pluginhost_supervise_note(supervision, callback);
	r = action->encode_args(self, values, args, &error);
	ms_pluginhost_supervise_note(supervision, NULL);
	return r != 0 ? ms_plugin_host_failed(state, MS_PLUGIN_CALLBACK_ENCODE, r, &error, err) : 0;
}

/* That it refuses some is an answer, and no failure. */
static int encode_all(const struct ms_plugin *plugin, void *self,
		      struct ms_plugin_host_state *state, const json_t *arguments,
		      void *supervision, json_t **ret_refused, struct ms_error *err)
{
	const json_t *asked;
	size_t i;

	json_array_foreach (arguments, i, asked) {
		struct ms_error why = MS_ERROR_INIT;
		int r = encode(plugin, self, state, asked, supervision, &why);

		if (r == 0)
			continue;
		*ret_refused = json_pack("{s:I, s:s}", "index", (json_int_t)i, "message",
					 why.message[0] ? ms_utf8_tidy(why.message) : strerror(-r));
		return *ret_refused ? 0 : ms_error_set(err, -ENOMEM, "out of memory");
	}
	return 0;
}

/* ---- the trial ---- */

/* What a plugin has to say it says where it is loaded; twice would look like two of them. */
static void trial_log(struct ms_plugin_host_state *state, uint32_t level, const char *format, ...)
{
	(void)state, (void)level, (void)format;
}

static int try_plugin(const struct ms_pluginhost_trial *trial, const struct ms_plugin *plugin,
		      const struct ms_plugin_values *values, void *supervision,
		      json_t **ret_refused, struct ms_error *err)
{
	struct ms_plugin_host_state state = { .name = plugin->name };
	struct ms_plugin_error error = { "" };
	struct ms_plugin_host host;
	void *self = NULL;
	int r;

	ms_plugin_host_init(&host, &state);
	host.log = trial_log;
	ms_pluginhost_supervise_note(supervision, MS_PLUGIN_CALLBACK_CREATE);
	r = plugin->create(&host, values, &self, &error);
	ms_pluginhost_supervise_note(supervision, NULL);
	if (r != 0)
		return ms_plugin_host_failed(&state, MS_PLUGIN_CALLBACK_CREATE, r, &error, err);
	r = trial->arguments ? encode_all(plugin, self, &state, trial->arguments, supervision,
					  ret_refused, err)
			     : load_actions(plugin, self, &state, supervision, err);
	ms_pluginhost_supervise_note(supervision, MS_PLUGIN_CALLBACK_DESTROY);
	plugin->destroy(self);
	ms_pluginhost_supervise_note(supervision, NULL);
	return r;
}

/* `*ret_untried` says why it was not tried, "" = it was. */
static int configure_and_try(const struct ms_pluginhost_trial *trial,
			     const struct ms_plugin *plugin, void *supervision,
			     json_t **ret_refused, struct ms_error *ret_untried,
			     struct ms_error *err)
{
	ms_cleanup(free_values) struct ms_plugin_values *values = NULL;
	struct ms_error why = MS_ERROR_INIT;
	int r = ms_pluginhost_config_read(plugin->config, plugin->config_count, trial->config,
					  &values, &why);

	if (r < 0 && !json_is_object(trial->config)) {
		*ret_untried = why;
		return 0;
	}
	if (r < 0)
		return ms_error_set_at(err, r == -ENOMEM ? r : -EINVAL, NULL, 0, 0, why.word,
				       "%s: its configuration: %s", plugin->name, why.message);
	return try_plugin(trial, plugin, values, supervision, ret_refused, err);
}

static int open_plugin(const struct ms_pluginhost_trial *trial, void *supervision,
		       struct ms_plugin *ret_plugin, struct ms_error *err)
{
	ms_cleanup(ms_close_fd) int copy = trial->has_copy ? MS_PLUGIN_SPAWN_COPY : -1;
	int r = trial->has_copy ? 0 : ms_plugin_copy_open(trial->folder, trial->name, &copy, err);

	return r < 0 ? r
		     : ms_plugin_library_open(copy, trial->name, ms_pluginhost_supervise_note,
					      supervision, ret_plugin, NULL, err);
}

int ms_pluginhost_trial_run(void *user, void *supervision, json_t **ret_answer,
			    struct ms_error *err)
{
	const struct ms_pluginhost_trial *trial = user;
	struct ms_error untried = MS_ERROR_INIT;
	struct ms_plugin plugin = { 0 };
	json_t *refused = NULL;
	int r = open_plugin(trial, supervision, &plugin, err);

	if (r == 0 && (trial->is_trial || trial->arguments))
		r = configure_and_try(trial, &plugin, supervision, &refused, &untried, err);
	else
		ms_error_set(&untried, -ECANCELED, "that needs root");
	if (r == 0) {
		*ret_answer =
			json_pack("{s:o, s:b, s:s?}", "plugin", ms_plugin_describe(&plugin),
				  "tried", !ms_error_is_set(&untried), "untried",
				  ms_error_is_set(&untried) ? ms_utf8_tidy(untried.message) : NULL);
		r = *ret_answer ? 0 : -ENOMEM;
	}
	if (r == 0 && trial->arguments)
		r = json_object_set(*ret_answer, "refused", refused ? refused : json_null());
	json_decref(refused);
	ms_plugin_descriptor_free(&plugin);
	return r;
}
