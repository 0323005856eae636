/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Changes of plugins that wait for trials: one plugin is loaded, or all are made as microseg.yaml
 * says now. One task at a time; what it finds when its trials are over decides, not what was there
 * when it began.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/cleanup.h"
#include "core/manager/internal.h"
#include "core/plugin/trials.h"
#include "core/policy/array.h"
#include "core/policy/rule_action.h"

struct step {
	enum ms_manager_step what;
	char name[MS_PLUGIN_NAME_MAX + 1];
	struct ms_plugin_trial *trial; /* the trials'; NULL = none is needed */
	struct ms_rule_action *before; /* of a changed one: its configuration until now */
	size_t n_before;
	int copy_before;     /* of its code, the registry's */
	json_t *description; /* what it said of itself until now */
};

struct ms_manager_task {
	struct ms_manager_task *next;
	struct ms_manager *manager;
	char load[MS_PLUGIN_NAME_MAX + 1]; /* "" = all that is named */
	bool dry_run;
	struct ms_config_plugins wanted; /* what the file says */
	struct step *steps;
	size_t n_steps;
	struct ms_plugin_trials *trials;
	struct ms_watch *over; /* without a trial */
	struct ms_commit commit;
	int r;
	struct ms_error why;
	ms_manager_on_done on_done; /* NULL = nobody asks any more */
	void *user;
};

static struct ms_manager_task *task_free(struct ms_manager_task *task)
{
	for (size_t i = 0; i < task->n_steps; i++) {
		ms_rule_action_free(task->steps[i].before, task->steps[i].n_before);
		json_decref(task->steps[i].description);
	}
	free(task->steps);
	ms_plugin_trials_free(task->trials);
	ms_watch_free(task->over);
	ms_config_plugins_fini(&task->wanted);
	free(task);
	return NULL;
}

bool ms_manager_task_step(const struct ms_manager_task *task, size_t index, const char **ret_name,
			  enum ms_manager_step *ret_step)
{
	if (index >= task->n_steps)
		return false;
	*ret_name = task->steps[index].name;
	*ret_step = task->steps[index].what;
	return true;
}

/* ---- what is to be done ---- */

static int add_step(struct ms_manager_task *task, enum ms_manager_step what, const char *name,
		    struct ms_plugin_trial *trial)
{
	struct step step = { .what = what, .trial = trial };

	snprintf(step.name, sizeof(step.name), "%s", name);
	return ms_array_append(&task->steps, &task->n_steps, step);
}

static int add_trial(struct ms_manager_task *task, enum ms_manager_step what,
		     const struct ms_rule_action *config)
{
	const char *file = config->place.line ? task->wanted.file : NULL;
	struct ms_plugin_trial *trial;
	int r = ms_plugin_trial_new(config, file, &trial);

	if (r == 0)
		r = ms_plugin_trials_add(task->trials, trial);
	return r < 0 ? r : add_step(task, what, config->name, trial);
}

static bool is_as_wanted(const struct ms_manager_task *task, const struct ms_plugin_entry *entry,
			 const struct ms_rule_action *config)
{
	const struct ms_rule_action *now = ms_plugin_registry_config(entry);

	/* One that was loaded by hand is the file's from here on. */
	return now && !ms_plugin_registry_is_by_hand(entry) &&
	       ms_rule_action_equal(now, 1, config, 1) &&
	       ms_config_plugins_is_before(&task->manager->named, config->name) ==
		       ms_config_plugins_is_before(&task->wanted, config->name);
}

static int plan_named(struct ms_manager_task *task, const struct ms_rule_action *config)
{
	const struct ms_plugin_entry *entry =
		ms_plugin_registry_find(task->manager->plugins, config->name);

	if (entry && is_as_wanted(task, entry, config))
		return 0;
	return add_trial(task,
			 entry && ms_plugin_registry_state(entry) == MS_PLUGIN_LOADED
				 ? MS_STEP_CHANGED
				 : MS_STEP_LOADED,
			 config);
}

