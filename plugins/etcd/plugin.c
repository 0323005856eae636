/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * etcd: a fleet's policy from etcd v3. A transaction is what etcd had at one revision, whole: the
 * documents of this host, then those of the fleet.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include <microseg/plugin.h>

#include "complaint.h"
#include "config.h"
#include "follower.h"
#include "link.h"

struct state {
	const struct ms_plugin_host *host;
	struct ms_etcd_config config;
	struct ms_etcd_follower follower;
	struct ms_etcd_link *link;            /* NULL = not started */
	struct ms_plugin_watch *tick, *pause; /* NULL = none */
	char *token;
	struct ms_etcd_documents documents; /* the last that may be in force; revision 0 = none */
	char distance[512];                 /* why etcd cannot be reached, "" = it can */
	char refusal[512];                  /* why the newest revision is not taken, "" = it is */
	bool is_troubled;                   /* the host was told */
	bool is_refused; /* the host refused the last transaction, and said why */
	uint64_t reads, checks, failures;
	struct ms_etcd_complaint *complaints; /* by endpoint */
};

static void pursue(struct state *state);

/* ---- trouble ---- */

static void tell_trouble(struct state *state)
{
	const struct ms_plugin_host *host = state->host;
	const char *sentence = state->distance[0] ? state->distance : state->refusal;

	if (!sentence[0] && !state->is_troubled)
		return;
	state->is_troubled = sentence[0] != '\0';
	host->source_trouble(host->state, sentence[0] ? sentence : NULL);
	/* What the host itself has to say of the transaction is not over. */
	if (!sentence[0] && state->is_refused)
		host->source_changed(host->state);
}

static void refuse(struct state *state, const char *sentence)
{
	const struct ms_plugin_host *host = state->host;

	if (strcmp(state->refusal, sentence) != 0 && sentence[0])
		host->log(host->state, MS_PLUGIN_LOG_WARNING, "%s", sentence);
	snprintf(state->refusal, sizeof(state->refusal), "%s", sentence);
	tell_trouble(state);
}

static void resume(void *user)
{
	struct state *state = user;

	state->host->unwatch(state->host->state, state->pause);
	state->pause = NULL;
	ms_etcd_follower_resume(&state->follower);
	pursue(state);
}

static void begin_pause(struct state *state)
{
	const struct ms_plugin_host *host = state->host;
	uint32_t chance = 0;
	uint64_t pause_ns;

	/* Without a chance all hosts of the fleet come back at once, which etcd bears. */
	if (getrandom(&chance, sizeof(chance), GRND_NONBLOCK) < 0)
		chance = 0;
	pause_ns = ms_etcd_follower_pause_ns(&state->follower, chance);
	if (host->watch_time(host->state, pause_ns, 0, resume, state, &state->pause) < 0)
		host->log(host->state, MS_PLUGIN_LOG_ERROR,
			  "no timer is left; waiting for the "
			  "next check");
}

static void log_failure(struct state *state, size_t endpoint, const char *why)
{
	const struct ms_plugin_host *host = state->host;
	const char *name = state->config.endpoints[endpoint];
	uint64_t count = ms_etcd_complaint_make(&state->complaints[endpoint], why,
						host->now_ns(host->state));

	if (count == 1)
		host->log(host->state, MS_PLUGIN_LOG_INFO, "%s: %s", name, why);
	else if (count > 1)
		host->log(host->state, MS_PLUGIN_LOG_INFO,
			  "%s: %s (failures since the last such line: %" PRIu64 ")", name, why,
			  count);
}

static void fail(struct state *state, const char *why)
{
	const struct ms_plugin_host *host = state->host;
	size_t endpoint = state->follower.endpoint;
	char sentence[sizeof(state->distance)];

	ms_etcd_link_end(state->link);
	state->failures++;
	snprintf(sentence, sizeof(sentence), "%s: %s", state->config.endpoints[endpoint], why);
	ms_etcd_follower_on_failure(&state->follower, ms_etcd_codec_wants_token(why));
	log_failure(state, endpoint, why);
	/* As long as another member may do, nothing is lost. */
	if (!ms_etcd_follower_is_lost(&state->follower))
		return;
	if (!state->distance[0])
		host->log(host->state, MS_PLUGIN_LOG_WARNING, "etcd is out of reach: %s", sentence);
	memcpy(state->distance, sentence, sizeof(sentence));
	tell_trouble(state);
	if (state->follower.is_paused && !state->pause)
		begin_pause(state);
}

/* ---- answers ---- */

