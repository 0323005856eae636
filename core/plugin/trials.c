/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/plugin/trials.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>

#include "core/policy/array.h"

struct place {
	struct ms_plugin_trials *trials;
	struct ms_plugin_trial *trial; /* NULL = free */
	struct ms_watch *watch;        /* with a loop */
};

struct ms_plugin_trials {
	const char *folder;
	struct ms_plugin_trial **list;
	size_t count, begun;
	struct place places[MS_PLUGIN_TRIALS_AT_ONCE];
	struct ms_loop *loop; /* NULL = waited for */
	struct ms_watch *over;
	ms_loop_callback on_over;
	void *user;
};

int ms_plugin_trials_new(const char *folder, struct ms_plugin_trials **ret_trials)
{
	struct ms_plugin_trials *trials = calloc(1, sizeof(*trials));

	if (!trials)
		return -ENOMEM;
	trials->folder = folder;
	for (size_t i = 0; i < MS_PLUGIN_TRIALS_AT_ONCE; i++)
		trials->places[i].trials = trials;
	*ret_trials = trials;
	return 0;
}

struct ms_plugin_trials *ms_plugin_trials_free(struct ms_plugin_trials *trials)
{
	if (!trials)
		return NULL;
	for (size_t i = 0; i < MS_PLUGIN_TRIALS_AT_ONCE; i++)
		ms_watch_free(trials->places[i].watch);
	ms_watch_free(trials->over);
	for (size_t i = 0; i < trials->count; i++)
		ms_plugin_trial_free(trials->list[i]);
	free(trials->list);
	free(trials);
	return NULL;
}

int ms_plugin_trials_add(struct ms_plugin_trials *trials, struct ms_plugin_trial *trial)
{
	int r = ms_array_append(&trials->list, &trials->count, trial);

	if (r < 0)
		ms_plugin_trial_free(trial);
	return r;
}

struct ms_plugin_trial *ms_plugin_trials_at(const struct ms_plugin_trials *trials, size_t index)
{
	return index < trials->count ? trials->list[index] : NULL;
}

static void on_readable(void *user);

/* Into this place, if one is left that needs a process. One that nobody would watch is refused. */
static void begin_next(struct place *place)
{
	struct ms_plugin_trials *trials = place->trials;

	while (!place->trial && trials->begun < trials->count) {
		struct ms_plugin_trial *trial = trials->list[trials->begun++];
		struct ms_error why = MS_ERROR_INIT;
		int r = 0;

		if (!ms_plugin_trial_step(trial))
			ms_plugin_trial_start(trial, trials->folder);
		if (ms_plugin_trial_fd(trial) < 0)
			continue;
		if (trials->loop)
			r = ms_loop_add_fd(trials->loop, ms_plugin_trial_fd(trial), MS_LOOP_CONTROL,
					   on_readable, place, &place->watch);
		if (r < 0)
			ms_plugin_trial_refuse(trial, r, &why);
		else
			place->trial = trial;
	}
}

static bool are_over(const struct ms_plugin_trials *trials)
{
	for (size_t i = 0; i < MS_PLUGIN_TRIALS_AT_ONCE; i++) {
		if (trials->places[i].trial)
			return false;
	}
	return trials->begun == trials->count;
}

/* True = the place is free again. */
static bool advance(struct place *place)
{
	if (!ms_plugin_trial_step(place->trial))
		return false;
	place->trial = NULL;
	place->watch = ms_watch_free(place->watch);
	begin_next(place);
	return true;
}

static void on_readable(void *user)
{
	struct place *place = user;
	struct ms_plugin_trials *trials = place->trials;

	if (advance(place) && are_over(trials))
		ms_watch_arm(trials->over, 0, false);
}

static void begin(struct ms_plugin_trials *trials)
{
	for (size_t i = 0; i < MS_PLUGIN_TRIALS_AT_ONCE; i++)
		begin_next(&trials->places[i]);
}

static void on_timer(void *user)
{
	struct ms_plugin_trials *trials = user;

	trials->on_over(trials->user);
}

int ms_plugin_trials_start(struct ms_plugin_trials *trials, struct ms_loop *loop,
			   ms_loop_callback on_over, void *user)
{
	int r = ms_loop_add_timer(loop, MS_LOOP_CONTROL, on_timer, trials, &trials->over);

	if (r < 0)
		return r;
	trials->loop = loop;
	trials->on_over = on_over;
	trials->user = user;
	begin(trials);
	if (are_over(trials))
		ms_watch_arm(trials->over, 0, false);
	return 0;
}

void ms_plugin_trials_wait(struct ms_plugin_trials *trials)
{
	begin(trials);
	while (!are_over(trials)) {
		struct pollfd fds[MS_PLUGIN_TRIALS_AT_ONCE];

		for (size_t i = 0; i < MS_PLUGIN_TRIALS_AT_ONCE; i++) {
			const struct place *place = &trials->places[i];

			fds[i] = (struct pollfd) {
				.fd = place->trial ? ms_plugin_trial_fd(place->trial) : -1,
				.events = POLLIN,
			};
		}
		if (poll(fds, MS_PLUGIN_TRIALS_AT_ONCE, -1) < 0)
			continue;
		for (size_t i = 0; i < MS_PLUGIN_TRIALS_AT_ONCE; i++) {
			if (fds[i].revents)
				advance(&trials->places[i]);
		}
	}
}
