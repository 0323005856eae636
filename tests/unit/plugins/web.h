/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A server of HTTP on loopback (libevent's) and the stand-in host on one thread: a turn of the one,
 * a turn of the other. What the server says is for the test's callbacks (evhttp_set_cb).
 */
#ifndef MS_TESTS_UNIT_PLUGINS_WEB_H
#define MS_TESTS_UNIT_PLUGINS_WEB_H

#include <event2/http.h>
#include <stdint.h>

#include "microseg/trial.h"
#include "tests/harness/ms_check.h"

#define MS_WEB_DEADLINE_NS 20000000000ULL

struct ms_web {
	struct event_base *base;
	struct evhttp *server;
	char origin[64]; /* http://127.0.0.1:PORT */
	uint64_t turned_ns;
};

/* They fail the test rather than return. */
void ms_web_open(struct ms_web *web);
void ms_web_close(struct ms_web *web);

/* Some hundredths of a second at most; the host's time goes on by what a turn took. */
void ms_web_turn(struct ms_web *web, struct ms_plugin_host_state *host);

/* CLOCK_MONOTONIC. */
uint64_t ms_web_now_ns(void);

/* What a client sent, "-" = no such header. */
const char *ms_web_header(struct evhttp_request *request, const char *name);
void ms_web_set_header(struct evhttp_request *request, const char *name, const char *value);
/* The length that the answer claims, "" = none; the connection is closed behind it. */
void ms_web_set_length(struct evhttp_request *request, const char *length);
void ms_web_answer(struct evhttp_request *request, int status, const void *body, size_t size);

/* `data` packed by gzip into `ret_packed`; returns its size. */
size_t ms_web_pack(const void *data, size_t size, void *ret_packed, size_t room);

/* Turns until it is so; the deadline only ends a test that failed. */
#define MS_WEB_UNTIL(web, host, is)                                                                \
	do {                                                                                       \
		uint64_t end_ns = ms_web_now_ns() + MS_WEB_DEADLINE_NS;                            \
		while (!(is)) {                                                                    \
			ck_assert_msg(ms_web_now_ns() < end_ns, "never so: %s", #is);              \
			ms_web_turn(web, host);                                                    \
		}                                                                                  \
	} while (0)

#endif
