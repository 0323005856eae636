/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The socket server with a dispatch of the test's own: framing, limits, streams, descriptors. */
#define _GNU_SOURCE
#include "core/control/server.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/base/cleanup.h"
#include "core/base/log.h"
#include "tests/harness/ms_check.h"

static struct ms_loop *loop;
static struct ms_control_server *server;
static char socket_path[64];
static unsigned int n_dispatched;
static struct ms_control_stream *pushed; /* the stream `observe` left open */
static unsigned int n_ended, n_steps;

/* ---- what the test's daemon does ---- */

struct counting {
	struct ms_control_stream stream;
	int left;
	size_t padding;
};

static int count_step(struct ms_control_stream *stream, json_t **ret_reply, struct ms_error *err)
{
	struct counting *counting = (struct counting *)stream;
	ms_cleanup(ms_free) char *padding = calloc(1, counting->padding + 1);

	n_steps++;
	if (counting->left == -1)
		return ms_error_set(err, -EAGAIN, "half-way");
	memset(padding, 'x', counting->padding);
	*ret_reply = json_pack("{s:i, s:s}", "left", counting->left, "padding", padding);
	return counting->left-- > 1 ? 1 : 0;
}

static void count_end(struct ms_control_stream *stream)
{
	n_ended++;
	if (pushed == stream)
		pushed = NULL;
	free(stream);
}

static int begin_counting(struct ms_control_call *call, int count, size_t padding)
{
	struct counting *counting = calloc(1, sizeof(*counting));

	counting->stream.on_step = count_step;
	counting->stream.on_end = count_end;
	counting->left = count;
	counting->padding = padding;
	call->stream = &counting->stream;
	return 0;
}

static int dispatch(void *user, struct ms_control_call *call, json_t **ret_reply,
		    struct ms_error *err)
{
	(void)user;
	n_dispatched++;
	switch (call->method) {
	case MS_METHOD_SESSION_LIST:
		return begin_counting(
			call, (int)json_integer_value(json_object_get(call->parameters, "limit")),
			(size_t)json_integer_value(json_object_get(call->parameters, "padding")));
	case MS_METHOD_OBSERVE:
		begin_counting(call, 0, 0);
		call->stream->on_step = NULL;
		pushed = call->stream;
		return 0;
	case MS_METHOD_RULE_DEL:
		return ms_error_set_at(err, -ENOENT, NULL, 0, 0, "x", "no rule 'x'");
	default:
		*ret_reply = json_pack("{s:s}", "method", ms_method_name(call->method));
		return 0;
	}
}

/* ---- the other end ---- */

static void on_quiet(void *user)
{
	(void)user;
	ms_loop_stop(loop);
}

/* Lets the daemon work until nothing has been left to do for a moment. */
static void settle(void)
{
	struct ms_watch *timer;

	ck_assert_int_eq(ms_loop_add_timer(loop, MS_LOOP_CONTROL, on_quiet, NULL, &timer), 0);
	ck_assert_int_eq(ms_watch_arm(timer, 10, false), 0);
	ck_assert_int_eq(ms_loop_run(loop), 0);
	ms_watch_free(timer);
}

