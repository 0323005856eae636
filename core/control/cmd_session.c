/* SPDX-License-Identifier: GPL-2.0-or-later */
/* session list, top, flush. None of them holds the loop longer than a slice. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/cleanup.h"
#include "core/base/log.h"
#include "core/base/plural.h"
#include "core/base/utf8.h"
#include "core/control/command.h"
#include "core/control/param.h"
#include "core/control/shape.h"
#include "core/control/walk.h"

#define LIMIT_DEFAULT 50
#define LIMIT_MAX 1000

/* ---- list: everything as it is found, or the best `limit` by a key ---- */

enum order { ORDER_NONE, ORDER_IDLE, ORDER_AGE, ORDER_PACKETS, ORDER_BYTES };

static const char *const order_names[] = { "none", "idle", "age", "packets", "bytes" };
_Static_assert(ms_array_size(order_names) == ORDER_BYTES + 1, "a name per order");

struct ranked {
	uint64_t rank; /* largest first */
	json_t *shape;
};

struct listing {
	struct ms_control_stream stream;
	struct ms_control_walk walk;
	enum order order;
	size_t limit;
	json_t *found;       /* of this slice, ORDER_NONE */
	struct ranked *best; /* LIMIT_MAX + 1 long, sorted; otherwise */
	size_t n_best;
	json_int_t total;
};

static uint64_t rank(enum order order, const struct ms_session_view *session)
{
	switch (order) {
	case ORDER_IDLE: /* the one seen last comes first */
		return UINT64_MAX - session->idle_ns;
	case ORDER_AGE:
		return session->age_ns;
	case ORDER_PACKETS:
		return session->packets[0] + session->packets[1];
	case ORDER_BYTES:
		return session->bytes[0] + session->bytes[1];
	default:
		return 0;
	}
}

static int keep_best(struct listing *listing, const struct ms_control_walked *walked)
{
	uint64_t value = rank(listing->order, walked->session);
	size_t at = listing->n_best;
	json_t *shape;

	if (at == listing->limit && listing->best[at - 1].rank >= value)
		return 0;
	shape = ms_control_walk_shape(walked);
	if (!shape)
		return -ENOMEM;
	for (; at > 0 && listing->best[at - 1].rank < value; at--)
		listing->best[at] = listing->best[at - 1];
	listing->best[at] = (struct ranked) { value, shape };
	if (listing->n_best == listing->limit)
		json_decref(listing->best[listing->limit].shape);
	else
		listing->n_best++;
	return 0;
}

static int list_one(void *user, const struct ms_control_walked *walked)
{
	struct listing *listing = user;

	listing->total++;
	if (listing->order != ORDER_NONE)
		return keep_best(listing, walked);
	if (listing->limit && (size_t)listing->total > listing->limit)
		return 0;
	return json_array_append_new(listing->found, ms_control_walk_shape(walked)) < 0 ? -ENOMEM
											: 0;
}

static int reply_best(struct listing *listing, json_t **ret_reply)
{
	json_auto_t *sessions = json_array();

	for (size_t i = 0; i < listing->n_best; i++) {
		if (json_array_append(sessions, listing->best[i].shape) < 0)
			return -ENOMEM;
	}
	*ret_reply = json_pack("{s:O, s:I}", "sessions", sessions, "total", listing->total);
	return *ret_reply ? 0 : -ENOMEM;
}

static int list_step(struct ms_control_stream *stream, json_t **ret_reply, struct ms_error *err)
{
	struct listing *listing = (struct listing *)stream;
	json_auto_t *found = json_array();
	int r;

	(void)err;
	if (!found)
		return -ENOMEM;
	listing->found = found;
	r = ms_control_walk_step(&listing->walk, list_one, listing);
	listing->found = NULL;
	if (r < 0)
		return r;
	if (listing->order != ORDER_NONE)
		return r > 0 ? r : reply_best(listing, ret_reply);
	if (r > 0 && json_array_size(found) == 0)
		return r;
	*ret_reply = json_pack("{s:O}", "sessions", found);
	if (!*ret_reply ||
	    (r == 0 && ms_control_shape_put(*ret_reply, "total", json_integer(listing->total)) < 0))
		return -ENOMEM;
	return r;
}