/* What a file named until now. */
static int plan_unnamed(struct ms_manager_task *task, const struct ms_plugin_entry *entry)
{
	const char *name = ms_plugin_registry_name(entry);

	if (ms_plugin_registry_is_by_hand(entry) || ms_config_plugins_find(&task->wanted, name))
		return 0;
	return add_step(task, MS_STEP_UNLOADED, name, NULL);
}

static int plan_all(struct ms_manager_task *task)
{
	const struct ms_plugin_entry *entry;
	int r = 0;

	for (size_t i = 0; r == 0 && i < task->wanted.count; i++)
		r = plan_named(task, &task->wanted.list[i]);
	for (size_t i = 0; r == 0 && (entry = ms_plugin_registry_at(task->manager->plugins, i));
	     i++)
		r = plan_unnamed(task, entry);
	return r;
}

static int plan_load(struct ms_manager_task *task, struct ms_error *err)
{
	const struct ms_rule_action bare = { .name = task->load };
	const struct ms_rule_action *config = ms_config_plugins_find(&task->wanted, task->load);
	const struct ms_plugin_entry *entry =
		ms_plugin_registry_find(task->manager->plugins, task->load);

	if (entry && ms_plugin_registry_state(entry) == MS_PLUGIN_LOADED)
		return ms_error_set(err, -EEXIST, "%s is loaded already", task->load);
	return add_trial(task, MS_STEP_LOADED, config ? config : &bare);
}

static int plan(struct ms_manager_task *task, struct ms_error *err)
{
	int r = ms_config_plugins_read(task->manager->config, &task->wanted, err);

	if (r == 0)
		r = ms_plugin_trials_new(task->manager->config->plugin_dir, &task->trials);
	if (r < 0)
		return r;
	return task->load[0] ? plan_load(task, err) : plan_all(task);
}

/* ---- one plugin ---- */

static int load_one(struct ms_manager_task *task, struct ms_error *err)
{
	struct ms_manager *manager = task->manager;
	int r = ms_plugin_trial_result(task->steps[0].trial, err);

	/* No file is called so, and nobody else has called it so: a slip, of which nothing is kept.
	 */
	if (r < 0 && !ms_config_plugins_find(&task->wanted, task->load) &&
	    !ms_plugin_registry_find(manager->plugins, task->load) &&
	    !ms_plugin_registry_has_file(manager->plugins, task->load))
		return r;
	r = ms_config_plugins_put(&manager->named, &task->wanted, task->load);
	if (r == 0)
		r = ms_plugin_registry_load(manager->plugins, task->steps[0].trial, err);
	if (r < 0)
		return r;
	ms_manager_tell_new_actions(manager);
	r = ms_manager_commit_again(manager, err);
	/* Arguments that it refuses, say: all is as it was, with the rules on their fallback. */
	if (r < 0)
		ms_manager_plugin_undo_load(manager, task->load);
	return r;
}

/* ---- all of them ---- */

static int check_trials(const struct ms_manager_task *task, struct ms_error *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < task->n_steps; i++) {
		if (task->steps[i].trial)
			r = ms_plugin_trial_result(task->steps[i].trial, err);
	}
	return r;
}

static void free_policy(struct ms_policy **policy)
{
	ms_policy_free(*policy);
}

/* The sources that go and offer something: the names are the steps', the list the caller's. */
static int find_gone(const struct ms_manager_task *task, const char ***ret_gone, size_t *ret_count)
{
	const char **gone = calloc(task->n_steps + 1, sizeof(*gone));
	size_t count = 0;

	if (!gone)
		return -ENOMEM;
	for (size_t i = 0; i < task->n_steps; i++) {
		const struct step *step = &task->steps[i];

		if (step->what == MS_STEP_UNLOADED && ms_manager_offered(task->manager, step->name))
			gone[count++] = step->name;
	}
	*ret_gone = gone;
	*ret_count = count;
	return 0;
}

/* By the rules that hold afterwards, without those of sources that go too. */
static int preview(struct ms_manager_task *task, struct ms_policy **ret_policy,
		   struct ms_error *err)
{
	ms_cleanup(ms_free) const char **gone = NULL;
	size_t n_gone = 0;
	int r = find_gone(task, &gone, &n_gone);

