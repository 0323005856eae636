/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The client against libevent's HTTP server, on loopback and on a unix socket. Both live on this
 * one thread: a turn of the server, a turn of the stand-in host. */
#include "plugins/lib/http.h"

#include <errno.h>
#include <event2/buffer.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/unit/plugins/web.h"

#define NS_PER_S 1000000000ULL

static struct ms_plugin_host_state host;
static struct ms_web web;
static struct evhttp_request *streaming; /* what /stream left open */
static struct ms_http *http;
static char unix_path[64];

/* ---- the server ---- */

/* Says "hello", or that nothing changed since the tag. */
static void serve_tagged(struct evhttp_request *request, void *user)
{
	(void)user;
	ms_web_set_header(request, "ETag", "\"v1\"");
	if (strcmp(ms_web_header(request, "If-None-Match"), "\"v1\"") == 0)
		evhttp_send_reply(request, 304, "Not Modified", NULL);
	else
		ms_web_answer(request, 200, "hello", 5);
}

/* Says what it was asked. */
static void serve_echo(struct evhttp_request *request, void *user)
{
	struct evbuffer *in = evhttp_request_get_input_buffer(request), *out = evbuffer_new();

	(void)user;
	evbuffer_add_printf(
		out, "%s %s %s [",
		evhttp_request_get_command(request) == EVHTTP_REQ_POST ? "POST" : "other",
		ms_web_header(request, "X-Word"), ms_web_header(request, "Authorization"));
	evbuffer_add_buffer(out, in);
	evbuffer_add_printf(out, "]");
	evhttp_send_reply(request, 200, "OK", out);
	evbuffer_free(out);
}

/* A mebibyte of zeros, packed if the client takes it. */
static void serve_zeros(struct evhttp_request *request, void *user)
{
	static unsigned char zeros[1 << 20], packed[1 << 16];
	size_t size;

	(void)user;
	if (!strstr(ms_web_header(request, "Accept-Encoding"), "gzip")) {
		ms_web_answer(request, 200, zeros, sizeof(zeros));
		return;
	}
	size = ms_web_pack(zeros, sizeof(zeros), packed, sizeof(packed));
	ms_web_set_header(request, "Content-Encoding", "gzip");
	ms_web_answer(request, 200, packed, size);
}

static void say(const char *text)
{
	struct evbuffer *buffer = evbuffer_new();

	evbuffer_add_printf(buffer, "%s", text);
	evhttp_send_reply_chunk(streaming, buffer);
	evbuffer_free(buffer);
}

/* Begins an answer that a test goes on with by say(). */
static void serve_stream(struct evhttp_request *request, void *user)
{
	(void)user;
	streaming = request;
	evhttp_send_reply_start(request, 200, "OK");
}

static void serve_nothing(struct evhttp_request *request, void *user)
{
	(void)user;
	streaming = request;
}

static void serve_redirect(struct evhttp_request *request, void *user)
{
	(void)user;
	ms_web_set_header(request, "Location", "/tagged");
	evhttp_send_reply(request, 302, "Found", NULL);
}

/* On and on, or by a protocol that is not followed. */
static void serve_astray(struct evhttp_request *request, void *to)
{
	ms_web_set_header(request, "Location", to);
	evhttp_send_reply(request, 302, "Found", NULL);
}

static void setup(void)
{
	static char circle[] = "/circle", away[] = "file:///etc/passwd";
	struct sockaddr_un path = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	ms_trial_init(&host);
	ms_web_open(&web);
	snprintf(unix_path, sizeof(unix_path), "/tmp/test_http.%d", getpid());
	snprintf(path.sun_path, sizeof(path.sun_path), "%s", unix_path);
	unlink(unix_path);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&path, sizeof(path)), 0);
	ck_assert_int_eq(listen(fd, 8), 0);
	ck_assert_int_eq(evhttp_accept_socket(web.server, fd), 0);
	evhttp_set_cb(web.server, "/tagged", serve_tagged, NULL);
	evhttp_set_cb(web.server, "/echo", serve_echo, NULL);
	evhttp_set_cb(web.server, "/zeros", serve_zeros, NULL);
	evhttp_set_cb(web.server, "/stream", serve_stream, NULL);
	evhttp_set_cb(web.server, "/nothing", serve_nothing, NULL);
	evhttp_set_cb(web.server, "/redirect", serve_redirect, NULL);
	evhttp_set_cb(web.server, "/circle", serve_astray, circle);
	evhttp_set_cb(web.server, "/away", serve_astray, away);
	http = ms_http_new(&host.table);
	ck_assert_ptr_nonnull(http);
}