static int connect_as(uid_t uid)
{
	int fds[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
	ms_control_server_adopt(server, fds[1], uid, 1);
	return fds[0];
}

static void say(int fd, const char *text)
{
	ck_assert_int_eq(send(fd, text, strlen(text) + 1, MSG_NOSIGNAL), (ssize_t)strlen(text) + 1);
}

static char answer[8 << 20];
static size_t answer_length;

/* Everything that has been answered since the last time; frames as separated by NUL. */
static size_t hear(int fd)
{
	ssize_t n;

	settle();
	answer_length = 0;
	while (answer_length < sizeof(answer) - 1 &&
	       (n = recv(fd, answer + answer_length, sizeof(answer) - answer_length - 1, 0)) > 0) {
		answer_length += (size_t)n;
		settle();
	}
	answer[answer_length] = '\0';
	return answer_length;
}

static bool is_closed(int fd)
{
	char byte;

	settle();
	return recv(fd, &byte, 1, MSG_PEEK) == 0 || (errno != EAGAIN && errno != EWOULDBLOCK);
}

static bool answered(const char *text)
{
	return memmem(answer, answer_length, text, strlen(text)) != NULL;
}

static void set_up(void)
{
	ms_log_set_level(MS_LOG_ERROR);
	snprintf(socket_path, sizeof(socket_path), "/tmp/ms-server-%d.sock", getpid());
	n_dispatched = n_ended = n_steps = 0;
	ck_assert_int_eq(ms_loop_new(&loop), 0);
	ck_assert_int_eq(ms_control_server_open(loop, socket_path, dispatch, NULL, &server, NULL),
			 0);
}

static void tear_down(void)
{
	server = ms_control_server_close(server);
	loop = ms_loop_free(loop);
	ck_assert_int_eq(access(socket_path, F_OK), -1);
}

/* ---- framing ---- */

static const char status_reply[] = "{\"parameters\":{\"method\":\"status\"}}";

START_TEST(a_frame_is_answered)
{
	int fd = connect_as(1000);

	say(fd, "{\"method\":\"status\"}");
	ck_assert_uint_eq(hear(fd), sizeof(status_reply));
	ck_assert_str_eq(answer, status_reply);
	close(fd);
}
END_TEST

START_TEST(a_frame_may_come_byte_by_byte)
{
	static const char text[] = "{\"method\":\"status\"}";
	int fd = connect_as(1000);

	for (size_t i = 0; i < sizeof(text); i++) {
		ck_assert_uint_eq(n_dispatched, 0);
		ck_assert_int_eq(send(fd, text + i, 1, 0), 1);
		settle();
	}
	hear(fd);
	ck_assert_str_eq(answer, status_reply);
	close(fd);
}
END_TEST

START_TEST(frames_may_come_together_and_split)
{
	static const char text[] = "{\"method\":\"status\"}\0{\"method\":\"stats\"}\0{\"meth";
	int fd = connect_as(1000);

	ck_assert_int_gt(send(fd, text, sizeof(text) - 1, 0), 0);
	hear(fd);
	ck_assert_uint_eq(n_dispatched, 2);
	say(fd, "od\":\"version\"}");
	hear(fd);
	ck_assert_uint_eq(n_dispatched, 3);
	ck_assert(answered("version"));
	close(fd);
}
END_TEST

static const char *const broken[] = {
	"{\"method\":\"status\"} trailing",
	"{\"method\":\"status\",\"method\":\"stats\"}",
	"[]",
	"",
	"{\"parameters\":{}}",
	"{\"method\":\"status\",\"x\":1}",
};

START_TEST(a_broken_frame_is_told_and_ends_the_connection)
{
	int fd = connect_as(0);

	say(fd, broken[_i]);
	hear(fd);
	ck_assert(answered("\"code\":\"usage\""));
	ck_assert(is_closed(fd));
	ck_assert_uint_eq(n_dispatched, 0);
	close(fd);
}
END_TEST

START_TEST(failures_keep_the_connection)
{
	int fd = connect_as(0);

	say(fd, "{\"method\":\"no.such\"}");
	hear(fd);
	ck_assert(answered("\"code\":\"usage\"") && answered("no.such"));
	say(fd, "{\"method\":\"rule.del\",\"parameters\":{}}");
	hear(fd);
	ck_assert_str_eq(answer, "{\"error\":{\"code\":\"not_found\",\"message\":\"no rule 'x'\","
				 "\"word\":\"x\"}}");
	say(fd, "{\"method\":\"status\"}");
	hear(fd);
	ck_assert_str_eq(answer, status_reply);
	close(fd);
}
END_TEST

/* ---- who may ---- */

START_TEST(group_may_not_change)
{
	int fd = connect_as(1000);

	say(fd, "{\"method\":\"rule.del\",\"parameters\":{}}");
	hear(fd);
	ck_assert(answered("\"code\":\"denied\""));
	ck_assert_uint_eq(n_dispatched, 0);
	close(fd);
}
END_TEST

START_TEST(nobody_may_do_nothing)
{
	int fd = connect_as(65534);

	say(fd, "{\"method\":\"status\"}");
	hear(fd);
	ck_assert(answered("\"code\":\"denied\""));
	ck_assert_uint_eq(n_dispatched, 0);
	close(fd);
}
END_TEST

/* ---- limits ---- */

static char big[1 << 20];

/* Begins a frame of that method and fills it with spaces: `length` bytes, no NUL. */
static void send_long(int fd, const char *front, size_t length)
{
	size_t sent = 0;

	memset(big, ' ', sizeof(big));
	memcpy(big, front, strlen(front));
	while (sent < length) {
		ssize_t n = send(fd, big + sent, length - sent, MSG_NOSIGNAL);

		if (n < 0 && errno != EAGAIN)
			return;
		if (n > 0)
			sent += (size_t)n;
		settle();
	}
}

START_TEST(a_long_frame_without_documents_is_refused)
{
	int fd = connect_as(0);

	send_long(fd, "{\"method\":\"status\"", MS_MESSAGE_SMALL_MAX + 100);
	hear(fd);
	ck_assert(answered("\"code\":\"refused\""));
	ck_assert(is_closed(fd));
	close(fd);
}
END_TEST

START_TEST(a_long_frame_of_the_group_is_refused)
{
	int fd = connect_as(1000);

	send_long(fd, "{\"method\":\"policy.diff\"", MS_MESSAGE_SMALL_MAX + 100);
	hear(fd);
	ck_assert(answered("\"code\":\"denied\""));
	ck_assert(is_closed(fd));
	close(fd);
}
END_TEST

START_TEST(a_long_frame_with_documents_is_answered)
{
	int fd = connect_as(0);

	send_long(fd, "{\"method\":\"policy.diff\"", 400 << 10);
	ck_assert_int_eq(send(fd, "}", 2, 0), 2);
	hear(fd);
	ck_assert(answered("{\"parameters\":{\"method\":\"policy.diff\"}}"));
	/* And the connection is an ordinary one again. */
	send_long(fd, "{\"method\":\"status\"", MS_MESSAGE_SMALL_MAX + 100);
	hear(fd);
	ck_assert(answered("\"code\":\"refused\""));
	close(fd);
}
END_TEST

START_TEST(one_long_frame_at_a_time)
{
	int first = connect_as(0), second = connect_as(0), third;

	send_long(first, "{\"method\":\"policy.diff\"", 100 << 10);
	send_long(second, "{\"method\":\"policy.diff\"", 100 << 10);
	hear(second);
	ck_assert(answered("\"code\":\"busy\""));
	close(second);
	/* The place is free again when its holder goes, however it goes. */
	close(first);
	settle();
	third = connect_as(0);
	send_long(third, "{\"method\":\"policy.diff\"", 100 << 10);
	hear(third);
	ck_assert_uint_eq(answer_length, 0);
	close(third);
}
END_TEST

START_TEST(connections_are_counted_and_root_has_its_own)
{
	int fds[MS_CONTROL_CONNECTIONS_MAX], extra;
	unsigned int n = MS_CONTROL_CONNECTIONS_MAX - MS_CONTROL_CONNECTIONS_ROOT;

	for (unsigned int i = 0; i < n; i++)
		fds[i] = connect_as(1000);
	extra = connect_as(1001);
	hear(extra);
	ck_assert(answered("\"code\":\"busy\""));
	ck_assert(is_closed(extra));
	close(extra);
	for (unsigned int i = n; i < MS_CONTROL_CONNECTIONS_MAX; i++)
		fds[i] = connect_as(0);
	say(fds[n], "{\"method\":\"status\"}");
	hear(fds[n]);
	ck_assert_str_eq(answer, status_reply);
	extra = connect_as(0);
	hear(extra);
	ck_assert(answered("\"code\":\"busy\""));
	close(extra);
	/* A place that was given up is taken again. */
	close(fds[0]);
	settle();
	fds[0] = connect_as(1000);
	say(fds[0], "{\"method\":\"status\"}");
	hear(fds[0]);
	ck_assert_str_eq(answer, status_reply);
	for (unsigned int i = 0; i < MS_CONTROL_CONNECTIONS_MAX; i++)
		close(fds[i]);
}
END_TEST

/* Waits for the daemon's own clock: the one test here that takes its time. */
START_TEST(a_frame_that_trickles_ends)
{
	struct ms_watch *timer;
	int fd = connect_as(0), idle = connect_as(0);

	ck_assert_int_eq(ms_loop_add_timer(loop, MS_LOOP_CONTROL, on_quiet, NULL, &timer), 0);
	for (int i = 0; i < 6; i++) {
		send(fd, " ", 1, MSG_NOSIGNAL);
		ms_watch_arm(timer, MS_CONTROL_FRAME_DEADLINE_MS / 5, false);
		ms_loop_run(loop);
	}
	ms_watch_free(timer);
	ck_assert(is_closed(fd));
	ck_assert(!is_closed(idle));
	close(fd);
	close(idle);
}
END_TEST

START_TEST(descriptors_are_never_taken)
{
	char control[CMSG_SPACE(sizeof(int))] = { 0 };
	char text[] = "{\"method\":\"status\"}";
	struct iovec iov = { text, sizeof(text) };
	struct msghdr message = { .msg_iov = &iov,
				  .msg_iovlen = 1,
				  .msg_control = control,
				  .msg_controllen = sizeof(control) };
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);
	int fd = connect_as(0), ends[2];
	char byte;

	ck_assert_int_eq(pipe2(ends, O_NONBLOCK), 0);
	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(header), &ends[1], sizeof(int));
	ck_assert_int_gt(sendmsg(fd, &message, 0), 0);
	close(ends[1]);
	hear(fd);
	ck_assert_str_eq(answer, status_reply);
	/* Nobody holds the writing end any more. */
	ck_assert_int_eq(read(ends[0], &byte, 1), 0);
	close(ends[0]);
	close(fd);
}
END_TEST

