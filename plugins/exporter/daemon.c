/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#define PATIENCE_S 5 /* for a whole round; scrapers wait ten */
#define ANSWER_MAX (16u << 20)
#define PLUGINS_MAX 64

/* In their order. Only a round with all of them answered is a good one. */
enum question {
	ASK_VERSION,
	ASK_STATUS,
	ASK_STATS,
	ASK_GROUPS,
	ASK_SOURCES,
	ASK_PLUGINS,
	ASK_PLUGIN, /* each that is loaded */
	ASK_RULES,
	ASK_NOTHING,
};

struct ms_exporter_daemon {
	struct event_base *base;
	struct sockaddr_un at;
	struct bufferevent *connection; /* NULL = no round */
	struct event *end;              /* of the round: its time is up, or it is over */
	struct ms_exporter_answers answers;
	enum question question;
	size_t nth;     /* plugin, of plugins */
	size_t scanned; /* bytes of the answer that hold no end of it */
	int error;
	void (*done)(void *user, int error, const struct ms_exporter_answers *answers);
	void *user;
};

/* ---- the end of a round ---- */

static void hang_up(struct ms_exporter_daemon *daemon)
{
	if (daemon->connection)
		bufferevent_free(daemon->connection);
	daemon->connection = NULL;
}

static void on_end(evutil_socket_t fd, short what, void *user)
{
	struct ms_exporter_daemon *daemon = user;

	(void)fd;
	if (daemon->connection && (what & EV_TIMEOUT))
		daemon->error = -ETIMEDOUT;
	hang_up(daemon);
	daemon->done(daemon->user, daemon->error, &daemon->answers);
	ms_exporter_metrics_forget(&daemon->answers);
}

static void finish(struct ms_exporter_daemon *daemon, int error)
{
	daemon->error = error;
	hang_up(daemon);
	event_del(daemon->end);
	event_active(daemon->end, EV_WRITE, 0);
}

/* ---- questions ---- */

static const char *const methods[] = {
	[ASK_VERSION] = "version",    [ASK_STATUS] = "status",       [ASK_STATS] = "stats",
	[ASK_GROUPS] = "group.list",  [ASK_SOURCES] = "source.list", [ASK_PLUGINS] = "plugin.list",
	[ASK_PLUGIN] = "plugin.show", [ASK_RULES] = "rule.list",
};

/* The next loaded plugin from `nth` on, or NULL. */
static const char *next_plugin(struct ms_exporter_daemon *daemon)
{
	const json_t *list = json_object_get(daemon->answers.plugins, "plugins");

	for (; daemon->nth < json_array_size(list) && daemon->nth < PLUGINS_MAX; daemon->nth++) {
		const json_t *plugin = json_array_get(list, daemon->nth);
		const char *state = json_string_value(json_object_get(plugin, "state"));

		if (state && strcmp(state, "loaded") == 0)
			return json_string_value(json_object_get(plugin, "name"));
	}
	return NULL;
}

static void ask(struct ms_exporter_daemon *daemon)
{
	const char *plugin = NULL;
	json_t *request;
	char *line;

	if (daemon->question == ASK_PLUGIN) {
		plugin = next_plugin(daemon);
		if (!plugin)
			daemon->question++;
	}
	if (daemon->question == ASK_RULES && daemon->answers.rules_max == 0)
		daemon->question++;
	if (daemon->question == ASK_NOTHING) {
		finish(daemon, 0);
		return;
	}
	request = json_pack("{s:s, s:{s:s*}, s:b}", "method", methods[daemon->question],
			    "parameters", "name", plugin, "more", daemon->question == ASK_RULES);
	/* What a source offers comes and goes with what it follows, as containers do: each would
	 * leave its series behind in who scrapes. */
	if (request && daemon->question == ASK_RULES && !daemon->answers.source_rules)
		json_object_set_new(json_object_get(request, "parameters"), "offered",
				    json_false());
	line = request ? json_dumps(request, JSON_COMPACT) : NULL;
	json_decref(request);
	if (!line || bufferevent_write(daemon->connection, line, strlen(line) + 1) < 0)
		finish(daemon, -ENOMEM);
	free(line);
}

static void ask_next(struct ms_exporter_daemon *daemon)
{
	if (daemon->question == ASK_PLUGIN)
		daemon->nth++;
	else
		daemon->question++;
	ask(daemon);
}

/* ---- answers ---- */

/* A built-in rule is several of one name, one after the other, which share their counts. */
static bool is_last(const json_t *rules, const json_t *rule)
{
	size_t count = json_array_size(rules);
	const json_t *last = count ? json_array_get(rules, count - 1) : NULL;

	return last && json_equal(json_object_get(last, "id"), json_object_get(rule, "id"));
}

/* Whether there is room for more. */
static bool keep_rules(struct ms_exporter_daemon *daemon, const json_t *parameters)
{
	json_t *rule;
	size_t i;

	json_array_foreach (json_object_get(parameters, "rules"), i, rule) {
		if (daemon->answers.rules_told >= daemon->answers.rules_max)
			return false;
		daemon->answers.rules_told++;
		if (!is_last(daemon->answers.rules, rule))
			json_array_append(daemon->answers.rules, rule);
	}
	return daemon->answers.rules_told < daemon->answers.rules_max;
}