static void teardown(void)
{
	ms_http_free(http);
	for (size_t i = 0; i < MS_TRIAL_WATCHES; i++)
		ck_assert_msg(!host.watches[i].used, "watch %zu is left", i);
	ms_web_close(&web);
	unlink(unix_path);
}

/* ---- a client ---- */

struct heard {
	struct ms_http_call *call;
	int done, error, heads;
	unsigned head_status, status;
	size_t size;
	char body[512], sentence[256], etag[32];
	int refuse;                   /* what on_data returns */
	int cancels;                  /* on_data cancels its own call */
	struct ms_http_call *victim;  /* what on_data cancels besides */
	struct ms_http_request *next; /* what on_data starts */
};

#define TURN_UNTIL(is) MS_WEB_UNTIL(&web, &host, is)

static int on_head(void *user, const struct ms_http_reply *reply)
{
	struct heard *heard = user;

	heard->heads++;
	heard->head_status = ms_http_reply_status(reply);
	return 0;
}

static int on_data(void *user, const char *data, size_t size)
{
	struct heard *heard = user;
	size_t used = strlen(heard->body);

	heard->size += size;
	snprintf(heard->body + used, sizeof(heard->body) - used, "%.*s", (int)size, data);
	if (heard->cancels)
		ms_http_cancel(heard->call);
	ms_http_cancel(heard->victim);
	heard->victim = NULL;
	if (heard->next) {
		struct heard *next = heard->next->user_data;

		ck_assert_int_eq(ms_http_start(http, heard->next, &next->call), 0);
		heard->next = NULL;
	}
	return heard->refuse;
}

static void on_done(void *user, const struct ms_http_reply *reply)
{
	struct heard *heard = user;
	const char *etag = ms_http_reply_header(reply, "etag"), *body;
	size_t size;

	ms_http_cancel(heard->call); /* is over: nothing happens */
	heard->done++;
	heard->error = ms_http_reply_error(reply);
	heard->status = ms_http_reply_status(reply);
	snprintf(heard->sentence, sizeof(heard->sentence), "%s", ms_http_reply_sentence(reply));
	snprintf(heard->etag, sizeof(heard->etag), "%s", etag ? etag : "");
	body = ms_http_reply_body(reply, &size);
	if (size) {
		heard->size = size;
		snprintf(heard->body, sizeof(heard->body), "%s", body);
	}
}

static const char *url(const char *path)
{
	static char text[4][128];
	static unsigned next;

	next = (next + 1) % 4;
	snprintf(text[next], sizeof(text[next]), "%s%s", web.origin, path);
	return text[next];
}

static void start(const struct ms_http_request *request, struct heard *heard)
{
	struct ms_http_request full = *request;

	memset(heard->body, 0, sizeof(heard->body));
	full.on_done = on_done;
	full.user_data = heard;
	ck_assert_int_eq(ms_http_start(http, &full, &heard->call), 0);
}

static struct heard ask(const struct ms_http_request *request)
{
	struct heard heard = { 0 };

	start(request, &heard);
	TURN_UNTIL(heard.done);
	return heard;
}

START_TEST(the_whole_answer_with_its_headers)
{
	struct heard heard = ask(&(struct ms_http_request) { .url = url("/tagged") });

	ck_assert_int_eq(heard.error, 0);
	ck_assert_uint_eq(heard.status, 200);
	ck_assert_str_eq(heard.body, "hello");
	ck_assert_str_eq(heard.etag, "\"v1\"");
	ck_assert_str_eq(heard.sentence, "");
}
END_TEST