	return r < 0 ? r : ms_manager_preview_without(task->manager, gone, n_gone, ret_policy, err);
}

static int refuse_used(struct ms_manager_task *task, struct ms_error *err)
{
	struct ms_manager *manager = task->manager;
	ms_cleanup(free_policy) struct ms_policy *next = NULL;
	const struct ms_policy *policy = ms_sources_merged(manager->sources);
	const char *file = strrchr(manager->config->file, '/');
	int r = 0;

	for (size_t i = 0; i < task->n_steps; i++) {
		const struct step *step = &task->steps[i];
		const struct ms_rule *rule;

		if (step->what != MS_STEP_UNLOADED)
			continue;
		if (!next && !ms_sources_are_applied(manager->sources)) {
			r = preview(task, &next, err);
			if (r < 0)
				return r;
			policy = next;
		}
		rule = ms_manager_plugin_rule(manager, step->name, policy);
		if (rule)
			return ms_error_set(err, -EBUSY,
					    "%s no longer names plugin %s, but it is in use: rule "
					    "%s names it. Take that rule away first",
					    file ? file + 1 : manager->config->file, step->name,
					    rule->id);
	}
	return 0;
}

static int change_one(struct ms_manager *manager, struct step *step, struct ms_error *err)
{
	const struct ms_plugin_entry *entry = ms_plugin_registry_find(manager->plugins, step->name);
	int r;

	/* Somebody unloaded it meanwhile. */
	if (step->what == MS_STEP_CHANGED &&
	    (!entry || ms_plugin_registry_state(entry) != MS_PLUGIN_LOADED))
		step->what = MS_STEP_LOADED;
	if (step->what == MS_STEP_LOADED)
		return ms_plugin_registry_load(manager->plugins, step->trial, err);
	if (step->what != MS_STEP_CHANGED)
		return 0;
	step->description = json_incref(ms_plugin_registry_description(entry));
	step->copy_before = ms_plugin_registry_copy(entry);
	r = ms_rule_action_copy(ms_plugin_registry_config(entry), 1, &step->before,
				&step->n_before);
	return r < 0 ? r
		     : ms_plugin_registry_change(
			       manager->plugins, ms_plugin_trial_config(step->trial),
			       ms_plugin_trial_file(step->trial), ms_plugin_trial_copy(step->trial),
			       ms_plugin_trial_description(step->trial), err);
}

/* What a plugin says of itself has no place: it stands where the file has what it is about. */
static int place_error(const struct step *step, int r, const struct ms_error *why,
		       struct ms_error *err)
{
	struct ms_place place = ms_plugin_trial_place(step->trial, why->message);

	if (why->file[0])
		*err = *why;
	else
		ms_error_set_at(err, r, ms_plugin_trial_file(step->trial), place.line, place.column,
				step->name, "%s", why->code ? why->message : strerror(-r));
	return r;
}

static int do_step(struct ms_manager *manager, struct step *step, struct ms_error *err)
{
	struct ms_error why = MS_ERROR_INIT;
	int r = change_one(manager, step, &why);

	return r < 0 ? place_error(step, r, &why, err) : 0;
}

/* A plugin that is put back has forgotten what rules told it: it is asked as by a commit. */
static void ask_again(struct ms_manager *manager)
{
	struct ms_encoding *encoding = NULL;

	ms_manager_refusals_begin(manager, MS_REFUSALS_STANDING);
	if (ms_encoding_new(ms_sources_merged(manager->sources), ms_manager_action_of,
			    ms_manager_leaves_refused, manager, &encoding) < 0)
		ms_log_error("plugin", "actions were not asked about their rules again: %s",
			     strerror(ENOMEM));
	ms_manager_refusals_end(manager);
	ms_encoding_free(encoding);
}

