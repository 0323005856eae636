/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/control/awaited.h"

#include <errno.h>
#include <stdlib.h>

#include "core/base/cleanup.h"

static int answer(struct ms_control_stream *stream, json_t **ret_reply, struct ms_error *err)
{
	struct ms_control_awaited *awaited = (struct ms_control_awaited *)stream;

	if (awaited->r < 0)
		*err = awaited->why;
	else
		*ret_reply = ms_take_ptr(awaited->reply);
	return awaited->r;
}

struct ms_control_awaited *ms_control_awaited_free(struct ms_control_awaited *awaited)
{
	json_decref(awaited->reply);
	free(awaited);
	return NULL;
}

static void end(struct ms_control_stream *stream)
{
	struct ms_control_awaited *awaited = (struct ms_control_awaited *)stream;

	ms_manager_forget_task(awaited->manager, awaited);
	ms_control_awaited_free(awaited);
}

void ms_control_awaited_done(void *user, const struct ms_manager_done *done)
{
	struct ms_control_awaited *awaited = user;

	awaited->r = done->r;
	if (done->r < 0)
		awaited->why = *done->err;
	else if (!(awaited->reply = awaited->shape(awaited, done)))
		awaited->r = -ENOMEM;
	awaited->stream.on_step = answer;
	ms_control_stream_resume(&awaited->stream);
}

struct ms_control_awaited *ms_control_awaited_new(
	struct ms_manager *manager,
	json_t *(*shape)(struct ms_control_awaited *awaited, const struct ms_manager_done *done))
{
	struct ms_control_awaited *awaited = calloc(1, sizeof(*awaited));

	if (!awaited)
		return NULL;
	awaited->manager = manager;
	awaited->shape = shape;
	awaited->stream.on_end = end;
	awaited->stream.is_change = true;
	return awaited;
}
