/* SPDX-License-Identifier: GPL-2.0-or-later */
#define _GNU_SOURCE
#include "core/control/server_internal.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "core/base/cleanup.h"

#define WRITE_MAX (256 << 10)

size_t ms_control_server_output(const struct ms_control_connection *conn)
{
	return evbuffer_get_length(bufferevent_get_output(conn->bev));
}

static size_t input_length(const struct ms_control_connection *conn)
{
	return evbuffer_get_length(bufferevent_get_input(conn->bev));
}

static void release_large(struct ms_control_connection *conn)
{
	if (!conn->large)
		return;
	conn->large = false;
	conn->server->large = NULL;
	bufferevent_setwatermark(conn->bev, EV_READ, 0, MS_MESSAGE_SMALL_MAX + 1);
}

/* A frame has outgrown the small limit: is it one that may? One at a time, and for root only, so
 * that 32 clients cannot make the daemon hold 32 of them. */
static int admit_large(struct ms_control_connection *conn, struct ms_error *err)
{
	struct evbuffer *input = bufferevent_get_input(conn->bev);
	char front[64];
	ev_ssize_t length = evbuffer_copyout(input, front, sizeof(front));
	enum ms_method method;

	if (length < 0 || !ms_method_peek(front, (size_t)length, &method) ||
	    !(ms_method_flags(method) & MS_METHOD_LARGE))
		return ms_error_set(err, -EMSGSIZE,
				    "the request is longer than %u KiB and does not begin with a "
				    "\"method\" that carries documents",
				    MS_MESSAGE_SMALL_MAX >> 10);
	if (conn->uid != 0)
		return ms_error_set(err, -EPERM, "a request longer than %u KiB needs root",
				    MS_MESSAGE_SMALL_MAX >> 10);
	if (conn->server->large)
		return ms_error_set(err, -EAGAIN, "another long request is being received");
	conn->large = true;
	conn->server->large = conn;
	bufferevent_setwatermark(conn->bev, EV_READ, 0, MS_MESSAGE_REQUEST_MAX + 1);
	bufferevent_set_max_single_read(conn->bev, 1 << 20);
	return 0;
}

static void check_length(struct ms_control_connection *conn)
{
	struct ms_error err = MS_ERROR_INIT;
	size_t length = input_length(conn);
	int r = 0;

	if (length > MS_MESSAGE_SMALL_MAX && !conn->large)
		r = admit_large(conn, &err);
	else if (length > MS_MESSAGE_REQUEST_MAX)
		r = ms_error_set(&err, -EMSGSIZE, "the request is longer than %u MiB",
				 MS_MESSAGE_REQUEST_MAX >> 20);
	if (r < 0) {
		ms_control_server_fail(conn, r, &err);
		conn->closing = true;
	}
}

bool ms_control_server_take(struct ms_control_connection *conn)
{
	struct evbuffer *input = bufferevent_get_input(conn->bev);
	struct evbuffer_ptr from, nul;
	size_t length = input_length(conn);
	const char *text;

	if (length == conn->scanned ||
	    evbuffer_ptr_set(input, &from, conn->scanned, EVBUFFER_PTR_SET) < 0)
		return false;
	nul = evbuffer_search(input, "", 1, &from);
	if (nul.pos < 0) {
		conn->scanned = length;
		check_length(conn);
		return false;
	}
	length = (size_t)nul.pos;
	text = (const char *)evbuffer_pullup(input, (ev_ssize_t)length + 1);
	if (!text)
		conn->dead = true;
	else if (!ms_control_server_run(conn, text, length))
		return false;
	evbuffer_drain(input, length + 1);
	conn->scanned = 0;
	conn->deadline_kind = DEADLINE_NONE;
	release_large(conn);
	return true;
}

/* ---- a connection's life ---- */

static struct ms_control_connection *connection_free(struct ms_control_connection *conn)
{
	ms_control_server_end_stream(conn);
	release_large(conn);
	ms_list_remove(&conn->node);
	conn->server->n_connections--;
	if (conn->uid != 0)
		conn->server->n_group--;
	ms_watch_free(conn->deadline);
	ms_watch_free(conn->pump);
	ms_watch_free(conn->urgent);
	bufferevent_free(conn->bev);
	free(conn);
	return NULL;
}