/* The first `count` steps; in the order in which the later one may stand on the earlier. */
static void undo_steps(struct ms_manager_task *task, size_t count)
{
	struct ms_manager *manager = task->manager;

	while (count-- > 0) {
		const struct step *step = &task->steps[count];

		if (step->what == MS_STEP_LOADED)
			ms_manager_plugin_undo_load(manager, step->name);
		else if (step->what == MS_STEP_CHANGED)
			ms_plugin_registry_change(manager->plugins, step->before,
						  manager->named.file, step->copy_before,
						  step->description, NULL);
	}
	/* A new instance knows of no rule. */
	ask_again(manager);
	ms_manager_follow_actions(manager);
}

/* `*ret_count`: how many there are to undo. */
static int do_steps(struct ms_manager_task *task, size_t *ret_count, struct ms_error *err)
{
	int r = 0;

	*ret_count = 0;
	while (r == 0 && *ret_count < task->n_steps) {
		struct step *step = &task->steps[*ret_count];

		r = do_step(task->manager, step, err);
		/* One that failed to load has left an entry that says so. */
		if (r == 0 || step->what == MS_STEP_LOADED)
			(*ret_count)++;
	}
	return r;
}

static void swap_named(struct ms_manager_task *task)
{
	struct ms_config_plugins named = task->manager->named;

	task->manager->named = task->wanted;
	task->wanted = named;
}

static int commit_all(struct ms_manager_task *task, struct ms_error *err)
{
	struct ms_manager *manager = task->manager;
	ms_cleanup(ms_free) const char **gone = NULL;
	bool reads = !ms_sources_are_applied(manager->sources);
	size_t n_gone = 0;
	int r = find_gone(task, &gone, &n_gone);

	if (r < 0)
		return r;
	task->commit.generation = manager->generation;
	if (!reads && task->n_steps == 0 &&
	    ms_config_plugins_same_order(&manager->named, &task->wanted))
		return 0;
	for (size_t i = 0; i < n_gone && !task->dry_run; i++)
		ms_manager_bind(manager, gone[i], NULL);
	r = ms_manager_reload_without(manager, gone, n_gone, reads, task->dry_run, &task->commit,
				      err);
	if (r < 0 && n_gone && !task->dry_run) {
		ms_manager_bind(manager, "", NULL);
		ms_keeper_rebind(manager->keeper);
	}
	return r;
}

static void unload_gone(struct ms_manager_task *task)
{
	for (size_t i = 0; i < task->n_steps; i++) {
		if (task->steps[i].what != MS_STEP_UNLOADED)
			continue;
		ms_manager_leave_source(task->manager, task->steps[i].name, true);
		ms_plugin_registry_unload(task->manager->plugins, task->steps[i].name, NULL);
	}
}

/* By the rules that hold then. */
static int ask_changed(struct ms_manager_task *task, struct ms_error *err)
{
	struct ms_manager *manager = task->manager;
	ms_cleanup(free_policy) struct ms_policy *next = NULL;
	int r = ms_sources_are_applied(manager->sources) ? 0 : preview(task, &next, err);

	if (r < 0)
		return r;
	return next ? ms_manager_rehearse(manager, next, MS_REFUSALS_NO_FILES, err)
		    : ms_manager_rehearse(manager, ms_sources_merged(manager->sources),
					  MS_REFUSALS_STANDING, err);
}

/* As far as a reload would come before plugins of this process refuse it. */
static int rehearse(struct ms_manager_task *task, struct ms_error *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < task->n_steps; i++) {
		const struct step *step = &task->steps[i];
		struct ms_error why = MS_ERROR_INIT;

		if (!step->trial)
			continue;
		r = ms_manager_rehearse_add(task->manager, ms_plugin_trial_description(step->trial),
					    &why);
		if (r < 0)
			place_error(step, r, &why, err);
	}
	if (r == 0 && task->manager->rehearsed)
		r = ask_changed(task, err);
	if (r == 0)
		r = commit_all(task, err);
	ms_manager_rehearse_end(task->manager);
	return r;
}