/* `next` is taken over or freed. */
static void take(struct state *state, struct ms_etcd_documents *next)
{
	const struct ms_plugin_host *host = state->host;
	const struct ms_etcd_document *unfit =
		ms_etcd_documents_find_unfit(next, state->config.hostname);
	char sentence[sizeof(state->refusal)] = "";

	if (unfit)
		snprintf(
			sentence, sizeof(sentence),
			"%.200s: the last part of a key has letters, digits, '.', '_' and '-', and "
			"a key %d bytes at most; nothing of revision %" PRId64 " is taken",
			unfit->key, MS_ETCD_KEY_MAX, next->revision);
	else if (ms_etcd_documents_are_lost(&state->documents, next))
		snprintf(sentence, sizeof(sentence),
			 "etcd has no document for %s, and none was seen to be deleted; what is in "
			 "force stays",
			 state->config.hostname);
	if (sentence[0]) {
		ms_etcd_documents_fini(next);
		refuse(state, sentence);
		return;
	}
	if (ms_etcd_documents_is_other(&state->documents, next))
		host->log(host->state, MS_PLUGIN_LOG_WARNING,
			  "etcd has another history than before, from backup or anew: revision "
			  "%" PRId64 " after %" PRId64,
			  next->revision, state->documents.revision);
	ms_etcd_documents_fini(&state->documents);
	state->documents = *next;
	refuse(state, "");
	host->source_changed(host->state);
}

/* Nothing may have changed but the revision: what was deleted and put again has a new one. */
static void on_documents(struct state *state, enum ms_etcd_task task,
			 struct ms_etcd_documents *documents)
{
	bool is_same = ms_etcd_documents_same(&state->documents, documents) &&
		       documents->revision >= state->documents.revision && !state->refusal[0];
	int64_t revision = documents->revision;

	if (task == MS_ETCD_CHECK) {
		state->checks++;
		ms_etcd_follower_on_check(&state->follower, is_same, revision);
		ms_etcd_documents_fini(documents);
		/* What is refused stays so until it changes: the next check looks again. */
		return;
	}
	state->reads++;
	ms_etcd_follower_on_read(&state->follower, revision);
	take(state, documents);
}

static void on_answer(void *user, enum ms_etcd_task task, const char *body, size_t size)
{
	struct state *state = user;
	struct ms_etcd_documents documents = { 0 };
	char *token = NULL;
	int r;

	if (task == MS_ETCD_AUTHENTICATE)
		r = ms_etcd_codec_parse_token(body, size, &token);
	else
		r = ms_etcd_codec_parse_documents(body, size, &documents);
	if (r < 0) {
		fail(state, r == -ENOMEM ? "out of memory" : "the answer is not etcd's");
	} else if (task == MS_ETCD_AUTHENTICATE) {
		free(state->token);
		state->token = token;
		ms_etcd_follower_on_token(&state->follower);
	} else {
		on_documents(state, task, &documents);
	}
	if (!ms_etcd_follower_is_lost(&state->follower) && state->distance[0]) {
		state->distance[0] = '\0';
		state->host->log(state->host->state, MS_PLUGIN_LOG_NOTICE,
				 "etcd is in reach again: %s",
				 state->config.endpoints[state->follower.endpoint]);
		tell_trouble(state);
	}
	pursue(state);
}

static void on_notice(void *user, const struct ms_etcd_notice *notice)
{
	struct state *state = user;

	ms_etcd_follower_on_notice(&state->follower, notice);
	pursue(state);
}

static void on_failure(void *user, const char *sentence)
{
	struct state *state = user;

	fail(state, sentence);
	pursue(state);
}

/* ---- what is next ---- */

static const char *begin_task(struct state *state)
{
	enum ms_etcd_task task = ms_etcd_follower_get_task(&state->follower);
	int r;

	if (task == MS_ETCD_NOTHING || ms_etcd_link_has_task(state->link))
		return NULL;
	r = ms_etcd_link_start_task(state->link, state->follower.endpoint, task,
				    task == MS_ETCD_AUTHENTICATE ? NULL : state->token);
	if (r == -ENOENT)
		return "the password cannot be read from its file";
	return r < 0 ? strerror(-r) : NULL;
}

static const char *begin_watch(struct state *state)
{
	int64_t from = ms_etcd_follower_get_watch(&state->follower);
	int r;

	if (!from) {
		ms_etcd_link_end_watch(state->link);
		return NULL;
	}
	if (ms_etcd_link_has_watch(state->link))
		return NULL;
	ms_etcd_follower_on_watch(&state->follower);
	r = ms_etcd_link_start_watch(state->link, state->follower.endpoint, from, state->token);
	return r < 0 ? strerror(-r) : NULL;
}

static void pursue(struct state *state)
{
	const char *why = begin_task(state);

	if (!why)
		why = begin_watch(state);
	/* Each failure brings the round nearer to its end, which is a pause. */
	while (why) {
		fail(state, why);
		why = begin_task(state);
		if (!why)
			why = begin_watch(state);
	}
}

