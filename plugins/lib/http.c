/* SPDX-License-Identifier: GPL-2.0-or-later */
#define _GNU_SOURCE
#include "plugins/lib/http.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NS_PER_MS 1000000ULL
#define NS_PER_S 1000000000ULL
#define CONNECT_TIMEOUT_MS 10000

struct ms_http {
	const struct ms_plugin_host *host;
	CURLM *multi;
	struct ms_plugin_watch *timer; /* NULL = libcurl wants none */
	struct ms_http_call *calls;
	bool inside; /* libcurl is running: it must not be given or robbed of a call now */
};

/* A descriptor that libcurl wants watched. */
struct wanted {
	struct ms_http *http;
	struct ms_plugin_watch *watch;
};

enum state {
	WAITING, /* started while libcurl was running */
	RUNNING, /* libcurl has it */
	OVER     /* its callbacks come no more */
};

struct ms_http_reply {
	CURL *easy;
	int error;
	const char *sentence;
	char *body;
	size_t size, room;
};

struct ms_http_call {
	struct ms_http *http;
	struct ms_http_call *next;
	enum state state;
	bool cancelled, headed, follows, is_unix;
	CURL *easy;
	struct curl_slist *headers;
	struct ms_plugin_watch *idle; /* NULL = no idle timeout */
	uint64_t idle_ns, seen_ns;    /* when the last byte came */
	uint64_t max_bytes, bytes;
	int error; /* why the call was ended here; 0 = it was not */
	int (*on_head)(void *user, const struct ms_http_reply *reply);
	int (*on_data)(void *user, const char *data, size_t size);
	void (*on_done)(void *user, const struct ms_http_reply *reply);
	void *user;
	struct ms_http_reply reply;
	char sentence[CURL_ERROR_SIZE];  /* of `error` */
	char curl_says[CURL_ERROR_SIZE]; /* of any other failure */
};

/* ---- what the reply says ---- */

int ms_http_reply_error(const struct ms_http_reply *reply)
{
	return reply->error;
}

const char *ms_http_reply_sentence(const struct ms_http_reply *reply)
{
	return reply->sentence;
}

unsigned ms_http_reply_status(const struct ms_http_reply *reply)
{
	long status = 0;

	curl_easy_getinfo(reply->easy, CURLINFO_RESPONSE_CODE, &status);
	return (unsigned)status;
}

const char *ms_http_reply_header(const struct ms_http_reply *reply, const char *name)
{
	struct curl_header *header;

	return curl_easy_header(reply->easy, name, 0, CURLH_HEADER, -1, &header) == CURLHE_OK
		       ? header->value
		       : NULL;
}

int ms_http_reply_has_end(const struct ms_http_reply *reply)
{
	const char *coding = ms_http_reply_header(reply, "Transfer-Encoding");

	return coding ? strcasestr(coding, "chunked") != NULL
		      : ms_http_reply_header(reply, "Content-Length") != NULL;
}

const char *ms_http_reply_body(const struct ms_http_reply *reply, size_t *ret_size)
{
	*ret_size = reply->size;
	return reply->body ? reply->body : "";
}

/* ---- calls come and go ---- */

static void free_call(struct ms_http_call *call)
{
	if (call->idle)
		call->http->host->unwatch(call->http->host->state, call->idle);
	curl_easy_cleanup(call->easy);
	curl_slist_free_all(call->headers);
	free(call->reply.body);
	free(call);
}

static void unlink_call(struct ms_http_call *call)
{
	struct ms_http_call **at = &call->http->calls;

	while (*at != call)
		at = &(*at)->next;
	*at = call->next;
}

/* The call ends with the next run of settle(); the first reason counts. */
static void fail(struct ms_http_call *call, int error, const char *sentence)
{
	if (call->error)
		return;
	call->error = error;
	snprintf(call->sentence, sizeof(call->sentence), "%s", sentence);
}

/* What libcurl says of a unix socket names a host and a port that nobody asked for. */
static const char *explain_unix(const struct ms_http_call *call, CURLcode code)
{
	long number = 0;

	if (!call->is_unix || code != CURLE_COULDNT_CONNECT ||
	    curl_easy_getinfo(call->easy, CURLINFO_OS_ERRNO, &number) != CURLE_OK)
		return NULL;
	switch (number) {
	case ENOENT:
		return "there is no such socket";
	case ECONNREFUSED:
		return "nobody listens on the socket";
	case EACCES:
		return "access to the socket is denied";
	default:
		return number ? strerror((int)number) : NULL;
	}
}

/* What libcurl says of a redirect names its own options. Calls begin with http(s): any other
 * protocol is where a server sent. */
static const char *explain_redirect(CURLcode code)
{
	switch (code) {
	case CURLE_TOO_MANY_REDIRECTS:
		return "it sends elsewhere too many times";
	case CURLE_UNSUPPORTED_PROTOCOL:
		return "it sends to what is not followed: only http to http or https, and https to https is";
	default:
		return NULL;
	}
}

