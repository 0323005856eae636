/* SPDX-License-Identifier: GPL-2.0-or-later */
#define _GNU_SOURCE
#include "plugins/docker/engine.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "plugins/docker/events.h"
#include "plugins/lib/http.h"

#define NS_PER_S 1000000000ULL
#define ANSWER_TIMEOUT_NS (30 * NS_PER_S)
#define ANSWER_MAX (64U << 20)
#define ASKED_AT_ONCE 8
/* All are asked for again, when one of them had no proper answer. */
#define AGAIN_NS (5 * NS_PER_S)
/* Until an engine that is back has been asked, labels of containers that start count for nothing. A
 * try costs a connect to a socket of this machine. */
#define RETRY_NS NS_PER_S
/* The type of an event is container or network. */
#define FILTERS "%7B%22type%22%3A%5B%22container%22%2C%22network%22%5D%7D"

/* A container whose answer is waited for, or that is in line for being asked. */
struct question {
	struct ms_docker_engine *engine;
	struct question *next;
	struct ms_http_call *call; /* NULL = in line */
	bool again;                /* it changed while the answer was on its way */
	char id[MS_DOCKER_CONTAINER_ID_MAX + 1];
};

struct ms_docker_engine {
	const struct ms_plugin_host *host;
	struct ms_http *http;
	char *socket_path;
	uint64_t resync_ns;
	struct ms_plugin_watch *timer; /* of the next try, or of the next look at all */
	struct ms_http_call *list, *stream;
	struct ms_docker_events events;
	struct question *questions;
	struct ms_docker_engine_entry *entries;
	size_t count;
	bool listed, known;
	bool lost;   /* not all was answered since the last trouble */
	bool missed; /* a container of this look did not answer as it should */
	char complaint[1024];
	struct ms_docker_engine_stats stats;
};

static void connect_again(void *self);
static void look_again(void *self);

/* ---- the table ---- */

static struct ms_docker_engine_entry *find_entry(struct ms_docker_engine *engine, const char *id)
{
	for (size_t i = 0; i < engine->count; i++)
		if (strcmp(engine->entries[i].id, id) == 0)
			return &engine->entries[i];
	return NULL;
}

static void fini_entry(struct ms_docker_engine_entry *entry)
{
	ms_docker_container_free(entry->container);
	free(entry->why);
	free(entry->said);
}

static void remove_entry(struct ms_docker_engine *engine, const char *id)
{
	struct ms_docker_engine_entry *entry = find_entry(engine, id);

	if (!entry)
		return;
	fini_entry(entry);
	engine->count--;
	memmove(entry, entry + 1,
		(size_t)(engine->entries + engine->count - entry) * sizeof(*entry));
}

/* Takes the container over, also when it fails. */
static int put_container(struct ms_docker_engine *engine, struct ms_docker_container *container)
{
	struct ms_docker_engine_entry *entry = find_entry(engine, container->id), *grown;

	if (!entry) {
		grown = realloc(engine->entries, (engine->count + 1) * sizeof(*grown));
		if (!grown) {
			ms_docker_container_free(container);
			return -ENOMEM;
		}
		engine->entries = grown;
		entry = &grown[engine->count++];
		memset(entry, 0, sizeof(*entry));
		memcpy(entry->id, container->id, sizeof(entry->id));
	}
	ms_docker_container_free(entry->container);
	entry->container = container;
	return 0;
}

/* ---- loss and return ---- */

static void tell_complaint(const struct ms_docker_engine *engine)
{
	const struct ms_plugin_host *host = engine->host;

	host->source_trouble(host->state, engine->complaint[0] ? engine->complaint : NULL);
}

/* One that has fired is still the host's to free. */
static void end_timer(struct ms_docker_engine *engine)
{
	if (engine->timer)
		engine->host->unwatch(engine->host->state, engine->timer);
	engine->timer = NULL;
}

static void set_timer(struct ms_docker_engine *engine, uint64_t first_ns, void (*due)(void *self))
{
	const struct ms_plugin_host *host = engine->host;

	end_timer(engine);
	if (host->watch_time(host->state, first_ns, 0, due, engine, &engine->timer) < 0)
		host->log(host->state, MS_PLUGIN_LOG_ERROR, "cannot set a timer");
}

static void drop_questions(struct ms_docker_engine *engine)
{
	while (engine->questions) {
		struct question *question = engine->questions;

		engine->questions = question->next;
		ms_http_cancel(question->call);
		free(question);
	}
}

static void drop_calls(struct ms_docker_engine *engine)
{
	ms_http_cancel(engine->list);
	ms_http_cancel(engine->stream);
	engine->list = engine->stream = NULL;
	engine->listed = false;
	drop_questions(engine);
	ms_docker_events_fini(&engine->events);
}

