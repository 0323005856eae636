/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a real engine does not do on demand: answers that fail, come late, or are nonsense. The
 * engine is libevent's HTTP server on a unix socket, on this one thread. */
#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/http.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "microseg/trial.h"
#include "plugins/docker/engine.h"
#include "tests/harness/ms_check.h"

#define A "aaaaaaaaaaaa"
#define B "bbbbbbbbbbbb"
#define DEADLINE_NS 20000000000ULL
#define NS_PER_S 1000000000ULL
#define RESYNC_NS (600 * NS_PER_S)

static struct ms_plugin_host_state host;
static struct event_base *base;
static struct evhttp *server;
static char path[64];
static struct ms_docker_engine *engine;

/* What the engine says now. */
static const char *list;
static int list_status, a_status, b_status;
static const char *a_name;
static bool a_waits;                  /* its answers are held back */
static struct evhttp_request *a_held; /* one that is */
static struct evhttp_request *stream;
static unsigned a_asked, b_asked, lists;

/* ---- the engine ---- */

static void answer(struct evhttp_request *request, int status, const char *text)
{
	struct evbuffer *buffer = evbuffer_new();

	evbuffer_add(buffer, text, strlen(text));
	evhttp_send_reply(request, status, "so", buffer);
	evbuffer_free(buffer);
}

/* Also when whom it was for has hung up: until then libevent keeps it. */
static void end_stream(void)
{
	if (stream)
		evhttp_send_reply_end(stream);
	stream = NULL;
}

static void serve_events(struct evhttp_request *request, void *user)
{
	(void)user;
	end_stream();
	stream = request;
	evhttp_send_reply_start(request, 200, "OK");
}

static void serve_list(struct evhttp_request *request, void *user)
{
	(void)user;
	lists++;
	answer(request, list_status, list);
}

static void answer_container(struct evhttp_request *request, int status, const char *id,
			     const char *name)
{
	char text[256];

	snprintf(text, sizeof(text),
		 "{\"Id\":\"%s\",\"Name\":\"/%s\",\"State\":{\"Status\":\"running\",\"Pid\":7},"
		 "\"Config\":{\"Labels\":{}}}",
		 id, name);
	answer(request, status, text);
}

static void serve_a(struct evhttp_request *request, void *user)
{
	(void)user;
	a_asked++;
	if (a_waits)
		a_held = request;
	else
		answer_container(request, a_status, A, a_name);
}

static void answer_held(void)
{
	if (a_held)
		answer_container(a_held, 200, A, "old");
	a_held = NULL;
}

static void serve_b(struct evhttp_request *request, void *user)
{
	(void)user;
	b_asked++;
	answer_container(request, b_status, B, "b");
}

static void tell_start(const char *id)
{
	struct evbuffer *buffer = evbuffer_new();

	evbuffer_add_printf(
		buffer,
		"{\"Type\":\"container\",\"Action\":\"start\",\"Actor\":{\"ID\":\"%s\"}}"
		"\n",
		id);
	evhttp_send_reply_chunk(stream, buffer);
	evbuffer_free(buffer);
}

/* ---- turns ---- */

static uint64_t clock_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

/* Time stands still but for ms_trial_pass(). */
static void turn_until(bool (*is_so)(void))
{
	uint64_t deadline_ns = clock_ns() + DEADLINE_NS;

	while (!is_so()) {
		ck_assert_msg(clock_ns() < deadline_ns, "trouble: %s\nlog: %s", host.trouble,
			      host.log);
		event_base_loop(base, EVLOOP_NONBLOCK);
		ms_trial_poll(&host, 1);
		/* libcurl's own timers, which are due at once. */
		ms_trial_pass(&host, 1);
	}
}

static const struct ms_docker_container *find(const char *id)
{
	size_t count;
	const struct ms_docker_engine_entry *entries = ms_docker_engine_entries(engine, &count);

	for (size_t i = 0; i < count; i++)
		if (strcmp(entries[i].id, id) == 0)
			return entries[i].container;
	return NULL;
}

static bool is_known(void)
{
	return ms_docker_engine_is_known(engine);
}

