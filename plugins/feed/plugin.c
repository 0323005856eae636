/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * feed: sets from lists of addresses that others keep, over HTTP(S) or from files. A transaction
 * has all sets, each as its lists were when they last came whole; one whose lists have not all come
 * since the start stays as it is in force. What fails to come changes nothing.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <microseg/plugin.h>

#include "config.h"
#include "list.h"
#include "plugins/lib/http.h"

#define NS_PER_S 1000000000ULL
#define IDLE_NS (30 * NS_PER_S)
/* A look at a file costs one system call. */
#define FILE_NS (10 * NS_PER_S)
/* After the first failure; doubled by each further one, up to the interval. */
#define RETRY_NS (10 * NS_PER_S)
#define MAX_REDIRECTS 5

/* One list. */
struct feed {
	struct state *state;
	const struct ms_feed_address *address;

	struct ms_feed_list *good; /* NULL = it never came whole */
	struct ms_feed_list *coming;
	struct ms_plugin_watch *timer;
	unsigned failures; /* since it last came */
	char trouble[512]; /* "" = it came, or is on its way for the first time */

	struct ms_http_call *call;    /* NULL = none under way */
	char etag[256], modified[64]; /* of `good`, "" = the server did not say */
	struct stat seen;             /* the file as last read; all zero = it was not */
};

struct state {
	const struct ms_plugin_host *host;
	struct ms_feed_config config;
	struct ms_http *http; /* NULL = not started */
	uint64_t came, unchanged, failures;
	bool troubled; /* the host was told of trouble */
	struct feed *feeds;
};

/* ---- what it came to ---- */

/* The first list in trouble speaks for all. */
static void tell_trouble(struct state *state)
{
	const struct ms_plugin_host *host = state->host;
	const struct feed *first = NULL;
	char sentence[640];
	size_t more = 0;

	for (size_t i = 0; i < state->config.count; i++) {
		const struct feed *feed = &state->feeds[i];

		more += first && feed->trouble[0];
		if (!first && feed->trouble[0])
			first = feed;
	}
	if (!first && !state->troubled)
		return;
	state->troubled = first != NULL;
	if (first && more)
		snprintf(sentence, sizeof(sentence), "%s; and %zu more list%s", first->trouble,
			 more, more == 1 ? "" : "s");
	host->source_trouble(host->state, !first ? NULL : more ? sentence : first->trouble);
}

static void failed(struct feed *feed, const char *why)
{
	const struct ms_plugin_host *host = feed->state->host;
	char trouble[sizeof(feed->trouble)];

	feed->failures++;
	feed->state->failures++;
	snprintf(trouble, sizeof(trouble), "%s: %s", feed->address->shown, why);
	if (strcmp(trouble, feed->trouble) != 0)
		host->log(host->state, MS_PLUGIN_LOG_WARNING, "set %s: %s", feed->address->set,
			  trouble);
	memcpy(feed->trouble, trouble, sizeof(trouble));
	/* `why` may have been its. */
	ms_feed_list_free(feed->coming);
	feed->coming = NULL;
	tell_trouble(feed->state);
}

static void is_current(struct feed *feed)
{
	const struct ms_plugin_host *host = feed->state->host;

	if (feed->trouble[0])
		host->log(host->state, MS_PLUGIN_LOG_NOTICE, "set %s: %s: it can be had again",
			  feed->address->set, feed->address->shown);
	feed->failures = 0;
	feed->trouble[0] = '\0';
	tell_trouble(feed->state);
}

/* Of several lists that fill one set all must have come: the set is whole or as it was. */
static bool is_whole(const struct state *state, const char *set)
{
	for (size_t i = 0; i < state->config.count; i++) {
		if (!state->feeds[i].good && strcmp(state->config.addresses[i].set, set) == 0)
			return false;
	}
	return true;
}

/* `coming` is at its end. Returns whether it is a list. */
static bool came(struct feed *feed)
{
	const struct ms_plugin_host *host = feed->state->host;
	struct ms_feed_list *list = feed->coming;

	if (ms_feed_list_end(list) < 0) {
		failed(feed, ms_feed_list_sentence(list));
		return false;
	}
	feed->coming = NULL;
	feed->state->came++;
	is_current(feed);
	if (ms_feed_list_equal(list, feed->good)) {
		feed->state->unchanged++;
		ms_feed_list_free(list);
		return true;
	}
	if (ms_feed_list_bad(list))
		host->log(host->state, MS_PLUGIN_LOG_WARNING,
			  "set %s: %s: %s; left out, %zu in all", feed->address->set,
			  feed->address->shown, ms_feed_list_bad_sentence(list),
			  ms_feed_list_bad(list));
	ms_feed_list_free(feed->good);
	feed->good = list;
	if (is_whole(feed->state, feed->address->set))
		host->source_changed(host->state);
	return true;
}