/* Whatever was under way is given up: after a pause all is asked for again. */
static void lose(struct ms_docker_engine *engine, const char *what, const char *why)
{
	const struct ms_plugin_host *host = engine->host;
	char sentence[512];

	snprintf(sentence, sizeof(sentence), "%s: %s: %s", engine->socket_path, what, why);
	host->source_trouble(host->state, sentence);
	drop_calls(engine);
	if (!engine->lost)
		engine->stats.losses++;
	engine->lost = true;
	set_timer(engine, RETRY_NS, connect_again);
}

/* NULL, or why this is not the answer that was asked for. */
static const char *trouble_of(const struct ms_http_reply *reply, char buf[64])
{
	if (ms_http_reply_error(reply) < 0)
		return ms_http_reply_sentence(reply);
	if (ms_http_reply_status(reply) == 200)
		return NULL;
	snprintf(buf, 64, "the engine answers with status %u", ms_http_reply_status(reply));
	return buf;
}

static int get(struct ms_docker_engine *engine, const char *url, struct ms_http_request *request,
	       struct ms_http_call **ret_call)
{
	request->url = url;
	request->unix_path = engine->socket_path;
	return ms_http_start(engine->http, request, ret_call);
}

/* ---- one container ---- */

static void ask_next(struct ms_docker_engine *engine);

/* All questions are answered: is that all there is? */
static void see_whether_known(struct ms_docker_engine *engine)
{
	const struct ms_plugin_host *host = engine->host;

	if (!engine->listed || engine->questions)
		return;
	engine->listed = false;
	engine->stats.syncs++;
	engine->lost = false;
	tell_complaint(engine);
	set_timer(engine,
		  engine->missed && engine->resync_ns > AGAIN_NS ? AGAIN_NS : engine->resync_ns,
		  look_again);
	if (!engine->known) {
		engine->known = true;
		host->source_changed(host->state);
	}
}

static void take_question_out(struct question *question)
{
	struct question **at = &question->engine->questions;

	while (*at != question)
		at = &(*at)->next;
	*at = question->next;
}

static int take_answer(struct ms_docker_engine *engine, const char *id,
		       const struct ms_http_reply *reply)
{
	struct ms_docker_container *container;
	size_t size;
	const char *body = ms_http_reply_body(reply, &size);
	int r = ms_docker_container_parse(body, size, &container);

	if (r == 0 && strcmp(container->id, id) != 0) {
		ms_docker_container_free(container);
		r = -EINVAL;
	}
	return r < 0 ? r : put_container(engine, container);
}

/* What the engine cannot tell of one container says nothing about the others: it stays as it was
 * known, and is asked for again soon. */
static void miss(struct ms_docker_engine *engine, const char *id, const char *why)
{
	const struct ms_plugin_host *host = engine->host;

	engine->missed = true;
	host->log(host->state, MS_PLUGIN_LOG_WARNING, "container %.12s: %s", id, why);
}

static void on_answer(void *user, const struct ms_http_reply *reply)
{
	struct question *question = user;
	struct ms_docker_engine *engine = question->engine;
	char buf[64];
	const char *why = trouble_of(reply, buf);

	question->call = NULL;
	if (ms_http_reply_error(reply) < 0) {
		lose(engine, "one container", why);
		return;
	}
	if (ms_http_reply_status(reply) == 404)
		remove_entry(engine, question->id);
	else if (why)
		miss(engine, question->id, why);
	else if (take_answer(engine, question->id, reply) < 0)
		miss(engine, question->id, "the engine's answer is not understood");
	if (!question->again) {
		take_question_out(question);
		free(question);
	} else {
		question->again = false;
	}
	if (engine->known)
		engine->host->source_changed(engine->host->state);
	ask_next(engine);
	see_whether_known(engine);
}

static void ask_next(struct ms_docker_engine *engine)
{
	unsigned asked = 0;

	for (struct question *at = engine->questions; at && asked < ASKED_AT_ONCE; at = at->next) {
		struct ms_http_request request = { .max_bytes = ANSWER_MAX,
						   .timeout_ns = ANSWER_TIMEOUT_NS,
						   .on_done = on_answer,
						   .user_data = at };
		char url[MS_DOCKER_CONTAINER_ID_MAX + 64];

		asked++;
		if (at->call)
			continue;
		snprintf(url, sizeof(url), "http://engine/containers/%s/json", at->id);
		if (get(engine, url, &request, &at->call) < 0) {
			lose(engine, at->id, "no memory");
			return;
		}
	}
}

/* In line at the end. 0 or -ENOMEM. */
static int ask(struct ms_docker_engine *engine, const char *id)
{
	struct question **at = &engine->questions;

	for (; *at; at = &(*at)->next) {
		if (strcmp((*at)->id, id) != 0)
			continue;
		(*at)->again = (*at)->call != NULL;
		return 0;
	}
	*at = calloc(1, sizeof(**at));
	if (!*at)
		return -ENOMEM;
	(*at)->engine = engine;
	snprintf((*at)->id, sizeof((*at)->id), "%s", id);
	return 0;
}

/* ---- the list ---- */

static int ask_listed(void *user, const char *id)
{
	return ask(user, id);
}