static void list_end(struct ms_control_stream *stream)
{
	struct listing *listing = (struct listing *)stream;

	for (size_t i = 0; i < listing->n_best; i++)
		json_decref(listing->best[i].shape);
	free(listing->best);
	ms_control_walk_fini(&listing->walk);
	free(listing);
}

static int parse_order(const char *word, enum order *ret_order, struct ms_error *err)
{
	for (size_t i = 0; i < ms_array_size(order_names); i++) {
		if (strcmp(word, order_names[i]) == 0) {
			*ret_order = (enum order)i;
			return 0;
		}
	}
	return ms_error_set_at(err, -EINVAL, NULL, 0, 0, word,
			       "sessions are sorted by idle, age, packets or bytes, not '%s'",
			       word);
}

int ms_control_cmd_session_list(struct ms_manager *manager, struct ms_control_call *call,
				json_t **ret_reply, struct ms_error *err)
{
	struct listing *listing;
	const char *sort = "none";
	json_int_t limit = 0;
	json_t *match = NULL;
	enum order order = ORDER_NONE;
	int r = ms_control_unpack(call->parameters, err, "{s?o, s?s, s?I}", "match", &match, "sort",
				  &sort, "limit", &limit);

	(void)ret_reply;
	if (r == 0)
		r = parse_order(sort, &order, err);
	if (r < 0)
		return r;
	if (limit < 0 || (order != ORDER_NONE && limit > LIMIT_MAX))
		return ms_error_set(err, -EBADMSG, "parameters: 'limit' is beyond %d", LIMIT_MAX);
	listing = calloc(1, sizeof(*listing));
	if (!listing)
		return -ENOMEM;
	listing->stream.on_step = list_step;
	listing->stream.on_end = list_end;
	listing->order = order;
	listing->limit = (size_t)limit;
	if (order != ORDER_NONE && !limit)
		listing->limit = LIMIT_DEFAULT;
	listing->best = calloc(LIMIT_MAX + 1, sizeof(*listing->best));
	r = listing->best ? ms_control_walk_init(&listing->walk, manager, match, err) : -ENOMEM;
	if (r < 0) {
		list_end(&listing->stream);
		return r;
	}
	call->stream = &listing->stream;
	return 0;
}

/* ---- top: sums by one of a session's properties ---- */

struct row {
	json_int_t sessions, packets, bytes;
	char key[MS_RULE_ID_MAX];
};

struct summing {
	struct ms_control_stream stream;
	struct ms_control_walk walk;
	char by[8];
	json_t *index; /* key -> place in rows */
	struct row *rows;
	size_t n_rows, allocated;
	size_t limit;
	json_int_t total;
};

static const char *const by_names[] = { "from", "to", "iface", "rule" };

static const char *key_of(const struct summing *summing, const struct ms_control_walked *walked,
			  char *buf, size_t size)
{
	if (strcmp(summing->by, "from") == 0)
		return ms_addr_format(&walked->session->from, buf, size);
	if (strcmp(summing->by, "to") == 0)
		return ms_addr_format(&walked->session->to, buf, size);
	if (strcmp(summing->by, "rule") == 0)
		return walked->rule;
	/* The kernel takes any bytes, JSON does not. */
	snprintf(buf, size, "%s", walked->iface);
	return ms_utf8_tidy(buf);
}

