/* SPDX-License-Identifier: GPL-2.0-or-later */
#define _GNU_SOURCE
#include "core/source/follower.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/base/cleanup.h"
#include "core/base/log.h"
#include "core/source/process.h"
#include "core/source/restart.h"
#include "microseg/plugin.h"

#define NS_PER_S 1000000000ull

struct ms_source_follower {
	struct ms_source_follower_config config;
	char name[MS_PLUGIN_NAME_MAX + 1];
	char folder[512];
	char own_folder[512]; /* for what its plugin writes */
	json_t *values;

	enum ms_source_state state;
	struct ms_source_process *process;
	struct ms_source_feed feed; /* of a sink */
	struct ms_source_restart restart;
	struct ms_watch *again;

	struct ms_source_offer offer; /* in force */
	bool has_offer, is_saved;
	int64_t delivered_at;

	char trouble[MS_SOURCE_WIRE_SENTENCE_MAX + 1];
	char last_error[MS_SOURCE_WIRE_SENTENCE_MAX + 1];
	unsigned int transactions, refused, restarts;
	json_t *stats;
};

static void start(struct ms_source_follower *follower);

const char *ms_source_follower_state_name(enum ms_source_state state)
{
	static const char *const names[MS_SOURCE_STATE__COUNT] = {
		[MS_SOURCE_STARTING] = "starting",
		[MS_SOURCE_RUNNING] = "running",
		[MS_SOURCE_WAITING] = "waiting",
		[MS_SOURCE_DISABLED] = "disabled",
	};

	return names[state];
}

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_BOOTTIME, &now);
	return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

static void set_text(char *into, size_t size, const char *text, size_t length)
{
	snprintf(into, size, "%.*s", (int)length, text);
	/* One line, whatever the plugin wrote. */
	for (; *into; into++) {
		if ((unsigned char)*into < ' ' || *into == 127)
			*into = ' ';
	}
}

/* ---- transactions ---- */

static void take_offer(struct ms_source_follower *follower, struct ms_source_offer *offer)
{
	ms_source_offer_fini(&follower->offer);
	follower->offer = *offer;
	*offer = (struct ms_source_offer) { 0 };
	follower->has_offer = true;
	follower->delivered_at = time(NULL);
	follower->is_saved = false;
	follower->last_error[0] = '\0';
	follower->transactions++;
	ms_source_restart_worked(&follower->restart);
}

static void refuse(struct ms_source_follower *follower, const struct ms_error *why)
{
	char text[768];

	ms_error_format(why, text, sizeof(text));
	follower->refused++;
	if (strcmp(text, follower->last_error) != 0)
		ms_log_error("source", "%s: what it offers is refused, what was in force stays: %s",
			     follower->name, text);
	set_text(follower->last_error, sizeof(follower->last_error), text, sizeof(text));
}

/* On disk beside its old self first: then only a rename can still fail. */
static void on_offer(void *user, struct ms_source_offer *offer, const char *bytes, size_t length)
{
	struct ms_source_follower *follower = user;
	struct ms_error why = MS_ERROR_INIT;
	int r;

	if (!follower->config.is_source) {
		ms_error_set(&why, -EPROTO, "it is no source");
		refuse(follower, &why);
		return;
	}
	r = ms_state_stage_source(follower->config.state, follower->name, bytes, length);
	if (r < 0)
		ms_error_set(&why, r, "it cannot be saved: %s", strerror(-r));
	else
		r = follower->config.apply(follower->config.user, follower, offer,
					   follower->has_offer ? &follower->offer : NULL, &why);
	if (r < 0) {
		ms_error_set(&why, r, "%s", strerror(-r));
		ms_state_unstage_source(follower->config.state, follower->name);
		refuse(follower, &why);
		return;
	}
	take_offer(follower, offer);
	r = ms_state_settle_source(follower->config.state, follower->name);
	if (r < 0)
		ms_log_error("source",
			     "%s: what is in force of it cannot be saved (%s): a restart would go "
			     "back to what was saved before",
			     follower->name, strerror(-r));
}

/* ---- what else it says ---- */

static void take_stats(struct ms_source_follower *follower, const char *text, size_t length)
{
	json_t *stats = json_loadb(text, length, JSON_REJECT_DUPLICATES, NULL);

	if (!json_is_array(stats)) {
		json_decref(stats);
		return;
	}
	json_decref(follower->stats);
	follower->stats = stats;
}

static void take_trouble(struct ms_source_follower *follower, const char *text, size_t length)
{
	char before[sizeof(follower->trouble)];

	memcpy(before, follower->trouble, sizeof(before));
	set_text(follower->trouble, sizeof(follower->trouble), text, length);
	if (strcmp(before, follower->trouble) == 0)
		return;
	if (follower->trouble[0])
		ms_log_warn("source", "%s: %s", follower->name, follower->trouble);
	else
		ms_log_notice("source", "%s: it is over: %s", follower->name, before);
}