/* ---- streams ---- */

START_TEST(streams_need_more)
{
	int fd = connect_as(1000);

	say(fd, "{\"method\":\"session.list\",\"parameters\":{\"limit\":2}}");
	hear(fd);
	ck_assert(answered("\"code\":\"usage\""));
	ck_assert_uint_eq(n_dispatched, 0);
	close(fd);
}
END_TEST

START_TEST(a_stream_is_told_to_its_end_and_then_the_next_request)
{
	static const char both[] =
		"{\"method\":\"session.list\",\"parameters\":{\"limit\":3},\"more\":true}\0"
		"{\"method\":\"status\"}";
	int fd = connect_as(1000);
	unsigned int frames = 0;

	ck_assert_int_gt(send(fd, both, sizeof(both), 0), 0);
	hear(fd);
	for (size_t i = 0; i < answer_length; i++)
		frames += answer[i] == '\0';
	ck_assert_uint_eq(frames, 4);
	ck_assert_str_eq(answer, "{\"parameters\":{\"left\":3,\"padding\":\"\"},"
				 "\"continues\":true}");
	ck_assert(answered("{\"parameters\":{\"left\":1,\"padding\":\"\"}}"));
	ck_assert_str_eq(answer + answer_length - sizeof(status_reply), status_reply);
	ck_assert_uint_eq(n_ended, 1);
	close(fd);
}
END_TEST