static int configure(struct ms_manager_task *task, struct ms_error *err)
{
	struct ms_manager *manager = task->manager;
	size_t n_done = 0;
	int r = check_trials(task, err);

	if (r == 0)
		r = refuse_used(task, err);
	if (r < 0)
		return r;
	/* The order of sources is that of `named`. */
	swap_named(task);
	if (task->dry_run) {
		r = rehearse(task, err);
		swap_named(task);
		return r;
	}
	r = do_steps(task, &n_done, err);
	if (r == 0 && n_done)
		ms_manager_tell_new_actions(manager);
	if (r == 0)
		r = commit_all(task, err);
	if (r < 0) {
		swap_named(task);
		undo_steps(task, n_done);
		return r;
	}
	unload_gone(task);
	/* Who bound a workload first may be another one now. */
	if (!ms_config_plugins_same_order(&manager->named, &task->wanted) &&
	    ms_manager_bind(manager, "", NULL) == 0)
		ms_keeper_rebind(manager->keeper);
	return 0;
}

/* ---- the queue ---- */

static void begin(struct ms_manager_task *task);

static void finish(struct ms_manager_task *task)
{
	struct ms_manager *manager = task->manager;
	const struct ms_manager_done done = {
		.r = task->r,
		.err = &task->why,
		.commit = task->commit,
		.task = task,
	};

	ms_error_set(&task->why, task->r, "%s", strerror(-task->r));
	if (!task->load[0] && !task->dry_run)
		ms_manager_remember_reload(manager, task->r, &task->why);
	/* It is first in the queue as long as somebody is told: what that begins waits behind it.
	 */
	if (task->on_done)
		task->on_done(task->user, &done);
	manager->task = task->next;
	task_free(task);
	if (manager->task)
		begin(manager->task);
}

static void on_over(void *user)
{
	struct ms_manager_task *task = user;

	if (task->r == 0)
		task->r = task->load[0] ? load_one(task, &task->why) : configure(task, &task->why);
	finish(task);
}

static void begin(struct ms_manager_task *task)
{
	task->r = plan(task, &task->why);
	if (task->r == 0)
		task->r = ms_plugin_trials_start(task->trials, task->manager->loop, on_over, task);
	if (task->r < 0)
		ms_watch_arm(task->over, 0, false);
}

static int enqueue(struct ms_manager *manager, struct ms_manager_task *task)
{
	struct ms_manager_task **at = &manager->task;
	int r = ms_loop_add_timer(manager->loop, MS_LOOP_CONTROL, on_over, task, &task->over);

	if (r < 0) {
		task_free(task);
		return r;
	}
	while (*at)
		at = &(*at)->next;
	*at = task;
	if (manager->task == task)
		begin(task);
	return 0;
}

int ms_manager_plugin_load(struct ms_manager *manager, const char *name, ms_manager_on_done on_done,
			   void *user, struct ms_error *err)
{
	struct ms_manager_task *task = calloc(1, sizeof(*task));

	if (!task)
		return -ENOMEM;
	*task = (struct ms_manager_task) { .manager = manager, .on_done = on_done, .user = user };
	if (snprintf(task->load, sizeof(task->load), "%s", name) >= (int)sizeof(task->load) ||
	    !*name) {
		free(task);
		return ms_error_set(err, -EINVAL, "'%.80s' is no name of a plugin", name);
	}
	return enqueue(manager, task);
}

int ms_manager_configure(struct ms_manager *manager, bool dry_run, ms_manager_on_done on_done,
			 void *user)
{
	struct ms_manager_task *task = calloc(1, sizeof(*task));

	if (!task)
		return -ENOMEM;
	*task = (struct ms_manager_task) {
		.manager = manager,
		.dry_run = dry_run,
		.on_done = on_done,
		.user = user,
	};
	return enqueue(manager, task);
}

void ms_manager_forget_task(struct ms_manager *manager, const void *user)
{
	for (struct ms_manager_task *task = manager->task; task; task = task->next) {
		if (task->user == user)
			task->on_done = NULL;
	}
}

void ms_manager_drop_tasks(struct ms_manager *manager)
{
	while (manager->task) {
		struct ms_manager_task *task = manager->task;

		manager->task = task->next;
		task_free(task);
	}
}