static int find_row(struct summing *summing, const char *key, struct row **ret_row)
{
	json_t *place = json_object_get(summing->index, key);

	if (!place) {
		if (summing->n_rows == summing->allocated) {
			size_t more = summing->allocated ? summing->allocated * 2 : 64;
			struct row *rows = realloc(summing->rows, more * sizeof(*rows));

			if (!rows)
				return -ENOMEM;
			summing->rows = rows;
			summing->allocated = more;
		}
		place = json_integer((json_int_t)summing->n_rows);
		if (!place || json_object_set_new(summing->index, key, place) < 0)
			return -ENOMEM;
		summing->rows[summing->n_rows] = (struct row) { 0 };
		snprintf(summing->rows[summing->n_rows].key, MS_RULE_ID_MAX, "%s", key);
		summing->n_rows++;
	}
	*ret_row = &summing->rows[json_integer_value(place)];
	return 0;
}

static int sum_one(void *user, const struct ms_control_walked *walked)
{
	struct summing *summing = user;
	const struct ms_session_view *session = walked->session;
	char buf[MS_ADDR_TEXT];
	struct row *row;
	int r = find_row(summing, key_of(summing, walked, buf, sizeof(buf)), &row);

	if (r < 0)
		return r;
	summing->total++;
	row->sessions++;
	row->packets += (json_int_t)(session->packets[0] + session->packets[1]);
	row->bytes += (json_int_t)(session->bytes[0] + session->bytes[1]);
	return 0;
}

static int compare_rows(const void *a, const void *b)
{
	const struct row *left = a, *right = b;

	if (left->bytes != right->bytes)
		return left->bytes < right->bytes ? 1 : -1;
	return strcmp(left->key, right->key);
}

static int top_step(struct ms_control_stream *stream, json_t **ret_reply, struct ms_error *err)
{
	struct summing *summing = (struct summing *)stream;
	json_auto_t *rows = NULL;
	int r = ms_control_walk_step(&summing->walk, sum_one, summing);

	(void)err;
	if (r != 0)
		return r;
	if (summing->n_rows)
		qsort(summing->rows, summing->n_rows, sizeof(*summing->rows), compare_rows);
	rows = json_array();
	for (size_t i = 0; i < summing->n_rows && i < summing->limit; i++) {
		const struct row *row = &summing->rows[i];

		if (json_array_append_new(rows, json_pack("{s:s, s:I, s:I, s:I}", "key", row->key,
							  "sessions", row->sessions, "packets",
							  row->packets, "bytes", row->bytes)) < 0)
			return -ENOMEM;
	}
	*ret_reply = json_pack("{s:s, s:O, s:I, s:I}", "by", summing->by, "rows", rows,
			       "rows_total", (json_int_t)summing->n_rows, "total", summing->total);
	return *ret_reply ? 0 : -ENOMEM;
}

static void top_end(struct ms_control_stream *stream)
{
	struct summing *summing = (struct summing *)stream;

	json_decref(summing->index);
	free(summing->rows);
	ms_control_walk_fini(&summing->walk);
	free(summing);
}

static bool is_known_by(const char *by)
{
	for (size_t i = 0; i < ms_array_size(by_names); i++) {
		if (strcmp(by, by_names[i]) == 0)
			return true;
	}
	return false;
}

int ms_control_cmd_session_top(struct ms_manager *manager, struct ms_control_call *call,
			       json_t **ret_reply, struct ms_error *err)
{
	struct summing *summing;
	const char *by = "from";
	json_int_t limit = LIMIT_DEFAULT;
	json_t *match = NULL;
	int r = ms_control_unpack(call->parameters, err, "{s?o, s?s, s?I}", "match", &match, "by",
				  &by, "limit", &limit);

	(void)ret_reply;
	if (r < 0)
		return r;
	if (!is_known_by(by))
		return ms_error_set_at(err, -EINVAL, NULL, 0, 0, by,
				       "sessions are summed by from, to, iface or rule, not '%s'",
				       by);
	if (limit < 1 || limit > LIMIT_MAX)
		return ms_error_set(err, -EBADMSG, "parameters: 'limit' is 1 to %d", LIMIT_MAX);
	summing = calloc(1, sizeof(*summing));
	if (!summing)
		return -ENOMEM;
	summing->stream.on_step = top_step;
	summing->stream.on_end = top_end;
	summing->limit = (size_t)limit;
	snprintf(summing->by, sizeof(summing->by), "%s", by);
	summing->index = json_object();
	r = summing->index ? ms_control_walk_init(&summing->walk, manager, match, err) : -ENOMEM;
	if (r < 0) {
		top_end(&summing->stream);
		return r;
	}
	call->stream = &summing->stream;
	return 0;
}