START_TEST(a_stream_that_fails_says_so_and_ends)
{
	int fd = connect_as(1000);

	say(fd, "{\"method\":\"session.list\",\"parameters\":{\"limit\":-1},\"more\":true}");
	hear(fd);
	ck_assert(answered("\"code\":\"busy\"") && answered("half-way"));
	ck_assert_uint_eq(n_ended, 1);
	close(fd);
}
END_TEST

/* 13 MB to be told and nobody reads: the daemon makes no more of it than it may keep. */
START_TEST(a_stream_waits_for_its_reader)
{
	int fd = connect_as(1000);
	unsigned int frames = 0;

	say(fd, "{\"method\":\"session.list\",\"parameters\":{\"limit\":200,\"padding\":65536},"
		"\"more\":true}");
	for (int i = 0; i < 6; i++)
		settle();
	ck_assert_uint_gt(n_steps, 10);
	ck_assert_uint_lt(n_steps, 40);
	while (hear(fd) > 0) {
		for (size_t i = 0; i < answer_length; i++)
			frames += answer[i] == '\0';
	}
	ck_assert_uint_eq(frames, 200);
	ck_assert_uint_eq(n_ended, 1);
	close(fd);
}
END_TEST

START_TEST(a_slow_reader_of_events_loses_and_is_told)
{
	int fd = connect_as(1000);
	ms_cleanup(ms_free) char *padding = calloc(1, 10001);
	unsigned int taken = 0, lost = 0;

	memset(padding, 'e', 10000);
	say(fd, "{\"method\":\"observe\",\"more\":true}");
	settle();
	ck_assert_ptr_nonnull(pushed);
	for (int i = 0; i < 1000; i++) {
		if (ms_control_stream_push(pushed, json_pack("{s:s}", "event", padding)))
			taken++;
		else
			lost++;
	}
	/* A megabyte is kept, ten were offered. */
	ck_assert_uint_gt(taken, 90);
	ck_assert_uint_lt(taken, 130);
	ck_assert_uint_eq(taken + lost, 1000);
	while (hear(fd) > 0)
		;
	ck_assert(ms_control_stream_push(pushed, json_pack("{s:i}", "lost", lost)));
	hear(fd);
	ck_assert(answered("\"lost\""));
	close(fd);
	settle();
	ck_assert_ptr_null(pushed);
	ck_assert_uint_eq(n_ended, 1);
}
END_TEST