static void on_list(void *user, const struct ms_http_reply *reply)
{
	struct ms_docker_engine *engine = user;
	char buf[64];
	const char *why = trouble_of(reply, buf), *body;
	size_t size;

	engine->list = NULL;
	if (!why) {
		body = ms_http_reply_body(reply, &size);
		if (ms_docker_container_list(body, size, ask_listed, engine) < 0)
			why = "the answer is not understood";
	}
	/* Those not in the list too: only the engine's word that there is no such container, given
	 * now, takes one away. */
	for (size_t i = 0; !why && i < engine->count; i++)
		if (ask(engine, engine->entries[i].id) < 0)
			why = "no memory";
	if (why) {
		lose(engine, "list of containers", why);
		return;
	}
	engine->listed = true;
	ask_next(engine);
	see_whether_known(engine);
}

static void look_again(void *self)
{
	struct ms_docker_engine *engine = self;
	struct ms_http_request request = { .max_bytes = ANSWER_MAX,
					   .timeout_ns = ANSWER_TIMEOUT_NS,
					   .on_done = on_list,
					   .user_data = engine };

	end_timer(engine);
	engine->listed = engine->missed = false;
	if (get(engine, "http://engine/containers/json?all=1", &request, &engine->list) < 0)
		lose(engine, "list of containers", "no memory");
}

/* ---- events ---- */

static void on_container(void *user, const char *id)
{
	struct ms_docker_engine *engine = user;

	engine->stats.events++;
	/* One that cannot be noted is found at the next look at all. */
	if (strlen(id) <= MS_DOCKER_CONTAINER_ID_MAX && ask(engine, id) == 0)
		return;
	engine->host->log(engine->host->state, MS_PLUGIN_LOG_WARNING,
			  "an event could not be noted");
}

static int on_events(void *user, const char *data, size_t size)
{
	struct ms_docker_engine *engine = user;
	int r = ms_docker_events_feed(&engine->events, data, size);

	if (r == 0)
		ask_next(engine);
	return r;
}

static int on_events_head(void *user, const struct ms_http_reply *reply)
{
	(void)user;
	return ms_http_reply_status(reply) == 200 ? 0 : -EPROTO;
}

static void on_events_end(void *user, const struct ms_http_reply *reply)
{
	struct ms_docker_engine *engine = user;
	char buf[64];
	const char *why = trouble_of(reply, buf);

	engine->stream = NULL;
	lose(engine, "events", why ? why : "the engine ended them");
}

static void connect_again(void *self)
{
	struct ms_docker_engine *engine = self;
	struct ms_http_request request = { .on_head = on_events_head,
					   .on_data = on_events,
					   .on_done = on_events_end,
					   .user_data = engine };
	char url[256];

	end_timer(engine);
	/* Since a second ago: what happens between this and the list is told twice, not never. */
	snprintf(url, sizeof(url), "http://engine/events?since=%lld&filters=%s",
		 (long long)time(NULL) - 1, FILTERS);
	if (get(engine, url, &request, &engine->stream) < 0) {
		lose(engine, "events", "no memory");
		return;
	}
	look_again(engine);
}

/* ---- life ---- */

struct ms_docker_engine *ms_docker_engine_new(const struct ms_plugin_host *host,
					      const char *socket_path, uint64_t resync_ns)
{
	struct ms_docker_engine *engine = calloc(1, sizeof(*engine));

	if (!engine)
		return NULL;
	engine->host = host;
	engine->resync_ns = resync_ns;
	engine->events.on_container = on_container;
	engine->events.user = engine;
	engine->socket_path = strdup(socket_path);
	engine->http = ms_http_new(host);
	if (!engine->socket_path || !engine->http) {
		ms_docker_engine_free(engine);
		return NULL;
	}
	return engine;
}

void ms_docker_engine_free(struct ms_docker_engine *engine)
{
	if (!engine)
		return;
	drop_calls(engine);
	end_timer(engine);
	ms_http_free(engine->http);
	for (size_t i = 0; i < engine->count; i++)
		fini_entry(&engine->entries[i]);
	free(engine->entries);
	free(engine->socket_path);
	free(engine);
}

int ms_docker_engine_start(struct ms_docker_engine *engine)
{
	connect_again(engine);
	return engine->timer || engine->stream ? 0 : -ENOMEM;
}

bool ms_docker_engine_is_known(const struct ms_docker_engine *engine)
{
	return engine->known;
}

struct ms_docker_engine_entry *ms_docker_engine_entries(struct ms_docker_engine *engine,
							size_t *ret_count)
{
	*ret_count = engine->count;
	return engine->entries;
}

void ms_docker_engine_complain(struct ms_docker_engine *engine, const char *sentence)
{
	snprintf(engine->complaint, sizeof(engine->complaint), "%s", sentence);
	if (!engine->lost)
		tell_complaint(engine);
}

const struct ms_docker_engine_stats *ms_docker_engine_stats(const struct ms_docker_engine *engine)
{
	return &engine->stats;
}