/* ---- flush ---- */

#define REAP 256

struct flushing {
	struct ms_control_stream stream;
	struct ms_control_walk walk;
	bool dry_run;
	struct ms_session_raw reaped[REAP];
	size_t n_reaped;
	json_int_t matched, ended;
	uid_t uid;
};

static int reap(struct flushing *flushing)
{
	size_t deleted = 0;
	int r = 0;

	if (flushing->n_reaped)
		r = ms_dataplane_session_reap(ms_manager_dataplane(flushing->walk.manager),
					      flushing->reaped, flushing->n_reaped, true, &deleted);
	flushing->n_reaped = 0;
	flushing->ended += (json_int_t)deleted;
	return r;
}

static int flush_one(void *user, const struct ms_control_walked *walked)
{
	struct flushing *flushing = user;

	flushing->matched++;
	if (flushing->dry_run)
		return 0;
	flushing->reaped[flushing->n_reaped++] = walked->session->raw;
	return flushing->n_reaped == REAP ? reap(flushing) : 0;
}

static int flush_step(struct ms_control_stream *stream, json_t **ret_reply, struct ms_error *err)
{
	struct flushing *flushing = (struct flushing *)stream;
	int r = ms_control_walk_step(&flushing->walk, flush_one, flushing), reaped;

	(void)err;
	if (r < 0)
		return r;
	reaped = reap(flushing);
	if (reaped < 0)
		return reaped;
	if (r > 0)
		return r;
	if (!flushing->dry_run)
		ms_log_notice("control", "uid=%u session.flush ended %lld session%s", flushing->uid,
			      (long long)flushing->ended, ms_plural(flushing->ended));
	*ret_reply = json_pack("{s:I, s:I, s:b}", "matched", flushing->matched, "ended",
			       flushing->ended, "dry_run", flushing->dry_run);
	return *ret_reply ? 0 : -ENOMEM;
}

static void flush_end(struct ms_control_stream *stream)
{
	struct flushing *flushing = (struct flushing *)stream;

	ms_control_walk_fini(&flushing->walk);
	free(flushing);
}

int ms_control_cmd_session_flush(struct ms_manager *manager, struct ms_control_call *call,
				 json_t **ret_reply, struct ms_error *err)
{
	struct flushing *flushing;
	int all = false, dry_run = false;
	json_t *match = NULL;
	int r = ms_control_unpack(call->parameters, err, "{s?o, s?b, s?b}", "match", &match, "all",
				  &all, "dry_run", &dry_run);

	(void)ret_reply;
	if (r < 0)
		return r;
	if (!all == (json_object_size(match) == 0))
		return ms_error_set(err, -EBADMSG, "say which sessions, or all, not both");
	flushing = calloc(1, sizeof(*flushing));
	if (!flushing)
		return -ENOMEM;
	flushing->stream.on_step = flush_step;
	flushing->stream.on_end = flush_end;
	flushing->dry_run = dry_run;
	flushing->uid = call->uid;
	r = ms_control_walk_init(&flushing->walk, manager, match, err);
	if (r < 0) {
		flush_end(&flushing->stream);
		return r;
	}
	snprintf(call->audit, sizeof(call->audit), "begun");
	call->stream = &flushing->stream;
	return 0;
}
