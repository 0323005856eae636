/* SPDX-License-Identifier: GPL-2.0-or-later */
#define _GNU_SOURCE
#include "core/options.h"

#include <argp.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *argp_program_version = "microsegd " MS_VERSION;

enum {
	OPTION_POLICY = 256,
	OPTION_INTERFACE,
	OPTION_BPFFS,
	OPTION_RUN_DIR,
	OPTION_STATE_DIR,
	OPTION_CHECK_CONFIG,
	OPTION_CLEANUP,
	OPTION_CLEANUP_ON_EXIT,
	OPTION_DRY_RUN,
	OPTION_LOG_LEVEL,
	OPTION_PLUGIN_DIR,
};

static const struct argp_option table[] = {
	{ "config", 'c', "FILE", 0, "configuration (default " MS_CONFIG_FILE ")", 1 },
	{ "policy", OPTION_POLICY, "DIR", 0,
	  "policy documents, a directory or a file (default " MS_CONFIG_POLICY ")", 1 },
	{ "interface", OPTION_INTERFACE, "PATTERN", 0,
	  "protect the interfaces of this name instead of the built-in policy's groups; a glob or "
	  "/regex/, may be repeated",
	  1 },
	{ "bpffs", OPTION_BPFFS, "DIR", 0,
	  "where programs and maps are pinned (default " MS_CONFIG_BPFFS ")", 2 },
	{ "run-dir", OPTION_RUN_DIR, "DIR", 0, "control socket (default " MS_CONFIG_RUN_DIR ")",
	  2 },
	{ "state-dir", OPTION_STATE_DIR, "DIR", 0,
	  "what must survive a restart (default " MS_CONFIG_STATE_DIR ")", 2 },
	{ "plugin-dir", OPTION_PLUGIN_DIR, "DIR", 0,
	  "where plugins are (default PREFIX/lib/microseg/plugins)", 2 },
	{ "log-level", OPTION_LOG_LEVEL, "LEVEL", 0, "error, warn, notice, info or debug", 2 },
	{ "check-config", OPTION_CHECK_CONFIG, NULL, 0,
	  "read configuration and policy, say what is wrong with them, and exit", 3 },
	{ "cleanup", OPTION_CLEANUP, NULL, 0,
	  "remove every trace of microseg from this network namespace, and exit", 3 },
	{ "dry-run", OPTION_DRY_RUN, NULL, 0, "with --cleanup: only say what would be removed", 3 },
	{ "cleanup-on-exit", OPTION_CLEANUP_ON_EXIT, NULL, 0,
	  "a trial: remove everything again when stopped", 3 },
	{ 0 },
};

/* Flags win over the file, wherever they stand: the file is read in a first pass. */
struct pass {
	struct ms_options *options;
	bool first;
};

static int replace(char **text, const char *with)
{
	char *copy = strdup(with);

	if (!copy)
		return ENOMEM;
	free(*text);
	*text = copy;
	return 0;
}

static int add_interface(struct ms_config *config, const char *pattern)
{
	char **interfaces =
		reallocarray(config->interfaces, config->n_interfaces + 1, sizeof(*interfaces));

	if (!interfaces)
		return ENOMEM;
	config->interfaces = interfaces;
	interfaces[config->n_interfaces] = strdup(pattern);
	return interfaces[config->n_interfaces++] ? 0 : ENOMEM;
}

static error_t on_first(int key, char *arg, struct ms_options *options)
{
	if (key == 'c') {
		options->config.file_must_be = true;
		return replace(&options->config.file, arg);
	}
	return key == ARGP_KEY_ARG ? ARGP_ERR_UNKNOWN : 0;
}

static error_t on_option(int key, char *arg, struct argp_state *state)
{
	struct pass *pass = state->input;
	struct ms_options *options = pass->options;
	struct ms_config *config = &options->config;

	if (pass->first)
		return on_first(key, arg, options);
	switch (key) {
	case 'c':
		return 0;
	case OPTION_POLICY:
		return replace(&config->policy, arg);
	case OPTION_INTERFACE:
		return add_interface(config, arg);
	case OPTION_BPFFS:
		return replace(&config->bpffs, arg);
	case OPTION_RUN_DIR:
		return replace(&config->run_dir, arg);
	case OPTION_STATE_DIR:
		options->state_dir_given = true;
		return replace(&config->state_dir, arg);
	case OPTION_PLUGIN_DIR:
		return replace(&config->plugin_dir, arg);
	case OPTION_LOG_LEVEL:
		if (!ms_log_level_parse(arg, &config->log_level))
			argp_error(state, "%s is no log level: error, warn, notice, info, debug",
				   arg);
		return 0;
	case OPTION_CHECK_CONFIG:
		options->task = MS_TASK_CHECK_CONFIG;
		return 0;
	case OPTION_CLEANUP:
		options->task = MS_TASK_CLEANUP;
		return 0;
	case OPTION_DRY_RUN:
		options->dry_run = true;
		return 0;
	case OPTION_CLEANUP_ON_EXIT:
		config->cleanup_on_exit = true;
		return 0;
	case ARGP_KEY_END:
		if (options->dry_run && options->task != MS_TASK_CLEANUP)
			argp_error(state, "--dry-run goes with --cleanup");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* A trial must leave no state behind, so it keeps its own where the run directory goes with it. */
static int use_trial_state(struct ms_options *options)
{
	struct ms_config *config = &options->config;
	char *path;

	config->trial = config->cleanup_on_exit;
	if (!config->trial || options->state_dir_given)
		return 0;
	if (asprintf(&path, "%s/" MS_CONFIG_TRIAL_STATE, config->run_dir) < 0)
		return -ENOMEM;
	free(config->state_dir);
	config->state_dir = path;
	return 0;
}

int ms_options_parse(int argc, char **argv, struct ms_options *ret_options, struct ms_error *err)
{
	static const struct argp argp = {
		.options = table,
		.parser = on_option,
		.doc = "The microseg daemon: follows network interfaces, protects every one that "
		       "matches, judges their traffic by policy.\vIt stays in the foreground. "
		       "Stopping it leaves protection in place; `microsegd --cleanup` removes it. "
		       "See microsegd(8), microsegctl(8), microseg-policy(5).",
	};
	struct pass pass = { .options = ret_options, .first = true };
	int r = ms_config_init(&ret_options->config);

	if (r < 0)
		return r;
	argp_err_exit_status = 2;
	ret_options->task = MS_TASK_RUN;
	ret_options->config.file = strdup(MS_CONFIG_FILE);
	if (!ret_options->config.file)
		return -ENOMEM;
	argp_parse(&argp, argc, argv, 0, NULL, &pass);
	r = ms_config_read(&ret_options->config, ret_options->config.file, err);
	if (r == -ENOENT && !ret_options->config.file_must_be) {
		*err = (struct ms_error)MS_ERROR_INIT;
		r = 0;
	}
	if (r < 0)
		return ms_error_set(err, r, "cannot read %s: %s", ret_options->config.file,
				    strerror(-r));
	pass.first = false;
	argp_parse(&argp, argc, argv, 0, NULL, &pass);
	return use_trial_state(ret_options);
}
