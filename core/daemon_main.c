/* SPDX-License-Identifier: GPL-2.0-or-later */
#define _GNU_SOURCE
#include <errno.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/banner.h"
#include "core/base/cleanup.h"
#include "core/base/log.h"
#include "core/base/plural.h"
#include "core/base/sdnotify.h"
#include "core/base/thread.h"
#include "core/control/command.h"
#include "core/loop.h"
#include "core/manager/manager.h"
#include "core/options.h"
#include "core/plugin/judge.h"
#include "core/plugin/trials.h"
#include "core/removal.h"
#include "core/sources/sources.h"

#define LARGE_BYTES (1 << 20) /* goes back to the kernel when it is freed */

struct daemon {
	struct ms_loop *loop;
	struct ms_manager *manager;
	struct ms_control_server *server;
	struct ms_watch *signals[3];
	struct ms_watch *say_again;
	const char *state; /* as the service manager is to know it */
	bool is_reloading, reload_again;
};

static void on_say_again(void *user)
{
	struct daemon *daemon = user;

	if (ms_sdnotify(daemon->state) == -EAGAIN)
		ms_watch_arm(daemon->say_again, MS_SDNOTIFY_AGAIN_MS, false);
	else
		ms_watch_disarm(daemon->say_again);
}

/* At once or when there is room; what was to be said before is not true any more. */
static void say(struct daemon *daemon, const char *state)
{
	daemon->state = state;
	on_say_again(daemon);
}

static void on_stop(void *user)
{
	struct daemon *daemon = user;

	ms_loop_stop(daemon->loop);
}

static void on_reload(void *user);

static void log_steps(const struct ms_manager_task *task)
{
	static const char *const words[] = {
		[MS_STEP_LOADED] = "is loaded",
		[MS_STEP_CHANGED] = "is configured otherwise",
		[MS_STEP_UNLOADED] = "is unloaded",
	};
	enum ms_manager_step step;
	const char *name;

	for (size_t i = 0; ms_manager_task_step(task, i, &name, &step); i++)
		ms_log_info("plugin", "%s %s", name, words[step]);
}

static void on_reloaded(void *user, const struct ms_manager_done *done)
{
	struct daemon *daemon = user;
	struct ms_manager_status status;
	char text[640];

	if (done->r < 0) {
		ms_log_error("policy", "%s: nothing was changed",
			     ms_error_format(done->err, text, sizeof(text)));
	} else {
		log_steps(done->task);
		ms_log_info("policy", "generation %u in force, %u change%s",
			    done->commit.generation, done->commit.changes,
			    ms_plural(done->commit.changes));
	}
	ms_manager_status(daemon->manager, &status);
	if (status.policy_is_applied)
		ms_log_notice("policy",
			      "%s stands in for the policy directory until "
			      "`microsegctl policy apply` without PATH",
			      status.policy_source);
	daemon->is_reloading = false;
	if (daemon->reload_again)
		on_reload(daemon);
	else
		say(daemon, "READY=1");
}

/* What is read was there when the last signal came: one more round covers any number of them. */
static void on_reload(void *user)
{
	struct daemon *daemon = user;

	daemon->reload_again = daemon->is_reloading;
	if (daemon->is_reloading)
		return;
	say(daemon, "RELOADING=1");
	daemon->is_reloading = true;
	if (ms_manager_configure(daemon->manager, false, on_reloaded, daemon) < 0) {
		ms_log_error("policy", "out of memory: nothing was changed");
		daemon->is_reloading = false;
		say(daemon, "READY=1");
	}
}

static int watch_signals(struct daemon *daemon)
{
	static const struct {
		int signal;
		ms_loop_callback callback;
	} table[] = { { SIGTERM, on_stop }, { SIGINT, on_stop }, { SIGHUP, on_reload } };

	for (size_t i = 0; i < ms_array_size(table); i++) {
		int r = ms_loop_add_signal(daemon->loop, table[i].signal, table[i].callback, daemon,
					   &daemon->signals[i]);
		if (r < 0)
			return r;
	}
	return 0;
}

static int start(struct daemon *daemon, const struct ms_config *config, struct ms_error *err)
{
	char socket[4096];
	int r = ms_loop_new(&daemon->loop);

	if (r == 0)
		r = watch_signals(daemon);
	if (r == 0)
		r = ms_loop_add_timer(daemon->loop, MS_LOOP_CONTROL, on_say_again, daemon,
				      &daemon->say_again);
	if (r == 0 && mkdir(config->run_dir, 0755) < 0 && errno != EEXIST)
		r = ms_error_set(err, -errno, "cannot make %s: %s", config->run_dir,
				 strerror(errno));
	if (r == 0)
		r = ms_manager_start(config, daemon->loop, &daemon->manager, err);
	ms_config_control_socket(config->run_dir, socket, sizeof(socket));
	if (r == 0)
		r = ms_control_open(daemon->manager, daemon->loop, socket, &daemon->server, err);
	return r;
}

static void stop(struct daemon *daemon)
{
	if (daemon->server)
		ms_control_server_close(daemon->server);
	ms_manager_stop(daemon->manager);
	for (size_t i = 0; i < ms_array_size(daemon->signals); i++)
		ms_watch_free(daemon->signals[i]);
	ms_watch_free(daemon->say_again);
	ms_loop_free(daemon->loop);
}

/* A new interface is open until this loop has attached: from the first start on, which takes as
 * long as it takes, it waits for no processor that others keep busy. */
static void go_first(const struct ms_config *config)
{
	int r = config->realtime ? ms_thread_go_first() : 0;

	if (r < 0)
		ms_log_notice(
			"daemon",
			"no realtime priority (%s): where processors are busy, new interfaces are "
			"attached later. Allow it (LimitRTPRIO=1) or say scheduling: normal",
			strerror(-r));
}