static void set_deadline(struct ms_control_connection *conn)
{
	static const uint64_t delays_ms[] = {
		[DEADLINE_IDLE] = MS_CONTROL_IDLE_MS,
		[DEADLINE_FRAME] = MS_CONTROL_FRAME_DEADLINE_MS,
		[DEADLINE_LARGE] = MS_CONTROL_LARGE_DEADLINE_MS,
	};
	enum ms_control_deadline kind = DEADLINE_NONE;

	/* Output that waits belongs to a reader who may have paused: that is no fault. */
	if (conn->closing)
		kind = DEADLINE_FRAME;
	else if (!conn->stream && ms_control_server_output(conn) == 0)
		kind = conn->large ? DEADLINE_LARGE
				   : (input_length(conn) ? DEADLINE_FRAME : DEADLINE_IDLE);
	if (kind == conn->deadline_kind)
		return;
	conn->deadline_kind = kind;
	if (kind == DEADLINE_NONE)
		ms_watch_disarm(conn->deadline);
	else
		ms_watch_arm(conn->deadline, delays_ms[kind], false);
}

/* Does what can be done now and arranges for the rest. May free `conn`: call it last. */
static void advance(struct ms_control_connection *conn)
{
	bool room = ms_control_server_output(conn) <= MS_CONTROL_OUTPUT_MAX;

	if (!conn->dead && !conn->closing && !conn->stream && room && ms_control_server_take(conn))
		ms_watch_arm(conn->pump, 0, false);
	else if (!conn->dead && conn->stream && conn->stream->on_step && room)
		ms_watch_arm(conn->pump, 0, false);
	else if (conn->eof &&
		 (!conn->stream || (!conn->stream->on_step && !conn->stream->is_change)))
		conn->closing = true;
	if (conn->dead || (conn->closing && ms_control_server_output(conn) == 0)) {
		connection_free(conn);
		return;
	}
	set_deadline(conn);
	ms_control_server_arm_urgent(conn);
}

static void on_pump(void *user)
{
	struct ms_control_connection *conn = user;

	if (conn->stream && conn->stream->on_step)
		ms_control_server_step(conn);
	advance(conn);
}

static void on_deadline(void *user)
{
	struct ms_control_connection *conn = user;

	conn->dead = true;
	advance(conn);
}

static void on_ready(struct bufferevent *bev, void *user)
{
	(void)bev;
	advance(user);
}

static void on_end(struct bufferevent *bev, short what, void *user)
{
	struct ms_control_connection *conn = user;

	(void)bev;
	if (what & BEV_EVENT_EOF)
		conn->eof = true;
	else
		conn->dead = true;
	advance(conn);
}

static void turn_away(int fd, const char *why)
{
	struct ms_error err = MS_ERROR_INIT;
	ms_cleanup(ms_free) char *text = NULL;
	json_auto_t *message = NULL;
	size_t length;

	ms_error_set(&err, -EAGAIN, "%s", why);
	message = ms_message_failure("busy", &err);
	if (message)
		text = ms_message_encode(message, &length);
	if (text)
		(void)!send(fd, text, length, MSG_DONTWAIT | MSG_NOSIGNAL);
}