START_TEST(half_a_close_still_gets_its_answer)
{
	int fd = connect_as(1000);

	say(fd, "{\"method\":\"session.list\",\"parameters\":{\"limit\":3},\"more\":true}");
	shutdown(fd, SHUT_WR);
	hear(fd);
	ck_assert(answered("\"left\":1"));
	ck_assert(is_closed(fd));
	close(fd);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("control/server");
	TCase *tcase = tcase_create("server");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_set_timeout(tcase, 60);
	tcase_add_test(tcase, a_frame_is_answered);
	tcase_add_test(tcase, a_frame_may_come_byte_by_byte);
	tcase_add_test(tcase, frames_may_come_together_and_split);
	tcase_add_loop_test(tcase, a_broken_frame_is_told_and_ends_the_connection, 0,
			    ms_array_size(broken));
	tcase_add_test(tcase, failures_keep_the_connection);
	tcase_add_test(tcase, group_may_not_change);
	tcase_add_test(tcase, nobody_may_do_nothing);
	tcase_add_test(tcase, a_long_frame_without_documents_is_refused);
	tcase_add_test(tcase, a_long_frame_of_the_group_is_refused);
	tcase_add_test(tcase, a_long_frame_with_documents_is_answered);
	tcase_add_test(tcase, one_long_frame_at_a_time);
	tcase_add_test(tcase, connections_are_counted_and_root_has_its_own);
	tcase_add_test(tcase, a_frame_that_trickles_ends);
	tcase_add_test(tcase, descriptors_are_never_taken);
	tcase_add_test(tcase, streams_need_more);
	tcase_add_test(tcase, a_stream_is_told_to_its_end_and_then_the_next_request);
	tcase_add_test(tcase, a_stream_that_fails_says_so_and_ends);
	tcase_add_test(tcase, a_stream_waits_for_its_reader);
	tcase_add_test(tcase, a_slow_reader_of_events_loses_and_is_told);
	tcase_add_test(tcase, half_a_close_still_gets_its_answer);
	suite_add_tcase(suite, tcase);
	return ms_check_run(suite);
}