/* Whether the question is answered with this. */
static bool keep(struct ms_exporter_daemon *daemon, json_t *parameters, bool continues)
{
	json_t **const kept[] = {
		[ASK_VERSION] = &daemon->answers.version, [ASK_STATUS] = &daemon->answers.status,
		[ASK_STATS] = &daemon->answers.stats,     [ASK_GROUPS] = &daemon->answers.groups,
		[ASK_SOURCES] = &daemon->answers.sources, [ASK_PLUGINS] = &daemon->answers.plugins,
	};

	if (daemon->question == ASK_RULES)
		return !keep_rules(daemon, parameters) || !continues;
	if (daemon->question == ASK_PLUGIN)
		json_array_append(daemon->answers.shown, parameters);
	else
		*kept[daemon->question] = json_incref(parameters);
	return true;
}

/* A refusal (the plugin is gone meanwhile, the policy changed while rules were listed) leaves out
 * what it was about. */
static void take(struct ms_exporter_daemon *daemon, const char *bytes, size_t length)
{
	json_t *answer = json_loadb(bytes, length, JSON_REJECT_DUPLICATES, NULL);
	json_t *parameters = json_object_get(answer, "parameters");
	bool is_answered = true;

	if (!json_is_object(answer)) {
		json_decref(answer);
		finish(daemon, -EPROTO);
		return;
	}
	if (json_is_object(parameters))
		is_answered = keep(daemon, parameters,
				   json_is_true(json_object_get(answer, "continues")));
	json_decref(answer);
	/* Rules are last: what more of them comes is not waited for. */
	if (is_answered)
		ask_next(daemon);
}

static void on_readable(struct bufferevent *connection, void *user)
{
	struct ms_exporter_daemon *daemon = user;
	struct evbuffer *input = bufferevent_get_input(connection);

	while (daemon->connection) {
		struct evbuffer_ptr from, end;
		size_t length;

		evbuffer_ptr_set(input, &from, daemon->scanned, EVBUFFER_PTR_SET);
		end = evbuffer_search(input, "", 1, &from);
		if (end.pos < 0) {
			daemon->scanned = evbuffer_get_length(input);
			if (daemon->scanned > ANSWER_MAX)
				finish(daemon, -EMSGSIZE);
			return;
		}
		length = (size_t)end.pos;
		daemon->scanned = 0;
		take(daemon, (const char *)evbuffer_pullup(input, end.pos + 1), length);
		if (daemon->connection)
			evbuffer_drain(input, length + 1);
	}
}

static void on_event(struct bufferevent *connection, short what, void *user)
{
	struct ms_exporter_daemon *daemon = user;

	(void)connection;
	if (what & (BEV_EVENT_ERROR | BEV_EVENT_EOF))
		finish(daemon, what & BEV_EVENT_ERROR ? -EVUTIL_SOCKET_ERROR() : -ECONNRESET);
}

/* ---- rounds ---- */

struct ms_exporter_daemon *ms_exporter_daemon_new(struct event_base *base, const char *path,
						  uint64_t rules_max, bool source_rules)
{
	struct ms_exporter_daemon *daemon = calloc(1, sizeof(*daemon));

	if (!daemon)
		return NULL;
	daemon->base = base;
	daemon->at.sun_family = AF_UNIX;
	strncpy(daemon->at.sun_path, path, sizeof(daemon->at.sun_path) - 1);
	daemon->answers.rules_max = rules_max;
	daemon->answers.source_rules = source_rules;
	daemon->end = event_new(base, -1, 0, on_end, daemon);
	return daemon->end ? daemon : ms_exporter_daemon_free(daemon);
}

struct ms_exporter_daemon *ms_exporter_daemon_free(struct ms_exporter_daemon *daemon)
{
	if (!daemon)
		return NULL;
	hang_up(daemon);
	if (daemon->end)
		event_free(daemon->end);
	ms_exporter_metrics_forget(&daemon->answers);
	free(daemon);
	return NULL;
}

static int begin(struct ms_exporter_daemon *daemon)
{
	const struct timeval patience = { .tv_sec = PATIENCE_S };

	daemon->answers.shown = json_array();
	daemon->answers.rules = daemon->answers.rules_max ? json_array() : NULL;
	daemon->answers.rules_told = 0;
	daemon->connection = bufferevent_socket_new(daemon->base, -1, BEV_OPT_CLOSE_ON_FREE);
	if (!daemon->connection || event_add(daemon->end, &patience) < 0)
		return -ENOMEM;
	bufferevent_setcb(daemon->connection, on_readable, NULL, on_event, daemon);
	if (bufferevent_enable(daemon->connection, EV_READ | EV_WRITE) < 0)
		return -ENOMEM;
	/* That nobody listens there is told to on_event(), before this returns. */
	bufferevent_socket_connect(daemon->connection, (const struct sockaddr *)&daemon->at,
				   sizeof(daemon->at));
	return 0;
}

void ms_exporter_daemon_ask(struct ms_exporter_daemon *daemon,
			    void (*done)(void *user, int error,
					 const struct ms_exporter_answers *answers),
			    void *user)
{
	int r;

	daemon->done = done;
	daemon->user = user;
	daemon->question = ASK_VERSION;
	daemon->nth = 0;
	daemon->scanned = 0;
	daemon->error = 0;
	r = begin(daemon);
	if (r < 0)
		finish(daemon, r);
	else if (daemon->connection)
		ask(daemon);
}