static const char *explain(const struct ms_http_call *call, CURLcode code)
{
	const char *why = explain_unix(call, code);

	return why ? why : explain_redirect(code);
}

/* Out of libcurl and of the list, told to its owner, and freed. */
static void finish(struct ms_http_call *call, CURLcode code)
{
	struct ms_http_reply *reply = &call->reply;
	const char *why = explain(call, code);

	if (call->state == RUNNING)
		curl_multi_remove_handle(call->http->multi, call->easy);
	call->state = OVER;
	unlink_call(call);
	reply->error = call->error                        ? call->error
		       : code == CURLE_OK                 ? 0
		       : code == CURLE_OPERATION_TIMEDOUT ? -ETIMEDOUT
		       : code == CURLE_OUT_OF_MEMORY      ? -ENOMEM
							  : -EIO;
	reply->sentence = reply->error == 0    ? ""
			  : call->error        ? call->sentence
			  : why                ? why
			  : call->curl_says[0] ? call->curl_says
					       : curl_easy_strerror(code);
	if (!call->cancelled)
		call->on_done(call->user, reply);
	free_call(call);
}

/* One call that waits for what libcurl did not allow while it ran, or NULL. */
static struct ms_http_call *find_unsettled(const struct ms_http *http)
{
	struct ms_http_call *call = http->calls;

	while (call && !call->cancelled && !call->error && call->state == RUNNING)
		call = call->next;
	return call;
}

/* After every run of libcurl. Callbacks in here may start and cancel calls, so each round begins
 * anew. */
static void settle(struct ms_http *http)
{
	struct ms_http_call *call;
	CURLMsg *message;
	int left;

	while ((message = curl_multi_info_read(http->multi, &left)) != NULL) {
		CURLcode code = message->data.result;

		curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &call);
		finish(call, code);
	}
	while ((call = find_unsettled(http)) != NULL) {
		if (call->cancelled || call->error)
			finish(call, CURLE_ABORTED_BY_CALLBACK);
		else if (curl_multi_add_handle(http->multi, call->easy) == CURLM_OK)
			call->state = RUNNING;
		else
			fail(call, -ENOMEM, "out of memory");
	}
}

static void run(struct ms_http *http, curl_socket_t fd, int what)
{
	int running;

	http->inside = true;
	curl_multi_socket_action(http->multi, fd, what, &running);
	http->inside = false;
	settle(http);
}

void ms_http_cancel(struct ms_http_call *call)
{
	if (!call || call->state == OVER)
		return;
	call->cancelled = true;
	if (!call->http->inside)
		finish(call, CURLE_OK);
}

/* ---- libcurl's wishes, passed to the host ---- */

static void on_ready(void *self, int fd, uint32_t what)
{
	struct ms_http *http = self;

	run(http, fd,
	    (what & MS_PLUGIN_READABLE ? CURL_CSELECT_IN : 0) |
		    (what & MS_PLUGIN_WRITABLE ? CURL_CSELECT_OUT : 0));
}

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *user, void *socket_user)
{
	struct ms_http *http = user;
	const struct ms_plugin_host *host = http->host;
	struct ms_plugin_watch *watch = socket_user;
	uint32_t wanted = (what & CURL_POLL_IN ? MS_PLUGIN_READABLE : 0) |
			  (what & CURL_POLL_OUT ? MS_PLUGIN_WRITABLE : 0);

	(void)easy;
	if (watch)
		host->unwatch(host->state, watch);
	watch = NULL;
	if (what != CURL_POLL_REMOVE && wanted &&
	    host->watch_fd(host->state, fd, wanted, on_ready, http, &watch) < 0) {
		curl_multi_assign(http->multi, fd, NULL);
		return -1; /* every call fails, and its owner is told */
	}
	curl_multi_assign(http->multi, fd, watch);
	return 0;
}

static void on_due(void *self)
{
	struct ms_http *http = self;

	/* A timer that was due once is over, but its watch is not. */
	http->host->unwatch(http->host->state, http->timer);
	http->timer = NULL;
	run(http, CURL_SOCKET_TIMEOUT, 0);
}

static int on_timer(CURLM *multi, long timeout_ms, void *user)
{
	struct ms_http *http = user;
	const struct ms_plugin_host *host = http->host;

	(void)multi;
	if (http->timer)
		host->unwatch(host->state, http->timer);
	http->timer = NULL;
	if (timeout_ms < 0)
		return 0;
	return host->watch_time(host->state, (uint64_t)timeout_ms * NS_PER_MS, 0, on_due, http,
				&http->timer) < 0
		       ? -1
		       : 0;
}

/* ---- what a call brings ---- */