START_TEST(headers_go_out)
{
	const char *const tag[] = { "If-None-Match: \"v1\"", NULL };
	struct heard heard =
		ask(&(struct ms_http_request) { .url = url("/tagged"), .headers = tag });

	ck_assert_int_eq(heard.error, 0);
	ck_assert_uint_eq(heard.status, 304);
	ck_assert_uint_eq(heard.size, 0);
}
END_TEST

START_TEST(a_body_is_posted_with_a_name_and_a_word)
{
	const char *const word[] = { "X-Word: spring", NULL };
	struct heard heard = ask(&(struct ms_http_request) { .url = url("/echo"),
							     .headers = word,
							     .body = "a\0b",
							     .body_size = 3,
							     .user = "u",
							     .password = "p" });

	ck_assert_int_eq(heard.error, 0);
	ck_assert_uint_eq(heard.size, strlen("POST spring Basic dTpw [a.b]"));
	ck_assert(strncmp(heard.body, "POST spring Basic dTpw [a", 25) == 0);
}
END_TEST

START_TEST(by_a_unix_socket)
{
	struct heard heard = ask(&(struct ms_http_request) { .url = "http://daemon.invalid/tagged",
							     .unix_path = unix_path });

	ck_assert_int_eq(heard.error, 0);
	ck_assert_str_eq(heard.body, "hello");
	heard = ask(&(struct ms_http_request) { .url = "http://daemon.invalid/tagged",
						.unix_path = "/nonexistent/socket" });
	ck_assert_int_eq(heard.error, -EIO);
	ck_assert(heard.sentence[0] != '\0');
}
END_TEST

START_TEST(packed_is_unpacked)
{
	struct heard heard = ask(&(struct ms_http_request) { .url = url("/zeros"), .gzip = 1 });

	ck_assert_int_eq(heard.error, 0);
	ck_assert_uint_eq(heard.size, 1 << 20);
}
END_TEST

/* The cap is on what is unpacked: a small packed answer may not fill the memory. */
START_TEST(too_long_is_refused)
{
	struct ms_http_request request = { .url = url("/zeros"),
					   .max_bytes = (1 << 20) - 1,
					   .gzip = (uint32_t)_i };
	struct heard heard = ask(&request);

	ck_assert_int_eq(heard.error, -EFBIG);
	ck_assert_str_eq(heard.sentence, "the answer is longer than 1048575 bytes");
	request.max_bytes++;
	ck_assert_int_eq(ask(&request).error, 0);
}
END_TEST

START_TEST(redirects_are_followed_if_wanted)
{
	struct heard heard = { 0 };

	ck_assert_uint_eq(ask(&(struct ms_http_request) { .url = url("/redirect") }).status, 302);
	start(&(struct ms_http_request) { .url = url("/redirect"),
					  .max_redirects = 1,
					  .on_head = on_head },
	      &heard);
	TURN_UNTIL(heard.done);
	ck_assert_uint_eq(heard.status, 200);
	ck_assert_str_eq(heard.body, "hello");
	ck_assert_int_eq(heard.heads, 1);
	ck_assert_uint_eq(heard.head_status, 200);
}
END_TEST

static const struct {
	const char *at, *sentence;
} astray[] = {
	{ "/circle", "it sends elsewhere too many times" },
	{ "/away",
	  "it sends to what is not followed: only http to http or https, and https to https is" },
};

START_TEST(a_redirect_that_is_not_followed_says_why)
{
	struct ms_http_request request = { .url = url(astray[_i].at), .max_redirects = 3 };
	struct heard heard = ask(&request);

	ck_assert_int_eq(heard.error, -EIO);
	ck_assert_str_eq(heard.sentence, astray[_i].sentence);
	ck_assert_uint_eq(heard.status, 302);
}
END_TEST

