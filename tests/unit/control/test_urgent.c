/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A call keeps the loop, and urgent ones are answered meanwhile. */
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/base/cleanup.h"
#include "core/base/log.h"
#include "core/control/server.h"
#include "tests/harness/ms_check.h"

#define KEEPER "{\"method\":\"reload\"}"
#define URGENT "{\"method\":\"set.add\"}"
#define OTHER "{\"method\":\"status\"}"
#define QUIET_MS 20
#define SETTLED_MS 200 /* also when the loop was kept for some of it */

static struct ms_loop *loop;
static struct ms_control_server *server;
static char socket_path[64];
static char order[256]; /* of calls, by name; the one that keeps the loop at its end, too */
static void (*meanwhile)(void);

static void note(const char *what)
{
	size_t length = strlen(order);

	snprintf(order + length, sizeof(order) - length, "%s%s", length ? " " : "", what);
}

static void serve(void)
{
	struct pollfd due = { .fd = ms_loop_urgent_fd(loop), .events = POLLIN };

	while (poll(&due, 1, QUIET_MS) > 0)
		ms_loop_serve_urgent(loop);
}

static int dispatch(void *user, struct ms_control_call *call, json_t **ret_reply,
		    struct ms_error *err)
{
	(void)user;
	(void)err;
	note(ms_method_name(call->method));
	if (call->method == MS_METHOD_RELOAD) {
		serve();
		if (meanwhile)
			meanwhile();
		note("end");
	}
	*ret_reply = json_pack("{s:s}", "method", ms_method_name(call->method));
	return 0;
}

static bool is_urgent(void *user, const struct ms_control_call *call)
{
	(void)user;
	return call->method == MS_METHOD_SET_ADD;
}

static void on_quiet(void *user)
{
	(void)user;
	ms_loop_stop(loop);
}

static void settle(void)
{
	struct ms_watch *timer;

	ck_assert_int_eq(ms_loop_add_timer(loop, MS_LOOP_CONTROL, on_quiet, NULL, &timer), 0);
	ck_assert_int_eq(ms_watch_arm(timer, SETTLED_MS, false), 0);
	ck_assert_int_eq(ms_loop_run(loop), 0);
	ms_watch_free(timer);
}