/* ---- by HTTP ---- */

static int on_head(void *user, const struct ms_http_reply *reply)
{
	struct feed *feed = user;

	/* The body of any other answer is for people. */
	if (ms_http_reply_status(reply) != 200)
		return 0;
	if (!ms_http_reply_has_end(reply))
		return -EPROTO;
	feed->coming = ms_feed_list_new(&feed->state->config.limits);
	return feed->coming ? 0 : -ENOMEM;
}

static int on_data(void *user, const char *data, size_t size)
{
	struct feed *feed = user;

	return feed->coming ? ms_feed_list_add(feed->coming, data, size) : -EBADMSG;
}

static void keep_header(const struct ms_http_reply *reply, const char *name, char *ret_value,
			size_t size)
{
	const char *value = ms_http_reply_header(reply, name);

	/* A tag that is cut is another tag. */
	snprintf(ret_value, size, "%s", value && strlen(value) < size ? value : "");
}

static bool read_time(const struct ms_http_reply *reply, const char *name, time_t *ret_time)
{
	const char *text = ms_http_reply_header(reply, name);
	struct tm time = { 0 };

	if (!text || !strptime(text, "%a, %d %b %Y %H:%M:%S GMT", &time))
		return false;
	*ret_time = timegm(&time);
	return true;
}

/* It counts seconds: what was written in the second of the answer may have been written again
 * after. */
static bool is_exact(const struct ms_http_reply *reply)
{
	time_t now, modified;

	return read_time(reply, "Date", &now) && read_time(reply, "Last-Modified", &modified) &&
	       now - modified >= 2;
}

static void keep_tags(struct feed *feed, const struct ms_http_reply *reply)
{
	keep_header(reply, "ETag", feed->etag, sizeof(feed->etag));
	keep_header(reply, "Last-Modified", feed->modified, sizeof(feed->modified));
	if (!is_exact(reply))
		feed->modified[0] = '\0';
}

static void schedule(struct feed *feed);

static void on_done(void *user, const struct ms_http_reply *reply)
{
	struct feed *feed = user;
	unsigned status = ms_http_reply_status(reply);
	const char *why = ms_http_reply_sentence(reply);
	char sentence[192];

	feed->call = NULL;
	if (status == 304 && feed->good) {
		feed->state->came++;
		feed->state->unchanged++;
		is_current(feed);
	} else if (status && status != 200) {
		/* With a redirect that is not followed, why. */
		snprintf(sentence, sizeof(sentence), "the server answered %u%s%s", status,
			 status / 100 == 3 && why[0] ? ": " : "", status / 100 == 3 ? why : "");
		failed(feed, sentence);
	} else if (feed->coming && ms_feed_list_sentence(feed->coming)[0]) {
		failed(feed, ms_feed_list_sentence(feed->coming));
	} else if (ms_http_reply_error(reply) == -EPROTO) {
		failed(feed, "the server does not say where the list ends, neither by "
			     "Content-Length nor in chunks: half of it would pass for all of it");
	} else if (ms_http_reply_error(reply) < 0) {
		failed(feed, ms_http_reply_sentence(reply));
	} else if (came(feed)) {
		keep_tags(feed, reply);
	}
	schedule(feed);
}

static void fetch(struct feed *feed)
{
	const struct state *state = feed->state;
	char match[sizeof(feed->etag) + 32], since[sizeof(feed->modified) + 32];
	const char *headers[3] = { NULL };
	const struct ms_http_request request = {
		.url = feed->address->url,
		.headers = headers,
		.ca_file = state->config.tls.ca_file,
		.cert_file = state->config.tls.cert_file,
		.key_file = state->config.tls.key_file,
		.idle_timeout_ns = IDLE_NS,
		.timeout_ns = state->config.timeout_ns,
		.max_bytes = state->config.limits.max_bytes,
		.max_redirects = MAX_REDIRECTS,
		.gzip = 1,
		.on_head = on_head,
		.on_data = on_data,
		.on_done = on_done,
		.user_data = feed,
	};
	size_t count = 0;

	snprintf(match, sizeof(match), "If-None-Match: %s", feed->etag);
	snprintf(since, sizeof(since), "If-Modified-Since: %s", feed->modified);
	if (feed->etag[0])
		headers[count++] = match;
	if (feed->modified[0])
		headers[count++] = since;
	if (ms_http_start(state->http, &request, &feed->call) < 0) {
		failed(feed, "out of memory");
		schedule(feed);
	}
}