START_TEST(a_stream_comes_in_pieces)
{
	struct heard heard = { 0 };

	start(&(struct ms_http_request) { .url = url("/stream"),
					  .on_head = on_head,
					  .on_data = on_data },
	      &heard);
	/* The head is known while there is no body yet. */
	TURN_UNTIL(heard.heads == 1);
	ck_assert_uint_eq(heard.head_status, 200);
	ck_assert_str_eq(heard.body, "");
	say("one ");
	TURN_UNTIL(strcmp(heard.body, "one ") == 0);
	say("two");
	TURN_UNTIL(strcmp(heard.body, "one two") == 0);
	ck_assert_int_eq(heard.done, 0);
	evhttp_send_reply_end(streaming);
	TURN_UNTIL(heard.done);
	ck_assert_int_eq(heard.error, 0);
}
END_TEST

/* Time here is the stand-in's: it moves at once by more than any real turn takes. */
START_TEST(silence_ends_a_call)
{
	struct heard heard = { 0 };

	start(&(struct ms_http_request) { .url = url("/stream"),
					  .on_head = on_head,
					  .on_data = on_data,
					  .idle_timeout_ns = 3600 * NS_PER_S },
	      &heard);
	TURN_UNTIL(heard.heads == 1);
	ms_trial_pass(&host, 2000 * NS_PER_S);
	say("one");
	TURN_UNTIL(strcmp(heard.body, "one") == 0);
	/* 3,600 s after the beginning, but not after the last piece. */
	ms_trial_pass(&host, 2000 * NS_PER_S);
	ck_assert_int_eq(heard.done, 0);
	ms_trial_pass(&host, 2000 * NS_PER_S);
	ck_assert_int_eq(heard.done, 1);
	ck_assert_int_eq(heard.error, -ETIMEDOUT);
	ck_assert_str_eq(heard.sentence, "nothing came from the server for 3600 s");
}
END_TEST

START_TEST(a_call_takes_no_longer_than_it_may)
{
	struct heard heard = ask(
		&(struct ms_http_request) { .url = url("/nothing"), .timeout_ns = NS_PER_S / 20 });

	ck_assert_int_eq(heard.error, -ETIMEDOUT);
}
END_TEST

START_TEST(nobody_listens)
{
	struct heard heard = ask(&(struct ms_http_request) { .url = "http://127.0.0.1:1/" });

	ck_assert_int_eq(heard.error, -EIO);
	ck_assert_uint_eq(heard.status, 0);
	ck_assert(strstr(heard.sentence, "127.0.0.1"));
}
END_TEST

START_TEST(other_protocols_are_refused)
{
	struct heard heard = { 0 };
	const struct ms_http_request request = { .url = "file:///etc/passwd", .on_done = on_done };

	ck_assert_int_eq(ms_http_start(http, &request, &heard.call), -EINVAL);
	ck_assert_ptr_null(heard.call);
}
END_TEST

START_TEST(a_callback_may_refuse)
{
	struct heard heard = { .refuse = -EBADMSG };

	start(&(struct ms_http_request) { .url = url("/tagged"), .on_data = on_data }, &heard);
	TURN_UNTIL(heard.done);
	ck_assert_int_eq(heard.error, -EBADMSG);
}
END_TEST

/* From outside before an answer, and from the callback of a piece, its own call and another. */
START_TEST(cancelled_calls_are_silent)
{
	struct heard other = { 0 }, heard = { .cancels = 1 }, last = { 0 };

	start(&(struct ms_http_request) { .url = url("/nothing") }, &other);
	streaming = NULL;
	TURN_UNTIL(streaming);
	start(&(struct ms_http_request) { .url = url("/nothing") }, &last);
	ms_http_cancel(last.call);
	heard.victim = other.call;
	start(&(struct ms_http_request) { .url = url("/tagged"), .on_data = on_data }, &heard);
	TURN_UNTIL(heard.size);
	ck_assert_str_eq(ask(&(struct ms_http_request) { .url = url("/tagged") }).body, "hello");
	ck_assert_int_eq(heard.done + other.done + last.done, 0);
}
END_TEST