static void write_log(const struct ms_source_follower *follower, uint32_t severity,
		      const char *text, size_t length)
{
	char line[MS_SOURCE_WIRE_SENTENCE_MAX + 1];

	set_text(line, sizeof(line), text, length);
	ms_log_write(severity <= MS_LOG_DEBUG ? (enum ms_log_level)severity : MS_LOG_DEBUG,
		     "plugin", "%s: %s", follower->name, line);
}

static void on_message(void *user, const struct ms_source_wire_message *message)
{
	struct ms_source_follower *follower = user;
	struct ms_error why = MS_ERROR_INIT;

	switch (message->kind) {
	case MS_SOURCE_WIRE_READY:
		follower->state = MS_SOURCE_RUNNING;
		ms_source_process_tell(follower->process); /* what waited for it */
		break;
	case MS_SOURCE_WIRE_ABORT:
		ms_error_set(&why, -EPROTO, "%.*s", (int)message->length, message->text);
		refuse(follower, &why);
		break;
	case MS_SOURCE_WIRE_TROUBLE:
		take_trouble(follower, message->text, message->length);
		break;
	case MS_SOURCE_WIRE_STATS:
		take_stats(follower, message->text, message->length);
		break;
	case MS_SOURCE_WIRE_LOG:
		write_log(follower, message->number, message->text, message->length);
		break;
	default:
		break;
	}
}

/* ---- what it is told ---- */

void ms_source_follower_tell(struct ms_source_follower *follower,
			     const struct ms_plugin_event *event)
{
	if (!follower->config.is_sink)
		return;
	ms_source_feed_add(&follower->feed, event);
	if (follower->process && follower->state == MS_SOURCE_RUNNING)
		ms_source_process_tell(follower->process);
}

/* ---- its process ---- */

/* What is so while its process is not there. */
static const char *meanwhile(const struct ms_source_follower *follower)
{
	return follower->config.is_source ? "what it said last stays in force"
					  : "events wait for it, up to a limit";
}

static void plan(struct ms_source_follower *follower, bool crashed, const char *sentence)
{
	uint64_t pause_ms = 0;

	set_text(follower->last_error, sizeof(follower->last_error), sentence, strlen(sentence));
	if (!ms_source_restart_ended(&follower->restart, crashed, now_ns(), &pause_ms)) {
		follower->state = MS_SOURCE_DISABLED;
		ms_log_error(
			"source",
			"%s: %s; that was crash number %d in ten minutes: it is left alone, and "
			"%s. `microsegctl plugin reload %s` starts it again",
			follower->name, sentence, MS_SOURCE_RESTART_CRASHES, meanwhile(follower),
			follower->name);
		return;
	}
	follower->state = MS_SOURCE_WAITING;
	ms_log_error("source", "%s: %s; %s, again in %llu s", follower->name, sentence,
		     meanwhile(follower), (unsigned long long)pause_ms / 1000);
	ms_watch_arm(follower->again, pause_ms, false);
}

static void on_end(void *user, bool gave_up, const char *sentence)
{
	struct ms_source_follower *follower = user;
	char text[MS_SOURCE_WIRE_SENTENCE_MAX + 1];

	snprintf(text, sizeof(text), "%s", sentence);
	follower->process = ms_source_process_free(follower->process);
	plan(follower, !gave_up, text);
}

static void start(struct ms_source_follower *follower)
{
	const struct ms_source_process_hooks hooks = {
		.on_message = on_message,
		.on_offer = on_offer,
		.on_end = on_end,
		.user = follower,
		.feed = follower->config.is_sink ? &follower->feed : NULL,
	};
	struct ms_error why = MS_ERROR_INIT;

	follower->state = MS_SOURCE_STARTING;
	ms_source_feed_rewind(&follower->feed);
	if (ms_source_process_start(follower->config.loop,
				    follower->folder[0] ? follower->folder : NULL, follower->name,
				    follower->own_folder, follower->values, &hooks,
				    &follower->process, &why) < 0)
		plan(follower, false, why.message);
}

static void on_again(void *user)
{
	struct ms_source_follower *follower = user;

	follower->restarts++;
	start(follower);
}

void ms_source_follower_start(struct ms_source_follower *follower)
{
	start(follower);
}

void ms_source_follower_restart(struct ms_source_follower *follower)
{
	follower->process = ms_source_process_free(follower->process);
	follower->restart = (struct ms_source_restart) { 0 };
	ms_watch_disarm(follower->again);
	on_again(follower);
}

/* ---- new and free ---- */

/* Members that were to go since then are gone. */
static void age(struct ms_source_offer *offer, uint64_t age_ns)
{
	for (size_t i = 0; i < offer->n_sets; i++) {
		struct ms_source_set *set = &offer->sets[i];
		size_t kept = 0;

		for (size_t m = 0; m < set->n_members; m++) {
			struct ms_source_member member = set->members[m];

			if (member.timeout_ns && member.timeout_ns <= age_ns)
				continue;
			if (member.timeout_ns)
				member.timeout_ns -= age_ns;
			set->members[kept++] = member;
		}
		offer->n_members -= set->n_members - kept;
		set->n_members = kept;
	}
}

