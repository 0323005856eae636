/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/source/preparation.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "core/worker.h"

struct ms_source_preparation {
	struct ms_source_preparation_config config;
	struct ms_source_wire_buffer bytes;
	struct ms_worker *worker; /* NULL = there was no thread to be had, and all is done */
	struct ms_watch *done;
	atomic_bool is_given_up;

	int result;
	struct ms_error why;
	struct ms_source_prepared prepared;
};

static int read_offer(struct ms_source_preparation *preparation)
{
	int r = ms_source_offer_decode(preparation->bytes.bytes, preparation->bytes.length,
				       &preparation->prepared.offer, &preparation->why);

	preparation->prepared.is_no_offer = r < 0 && r != -ENOMEM;
	return r;
}

/* On disk is what holds, without a word of what held before. */
static int keep(struct ms_source_preparation *preparation)
{
	int r = ms_source_offer_keep(&preparation->prepared.offer, preparation->config.before,
				     &preparation->why);

	if (r <= 0)
		return r;
	preparation->bytes.length = 0;
	return ms_source_offer_encode(&preparation->prepared.offer, &preparation->bytes);
}

static int stage(struct ms_source_preparation *preparation)
{
	int r = ms_state_stage_source(preparation->config.state, preparation->config.name,
				      preparation->bytes.bytes, preparation->bytes.length);

	return r < 0 ? ms_error_set(&preparation->why, r, "it cannot be saved: %s", strerror(-r))
		     : 0;
}

static int prepare(void *arg)
{
	struct ms_source_preparation *preparation = arg;
	struct ms_source_prepared *prepared = &preparation->prepared;
	const struct ms_source_offer *before = preparation->config.before;
	int r = read_offer(preparation);

	if (r == 0)
		r = keep(preparation);
	if (r == 0)
		r = ms_source_offer_policy(&prepared->offer, preparation->config.name,
					   &preparation->is_given_up, &prepared->policy,
					   &preparation->why);
	if (r == 0)
		r = stage(preparation);
	if (r < 0)
		return r;
	prepared->is_members_alone =
		before && ms_source_offer_equal_but_members(before, &prepared->offer);
	ms_source_wire_buffer_fini(&preparation->bytes);
	return 0;
}

static void on_done(void *user)
{
	struct ms_source_preparation *preparation = user;

	preparation->config.on_done(preparation->config.user);
}

/* Where no thread can be had the loop does it: better late than never. */
static int prepare_here(struct ms_source_preparation *preparation)
{
	int r = ms_loop_add_timer(preparation->config.loop, MS_LOOP_CONTROL, on_done, preparation,
				  &preparation->done);

	if (r < 0)
		return r;
	preparation->result = prepare(preparation);
	return ms_watch_arm(preparation->done, 0, false);
}

static int prepare_elsewhere(struct ms_source_preparation *preparation)
{
	int r = ms_worker_start(prepare, preparation, &preparation->worker);

	if (r < 0)
		return prepare_here(preparation);
	r = ms_loop_add_fd(preparation->config.loop, ms_worker_fd(preparation->worker),
			   MS_LOOP_CONTROL, on_done, preparation, &preparation->done);
	if (r < 0) {
		ms_source_preparation_give_up(preparation);
		ms_worker_end(preparation->worker);
		ms_state_unstage_source(preparation->config.state, preparation->config.name);
	}
	return r;
}

int ms_source_preparation_start(const struct ms_source_preparation_config *config,
				struct ms_source_wire_buffer *bytes,
				struct ms_source_preparation **ret_preparation)
{
	struct ms_source_preparation *preparation = calloc(1, sizeof(*preparation));
	int r;

	if (!preparation)
		return -ENOMEM;
	preparation->config = *config;
	preparation->bytes = *bytes;
	*bytes = (struct ms_source_wire_buffer) { 0 };
	preparation->why = (struct ms_error)MS_ERROR_INIT;
	r = prepare_elsewhere(preparation);
	if (r < 0) {
		*bytes = preparation->bytes;
		ms_watch_free(preparation->done);
		ms_source_preparation_drop(&preparation->prepared);
		free(preparation);
		return r;
	}
	*ret_preparation = preparation;
	return 0;
}

void ms_source_preparation_give_up(struct ms_source_preparation *preparation)
{
	preparation->is_given_up = true;
}

void ms_source_preparation_drop(struct ms_source_prepared *prepared)
{
	ms_policy_free(prepared->policy);
	ms_source_offer_fini(&prepared->offer);
	*prepared = (struct ms_source_prepared) { 0 };
}

int ms_source_preparation_end(struct ms_source_preparation *preparation,
			      struct ms_source_prepared *ret_prepared, struct ms_error *err)
{
	int r = preparation->worker ? ms_worker_end(preparation->worker) : preparation->result;

	ms_watch_free(preparation->done);
	if (r == 0) {
		*ret_prepared = preparation->prepared;
	} else {
		bool is_no_offer = preparation->prepared.is_no_offer;

		ms_source_preparation_drop(&preparation->prepared);
		*ret_prepared = (struct ms_source_prepared) { .is_no_offer = is_no_offer };
		if (err)
			*err = preparation->why;
		ms_error_set(err, r, "%s", strerror(-r));
	}
	ms_source_wire_buffer_fini(&preparation->bytes);
	free(preparation);
	return r;
}
