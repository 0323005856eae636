/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Requests that are answered while another one keeps the loop. libevent does not run within itself:
 * what has come is read into the connection's buffer, and what is said sent from it, by hand.
 */
#define _GNU_SOURCE
#include <event2/buffer.h>
#include <event2/bufferevent.h>

#include "core/control/server_internal.h"

static size_t length_of(const struct ms_control_connection *conn)
{
	return evbuffer_get_length(bufferevent_get_input(conn->bev));
}

/* Nothing is under way on it, but for a part of a request. Who keeps the loop has all of his in the
 * buffer still, or a stream. */
static bool is_free(const struct ms_control_connection *conn)
{
	return !conn->dead && !conn->closing && !conn->eof && !conn->stream &&
	       length_of(conn) == conn->scanned;
}

/* A page, whatever is asked for. */
static bool read_some(struct ms_control_connection *conn)
{
	struct evbuffer *input = bufferevent_get_input(conn->bev);
	int n;

	evbuffer_unfreeze(input, 0);
	n = evbuffer_read(input, bufferevent_getfd(conn->bev), MS_MESSAGE_SMALL_MAX + 1);
	evbuffer_freeze(input, 0);
	return n > 0;
}

/* What does not go at once is the loop's. */
static void send_some(struct ms_control_connection *conn)
{
	struct evbuffer *output = bufferevent_get_output(conn->bev);

	evbuffer_unfreeze(output, 1);
	evbuffer_write(output, bufferevent_getfd(conn->bev));
	evbuffer_freeze(output, 1);
}

static void on_urgent(void *user)
{
	struct ms_control_connection *conn = user;

	conn->urgent_is_over = true;
	/* An end of the connection is found by the loop, too. */
	if (!is_free(conn) || !read_some(conn))
		return;
	conn->server->is_kept = true;
	ms_control_server_take(conn);
	conn->server->is_kept = false;
	send_some(conn);
	/* For what is left of it, and what has come behind it. */
	ms_watch_arm(conn->pump, 0, false);
	if (is_free(conn) && length_of(conn) <= MS_MESSAGE_SMALL_MAX)
		ms_control_server_arm_urgent(conn);
}

int ms_control_server_begin_urgent(struct ms_control_connection *conn)
{
	return conn->server->is_urgent
		       ? ms_loop_add_urgent(conn->server->loop, bufferevent_getfd(conn->bev),
					    on_urgent, conn, &conn->urgent)
		       : 0;
}

void ms_control_server_arm_urgent(struct ms_control_connection *conn)
{
	if (conn->urgent_is_over)
		ms_watch_arm_urgent(conn->urgent);
	conn->urgent_is_over = false;
}

static void on_accept(void *user)
{
	struct ms_control_server *server = user;

	ms_control_server_accept(server);
	ms_watch_arm_urgent(server->accept_urgent);
}

int ms_control_server_admit_urgent(struct ms_control_server *server, ms_control_is_urgent is_urgent)
{
	server->is_urgent = is_urgent;
	return ms_loop_add_urgent(server->loop, server->listener.fd, on_accept, server,
				  &server->accept_urgent);
}
