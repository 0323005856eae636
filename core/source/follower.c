/* SPDX-License-Identifier: GPL-2.0-or-later */
#define _GNU_SOURCE
#include "core/source/follower.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/base/cleanup.h"
#include "core/base/log.h"
#include "core/base/plural.h"
#include "core/source/complaint.h"
#include "core/source/numbers.h"
#include "core/source/pace.h"
#include "core/source/process.h"
#include "core/source/saved.h"
#include "core/source/turns.h"

#define NS_PER_MS 1000000ull
#define NS_PER_S (1000 * NS_PER_MS)
#define HUSH_MS 1000 /* after which lines that were suppressed are said to be so */

struct ms_source_follower {
	struct ms_source_follower_config config;
	char name[MS_PLUGIN_NAME_MAX + 1];
	char folder[512];
	char own_folder[512]; /* for what its plugin writes */
	char *control_socket; /* NULL = it is told of none */
	json_t *values;

	enum ms_source_state state;
	struct ms_source_process *process;
	unsigned int runs; /* processes so far */
	bool is_restarting, is_leaving;
	struct ms_source_feed feed; /* of a sink */
	struct ms_source_restart restart;
	struct ms_watch *again;

	struct ms_source_turns turns;
	struct ms_source_pace pace;
	struct ms_watch *hush;

	struct ms_source_offer offer; /* in force */
	bool has_offer, is_saved;
	int64_t delivered_at;
	uint64_t delivered_ns; /* since boot */

	struct ms_source_complaint trouble, error;
	unsigned int transactions, refused, restarts, trouble_run; /* the last: who told trouble */
	/* The transaction, whether it came or not, that the error is of: as long as none from there
	 * on is in force it stays. */
	struct ms_source_turns_said error_of;
	struct ms_source_numbers numbers;
};

static void start(struct ms_source_follower *follower);
static void tell_if_left(void *user);

/* What it says is behind all that it has said: of the transaction that would come next. */
static struct ms_source_turns_said coming(const struct ms_source_follower *follower)
{
	return ms_source_turns_next(&follower->turns, follower->runs);
}

/* An earlier transaction's does not take its place: that may be prepared for some time. */
static void set_error(struct ms_source_follower *follower, struct ms_source_turns_said of,
		      const char *text)
{
	if (follower->error.text[0] && ms_source_turns_is_before(of, follower->error_of))
		return;
	ms_source_complaint_set(&follower->error, text, strlen(text));
	follower->error_of = of;
}

/* ---- the log ---- */

/* It or what it says is the cause, so there may be any number of them. */
void ms_source_follower_say(struct ms_source_follower *follower, enum ms_log_level level,
			    const char *module, const char *format, ...)
{
	va_list args;

	if (level > ms_log_level())
		return;
	if (!ms_source_pace_line(&follower->pace, level <= MS_LOG_WARN, ms_source_turns_now())) {
		if (!ms_watch_is_armed(follower->hush))
			ms_watch_arm(follower->hush, HUSH_MS, false);
		return;
	}
	va_start(args, format);
	ms_log_vwrite(level, module, format, args);
	va_end(args);
}

static void on_hush(void *user)
{
	struct ms_source_follower *follower = user;

	unsigned int unsaid = ms_source_pace_unsaid(&follower->pace);

	ms_log_warn("source", "%s: %u more line%s about it %s suppressed", follower->name, unsaid,
		    ms_plural(unsaid), unsaid == 1 ? "was" : "were");
}

/* ---- transactions ---- */

static void take_trouble(struct ms_source_follower *follower, const char *text, size_t length)
{
	char before[sizeof(follower->trouble.text)];

	memcpy(before, follower->trouble.text, sizeof(before));
	ms_source_complaint_set(&follower->trouble, text, length);
	follower->trouble_run = follower->runs;
	if (strcmp(before, follower->trouble.text) == 0)
		return;
	if (follower->trouble.text[0])
		ms_source_follower_say(follower, MS_LOG_WARN, "source", "%s: %s", follower->name,
				       follower->trouble.text);
	else
		ms_source_follower_say(follower, MS_LOG_NOTICE, "source", "%s: it is over: %s",
				       follower->name, before);
}