/* Before there is a second thread: the first one that asks for memory settles how many arenas there
 * may be. */
static void set_allocator(void)
{
	/* Policies go from one thread to the other: what one leaves free the other shall use, and
	 * what it takes to merge pieces of it is done when they are freed, not by who asks next. */
	mallopt(M_ARENA_MAX, 1);
	mallopt(M_MXFAST, 0);
	/* Else what is large is taken for small as soon as something larger was freed, and then
	 * kept. */
	mallopt(M_MMAP_THRESHOLD, LARGE_BYTES);
}

static int run(const struct ms_config *config, struct ms_error *err)
{
	struct daemon daemon = { 0 };
	int r;

	set_allocator();
	r = start(&daemon, config, err);
	if (r == 0) {
		malloc_trim(0);
		if (config->trial)
			ms_banner_print(daemon.manager, stdout);
		go_first(config);
		say(&daemon, "READY=1");
		r = ms_loop_run(daemon.loop);
		ms_sdnotify("STOPPING=1");
	}
	stop(&daemon);
	if (config->cleanup_on_exit && r != -EBUSY) {
		ms_removal_forget_state(config);
		ms_removal_run(config, false, NULL, NULL);
		ms_log_notice("daemon", "stopped; everything was removed");
	} else if (r == 0) {
		ms_log_notice("daemon", "stopped; protection stays in place. To remove it: "
					"microsegd --cleanup");
	}
	return r;
}

static int clean_up(const struct ms_options *options, struct ms_error *err)
{
	int r = options->dry_run ? 0 : ms_manager_probe_lock(err);

	return r < 0 ? r : ms_removal_run(&options->config, options->dry_run, stdout, err);
}

static void free_trials(struct ms_plugin_trials **trials)
{
	ms_plugin_trials_free(*trials);
}

static void free_catalogue(struct ms_plugin_catalogue **catalogue)
{
	ms_plugin_catalogue_free(*catalogue);
}

static void free_policy(struct ms_policy **policy)
{
	ms_policy_free(*policy);
}

static const struct ms_rule_action *config_of(void *user, const char *plugin)
{
	return ms_config_plugins_find(user, plugin);
}

/* What rules say to the plugins that were tried. */
static int check_rules(struct ms_config *config, const struct ms_plugin_trials *trials,
		       const struct ms_policy *policy, struct ms_error *err)
{
	ms_cleanup(free_catalogue) struct ms_plugin_catalogue *catalogue = NULL;
	const struct ms_plugin_trial *trial;
	json_auto_t *unjudged = NULL;
	const json_t *action;
	int r = ms_plugin_catalogue_new(&catalogue);
	size_t n;

	for (size_t i = 0; r == 0 && (trial = ms_plugin_trials_at(trials, i)); i++)
		r = ms_plugin_catalogue_add(catalogue, ms_plugin_trial_description(trial), true);
	if (r == 0)
		r = ms_plugin_catalogue_check_known(catalogue, policy, NULL, NULL, err);
	if (r == 0)
		r = ms_plugin_judge_policy(
			&(struct ms_plugin_judge) {
				.folder = config->plugin_dir,
				.catalogue = catalogue,
				.config_of = config_of,
				.user = &config->plugins,
			},
			policy, &unjudged, err);
	json_array_foreach (unjudged, n, action)
		fprintf(stderr,
			"microsegd: not judged by its plugin: the arguments of action '%s' (%s)\n",
			json_string_value(json_object_get(action, "action")),
			json_string_value(json_object_get(action, "reason")));
	return r;
}

/* Plugins too, as a start would find them: a slip there is a rule on its fallback. Their programs
 * need root to be tried; without it their configuration is the start's to judge. */
static int check_plugins(struct ms_config *config, const struct ms_policy *policy,
			 struct ms_error *err)
{
	ms_cleanup(free_trials) struct ms_plugin_trials *trials = NULL;
	struct ms_plugin_trial *trial;
	int r = ms_plugin_trials_new(config->plugin_dir, &trials);

	for (size_t i = 0; r == 0 && i < config->plugins.count; i++) {
		r = ms_plugin_trial_new(&config->plugins.list[i], config->plugins.file, &trial);
		if (r == 0)
			r = ms_plugin_trials_add(trials, trial);
	}
	if (r < 0)
		return r;
	ms_plugin_trials_wait(trials);
	for (size_t i = 0; r == 0 && (trial = ms_plugin_trials_at(trials, i)); i++)
		r = ms_plugin_trial_result(trial, err);
	return r < 0 ? r : check_rules(config, trials, policy, err);
}

static int check(struct ms_config *config, struct ms_error *err)
{
	ms_cleanup(free_policy) struct ms_policy *policy = NULL;
	int r = ms_sources_check(config, &policy, err);

	return r < 0 || geteuid() != 0 ? r : check_plugins(config, policy, err);
}

int main(int argc, char **argv)
{
	struct ms_options options = { 0 };
	struct ms_error err = MS_ERROR_INIT;
	char text[1024];
	int r = ms_options_parse(argc, argv, &options, &err);

	ms_log_set_level(options.config.log_level);
	if (r == 0 && options.task == MS_TASK_CHECK_CONFIG)
		r = check(&options.config, &err);
	else if (r == 0 && options.task == MS_TASK_CLEANUP)
		r = clean_up(&options, &err);
	else if (r == 0)
		r = run(&options.config, &err);
	if (r < 0)
		fprintf(stderr, "microsegd: %s\n",
			ms_error_is_set(&err) ? ms_error_format(&err, text, sizeof(text))
					      : strerror(-r));
	ms_config_fini(&options.config);
	return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
