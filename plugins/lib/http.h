/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Requests over HTTP and HTTPS that a source or sink makes on its host's loop: nothing blocks, and
 * no thread is the plugin's. libcurl does the protocol, the host watches its descriptors and time.
 *
 * What a plugin declares in `needs`: INET for addresses, UNIX for `unix_path`, FILES for `ca_file`
 * and the other files (and for https: the system's certificates are files), and for a host by its
 * name INET, FILES and THREADS: libcurl resolves a name in a short-lived thread of its own, for
 * which it makes a pair of sockets. A host that is an address needs no thread.
 *
 * Proxies are those of the environment (https_proxy ...), and none with `unix_path`.
 *
 * All calls and callbacks are on the plugin's one thread. Errors are 0 / -errno; -ENOMEM is the
 * only one of which no sentence tells.
 */
#ifndef MS_PLUGINS_LIB_HTTP_H
#define MS_PLUGINS_LIB_HTTP_H

#include <stddef.h>
#include <stdint.h>

#include "microseg/plugin.h"

struct ms_http;       /* keeps connections open for calls to the same server */
struct ms_http_call;  /* one request under way, until its on_done() or ms_http_cancel() */
struct ms_http_reply; /* lent during on_head() and on_done() */

/* A request. Everything in it is copied by ms_http_start(), `body` too. Zero is a fit default of
 * every field but `url` and `on_done`. */
struct ms_http_request {
	const char *url;            /* http:// or https:// */
	const char *unix_path;      /* connect here; the URL's host only goes into the header */
	const char *method;         /* NULL = GET, or POST if there is a body */
	const char *body;           /* NULL = none */
	size_t body_size;           /* bytes */
	const char *const *headers; /* "Name: value", the last one NULL; NULL = none */

	const char *ca_file;   /* PEM; NULL = the system's */
	const char *cert_file; /* PEM, of the client; NULL = none */
	const char *key_file;  /* PEM */
	const char *user;      /* Basic authentication, never sent to a host redirected to */
	const char *password;

	uint64_t connect_timeout_ns; /* name, TCP and TLS; 0 = 10 s */
	uint64_t idle_timeout_ns;    /* without a byte of an answer; 0 = none */
	uint64_t timeout_ns;         /* of the whole call; 0 = none */
	uint64_t max_bytes;          /* of the body as unpacked; 0 = no limit */
	uint32_t max_redirects;      /* followed, never from https to http; 0 = none */
	uint32_t gzip;               /* 1 = the server may pack the body; it is unpacked here */

	/* Status and headers of the last answer are known, before any of its body. NULL = not told.
	 * A negative errno ends the call with it. */
	int (*on_head)(void *user, const struct ms_http_reply *reply);
	/* A piece of the body, lent. NULL = the body is kept, and reply has it whole in on_done().
	 * Errors as above. */
	int (*on_data)(void *user, const char *data, size_t size);
	/* The call is over and its pointer no longer valid. Not called after ms_http_cancel(). */
	void (*on_done)(void *user, const struct ms_http_reply *reply);
	void *user_data; /* first argument of the three */
};

/*
 * Returns NULL without memory. free ends all calls as by cancel; NULL is fine. Free it in stop() or
 * destroy(), not from a callback of a call.
 */
struct ms_http *ms_http_new(const struct ms_plugin_host *host);
void ms_http_free(struct ms_http *http);

/* Whether it is http:// or https:// and all that is behind it is as it should be: a call that is
 * begun with another one fails. */
int ms_http_is_url(const char *url);
/*
 * Begins a call; no callback comes before it returned. -EINVAL: not an http(s) URL. From then on
 * failures are told by on_done(). May be called from any callback.
 */
int ms_http_start(struct ms_http *http, const struct ms_http_request *request,
		  struct ms_http_call **ret_call);
/* Ends a call without a further callback. May be called from any callback; NULL is fine. */
void ms_http_cancel(struct ms_http_call *call);

/*
 * 0 = an answer came to its end, whatever its status; else a negative errno: -ETIMEDOUT, -EFBIG
 * (past max_bytes), what on_head() or on_data() returned, or -EIO, and the sentence says which
 * trouble it was, without the URL or `unix_path`.
 */
int ms_http_reply_error(const struct ms_http_reply *reply);
const char *ms_http_reply_sentence(const struct ms_http_reply *reply);
/* 200, 304, ...; 0 = no answer came. */
unsigned ms_http_reply_status(const struct ms_http_reply *reply);
/* The value of a header of the last answer, or NULL; `name` in any case. */
const char *ms_http_reply_header(const struct ms_http_reply *reply, const char *name);
/*
 * Does the server say where the body ends, by Content-Length or in chunks? Then half of one is an
 * error; else its end is that of the connection, whatever ended that.
 */
int ms_http_reply_has_end(const struct ms_http_reply *reply);
/* What was kept of the body, followed by a NUL that does not count. */
const char *ms_http_reply_body(const struct ms_http_reply *reply, size_t *ret_size);

#endif