static int watch_idle(struct ms_http_call *call);

static void on_idle(void *self)
{
	struct ms_http_call *call = self;
	const struct ms_plugin_host *host = call->http->host;
	char sentence[CURL_ERROR_SIZE];

	host->unwatch(host->state, call->idle);
	call->idle = NULL;
	if (host->now_ns(host->state) - call->seen_ns < call->idle_ns && watch_idle(call) == 0)
		return;
	snprintf(sentence, sizeof(sentence), "nothing came from the server for %g s",
		 (double)call->idle_ns / (double)NS_PER_S);
	fail(call, -ETIMEDOUT, sentence);
	settle(call->http);
}

/* Pieces are many and timers dear: one looks back at when the last piece came. */
static int watch_idle(struct ms_http_call *call)
{
	const struct ms_plugin_host *host = call->http->host;
	uint64_t past = host->now_ns(host->state) - call->seen_ns;

	return host->watch_time(host->state, call->idle_ns - past, 0, on_idle, call, &call->idle);
}

static bool keep(struct ms_http_reply *reply, const char *data, size_t size)
{
	if (reply->room - reply->size <= size) {
		size_t room = (reply->size + size + 1) * 2;
		char *body = realloc(reply->body, room);

		if (!body)
			return false;
		reply->body = body;
		reply->room = room;
	}
	memcpy(reply->body + reply->size, data, size);
	reply->size += size;
	reply->body[reply->size] = '\0';
	return true;
}

/* Ends the call if its owner wants no more of it. */
static int heed(struct ms_http_call *call, int r)
{
	if (r != 0)
		fail(call, r, r == -ENOMEM ? "out of memory" : "the answer was not wanted");
	return r != 0 || call->cancelled ? -ECANCELED : 0;
}

static int take(struct ms_http_call *call, const char *data, size_t size)
{
	char sentence[CURL_ERROR_SIZE];

	if (call->max_bytes && size > call->max_bytes - call->bytes) {
		snprintf(sentence, sizeof(sentence), "the answer is longer than %llu bytes",
			 (unsigned long long)call->max_bytes);
		fail(call, -EFBIG, sentence);
		return -EFBIG;
	}
	call->bytes += size;
	if (call->on_data)
		return heed(call, call->on_data(call->user, data, size));
	return heed(call, keep(&call->reply, data, size) ? 0 : -ENOMEM);
}

static size_t on_write(char *data, size_t one, size_t count, void *user)
{
	struct ms_http_call *call = user;
	size_t size = one * count;

	call->seen_ns = call->http->host->now_ns(call->http->host->state);
	if (call->cancelled || call->error || take(call, data, size) < 0)
		return 0;
	return size;
}

/* An interim answer, or one that libcurl follows to the next. */
static bool is_followed(const struct ms_http_call *call)
{
	unsigned status = ms_http_reply_status(&call->reply);

	return status < 200 || (call->follows && status / 100 == 3 &&
				ms_http_reply_header(&call->reply, "Location"));
}

/* Line by line; an empty one ends the head. */
static size_t on_header(char *data, size_t one, size_t count, void *user)
{
	struct ms_http_call *call = user;
	size_t size = one * count;

	if (call->cancelled || call->error)
		return 0;
	call->seen_ns = call->http->host->now_ns(call->http->host->state);
	if ((data[0] != '\r' && data[0] != '\n') || call->headed || is_followed(call))
		return size;
	call->headed = true;
	return call->on_head && heed(call, call->on_head(call->user, &call->reply)) < 0 ? 0 : size;
}

/* ---- a call is made ---- */

static long to_ms(uint64_t ns)
{
	return (long)(ns / NS_PER_MS + (ns % NS_PER_MS != 0));
}

/* Sets what is not NULL. */
static bool set_string(CURL *easy, CURLoption option, const char *value)
{
	return !value || curl_easy_setopt(easy, option, value) == CURLE_OK;
}

static bool set_request(struct ms_http_call *call, const struct ms_http_request *request)
{
	CURL *easy = call->easy;

	for (size_t i = 0; request->headers && request->headers[i]; i++) {
		struct curl_slist *headers = curl_slist_append(call->headers, request->headers[i]);

		if (!headers)
			return false;
		call->headers = headers;
	}
	curl_easy_setopt(easy, CURLOPT_HTTPHEADER, call->headers);
	if (request->body) {
		curl_easy_setopt(easy, CURLOPT_POST, 1L);
		curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body_size);
		if (!set_string(easy, CURLOPT_COPYPOSTFIELDS, request->body))
			return false;
	}
	return set_string(easy, CURLOPT_URL, request->url) &&
	       set_string(easy, CURLOPT_CUSTOMREQUEST, request->method) &&
	       set_string(easy, CURLOPT_UNIX_SOCKET_PATH, request->unix_path) &&
	       set_string(easy, CURLOPT_PROXY, request->unix_path ? "" : NULL) &&
	       set_string(easy, CURLOPT_CAINFO, request->ca_file) &&
	       set_string(easy, CURLOPT_SSLCERT, request->cert_file) &&
	       set_string(easy, CURLOPT_SSLKEY, request->key_file) &&
	       set_string(easy, CURLOPT_USERNAME, request->user) &&
	       set_string(easy, CURLOPT_PASSWORD, request->password) &&
	       set_string(easy, CURLOPT_ACCEPT_ENCODING, request->gzip ? "gzip, deflate" : NULL);
}