static bool is_in_trouble(void)
{
	return host.trouble[0] != '\0';
}

static bool has_b(void)
{
	return find(B) != NULL;
}

static bool b_is_asked(void)
{
	return b_asked > 0;
}

static bool has_no_a(void)
{
	return find(A) == NULL;
}

static bool a_is_missed(void)
{
	return strstr(host.log, "container " A ": the engine answers with status 500") != NULL;
}

static bool a_is_held(void)
{
	return a_held != NULL;
}

static bool a_is_new(void)
{
	return find(A) && strcmp(find(A)->name, "new") == 0;
}

static void setup(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	ms_trial_init(&host);
	base = event_base_new();
	server = evhttp_new(base);
	snprintf(path, sizeof(path), "/tmp/test_docker_engine.%d", (int)getpid());
	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	unlink(path);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	ck_assert_int_eq(listen(fd, 8), 0);
	ck_assert_int_eq(evhttp_accept_socket(server, fd), 0);
	evhttp_set_cb(server, "/events", serve_events, NULL);
	evhttp_set_cb(server, "/containers/json", serve_list, NULL);
	evhttp_set_cb(server, "/containers/" A "/json", serve_a, NULL);
	evhttp_set_cb(server, "/containers/" B "/json", serve_b, NULL);
	list = "[{\"Id\":\"" A "\"},{\"Id\":\"" B "\"}]";
	list_status = a_status = b_status = 200;
	a_name = "old";
	engine = ms_docker_engine_new(&host.table, path, RESYNC_NS);
	ck_assert_ptr_nonnull(engine);
	ck_assert_int_eq(ms_docker_engine_start(engine), 0);
}

static void teardown(void)
{
	ms_docker_engine_free(engine);
	for (size_t i = 0; i < MS_TRIAL_WATCHES; i++)
		ck_assert_int_eq(host.watches[i].used, 0);
	end_stream();
	answer_held();
	evhttp_free(server);
	event_base_free(base);
	unlink(path);
}

/* ---- tests ---- */

START_TEST(a_container_without_an_answer_hurts_no_other)
{
	b_status = _i == 0 ? 500 : 204;
	turn_until(is_known);
	ck_assert_uint_eq(host.changes, 1);
	ck_assert_ptr_nonnull(find(A));
	ck_assert_ptr_null(find(B));
	ck_assert_str_eq(host.trouble, "");
	ck_assert_ptr_nonnull(strstr(host.log, "1 container " B ": "));
	/* It is asked for again long before the next look at all would be. */
	b_status = 200;
	ms_trial_pass(&host, 5 * NS_PER_S);
	turn_until(has_b);
	ck_assert_uint_eq(lists, 2);
}
END_TEST

START_TEST(a_container_that_cannot_answer_any_more_stays_as_it_was)
{
	turn_until(is_known);
	a_status = 500;
	b_asked = 0;
	tell_start(A);
	tell_start(B);
	turn_until(b_is_asked);
	turn_until(a_is_missed);
	ck_assert_ptr_nonnull(find(A));
	ck_assert_str_eq(host.trouble, "");
}
END_TEST

START_TEST(what_changes_during_an_answer_is_asked_for_again)
{
	turn_until(is_known);
	a_waits = true;
	a_asked = 0;
	tell_start(A);
	turn_until(a_is_held);
	tell_start(A);
	/* B's answer comes behind the second event: that has been read by then. */
	b_asked = 0;
	tell_start(B);
	turn_until(b_is_asked);
	ck_assert_uint_eq(a_asked, 1);
	a_waits = false;
	answer_held();
	a_name = "new";
	turn_until(a_is_new);
	ck_assert_uint_eq(a_asked, 2);
}
END_TEST

START_TEST(who_is_gone_after_a_loss_is_taken_out)
{
	turn_until(is_known);
	end_stream();
	turn_until(is_in_trouble);
	ck_assert_ptr_nonnull(strstr(host.trouble, "events: the engine ended them"));
	ck_assert_ptr_nonnull(find(A));
	list = "[{\"Id\":\"" B "\"}]";
	a_status = 404;
	ms_trial_pass(&host, NS_PER_S);
	turn_until(has_no_a);
	ck_assert_ptr_nonnull(find(B));
	ck_assert_uint_ge(ms_docker_engine_stats(engine)->losses, 1);
}
END_TEST