int ms_control_server_adopt(struct ms_control_server *server, int fd, uid_t uid, pid_t pid)
{
	ms_cleanup(ms_close_fd) int owned = fd;
	struct ms_control_connection *conn;
	unsigned int group_max = MS_CONTROL_CONNECTIONS_MAX - MS_CONTROL_CONNECTIONS_ROOT;

	if (server->n_connections >= MS_CONTROL_CONNECTIONS_MAX ||
	    (uid != 0 && server->n_group >= group_max)) {
		turn_away(fd, "too many connections to the control socket");
		return -EBUSY;
	}
	conn = calloc(1, sizeof(*conn));
	if (!conn)
		return -ENOMEM;
	conn->server = server;
	conn->uid = uid;
	conn->pid = pid;
	ms_list_init(&conn->node);
	conn->bev =
		bufferevent_socket_new(ms_loop_base(server->loop), owned, BEV_OPT_CLOSE_ON_FREE);
	if (!conn->bev) {
		free(conn);
		return -ENOMEM;
	}
	ms_take_fd(&owned);
	ms_list_append(&server->connections, &conn->node);
	server->n_connections++;
	if (uid != 0)
		server->n_group++;
	bufferevent_priority_set(conn->bev, MS_LOOP_CONTROL);
	bufferevent_setwatermark(conn->bev, EV_READ, 0, MS_MESSAGE_SMALL_MAX + 1);
	bufferevent_set_max_single_write(conn->bev, WRITE_MAX);
	bufferevent_setcb(conn->bev, on_ready, on_ready, on_end, conn);
	if (ms_loop_add_timer(server->loop, MS_LOOP_CONTROL, on_deadline, conn, &conn->deadline) <
		    0 ||
	    ms_loop_add_timer(server->loop, MS_LOOP_CONTROL, on_pump, conn, &conn->pump) < 0 ||
	    bufferevent_enable(conn->bev, EV_READ | EV_WRITE) < 0 ||
	    ms_control_server_begin_urgent(conn) < 0) {
		connection_free(conn);
		return -ENOMEM;
	}
	set_deadline(conn);
	return 0;
}

/* ---- the listening socket ---- */

static void accept_one(struct ms_control_server *server, int fd)
{
	struct ucred peer;
	socklen_t length = sizeof(peer);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) < 0 ||
	    peer.uid == server->overflow_uid) {
		close(fd);
		return;
	}
	ms_control_server_adopt(server, fd, peer.uid, peer.pid);
}

/* Out of descriptors: without this the waiting client would wake the loop for ever. */
static void accept_none(struct ms_control_server *server)
{
	ms_cleanup(ms_close_fd) int fd = -1;

	if (server->spare_fd >= 0)
		close(ms_take_fd(&server->spare_fd));
	fd = accept4(server->listener.fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd >= 0) {
		turn_away(fd, "the daemon has no descriptors left");
		close(ms_take_fd(&fd));
	}
	server->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

void ms_control_server_accept(struct ms_control_server *server)
{
	int fd;

	/* One a round: a storm of clients waits behind netlink and events. */
	fd = accept4(server->listener.fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd >= 0)
		accept_one(server, fd);
	else if (errno == EMFILE || errno == ENFILE)
		accept_none(server);
}

static void on_accept(void *user)
{
	ms_control_server_accept(user);
}

static uid_t read_overflow_uid(void)
{
	ms_cleanup(ms_close_file) FILE *file = fopen("/proc/sys/kernel/overflowuid", "re");
	unsigned int uid;

	return file && fscanf(file, "%u", &uid) == 1 ? (uid_t)uid : 65534;
}

int ms_control_server_open(struct ms_loop *loop, const char *path, ms_control_dispatch dispatch,
			   void *user, struct ms_control_server **ret_server, struct ms_error *err)
{
	struct ms_control_server *server = calloc(1, sizeof(*server));
	int r;

	if (!server)
		return ms_error_set(err, -ENOMEM, "out of memory");
	server->loop = loop;
	server->dispatch = dispatch;
	server->user = user;
	server->overflow_uid = read_overflow_uid();
	ms_list_init(&server->connections);
	server->listener = (struct ms_control_listener)MS_CONTROL_LISTENER_INIT;
	server->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	signal(SIGPIPE, SIG_IGN);
	r = ms_control_listener_open(path, &server->listener, err);
	if (r == 0)
		r = ms_loop_add_fd(loop, server->listener.fd, MS_LOOP_CONTROL, on_accept, server,
				   &server->accept_watch);
	if (r < 0) {
		ms_error_set(err, r, "cannot serve %s: %s", path, strerror(-r));
		ms_control_server_close(server);
		return r;
	}
	*ret_server = server;
	return 0;
}

struct ms_control_server *ms_control_server_close(struct ms_control_server *server)
{
	struct ms_control_connection *conn;

	if (!server)
		return NULL;
	ms_list_foreach (&server->connections, conn, struct ms_control_connection, node)
		connection_free(conn);
	ms_watch_free(server->accept_watch);
	ms_watch_free(server->accept_urgent);
	ms_control_listener_close(&server->listener);
	if (server->spare_fd >= 0)
		close(server->spare_fd);
	free(server);
	return NULL;
}