/* ---- from a file ---- */

static bool is_seen(const struct feed *feed, const struct stat *now)
{
	return now->st_dev == feed->seen.st_dev && now->st_ino == feed->seen.st_ino &&
	       now->st_size == feed->seen.st_size &&
	       now->st_mtim.tv_sec == feed->seen.st_mtim.tv_sec &&
	       now->st_mtim.tv_nsec == feed->seen.st_mtim.tv_nsec;
}

static int read_to_end(struct feed *feed, int fd)
{
	char data[65536];
	ssize_t size;
	int r = 0;

	while (r == 0 && (size = read(fd, data, sizeof(data))) != 0)
		r = size < 0 ? -errno : ms_feed_list_add(feed->coming, data, (size_t)size);
	return r;
}

static void read_file(struct feed *feed, int fd, const struct stat *now)
{
	const char *sentence;
	int r;

	feed->seen = *now;
	feed->coming = ms_feed_list_new(&feed->state->config.limits);
	r = feed->coming ? read_to_end(feed, fd) : -ENOMEM;
	if (r == 0) {
		came(feed);
		return;
	}
	sentence = feed->coming ? ms_feed_list_sentence(feed->coming) : "";
	/* What is wrong with the file stays so until it changes, what else is wrong need not. */
	if (sentence[0] == '\0')
		memset(&feed->seen, 0, sizeof(feed->seen));
	failed(feed, sentence[0] ? sentence : strerror(-r));
}