START_TEST(a_callback_may_start_the_next)
{
	struct heard next = { 0 }, heard = { 0 };
	struct ms_http_request request = { .url = url("/echo"),
					   .on_done = on_done,
					   .user_data = &next };

	heard.next = &request;
	start(&(struct ms_http_request) { .url = url("/tagged"), .on_data = on_data }, &heard);
	TURN_UNTIL(next.done);
	ck_assert_int_eq(heard.error, 0);
	ck_assert_str_eq(next.body, "other - - []");
}
END_TEST

START_TEST(the_end_of_the_client_ends_its_calls)
{
	struct heard heard = { 0 };

	start(&(struct ms_http_request) { .url = url("/nothing"), .idle_timeout_ns = NS_PER_S },
	      &heard);
	streaming = NULL;
	TURN_UNTIL(streaming);
	ms_http_free(http);
	http = NULL;
	ck_assert_int_eq(heard.done, 0);
}
END_TEST

/* libcurl asks the C library on a thread of its own, which tells by a descriptor that is watched as
 * all. A part of a name has 63 letters at most: this one is refused before anybody on the network
 * is asked, and unlike localhost libcurl does not know it by itself. */
START_TEST(a_name_is_looked_up_on_a_thread)
{
	struct heard heard = ask(&(struct ms_http_request) {
		.url = "http://aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.invalid/" });

	ck_assert_int_eq(heard.error, -EIO);
	ck_assert_msg(strstr(heard.sentence, "Could not resolve host: aaa") != NULL, "%s",
		      heard.sentence);
}
END_TEST

static const struct {
	const char *url;
	int is_one;
} urls[] = {
	{ "http://h", 1 },      { "https://u:p@[::1]:8443/a?b", 1 },
	{ "http://", 0 },       { "https:///a", 0 },
	{ "http://?a", 0 },     { "http://u@/a", 0 },
	{ "http://:80/a", 0 },  { "http://a:b/", 0 },
	{ "http://[::1/a", 0 }, { "http://a b/", 0 },
	{ "ftp://h/", 0 },      { "h/a", 0 },
};

START_TEST(what_is_no_url_is_known_before_a_call)
{
	ck_assert_int_eq(ms_http_is_url(urls[_i].url), urls[_i].is_one);
}
END_TEST

static Suite *http_suite(void)
{
	Suite *suite = suite_create("http");
	TCase *calls = tcase_create("calls");

	tcase_add_checked_fixture(calls, setup, teardown);
	tcase_set_timeout(calls, 60);
	tcase_add_test(calls, the_whole_answer_with_its_headers);
	tcase_add_test(calls, headers_go_out);
	tcase_add_test(calls, a_body_is_posted_with_a_name_and_a_word);
	tcase_add_test(calls, by_a_unix_socket);
	tcase_add_test(calls, packed_is_unpacked);
	tcase_add_loop_test(calls, too_long_is_refused, 0, 2);
	tcase_add_test(calls, redirects_are_followed_if_wanted);
	tcase_add_loop_test(calls, a_redirect_that_is_not_followed_says_why, 0,
			    sizeof(astray) / sizeof(astray[0]));
	tcase_add_test(calls, a_stream_comes_in_pieces);
	tcase_add_test(calls, silence_ends_a_call);
	tcase_add_test(calls, a_call_takes_no_longer_than_it_may);
	tcase_add_test(calls, nobody_listens);
	tcase_add_test(calls, other_protocols_are_refused);
	tcase_add_test(calls, a_callback_may_refuse);
	tcase_add_test(calls, cancelled_calls_are_silent);
	tcase_add_test(calls, a_callback_may_start_the_next);
	tcase_add_test(calls, the_end_of_the_client_ends_its_calls);
	tcase_add_test(calls, a_name_is_looked_up_on_a_thread);
	tcase_add_loop_test(calls, what_is_no_url_is_known_before_a_call, 0,
			    sizeof(urls) / sizeof(urls[0]));
	suite_add_tcase(suite, calls);
	return suite;
}

int main(void)
{
	return ms_check_run(http_suite());
}