static bool set_limits(struct ms_http_call *call, const struct ms_http_request *request)
{
	CURL *easy = call->easy;
	bool tls = strncmp(request->url, "https:", strlen("https:")) == 0;

	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS,
			 request->connect_timeout_ns ? to_ms(request->connect_timeout_ns)
						     : (long)CONNECT_TIMEOUT_MS);
	curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, to_ms(request->timeout_ns));
	curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, request->max_redirects ? 1L : 0L);
	curl_easy_setopt(easy, CURLOPT_MAXREDIRS, (long)request->max_redirects);
	curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, call->curl_says);
	curl_easy_setopt(easy, CURLOPT_PRIVATE, call);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_write);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, call);
	curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(easy, CURLOPT_HEADERDATA, call);
	/* One call, one connection: what a second one could gain is not worth HTTP/2's machinery.
	 */
	curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	return set_string(easy, CURLOPT_PROTOCOLS_STR, "http,https") &&
	       set_string(easy, CURLOPT_REDIR_PROTOCOLS_STR, tls ? "https" : "http,https");
}

/* What is behind http:// or https://, NULL = it is none of these. */
static const char *behind_scheme(const char *url)
{
	static const char *const schemes[] = { "http://", "https://" };

	for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++)
		if (strncmp(url, schemes[i], strlen(schemes[i])) == 0)
			return url + strlen(schemes[i]);
	return NULL;
}

int ms_http_is_url(const char *url)
{
	const char *rest = behind_scheme(url);
	CURLU *parts = curl_url();
	/* libcurl would take http:///a for the host a. */
	int is = rest && rest[0] != '/' && parts &&
		 curl_url_set(parts, CURLUPART_URL, url, 0) == CURLUE_OK;

	curl_url_cleanup(parts);
	return is;
}

int ms_http_start(struct ms_http *http, const struct ms_http_request *request,
		  struct ms_http_call **ret_call)
{
	struct ms_http_call *call;

	if (!behind_scheme(request->url))
		return -EINVAL;
	call = calloc(1, sizeof(*call));
	if (!call)
		return -ENOMEM;
	call->http = http;
	call->is_unix = request->unix_path != NULL;
	call->easy = call->reply.easy = curl_easy_init();
	call->idle_ns = request->idle_timeout_ns;
	call->seen_ns = http->host->now_ns(http->host->state);
	call->max_bytes = request->max_bytes;
	call->follows = request->max_redirects != 0;
	call->on_head = request->on_head;
	call->on_data = request->on_data;
	call->on_done = request->on_done;
	call->user = request->user_data;
	if (!call->easy || !set_limits(call, request) || !set_request(call, request) ||
	    (call->idle_ns && watch_idle(call) < 0)) {
		free_call(call);
		return -ENOMEM;
	}
	if (!http->inside) {
		if (curl_multi_add_handle(http->multi, call->easy) != CURLM_OK) {
			free_call(call);
			return -ENOMEM;
		}
		call->state = RUNNING;
	}
	call->next = http->calls;
	http->calls = call;
	*ret_call = call;
	return 0;
}

/* ---- the client ---- */

struct ms_http *ms_http_new(const struct ms_plugin_host *host)
{
	struct ms_http *http = calloc(1, sizeof(*http));

	if (!http || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
		free(http);
		return NULL;
	}
	http->host = host;
	http->multi = curl_multi_init();
	if (!http->multi) {
		curl_global_cleanup();
		free(http);
		return NULL;
	}
	curl_multi_setopt(http->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
	curl_multi_setopt(http->multi, CURLMOPT_SOCKETDATA, http);
	curl_multi_setopt(http->multi, CURLMOPT_TIMERFUNCTION, on_timer);
	curl_multi_setopt(http->multi, CURLMOPT_TIMERDATA, http);
	return http;
}

void ms_http_free(struct ms_http *http)
{
	if (!http)
		return;
	while (http->calls)
		ms_http_cancel(http->calls);
	/* Closes kept connections, which may want watches for their farewell. */
	curl_multi_cleanup(http->multi);
	if (http->timer)
		http->host->unwatch(http->host->state, http->timer);
	curl_global_cleanup();
	free(http);
}