static bool is_lost(void)
{
	return strstr(host.trouble, "events: the engine ended them") != NULL;
}

static bool is_back(void)
{
	return strstr(host.trouble, "cut off") != NULL;
}

/* What is wrong with a label is told as long as it is so, but for an engine that is lost. */
START_TEST(what_is_wrong_with_a_label_outlasts_a_loss)
{
	turn_until(is_known);
	ms_docker_engine_complain(engine, "container web is cut off");
	ck_assert_str_eq(host.trouble, "container web is cut off");
	end_stream();
	turn_until(is_lost);
	ms_docker_engine_complain(engine, "container db is cut off");
	ck_assert(is_lost());
	ms_trial_pass(&host, NS_PER_S);
	turn_until(is_back);
	ck_assert_str_eq(host.trouble, "container db is cut off");
	ms_docker_engine_complain(engine, "");
	ck_assert_str_eq(host.trouble, "");
}
END_TEST

START_TEST(without_a_list_nothing_is_known)
{
	static const char *const lists_that_are_none[] = { "{}", "[1]", "", "[{\"Id\":\"x/y\"}]" };

	if (_i < 4)
		list = lists_that_are_none[_i];
	else
		list_status = 500;
	turn_until(is_in_trouble);
	ck_assert(!is_known());
	ck_assert_uint_eq(host.changes, 0);
	ck_assert_ptr_nonnull(strstr(host.trouble, "list of containers: "));
	list = "[]";
	list_status = 200;
	ms_trial_pass(&host, NS_PER_S);
	turn_until(is_known);
	ck_assert_str_eq(host.trouble, "");
}
END_TEST

START_TEST(no_engine_is_trouble_until_there_is_one)
{
	ms_docker_engine_free(engine);
	engine = ms_docker_engine_new(&host.table, "/nonexistent/docker.sock", RESYNC_NS);
	ck_assert_int_eq(ms_docker_engine_start(engine), 0);
	turn_until(is_in_trouble);
	ck_assert_ptr_nonnull(strstr(host.trouble, "/nonexistent/docker.sock: "));
	ck_assert(!is_known());
}
END_TEST

/* Until its containers are known again their labels count for nothing. */
START_TEST(an_engine_that_was_away_for_long_is_found_soon)
{
	turn_until(is_known);
	end_stream();
	turn_until(is_in_trouble);
	list_status = 500;
	for (int i = 0; i < 8; i++) {
		host.trouble[0] = '\0';
		ms_trial_pass(&host, 60 * NS_PER_S);
		turn_until(is_in_trouble);
	}
	list = "[{\"Id\":\"" B "\"}]";
	list_status = 200;
	a_status = 404;
	ms_trial_pass(&host, NS_PER_S);
	turn_until(has_no_a);
	ck_assert_ptr_nonnull(find(B));
	ck_assert_uint_eq(ms_docker_engine_stats(engine)->losses, 1);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("unit/plugins/docker_engine");
	TCase *tcase = tcase_create("docker_engine");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_set_timeout(tcase, 60);
	tcase_add_loop_test(tcase, a_container_without_an_answer_hurts_no_other, 0, 2);
	tcase_add_test(tcase, a_container_that_cannot_answer_any_more_stays_as_it_was);
	tcase_add_test(tcase, what_changes_during_an_answer_is_asked_for_again);
	tcase_add_test(tcase, what_is_wrong_with_a_label_outlasts_a_loss);
	tcase_add_test(tcase, who_is_gone_after_a_loss_is_taken_out);
	tcase_add_loop_test(tcase, without_a_list_nothing_is_known, 0, 5);
	tcase_add_test(tcase, no_engine_is_trouble_until_there_is_one);
	tcase_add_test(tcase, an_engine_that_was_away_for_long_is_found_soon);
	suite_add_tcase(suite, tcase);
	return ms_check_run(suite);
}
