/* SPDX-License-Identifier: GPL-2.0-or-later */
#define _GNU_SOURCE
#include "server.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/http.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "daemon.h"
#include "metrics.h"
#include "openmetrics.h"

#define HEADERS_MAX 8192
#define BODY_MAX 1024
#define PATIENCE_S 10 /* for a client's next byte */
#define WAITING_MAX 32

struct ms_exporter_server {
	struct event_base *base;
	struct evhttp *http;
	struct event *stop;
	struct ms_exporter_daemon *daemon;
	struct ms_exporter_counts *counts;
	int stop_fd; /* an eventfd that the host's thread writes */
	pthread_t thread;
	bool is_running;
	/* All that came while the daemon was asked get what it said then. */
	struct evhttp_request *waiting[WAITING_MAX];
	size_t n_waiting;
};

/* ---- answers ---- */

static char *make_text(struct ms_exporter_server *server, enum ms_exporter_form form, int error,
		       const struct ms_exporter_answers *answers, size_t *ret_length)
{
	struct ms_exporter_own own = {
		.is_up = error == 0,
		.scrapes = atomic_load(&server->counts->scrapes),
		.events = atomic_load(&server->counts->events),
		.events_lost = atomic_load(&server->counts->events_lost),
	};
	struct timespec now;
	struct ms_exporter_text to = { .form = form };
	char *text = NULL;

	clock_gettime(CLOCK_REALTIME, &now);
	own.now_ms = (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
	to.file = open_memstream(&text, ret_length);
	if (!to.file)
		return NULL;
	ms_exporter_metrics_write(answers, &own, &to);
	if (fclose(to.file) != 0) {
		free(text);
		return NULL;
	}
	return text;
}

static enum ms_exporter_form form_of(struct evhttp_request *request)
{
	return ms_exporter_openmetrics_negotiate(
		evhttp_find_header(evhttp_request_get_input_headers(request), "Accept"));
}

static void reply(struct evhttp_request *request, enum ms_exporter_form form, const char *text,
		  size_t length)
{
	struct evkeyvalq *headers = evhttp_request_get_output_headers(request);

	if (!text || evbuffer_add(evhttp_request_get_output_buffer(request), text, length) < 0 ||
	    evhttp_add_header(headers, "Content-Type", ms_exporter_openmetrics_type(form)) < 0 ||
	    evhttp_add_header(headers, "Vary", "Accept") < 0)
		evhttp_send_error(request, HTTP_INTERNAL, "out of memory");
	else
		evhttp_send_reply(request, HTTP_OK, "OK", NULL);
}

static void on_answers(void *user, int error, const struct ms_exporter_answers *answers)
{
	struct ms_exporter_server *server = user;
	size_t lengths[MS_EXPORTER_FORM__COUNT] = { 0 };
	char *texts[MS_EXPORTER_FORM__COUNT] = { NULL };

	atomic_fetch_add(&server->counts->scrapes, server->n_waiting);
	if (error)
		atomic_fetch_add(&server->counts->failed, server->n_waiting);
	while (server->n_waiting > 0) {
		struct evhttp_request *request = server->waiting[--server->n_waiting];
		enum ms_exporter_form form = form_of(request);

		if (!texts[form])
			texts[form] = make_text(server, form, error, answers, &lengths[form]);
		reply(request, form, texts[form], lengths[form]);
	}
	for (size_t i = 0; i < MS_EXPORTER_FORM__COUNT; i++)
		free(texts[i]);
}

/* ---- requests ---- */

static void on_metrics(struct evhttp_request *request, void *user)
{
	struct ms_exporter_server *server = user;
	bool is_first = server->n_waiting == 0;

	if (server->n_waiting == WAITING_MAX) {
		evhttp_send_error(request, HTTP_SERVUNAVAIL, "too many scrapes at a time");
		return;
	}
	server->waiting[server->n_waiting++] = request;
	if (is_first)
		ms_exporter_daemon_ask(server->daemon, on_answers, server);
}

static void on_other(struct evhttp_request *request, void *user)
{
	(void)user;
	evhttp_send_error(request, HTTP_NOTFOUND, "there is /metrics and nothing else");
}

/* ---- the thread ---- */

static void *run(void *user)
{
	struct ms_exporter_server *server = user;

	event_base_dispatch(server->base);
	return NULL;
}

static void on_stop(evutil_socket_t fd, short what, void *user)
{
	struct ms_exporter_server *server = user;

	(void)fd, (void)what;
	event_base_loopbreak(server->base);
}

/* Signals are the host's, and SIGPIPE, which a client that went away causes, is nobody's. */
static int start_thread(struct ms_exporter_server *server)
{
	sigset_t all, before;
	int r;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	r = pthread_create(&server->thread, NULL, run, server);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	server->is_running = r == 0;
	return -r;
}

/* ---- making and freeing ---- */

static int make_base(struct ms_exporter_server *server, const char *control, uint64_t rules_max,
		     bool source_rules)
{
	server->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (server->stop_fd < 0)
		return -errno;
	server->base = event_base_new();
	if (!server->base)
		return -ENOMEM;
	server->stop = event_new(server->base, server->stop_fd, EV_READ, on_stop, server);
	server->daemon = ms_exporter_daemon_new(server->base, control, rules_max, source_rules);
	server->http = evhttp_new(server->base);
	if (!server->stop || !server->daemon || !server->http || event_add(server->stop, NULL) < 0)
		return -ENOMEM;
	/* To HEAD it would send a body. */
	evhttp_set_allowed_methods(server->http, EVHTTP_REQ_GET);
	evhttp_set_max_headers_size(server->http, HEADERS_MAX);
	evhttp_set_max_body_size(server->http, BODY_MAX);
	evhttp_set_timeout(server->http, PATIENCE_S);
	evhttp_set_gencb(server->http, on_other, server);
	return evhttp_set_cb(server->http, "/metrics", on_metrics, server) < 0 ? -ENOMEM : 0;
}

int ms_exporter_server_new(int fd, const char *control, uint64_t rules_max, bool source_rules,
			   struct ms_exporter_counts *counts,
			   struct ms_exporter_server **ret_server)
{
	struct ms_exporter_server *server = calloc(1, sizeof(*server));
	int r;

	if (!server) {
		close(fd);
		return -ENOMEM;
	}
	server->stop_fd = -1;
	server->counts = counts;
	r = make_base(server, control, rules_max, source_rules);
	if (r == 0 && evhttp_accept_socket(server->http, fd) < 0)
		r = -ENOMEM;
	if (r < 0)
		close(fd);
	else
		r = start_thread(server);
	if (r < 0) {
		ms_exporter_server_free(server);
		return r;
	}
	*ret_server = server;
	return 0;
}

struct ms_exporter_server *ms_exporter_server_free(struct ms_exporter_server *server)
{
	const uint64_t once = 1;

	if (!server)
		return NULL;
	if (server->is_running && write(server->stop_fd, &once, sizeof(once)) == sizeof(once))
		pthread_join(server->thread, NULL);
	/* A request whose client went away belongs to nobody else any more. */
	for (size_t i = 0; i < server->n_waiting; i++) {
		if (!evhttp_request_get_connection(server->waiting[i]))
			evhttp_request_free(server->waiting[i]);
	}
	if (server->http)
		evhttp_free(server->http);
	ms_exporter_daemon_free(server->daemon);
	if (server->stop)
		event_free(server->stop);
	if (server->base)
		event_base_free(server->base);
	if (server->stop_fd >= 0)
		close(server->stop_fd);
	free(server);
	return NULL;
}