static void tick(void *user)
{
	struct state *state = user;

	if (!state->pause)
		ms_etcd_follower_resume(&state->follower);
	if (!ms_etcd_follower_tick(&state->follower))
		fail(state, "the watch does not begin");
	pursue(state);
}

/* ---- lifecycle ---- */

static int create(const struct ms_plugin_host *host, const struct ms_plugin_values *config,
		  void **ret_self, struct ms_plugin_error *error)
{
	struct state *state = calloc(1, sizeof(*state));
	int r = -ENOMEM;

	if (!state)
		host->error_set(error, "out of memory");
	else
		r = ms_etcd_config_read(host, config, &state->config, error);
	if (r < 0) {
		free(state);
		return r;
	}
	state->host = host;
	state->complaints = calloc(state->config.count, sizeof(*state->complaints));
	if (!state->complaints) {
		host->error_set(error, "out of memory");
		ms_etcd_config_fini(&state->config);
		free(state);
		return -ENOMEM;
	}
	*ret_self = state;
	return 0;
}

static void stop(void *user)
{
	struct state *state = user;

	ms_etcd_link_free(state->link);
	state->link = NULL;
	if (state->tick)
		state->host->unwatch(state->host->state, state->tick);
	if (state->pause)
		state->host->unwatch(state->host->state, state->pause);
	state->tick = NULL;
	state->pause = NULL;
}

static int start(void *user, struct ms_plugin_error *error)
{
	static const struct ms_etcd_link_events events = { .on_answer = on_answer,
							   .on_notice = on_notice,
							   .on_failure = on_failure };
	struct state *state = user;
	const struct ms_plugin_host *host = state->host;
	uint64_t every_ns = state->config.check_ns;
	int r = -ENOMEM;

	ms_etcd_follower_init(&state->follower, state->config.count, state->config.user != NULL);
	state->link = ms_etcd_link_new(host, &state->config, &events, state);
	if (state->link)
		r = host->watch_time(host->state, every_ns, every_ns, tick, state, &state->tick);
	if (r < 0) {
		host->error_set(error, "cannot begin: %s", strerror(-r));
		stop(state);
		return r;
	}
	pursue(state);
	return 0;
}

static void destroy(void *user)
{
	struct state *state = user;

	ms_etcd_documents_fini(&state->documents);
	ms_etcd_config_fini(&state->config);
	if (state->token)
		explicit_bzero(state->token, strlen(state->token));
	free(state->token);
	free(state->complaints);
	free(state);
}

/* All of a revision or nothing: one document may need what another one says. */
static int snapshot(void *user, struct ms_plugin_builder *builder, struct ms_plugin_error *error)
{
	struct state *state = user;
	const struct ms_plugin_host *host = state->host;
	int r = 0;

	if (!state->documents.revision) {
		host->error_set(error, "%s",
				state->distance[0]  ? state->distance
				: state->refusal[0] ? state->refusal
						    : "etcd has not answered yet");
		return -EAGAIN;
	}
	for (size_t i = 0; r == 0 && i < state->documents.count; i++) {
		const struct ms_etcd_document *document = &state->documents.list[i];

		r = host->add_document(builder, document->key, document->text, document->size,
				       error);
	}
	state->is_refused = r < 0;
	return r;
}

static void stats(void *user, struct ms_plugin_emit *to)
{
	const struct state *state = user;
	const struct ms_plugin_host *host = state->host;

	host->emit(to, "revision", "etcd's revision whose documents were last taken", NULL,
		   (uint64_t)state->documents.revision, 1);
	host->emit(to, "documents", "how many these are", NULL, state->documents.count, 1);
	host->emit(to, "reads", "reads of all documents", NULL, state->reads, 0);
	host->emit(to, "checks", "reads of the keys alone", NULL, state->checks, 0);
	host->emit(to, "failures", "calls to a member that failed", NULL, state->failures, 0);
}

static const struct ms_plugin_source source = {
	.help = "policy documents of a fleet and of this host, from etcd",
	.snapshot = snapshot,
};

MS_PLUGIN(MS_PLUGIN_SOURCE, .name = "etcd", .version = "1.0",
	  .summary = "a fleet's policy from etcd v3", .license = "GPL-2.0-or-later",
	  .needs = MS_PLUGIN_NEEDS_INET | MS_PLUGIN_NEEDS_FILES | MS_PLUGIN_NEEDS_THREADS,
	  .config = ms_etcd_config_items, .config_count = MS_ETCD_CONFIG_ITEMS, .create = create,
	  .start = start, .stop = stop, .destroy = destroy, .stats = stats, .source = &source);