/* Numbers of processes and interfaces are those of one boot. */
static void forget_numbers(struct ms_source_offer *offer)
{
	size_t kept = 0;

	for (size_t i = 0; i < offer->n_binds; i++) {
		if (offer->binds[i].kind == MS_PLUGIN_WORKLOAD_MAC)
			offer->binds[kept++] = offer->binds[i];
		else
			free(offer->binds[i].group);
	}
	offer->n_binds = kept;
}

static int read_saved(struct ms_source_follower *follower, struct ms_error *err)
{
	ms_cleanup(ms_free) char *bytes = NULL;
	struct ms_error why = MS_ERROR_INIT;
	int64_t saved_at, now = time(NULL);
	size_t length;
	int r = ms_state_load_source(follower->config.state, follower->name, &bytes, &length,
				     &saved_at);

	if (r == -ENOENT)
		return 0;
	if (r == 0)
		r = ms_source_offer_decode(bytes, length, &follower->offer, &why);
	if (r < 0)
		return ms_error_set(err, r, "%s: what was saved of it cannot be read: %s",
				    follower->name, why.message[0] ? why.message : strerror(-r));
	age(&follower->offer, now > saved_at ? (uint64_t)(now - saved_at) * NS_PER_S : 0);
	if (saved_at <= now - (int64_t)(now_ns() / NS_PER_S))
		forget_numbers(&follower->offer);
	follower->has_offer = follower->is_saved = true;
	follower->delivered_at = saved_at;
	return 0;
}

static int make_own_folder(struct ms_source_follower *follower, struct ms_error *err)
{
	int r = ms_state_plugin_folder(follower->config.state, follower->name, follower->own_folder,
				       sizeof(follower->own_folder));

	return r < 0 ? ms_error_set(err, r, "%s: cannot make a folder for what it writes: %s",
				    follower->name, strerror(-r))
		     : 0;
}

int ms_source_follower_new(const struct ms_source_follower_config *config,
			   struct ms_source_follower **ret_follower, struct ms_error *err)
{
	struct ms_source_follower *follower = calloc(1, sizeof(*follower));
	int r;

	if (!follower)
		return -ENOMEM;
	follower->config = *config;
	follower->state = MS_SOURCE_STARTING;
	snprintf(follower->name, sizeof(follower->name), "%s", config->name);
	snprintf(follower->folder, sizeof(follower->folder), "%s",
		 config->folder ? config->folder : "");
	follower->values = json_deep_copy(config->config);
	r = ms_loop_add_timer(config->loop, MS_LOOP_CONTROL, on_again, follower, &follower->again);
	if (r == 0)
		r = make_own_folder(follower, err);
	if (r == 0)
		r = read_saved(follower, err);
	if (r < 0) {
		ms_source_follower_free(follower);
		return r;
	}
	*ret_follower = follower;
	return 0;
}

struct ms_source_follower *ms_source_follower_free(struct ms_source_follower *follower)
{
	if (!follower)
		return NULL;
	ms_source_process_free(follower->process);
	ms_source_feed_fini(&follower->feed);
	ms_watch_free(follower->again);
	ms_source_offer_fini(&follower->offer);
	json_decref(follower->values);
	json_decref(follower->stats);
	free(follower);
	return NULL;
}

void ms_source_follower_forget(struct ms_source_follower *follower)
{
	ms_state_forget_source(follower->config.state, follower->name);
}

/* ---- what is ---- */

void ms_source_follower_disable(struct ms_source_follower *follower, const struct ms_error *why)
{
	char text[640];

	follower->state = MS_SOURCE_DISABLED;
	set_text(follower->last_error, sizeof(follower->last_error),
		 ms_error_format(why, text, sizeof(text)), sizeof(text));
}

void ms_source_follower_leave_out(struct ms_source_follower *follower, const struct ms_error *why)
{
	ms_source_offer_fini(&follower->offer);
	follower->offer = (struct ms_source_offer) { 0 };
	follower->has_offer = follower->is_saved = false;
	follower->delivered_at = 0;
	refuse(follower, why);
}

const char *ms_source_follower_name(const struct ms_source_follower *follower)
{
	return follower->name;
}

const struct ms_source_offer *ms_source_follower_offer(const struct ms_source_follower *follower)
{
	return follower->has_offer ? &follower->offer : NULL;
}

void ms_source_follower_status(const struct ms_source_follower *follower,
			       struct ms_source_status *ret_status)
{
	*ret_status = (struct ms_source_status) {
		.is_source = follower->config.is_source,
		.is_sink = follower->config.is_sink,
		.state = follower->state,
		.pid = follower->process ? ms_source_process_pid(follower->process) : 0,
		.delivered_at = follower->delivered_at,
		.is_saved = follower->is_saved,
		.trouble = follower->trouble,
		.last_error = follower->last_error,
		.transactions = follower->transactions,
		.refused = follower->refused,
		.restarts = follower->restarts,
		.crashes = follower->restart.n_crashes,
		.events_lost = follower->feed.lost_total,
		.stats = follower->stats,
	};
}
