/* SPDX-License-Identifier: GPL-2.0-or-later */
#define _GNU_SOURCE
#include "core/cli/client.h"

#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "core/base/cleanup.h"

#define CHUNK (256u << 10)
#define PROGRESS_MS 100

struct ms_cli_client {
	int fd;
	char *input; /* what has arrived */
	size_t length, allocated, scanned;
	ms_cli_client_progress on_progress;
	void *user;
};

int ms_cli_client_open(const char *path, struct ms_cli_client **ret_client)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct ms_cli_client *client;
	ms_cleanup(ms_close_fd) int fd = -1;

	if (strlen(path) >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		return -errno;
	client = calloc(1, sizeof(*client));
	if (!client)
		return -ENOMEM;
	client->fd = ms_take_fd(&fd);
	*ret_client = client;
	return 0;
}

struct ms_cli_client *ms_cli_client_close(struct ms_cli_client *client)
{
	if (!client)
		return NULL;
	close(client->fd);
	free(client->input);
	free(client);
	return NULL;
}

void ms_cli_client_explain(const char *path, int r, struct ms_error *ret_err)
{
	switch (-r) {
	case EACCES:
	case EPERM:
		ms_error_set(ret_err, r, "no permission on %s: use sudo, or join group microseg",
			     path);
		break;
	case ENOENT:
	case ECONNREFUSED:
		ms_error_set(ret_err, r,
			     "microsegd is not running (nothing answers on %s): start it with "
			     "'systemctl start microsegd', or name its socket with --socket",
			     path);
		break;
	default:
		ms_error_set(ret_err, r, "cannot reach microsegd on %s: %s", path, strerror(-r));
	}
}

void ms_cli_client_on_progress(struct ms_cli_client *client, ms_cli_client_progress on_progress,
			       void *user)
{
	client->on_progress = on_progress;
	client->user = user;
}

static int send_all(struct ms_cli_client *client, const char *text, size_t length)
{
	size_t sent = 0;

	while (sent < length) {
		size_t chunk = length - sent < CHUNK ? length - sent : CHUNK;
		ssize_t n = send(client->fd, text + sent, chunk, MSG_NOSIGNAL);

		if (n < 0)
			return errno == ECONNRESET ? -EPIPE : -errno;
		sent += (size_t)n;
		if (client->on_progress)
			client->on_progress(client->user, (long long)sent, (long long)length);
	}
	return 0;
}

int ms_cli_client_send(struct ms_cli_client *client, const char *method, json_t *parameters,
		       bool more)
{
	json_auto_t *message = ms_message_request(method, parameters, more);
	ms_cleanup(ms_free) char *text = NULL;
	size_t length;

	if (message)
		text = ms_message_encode(message, &length);
	if (!text)
		return -ENOMEM;
	if (length > MS_MESSAGE_REQUEST_MAX)
		return -EMSGSIZE;
	return send_all(client, text, length);
}

static int wait_readable(struct ms_cli_client *client)
{
	struct pollfd poll_fd = { .fd = client->fd, .events = POLLIN };

	if (!client->on_progress)
		return 0;
	for (;;) {
		int n = poll(&poll_fd, 1, PROGRESS_MS);

		if (n < 0)
			return -errno;
		if (n > 0)
			return 0;
		client->on_progress(client->user, -1, -1);
	}
}

static int read_more(struct ms_cli_client *client)
{
	ssize_t n;
	int r;

	if (client->length + CHUNK > client->allocated) {
		size_t size = client->allocated ? client->allocated * 2 : 2 * CHUNK;
		char *input;

		if (size > 4 * (size_t)MS_MESSAGE_REPLY_MAX)
			return -EBADMSG;
		input = realloc(client->input, size);
		if (!input)
			return -ENOMEM;
		client->input = input;
		client->allocated = size;
	}
	r = wait_readable(client);
	if (r < 0)
		return r;
	n = recv(client->fd, client->input + client->length, CHUNK, 0);
	if (n < 0)
		return errno == ECONNRESET ? -EPIPE : -errno;
	client->length += (size_t)n;
	return n == 0 ? -EPIPE : 0;
}

/* The length of the frame at the front, its NUL not counted. */
static int read_frame(struct ms_cli_client *client, size_t *ret_length)
{
	for (;;) {
		const char *nul = NULL;
		int r;

		if (client->length > client->scanned)
			nul = memchr(client->input + client->scanned, '\0',
				     client->length - client->scanned);
		if (nul) {
			*ret_length = (size_t)(nul - client->input);
			return 0;
		}
		client->scanned = client->length;
		if (client->length > MS_MESSAGE_REPLY_MAX)
			return -EBADMSG;
		r = read_more(client);
		if (r < 0)
			return r;
	}
}

static void drop_frame(struct ms_cli_client *client, size_t length)
{
	client->length -= length + 1;
	memmove(client->input, client->input + length + 1, client->length);
	client->scanned = 0;
}

static void copy_text(const json_t *error, const char *key, char *buf, size_t size)
{
	const char *text = json_string_value(json_object_get(error, key));

	snprintf(buf, size, "%s", text ? text : "");
}

static unsigned int uint_value(const json_t *error, const char *key)
{
	json_int_t value = json_integer_value(json_object_get(error, key));

	return value > 0 && value <= UINT32_MAX ? (unsigned int)value : 0;
}

static void read_failure(const json_t *error, struct ms_message_error *failure)
{
	struct ms_error *detail = &failure->detail;

	*failure = (struct ms_message_error) { .detail = { .code = -EREMOTEIO } };
	copy_text(error, "code", failure->code, sizeof(failure->code));
	copy_text(error, "message", detail->message, sizeof(detail->message));
	copy_text(error, "file", detail->file, sizeof(detail->file));
	copy_text(error, "word", detail->word, sizeof(detail->word));
	detail->line = uint_value(error, "line");
	detail->column = uint_value(error, "column");
}

int ms_cli_client_receive(struct ms_cli_client *client, json_t **ret_parameters,
			  bool *ret_continues, struct ms_message_error *failure)
{
	json_auto_t *message = NULL;
	const json_t *error;
	size_t length;
	int r = read_frame(client, &length);

	if (r < 0)
		return r;
	message = ms_message_decode(client->input, length, NULL);
	drop_frame(client, length);
	if (!message)
		return -EBADMSG;
	error = json_object_get(message, "error");
	if (error) {
		read_failure(error, failure);
		return -EREMOTEIO;
	}
	*ret_parameters = json_incref(json_object_get(message, "parameters"));
	if (!*ret_parameters)
		return -EBADMSG;
	*ret_continues = json_is_true(json_object_get(message, "continues"));
	return 0;
}
