/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/unit/plugins/web.h"

#include <event2/buffer.h>
#include <event2/event.h>
#include <stdio.h>
#include <sys/socket.h>
#include <time.h>
#include <zlib.h>

void ms_web_open(struct ms_web *web)
{
	struct evhttp_bound_socket *bound;
	struct sockaddr_in name;
	socklen_t size = sizeof(name);

	memset(web, 0, sizeof(*web));
	web->base = event_base_new();
	web->server = evhttp_new(web->base);
	bound = evhttp_bind_socket_with_handle(web->server, "127.0.0.1", 0);
	ck_assert_ptr_nonnull(bound);
	ck_assert_int_eq(
		getsockname(evhttp_bound_socket_get_fd(bound), (struct sockaddr *)&name, &size), 0);
	snprintf(web->origin, sizeof(web->origin), "http://127.0.0.1:%u", ntohs(name.sin_port));
}

void ms_web_close(struct ms_web *web)
{
	evhttp_free(web->server);
	event_base_free(web->base);
}

uint64_t ms_web_now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

void ms_web_turn(struct ms_web *web, struct ms_plugin_host_state *host)
{
	uint64_t now_ns = ms_web_now_ns();

	event_base_loop(web->base, EVLOOP_NONBLOCK);
	ms_trial_pass(host, web->turned_ns ? now_ns - web->turned_ns : 0);
	web->turned_ns = now_ns;
	ms_trial_poll(host, 1);
}

const char *ms_web_header(struct evhttp_request *request, const char *name)
{
	const char *value = evhttp_find_header(evhttp_request_get_input_headers(request), name);

	return value ? value : "-";
}

void ms_web_set_header(struct evhttp_request *request, const char *name, const char *value)
{
	evhttp_add_header(evhttp_request_get_output_headers(request), name, value);
}

void ms_web_set_length(struct evhttp_request *request, const char *length)
{
	/* libevent adds a length of its own unless there is a coding. */
	if (*length)
		ms_web_set_header(request, "Content-Length", length);
	else
		ms_web_set_header(request, "Transfer-Encoding", "identity");
	ms_web_set_header(request, "Connection", "close");
}

void ms_web_answer(struct evhttp_request *request, int status, const void *body, size_t size)
{
	struct evbuffer *buffer = evbuffer_new();

	evbuffer_add(buffer, body, size);
	evhttp_send_reply(request, status, "so", buffer);
	evbuffer_free(buffer);
}

size_t ms_web_pack(const void *data, size_t size, void *ret_packed, size_t room)
{
	z_stream stream = { .next_in = (Bytef *)data,
			    .avail_in = (uInt)size,
			    .next_out = ret_packed,
			    .avail_out = (uInt)room };
	size_t packed;

	ck_assert_int_eq(deflateInit2(&stream, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY),
			 Z_OK);
	ck_assert_int_eq(deflate(&stream, Z_FINISH), Z_STREAM_END);
	packed = stream.total_out;
	deflateEnd(&stream);
	return packed;
}
