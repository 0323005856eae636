/* SPDX-License-Identifier: GPL-2.0-or-later */
/* microseg-plugin-host: describes and tries a plugin, one JSON object on standard output; or is the
 * process in which a source lives. */
#include <argp.h>
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/error.h"
#include "core/plugin/place.h"
#include "core/plugin/probe.h"
#include "core/plugin/spawn.h"
#include "core/pluginhost/serve.h"
#include "core/pluginhost/supervise.h"
#include "core/pluginhost/trial.h"

const char *argp_program_version = "microseg-plugin-host " MS_VERSION;

enum {
	OPTION_DESCRIBE = 256,
	OPTION_TRY,
	OPTION_ENCODE,
	OPTION_SERVE,
	OPTION_PLUGIN_DIR,
	OPTION_OWN_FOLDER,
	OPTION_CONTROL_SOCKET,
	OPTION_COPY
};

static const struct argp_option table[] = {
	{ "describe", OPTION_DESCRIBE, NULL, 0, "load the plugin and say what it is", 1 },
	{ "try", OPTION_TRY, NULL, 0,
	  "also create it and load its programs, with the configuration on standard input: a JSON "
	  "object of lists of texts, or null",
	  1 },
	{ "encode", OPTION_ENCODE, NULL, 0,
	  "also create it and have it judge arguments of rules; standard input is a JSON object with "
	  "the configuration, as above, and a list of the arguments",
	  1 },
	{ "serve", OPTION_SERVE, NULL, 0,
	  "run a source for the daemon, whose socket is standard output; standard input as above",
	  1 },
	{ "plugin-dir", OPTION_PLUGIN_DIR, "DIR", 0, "where plugins are", 2 },
	{ "own-folder", OPTION_OWN_FOLDER, "DIR", 0,
	  "what the plugin may write below, if it needs to", 2 },
	{ "copy", OPTION_COPY, MS_PLUGIN_SPAWN_HAS_COPY, 0,
	  "a descriptor with the plugin's file as it is to be taken, in place of the folder's", 2 },
	{ "control-socket", OPTION_CONTROL_SOCKET, "PATH", 0,
	  "the daemon's, which the plugin is told of if it connects to unix sockets", 2 },
	{ 0 },
};

struct request {
	struct ms_pluginhost_trial trial;
	const char *own_folder, *control_socket; /* NULL = none */
	bool has_task, is_encoding, is_service;
};

static error_t on_option(int key, char *arg, struct argp_state *state)
{
	struct request *request = state->input;

	switch (key) {
	case OPTION_DESCRIBE:
	case OPTION_TRY:
	case OPTION_ENCODE:
	case OPTION_SERVE:
		request->has_task = true;
		request->trial.is_trial = key == OPTION_TRY;
		request->is_encoding = key == OPTION_ENCODE;
		request->is_service = key == OPTION_SERVE;
		return 0;
	case OPTION_PLUGIN_DIR:
		request->trial.folder = arg;
		return 0;
	case OPTION_OWN_FOLDER:
		request->own_folder = *arg ? arg : NULL;
		return 0;
	case OPTION_COPY:
		if (*arg && strcmp(arg, MS_PLUGIN_SPAWN_HAS_COPY) != 0)
			argp_error(state, "--copy takes " MS_PLUGIN_SPAWN_HAS_COPY ", not '%s'",
				   arg);
		request->trial.has_copy = *arg != '\0';
		return 0;
	case OPTION_CONTROL_SOCKET:
		request->control_socket = *arg ? arg : NULL;
		return 0;
	case ARGP_KEY_ARG:
		if (request->trial.name)
			argp_usage(state);
		request->trial.name = arg;
		return 0;
	case ARGP_KEY_END:
		if (!request->trial.name || !request->has_task)
			argp_usage(state);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static int read_config(json_t **ret_config, struct ms_error *err)
{
	json_t *config = json_loadf(stdin, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, NULL);

	if (!json_is_object(config) && !json_is_null(config)) {
		json_decref(config);
		return ms_error_set(err, -EINVAL, "standard input must be a JSON object or null");
	}
	*ret_config = config;
	return 0;
}

static int answer(struct request *request, json_t **ret_answer, struct ms_error *err)
{
	json_auto_t *input = NULL;
	int r = request->trial.is_trial || request->is_encoding ? read_config(&input, err) : 0;

	request->trial.config = request->is_encoding ? json_object_get(input, "config") : input;
	if (request->is_encoding)
		request->trial.arguments = json_object_get(input, "arguments");
	if (r == 0 && request->is_encoding && !json_is_array(request->trial.arguments))
		r = ms_error_set(err, -EINVAL, "standard input has no list of arguments");
	return r < 0 ? r
		     : ms_pluginhost_supervise(request->trial.name, MS_PLUGIN_PROBE_SECONDS,
					       ms_pluginhost_trial_run, &request->trial, ret_answer,
					       err);
}

static int say_answer(struct request *request)
{
	struct ms_error err = MS_ERROR_INIT;
	json_t *reply = NULL;
	int r = answer(request, &reply, &err);

	if (r < 0)
		reply = json_pack("{s:{s:s, s:s*, s:b}}", "error", "message",
				  err.message[0] ? err.message : strerror(-r), "word",
				  err.word[0] ? err.word : NULL, "invalid", r == -EINVAL);
	if (!reply || json_dumpf(reply, stdout, JSON_COMPACT) < 0 || putchar('\n') == EOF ||
	    fflush(stdout) != 0)
		r = -EIO;
	json_decref(reply);
	return r;
}

static int serve(const struct request *request)
{
	json_auto_t *config = NULL;
	struct ms_pluginhost_service service = {
		.folder = request->trial.folder,
		.name = request->trial.name,
		.own_folder = request->own_folder,
		.control_socket = request->control_socket,
		.fd = STDOUT_FILENO,
	};
	struct ms_error err = MS_ERROR_INIT;
	struct stat st;
	int r;

	if (fstat(STDOUT_FILENO, &st) < 0 || !S_ISSOCK(st.st_mode)) {
		fputs("microseg-plugin-host: --serve is for microsegd: standard output must be its "
		      "socket\n",
		      stderr);
		return -ENOTSOCK;
	}
	r = read_config(&config, &err);
	service.config = config;
	return r < 0 ? r : ms_pluginhost_serve(&service, &err);
}

int main(int argc, char **argv)
{
	static const struct argp argp = {
		.options = table,
		.parser = on_option,
		.args_doc = "NAME",
		.doc = "Describes and tries a plugin of microseg in a process of its own. Used by "
		       "microsegd and by `microsegctl plugin probe`.",
	};
	struct request request = { 0 };
	char folder[512];
	int r = 0;

	argp_err_exit_status = 2;
	argp_parse(&argp, argc, argv, 0, NULL, &request);
	if (!request.trial.folder) {
		r = ms_plugin_place_folder(folder, sizeof(folder));
		request.trial.folder = folder;
	}
	if (r == 0)
		r = request.is_service ? serve(&request) : say_answer(&request);
	return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