/* And what a process before this one could not do is no trouble of its. */
static void be_well(struct ms_source_follower *follower, struct ms_source_turns_said of)
{
	set_error(follower, of, "");
	if (follower->trouble_run != follower->runs)
		take_trouble(follower, "", 0);
}

static void take_offer(struct ms_source_follower *follower, struct ms_source_turns_said said,
		       struct ms_source_offer *offer)
{
	ms_source_offer_fini(&follower->offer);
	follower->offer = *offer;
	*offer = (struct ms_source_offer) { 0 };
	follower->has_offer = true;
	follower->delivered_at = time(NULL);
	follower->delivered_ns = ms_source_turns_now();
	follower->is_saved = false;
	be_well(follower, said);
	follower->transactions++;
	ms_source_restart_worked(&follower->restart);
}

static void refuse(struct ms_source_follower *follower, struct ms_source_turns_said said,
		   const struct ms_error *why)
{
	char text[sizeof(follower->error.text)];

	ms_source_complaint_error(text, sizeof(text), why);
	follower->refused++;
	if (strcmp(text, follower->error.text) != 0)
		ms_source_follower_say(follower, MS_LOG_ERROR, "source",
				       "%s: what it offers is refused, what was in force stays: %s",
				       follower->name, text);
	set_error(follower, said, text);
}

static int settle(void *arg)
{
	struct ms_source_follower *follower = arg;

	return ms_state_settle_source(follower->config.state, follower->name);
}

/* Who said that, NULL = it has ended since. */
static struct ms_source_process *process_of(const struct ms_source_follower *follower,
					    struct ms_source_turns_said said)
{
	return said.run == follower->runs ? follower->process : NULL;
}

/* It is on disk beside its old self already: after a success only a rename can fail. */
static int put_in_force(struct ms_source_follower *follower, struct ms_source_turns_said said,
			struct ms_source_prepared *prepared, struct ms_error *why)
{
	int r = follower->config.apply(follower->config.user, follower, prepared,
				       follower->has_offer ? &follower->offer : NULL, why);

	if (r < 0) {
		ms_state_unstage_source(follower->config.state, follower->name);
		return ms_error_set(why, r, "%s", strerror(-r));
	}
	take_offer(follower, said, &prepared->offer);
	ms_source_process_in_force(process_of(follower, said), said.number);
	r = follower->config.away(follower->config.user, settle, follower);
	if (r < 0)
		ms_source_follower_say(follower, MS_LOG_ERROR, "source",
				       "%s: what is in force of it cannot be saved (%s): a restart "
				       "would go back to what was saved before",
				       follower->name, strerror(-r));
	return 0;
}

static void listen_as_needed(struct ms_source_follower *follower)
{
	if (follower->process)
		ms_source_process_slow(follower->process,
				       ms_source_turns_are_behind(&follower->turns));
}

static void on_prepared(void *user, const struct ms_source_turns_said *said, int result,
			struct ms_source_prepared *prepared, struct ms_error *why)
{
	struct ms_source_follower *follower = user;

	if (result == 0)
		result = put_in_force(follower, *said, prepared, why);
	if (result < 0) {
		refuse(follower, *said, why);
		ms_source_process_refuse(process_of(follower, *said), follower->name, said->number,
					 why);
	}
	/* What no builder makes comes from a process that is not ours any more. */
	if (prepared->is_no_offer && process_of(follower, *said))
		ms_source_process_condemn(follower->process, why->message);
	listen_as_needed(follower);
}

static const struct ms_source_offer *in_force(void *user)
{
	return ms_source_follower_offer(user);
}