static void look(struct feed *feed)
{
	/* A pipe in its place must not hold us up. */
	int fd = open(feed->address->path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	struct stat now;

	if (fd < 0 || fstat(fd, &now) < 0 || !S_ISREG(now.st_mode)) {
		failed(feed, fd < 0 ? strerror(errno) : "it is no regular file");
		memset(&feed->seen, 0, sizeof(feed->seen));
	} else if (!is_seen(feed, &now)) {
		read_file(feed, fd, &now);
	}
	if (fd >= 0)
		close(fd);
	schedule(feed);
}

/* ---- when ---- */

static void refresh(struct feed *feed)
{
	if (feed->address->path)
		look(feed);
	else
		fetch(feed);
}

static void on_due(void *self)
{
	struct feed *feed = self;
	const struct ms_plugin_host *host = feed->state->host;

	host->unwatch(host->state, feed->timer);
	feed->timer = NULL;
	refresh(feed);
}

/* A tenth more or less: a fleet that was started by one command does not ask in one second. */
static uint64_t jitter(uint64_t ns)
{
	uint64_t chance = 0;

	if (getrandom(&chance, sizeof(chance), GRND_NONBLOCK) < 0)
		return ns;
	return ns - ns / 10 + chance % (ns / 5 + 1);
}

static void schedule(struct feed *feed)
{
	const struct state *state = feed->state;
	const struct ms_plugin_host *host = state->host;
	uint64_t wait_ns = state->config.interval_ns, retry_ns = RETRY_NS;

	for (unsigned i = 1; i < feed->failures && retry_ns < wait_ns; i++)
		retry_ns *= 2;
	if (feed->address->path)
		retry_ns = FILE_NS;
	if ((feed->address->path || feed->failures) && retry_ns < wait_ns)
		wait_ns = retry_ns;
	if (host->watch_time(host->state, jitter(wait_ns), 0, on_due, feed, &feed->timer) < 0)
		host->log(host->state, MS_PLUGIN_LOG_ERROR,
			  "set %s: no timer can be set: the list is not followed any more",
			  feed->address->set);
}

/* ---- the lifecycle ---- */

static void destroy(void *self)
{
	struct state *state = self;

	for (size_t i = 0; state->feeds && i < state->config.count; i++)
		ms_feed_list_free(state->feeds[i].good);
	free(state->feeds);
	ms_feed_config_fini(&state->config);
	free(state);
}

static int create(const struct ms_plugin_host *host, const struct ms_plugin_values *values,
		  void **ret_self, struct ms_plugin_error *error)
{
	struct state *state = calloc(1, sizeof(*state));
	int r = -ENOMEM;

	if (state)
		r = ms_feed_config_read(&state->config, host, values, error);
	if (r == 0) {
		state->feeds = calloc(state->config.count, sizeof(state->feeds[0]));
		r = state->feeds ? 0 : -ENOMEM;
	}
	if (r < 0) {
		if (r == -ENOMEM)
			host->error_set(error, "out of memory");
		if (state)
			destroy(state);
		return r;
	}
	state->host = host;
	for (size_t i = 0; i < state->config.count; i++) {
		state->feeds[i].state = state;
		state->feeds[i].address = &state->config.addresses[i];
	}
	*ret_self = state;
	return 0;
}

static int start(void *self, struct ms_plugin_error *error)
{
	struct state *state = self;

	state->http = ms_http_new(state->host);
	if (!state->http) {
		state->host->error_set(error, "out of memory");
		return -ENOMEM;
	}
	for (size_t i = 0; i < state->config.count; i++)
		refresh(&state->feeds[i]);
	return 0;
}

static void stop(void *self)
{
	struct state *state = self;
	const struct ms_plugin_host *host = state->host;

	for (size_t i = 0; i < state->config.count; i++) {
		struct feed *feed = &state->feeds[i];

		ms_http_cancel(feed->call);
		feed->call = NULL;
		if (feed->timer)
			host->unwatch(host->state, feed->timer);
		feed->timer = NULL;
		ms_feed_list_free(feed->coming);
		feed->coming = NULL;
	}
	ms_http_free(state->http);
	state->http = NULL;
}

static int add_feed(const struct feed *feed, struct ms_plugin_builder *builder,
		    struct ms_plugin_error *error)
{
	const struct ms_plugin_host *host = feed->state->host;
	bool whole = is_whole(feed->state, feed->address->set);
	size_t count = whole ? ms_feed_list_count(feed->good) : 0;
	int r = whole ? host->add_set(builder, feed->address->set, error)
		      : host->keep_set(builder, feed->address->set, error);

	/* Several lists may fill one set. */
	if (r == -EEXIST)
		r = 0;
	for (size_t i = 0; r == 0 && i < count; i++) {
		struct ms_plugin_cidr cidr = ms_feed_list_get(feed->good, i);

		r = host->add_member(builder, feed->address->set, &cidr, 0, error);
	}
	return r;
}

static bool any_is_whole(const struct state *state)
{
	for (size_t i = 0; i < state->config.count; i++) {
		if (is_whole(state, state->config.addresses[i].set))
			return true;
	}
	return false;
}

/* Nothing of a transaction is left to guess: one without a set would end what is in force for it.
 */
static int snapshot(void *self, struct ms_plugin_builder *builder, struct ms_plugin_error *error)
{
	const struct state *state = self;
	int r = 0;

	if (!any_is_whole(state)) {
		state->host->error_set(error, "no set has all its lists yet");
		return -EAGAIN;
	}
	for (size_t i = 0; r == 0 && i < state->config.count; i++)
		r = add_feed(&state->feeds[i], builder, error);
	return r;
}

static void stats(void *self, struct ms_plugin_emit *to)
{
	const struct state *state = self;
	const struct ms_plugin_host *host = state->host;
	uint64_t entries = 0, bad = 0, troubled = 0;

	for (size_t i = 0; i < state->config.count; i++) {
		const struct feed *feed = &state->feeds[i];

		entries += feed->good ? ms_feed_list_count(feed->good) : 0;
		bad += feed->good ? ms_feed_list_bad(feed->good) : 0;
		troubled += feed->trouble[0] != '\0';
	}
	host->emit(to, "lists", "lists that are followed", NULL, state->config.count, 1);
	host->emit(to, "troubled", "lists that could not be had last time", NULL, troubled, 1);
	host->emit(to, "entries", "addresses and prefixes of all lists", NULL, entries, 1);
	host->emit(to, "bad_lines", "lines of all lists that are left out", NULL, bad, 1);
	host->emit(to, "came", "times a list was had", NULL, state->came, 0);
	host->emit(to, "unchanged", "of these, with what was known", NULL, state->unchanged, 0);
	host->emit(to, "failures", "times a list could not be had", NULL, state->failures, 0);
}

/* ---- what the host reads before it runs any of this ---- */

static const struct ms_plugin_source source = {
	.help = "sets from lists over HTTP(S) or from files",
	.snapshot = snapshot,
};

MS_PLUGIN(MS_PLUGIN_SOURCE, .name = "feed", .version = "1.0",
	  .summary = "sets from lists of addresses over HTTP(S) or from files",
	  .license = "GPL-2.0-or-later",
	  .needs = MS_PLUGIN_NEEDS_INET | MS_PLUGIN_NEEDS_FILES | MS_PLUGIN_NEEDS_THREADS,
	  .config = ms_feed_config_items, .config_count = MS_FEED_CONFIG_ITEMS, .create = create,
	  .start = start, .stop = stop, .destroy = destroy, .stats = stats, .source = &source);
