/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/policy/document_ahead.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/thread.h"
#include "core/policy/document_reader.h"

/* Enough in a batch that handing it over costs nothing beside it, and all of them in a near cache.
 */
enum { BATCHES = 4, EVENTS = 1024, VALUES_SIZE = 32 << 10 };

struct event {
	enum ms_document_event kind;
	bool is_quoted, is_null;
	struct ms_place place;
	unsigned int value; /* where in the batch's values */
};

struct batch {
	struct event events[EVENTS];
	unsigned int n_events;
	char values[VALUES_SIZE];
	unsigned int n_bytes;
	bool is_last; /* its last event is the document's, or nothing more can be read */
	int result;   /* behind its last event */
};

struct ms_document_ahead {
	struct ms_document_reader inner; /* the thread's */
	struct ms_error err;             /* the thread's up to its last batch */
	pthread_t thread;

	pthread_mutex_t lock; /* of the next three */
	pthread_cond_t moved;
	unsigned int n_filled,
		n_emptied; /* batches, from the start; their difference is <= BATCHES */
	bool is_over;      /* nobody wants more */

	struct batch batches[BATCHES]; /* in turns: filled by the thread, emptied by the reader */
	struct batch *taken;           /* the reader's, NULL = none yet */
	unsigned int at;               /* its next event of that */
};

/* ---- the thread ---- */

static void add_event(struct batch *batch, const struct ms_document_reader *inner)
{
	struct event *event = &batch->events[batch->n_events++];

	*event = (struct event) {
		.kind = inner->event,
		.is_quoted = inner->is_quoted,
		.is_null = inner->is_null,
		.place = inner->place,
		.value = batch->n_bytes,
	};
	if (inner->event == MS_DOCUMENT_SCALAR) {
		size_t size = strlen(inner->value) + 1;

		memcpy(batch->values + batch->n_bytes, inner->value, size);
		batch->n_bytes += (unsigned int)size;
	}
}

static void fill(struct batch *batch, struct ms_document_reader *inner)
{
	batch->n_events = batch->n_bytes = 0;
	batch->is_last = false;
	batch->result = 0;
	while (!batch->is_last && batch->n_events < EVENTS &&
	       batch->n_bytes + MS_DOCUMENT_VALUE_MAX + 1 <= VALUES_SIZE) {
		batch->result = ms_document_reader_next(inner);
		if (batch->result == 0)
			add_event(batch, inner);
		batch->is_last = batch->result < 0 || inner->event == MS_DOCUMENT_END;
	}
}

/* False: no more is wanted. */
static bool wait_for_room(struct ms_document_ahead *ahead)
{
	bool is_over;

	pthread_mutex_lock(&ahead->lock);
	while (!ahead->is_over && ahead->n_filled - ahead->n_emptied == BATCHES)
		pthread_cond_wait(&ahead->moved, &ahead->lock);
	is_over = ahead->is_over;
	pthread_mutex_unlock(&ahead->lock);
	return !is_over;
}

static void *run(void *user)
{
	struct ms_document_ahead *ahead = user;
	bool is_last = false;

	while (!is_last && wait_for_room(ahead)) {
		struct batch *batch = &ahead->batches[ahead->n_filled % BATCHES];

		fill(batch, &ahead->inner);
		is_last = batch->is_last;
		pthread_mutex_lock(&ahead->lock);
		ahead->n_filled++;
		pthread_cond_signal(&ahead->moved);
		pthread_mutex_unlock(&ahead->lock);
	}
	return NULL;
}

/* ---- the reader ---- */

void ms_document_ahead_open(struct ms_document_reader *reader)
{
	struct ms_document_ahead *ahead = malloc(sizeof(*ahead));
	char *buffer = malloc(MS_DOCUMENT_VALUE_MAX + 1);

	if (!ahead || !buffer) {
		free(ahead);
		free(buffer);
		return;
	}
	ahead->err = (struct ms_error)MS_ERROR_INIT;
	ahead->n_filled = ahead->n_emptied = ahead->at = 0;
	ahead->is_over = false;
	ahead->taken = NULL;
	ahead->inner = *reader;
	ahead->inner.err = &ahead->err;
	ahead->inner.value = ahead->inner.buffer = buffer;
	pthread_mutex_init(&ahead->lock, NULL);
	pthread_cond_init(&ahead->moved, NULL);
	if (ms_thread_start(run, ahead, &ahead->thread) < 0) {
		pthread_cond_destroy(&ahead->moved);
		pthread_mutex_destroy(&ahead->lock);
		free(ahead);
		free(buffer);
		return;
	}
	reader->yaml = NULL;
	reader->ahead = ahead;
}

void ms_document_ahead_close(struct ms_document_reader *reader)
{
	struct ms_document_ahead *ahead = reader->ahead;

	if (!ahead)
		return;
	pthread_mutex_lock(&ahead->lock);
	ahead->is_over = true;
	pthread_cond_signal(&ahead->moved);
	pthread_mutex_unlock(&ahead->lock);
	pthread_join(ahead->thread, NULL);
	pthread_cond_destroy(&ahead->moved);
	pthread_mutex_destroy(&ahead->lock);
	ms_document_reader_close(&ahead->inner);
	free(ahead);
	reader->ahead = NULL;
}

/* The batch the next event is in, once it is there; NULL = nothing comes behind the last one. */
static struct batch *find_batch(struct ms_document_reader *reader)
{
	struct ms_document_ahead *ahead = reader->ahead;
	struct batch *batch = ahead->taken;

	if (batch && ahead->at < batch->n_events)
		return batch;
	if (batch && batch->is_last)
		return NULL;
	if (batch) /* a value is what it was until the next one */
		reader->value = memmove(reader->buffer, reader->value, strlen(reader->value) + 1);
	pthread_mutex_lock(&ahead->lock);
	if (batch) {
		ahead->n_emptied++;
		pthread_cond_signal(&ahead->moved);
	}
	while (ahead->n_filled == ahead->n_emptied)
		pthread_cond_wait(&ahead->moved, &ahead->lock);
	batch = ahead->taken = &ahead->batches[ahead->n_emptied % BATCHES];
	pthread_mutex_unlock(&ahead->lock);
	ahead->at = 0;
	return batch->n_events ? batch : NULL;
}

int ms_document_ahead_next(struct ms_document_reader *reader)
{
	struct ms_document_ahead *ahead = reader->ahead;
	struct batch *batch = find_batch(reader);
	const struct event *event;

	if (!batch) { /* the thread is at its end, what it said may be read */
		if (reader->err && !ms_error_is_set(reader->err))
			*reader->err = ahead->err;
		return ahead->taken->result < 0 ? ahead->taken->result : -EINVAL;
	}
	event = &batch->events[ahead->at++];
	reader->event = event->kind;
	reader->is_quoted = event->is_quoted;
	reader->is_null = event->is_null;
	reader->place = event->place;
	if (event->kind == MS_DOCUMENT_SCALAR)
		reader->value = batch->values + event->value;
	return 0;
}