static void on_offer(void *user, struct ms_source_wire_buffer *bytes)
{
	struct ms_source_follower *follower = user;
	struct ms_error why = MS_ERROR_INIT;

	if (!follower->config.is_source) {
		ms_error_set(&why, -EPROTO, "it is no source");
		refuse(follower, coming(follower), &why);
		return;
	}
	ms_source_turns_add(&follower->turns, follower->runs, bytes);
	listen_as_needed(follower);
}

/* ---- what else it says ---- */

static void write_log(struct ms_source_follower *follower, uint32_t severity, const char *text,
		      size_t length)
{
	char line[MS_SOURCE_WIRE_SENTENCE_MAX + 1];

	ms_source_complaint_line(line, sizeof(line), text, length);
	ms_source_follower_say(
		follower, severity <= MS_LOG_DEBUG ? (enum ms_log_level)severity : MS_LOG_DEBUG,
		"plugin", "%s: %s", follower->name, line);
}

static void on_message(void *user, const struct ms_source_wire_message *message)
{
	struct ms_source_follower *follower = user;
	struct ms_error why = MS_ERROR_INIT;

	switch (message->kind) {
	case MS_SOURCE_WIRE_READY:
		follower->state = MS_SOURCE_RUNNING;
		/* A source is well when it has delivered, a sink when it is there again. */
		if (!follower->config.is_source)
			be_well(follower, coming(follower));
		ms_source_process_tell(follower->process); /* what waited for it */
		break;
	case MS_SOURCE_WIRE_ABORT:
		ms_error_set(&why, -EPROTO, "%.*s", (int)message->length, message->text);
		refuse(follower, coming(follower), &why);
		break;
	case MS_SOURCE_WIRE_TROUBLE:
		take_trouble(follower, message->text, message->length);
		break;
	case MS_SOURCE_WIRE_STATS:
		ms_source_numbers_take(&follower->numbers, message->text, message->length,
				       ms_source_turns_now());
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
	uint64_t now = ms_source_turns_now(), pause_ms = 0;

	set_error(follower, coming(follower), sentence);
	if (!ms_source_restart_ended(&follower->restart, crashed, now, &pause_ms)) {
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

	ms_source_complaint_line(text, sizeof(text), sentence, strlen(sentence));
	follower->process = ms_source_process_free(follower->process);
	if (follower->is_leaving)
		tell_if_left(follower);
	else if (follower->is_restarting)
		start(follower);
	else
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
	const struct ms_plugin_spawn plugin = {
		.folder = follower->folder[0] ? follower->folder : NULL,
		.name = follower->name,
		.own_folder = follower->own_folder,
		.control_socket = follower->control_socket,
		.config = follower->values,
	};
	struct ms_error why = MS_ERROR_INIT;

	follower->state = MS_SOURCE_STARTING;
	follower->is_restarting = false;
	follower->runs++;
	if (ms_source_process_start(follower->config.loop, &plugin, &hooks, &follower->process,
				    &why) < 0)
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
	if (follower->state == MS_SOURCE_STARTING && !follower->process)
		start(follower);
}

void ms_source_follower_restart(struct ms_source_follower *follower)
{
	follower->restart = (struct ms_source_restart) { 0 };
	follower->restarts++;
	ms_watch_disarm(follower->again);
	if (!follower->process) {
		start(follower);
		return;
	}
	follower->state = MS_SOURCE_STARTING;
	follower->is_restarting = true;
	ms_source_process_stop(follower->process);
}

/* The last thing that is done with it. */
static void tell_if_left(void *user)
{
	struct ms_source_follower *follower = user;

	if (!follower->process && ms_source_turns_leave(&follower->turns))
		follower->config.on_left(follower->config.user, follower);
}

bool ms_source_follower_leave(struct ms_source_follower *follower)
{
	follower->is_leaving = true;
	ms_watch_disarm(follower->again);
	if (follower->process)
		ms_source_process_stop(follower->process);
	return ms_source_turns_leave(&follower->turns) && !follower->process;
}

/* ---- new and free ---- */

static int make_own_folder(struct ms_source_follower *follower, struct ms_error *err)
{
	int r = ms_state_plugin_folder(follower->config.state, follower->name, follower->own_folder,
				       sizeof(follower->own_folder));

	return r < 0 ? ms_error_set(err, r, "%s: cannot make a folder for what it writes: %s",
				    follower->name, strerror(-r))
		     : 0;
}

struct reading {
	struct ms_source_follower *follower;
	struct ms_error why;
};

static int read_away(void *arg)
{
	struct reading *reading = arg;
	struct ms_source_follower *follower = reading->follower;

	return ms_source_saved_read(follower->config.state, follower->name, &follower->offer,
				    &follower->delivered_at, &reading->why);
}

/*
 * What cannot be read is set aside for a person to look at, and the source starts without: it says
 * everything anew, while one that is not started would never mend it.
 */
static void read_saved(struct ms_source_follower *follower)
{
	struct reading reading = { .follower = follower, .why = MS_ERROR_INIT };
	int r = follower->config.away(follower->config.user, read_away, &reading);
	int64_t now = time(NULL);

	if (r == 0) {
		follower->has_offer = follower->is_saved = true;
		follower->delivered_ns =
			ms_source_turns_now() -
			(now > follower->delivered_at
				 ? (uint64_t)(now - follower->delivered_at) * NS_PER_S
				 : 0);
	} else if (r != -ENOENT) {
		r = ms_state_set_source_aside(follower->config.state, follower->name);
		ms_log_error("source",
			     "%s: %s: nothing of it is in force until it says it anew; the file %s",
			     follower->name, reading.why.message,
			     r < 0 ? "could not be set aside" : "was set aside");
		set_error(follower, coming(follower), reading.why.message);
	}
}

static int add_timers(struct ms_source_follower *follower, struct ms_loop *loop)
{
	const struct ms_source_turns_hooks hooks = {
		.before = in_force,
		.on_prepared = on_prepared,
		.on_left = tell_if_left,
		.user = follower,
	};
	int r = ms_loop_add_timer(loop, MS_LOOP_CONTROL, on_again, follower, &follower->again);

	if (r == 0)
		r = ms_source_turns_init(&follower->turns, loop, follower->config.state,
					 follower->name, &follower->pace, &hooks);
	if (r == 0)
		r = ms_loop_add_timer(loop, MS_LOOP_CONTROL, on_hush, follower, &follower->hush);
	return r;
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
	if (config->control_socket)
		follower->control_socket = strdup(config->control_socket);
	r = add_timers(follower, config->loop);
	if (r == 0)
		r = make_own_folder(follower, err);
	if (r == 0)
		read_saved(follower);
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
	ms_source_turns_fini(&follower->turns);
	ms_source_feed_fini(&follower->feed);
	ms_watch_free(follower->again);
	ms_watch_free(follower->hush);
	ms_source_offer_fini(&follower->offer);
	free(follower->control_socket);
	json_decref(follower->values);
	ms_source_numbers_fini(&follower->numbers);
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
	set_error(follower, coming(follower), ms_error_format(why, text, sizeof(text)));
}

void ms_source_follower_leave_out(struct ms_source_follower *follower, const struct ms_error *why)
{
	ms_source_offer_fini(&follower->offer);
	follower->offer = (struct ms_source_offer) { 0 };
	follower->has_offer = follower->is_saved = false;
	follower->delivered_at = 0;
	refuse(follower, coming(follower), why);
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
		.age_ms = follower->delivered_at
				  ? (ms_source_turns_now() - follower->delivered_ns) / NS_PER_MS
				  : 0,
		.is_saved = follower->is_saved,
		.trouble = follower->trouble.text,
		.last_error = follower->error.text,
		.trouble_since = follower->trouble.since,
		.error_since = follower->error.since,
		.transactions = follower->transactions,
		.refused = follower->refused,
		.restarts = follower->restarts,
		.crashes = follower->restart.n_crashes,
		.superseded = follower->turns.superseded,
		.suppressed_lines = follower->pace.suppressed,
		.events_lost = follower->feed.lost_total,
		.stats = follower->numbers.list,
	};
}