/* By the socket, as nobody has accepted it yet. */
static int connect_now(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", socket_path);
	ck_assert_int_eq(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

static void say(int fd, const char *text)
{
	ck_assert_int_eq(send(fd, text, strlen(text) + 1, MSG_NOSIGNAL), (ssize_t)strlen(text) + 1);
}

/* How many answers have come. */
static unsigned int hear(int fd)
{
	char text[4096];
	ssize_t n = recv(fd, text, sizeof(text), MSG_DONTWAIT);
	unsigned int count = 0;

	for (ssize_t i = 0; i < n; i++)
		count += text[i] == '\0';
	return count;
}

static int keeper, client, other;

static void set_up(void)
{
	ms_log_set_level(MS_LOG_ERROR);
	snprintf(socket_path, sizeof(socket_path), "/tmp/ms-urgent-%d.sock", getpid());
	order[0] = '\0';
	meanwhile = NULL;
	ck_assert_int_eq(ms_loop_new(&loop), 0);
	ck_assert_int_eq(ms_control_server_open(loop, socket_path, dispatch, NULL, &server, NULL),
			 0);
	ck_assert_int_eq(ms_control_server_admit_urgent(server, is_urgent), 0);
	keeper = connect_now();
	client = connect_now();
	other = connect_now();
	settle();
}

static void tear_down(void)
{
	close(keeper);
	close(client);
	close(other);
	server = ms_control_server_close(server);
	loop = ms_loop_free(loop);
}

static void expect_heard(void)
{
	ck_assert_uint_eq(hear(client), 1);
	ck_assert_uint_eq(hear(other), 0);
	ck_assert_uint_eq(hear(keeper), 0);
}

START_TEST(an_urgent_one_is_answered_and_others_wait)
{
	meanwhile = expect_heard;
	for (int i = 1; i <= 2; i++) {
		order[0] = '\0';
		say(keeper, KEEPER);
		say(other, OTHER);
		say(client, URGENT);
		/* The first of them that the loop takes is the keeper's. */
		settle();
		ck_assert_str_eq(order, "reload set.add end status");
		ck_assert_uint_eq(hear(keeper), 1);
		ck_assert_uint_eq(hear(other), 1);
		ck_assert_uint_eq(hear(client), 0);
	}
}
END_TEST

START_TEST(who_comes_meanwhile_is_accepted)
{
	close(client);
	settle();
	say(keeper, KEEPER);
	client = connect_now();
	say(client, URGENT);
	settle();
	ck_assert_str_eq(order, "reload set.add end");
	ck_assert_uint_eq(hear(client), 1);
}
END_TEST

/* One after the other, and what is behind them when the loop is back. */
START_TEST(requests_of_a_connection_keep_their_order)
{
	static const char said[] = URGENT "\0" URGENT "\0" OTHER "\0" URGENT;

	say(keeper, KEEPER);
	ck_assert_int_eq(send(client, said, sizeof(said), 0), sizeof(said));
	settle();
	ck_assert_str_eq(order, "reload set.add end set.add status set.add");
	ck_assert_uint_eq(hear(client), 4);
}
END_TEST

static void ask_again(void)
{
	ck_assert_uint_eq(hear(client), 1);
	say(client, URGENT);
	serve();
	ck_assert_uint_eq(hear(client), 1);
}

START_TEST(a_connection_may_ask_again)
{
	meanwhile = ask_again;
	say(keeper, KEEPER);
	say(client, URGENT);
	settle();
	ck_assert_str_eq(order, "reload set.add set.add end");
}
END_TEST

static void say_the_rest(void)
{
	ck_assert_int_eq(send(client, URGENT + 5, sizeof(URGENT) - 5, 0), sizeof(URGENT) - 5);
	serve();
}

/* An end, and one that sends ahead of its own answer: nobody turns in circles. */
START_TEST(what_cannot_be_answered_is_the_loops)
{
	say(keeper, KEEPER);
	say(keeper, URGENT);
	shutdown(other, SHUT_WR);
	settle();
	ck_assert_str_eq(order, "reload end set.add");
	ck_assert_uint_eq(hear(keeper), 2);
}
END_TEST

START_TEST(a_request_may_come_in_pieces)
{
	meanwhile = say_the_rest;
	say(keeper, KEEPER);
	ck_assert_int_eq(send(client, URGENT, 5, 0), 5);
	settle();
	ck_assert_str_eq(order, "reload set.add end");
	ck_assert_uint_eq(hear(client), 1);
}
END_TEST

static char large[60000];

/* More than is read at once, and less than a request may have. */
START_TEST(a_large_one_is_answered)
{
	memset(large, ' ', sizeof(large) - 1);
	memcpy(large, URGENT, strlen(URGENT));
	say(keeper, KEEPER);
	say(client, large);
	settle();
	ck_assert_str_eq(order, "reload set.add end");
	ck_assert_uint_eq(hear(client), 1);
}
END_TEST

static bool is_freed;

static void on_freeing(void *user)
{
	struct ms_watch **watch = user;

	*watch = ms_watch_free(*watch);
	is_freed = true;
}

START_TEST(an_urgent_watch_is_called_once_until_it_is_armed)
{
	struct ms_watch *watch;
	int fds[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	ck_assert_int_eq(ms_loop_add_urgent(loop, fds[0], on_freeing, &watch, &watch), 0);
	ck_assert_int_eq(send(fds[1], "x", 1, 0), 1);
	/* Not by the loop. */
	settle();
	ck_assert(!is_freed);
	serve();
	ck_assert(is_freed);
	close(fds[0]);
	close(fds[1]);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("control/urgent");
	TCase *tcase = tcase_create("urgent");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_set_timeout(tcase, 60);
	tcase_add_test(tcase, an_urgent_one_is_answered_and_others_wait);
	tcase_add_test(tcase, who_comes_meanwhile_is_accepted);
	tcase_add_test(tcase, requests_of_a_connection_keep_their_order);
	tcase_add_test(tcase, a_connection_may_ask_again);
	tcase_add_test(tcase, a_request_may_come_in_pieces);
	tcase_add_test(tcase, a_large_one_is_answered);
	tcase_add_test(tcase, what_cannot_be_answered_is_the_loops);
	tcase_add_test(tcase, an_urgent_watch_is_called_once_until_it_is_armed);
	suite_add_tcase(suite, tcase);
	return ms_check_run(suite);
}
