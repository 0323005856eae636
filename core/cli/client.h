/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The CLI's end of the control socket: one connection, one request at a time, blocking. */
#ifndef MS_CORE_CLI_CLIENT_H
#define MS_CORE_CLI_CLIENT_H

#include <jansson.h>
#include <stdbool.h>

#include "core/base/error.h"
#include "core/control/message.h"

struct ms_cli_client;

/* A request's bytes on their way, and then -1, -1 every 100 ms while the daemon works on it. */
typedef void (*ms_cli_client_progress)(void *user, long long done, long long total);

/* -ENOENT, -ECONNREFUSED, -EACCES: see ms_cli_client_explain(). */
int ms_cli_client_open(const char *path, struct ms_cli_client **ret_client);
struct ms_cli_client *ms_cli_client_close(struct ms_cli_client *client); /* returns NULL */
/* What to do about a failed open, as one sentence. */
void ms_cli_client_explain(const char *path, int r, struct ms_error *ret_err);
void ms_cli_client_on_progress(struct ms_cli_client *client, ms_cli_client_progress on_progress,
			       void *user);

/* `parameters` is stolen. -EPIPE if the daemon went away (its last words can still be read), -EINTR
 * on a signal. */
int ms_cli_client_send(struct ms_cli_client *client, const char *method, json_t *parameters,
		       bool more);
/* The next reply's parameters (new reference). -EPIPE = the daemon went away, -EINTR, -EBADMSG;
 * -EREMOTEIO with `failure` filled if it answered with an error. */
int ms_cli_client_receive(struct ms_cli_client *client, json_t **ret_parameters,
			  bool *ret_continues, struct ms_message_error *failure);

#endif
