/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/source/turns.h"

#include <string.h>
#include <time.h>

uint64_t ms_source_turns_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_BOOTTIME, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static void take_turn(struct ms_source_turns *turns);

/* Nobody is told of what comes of it. */
static void forget_prepared(struct ms_source_turns *turns)
{
	struct ms_source_prepared prepared = { 0 };

	if (ms_source_preparation_end(turns->preparation, &prepared, NULL) == 0)
		ms_state_unstage_source(turns->state, turns->name);
	ms_source_preparation_drop(&prepared);
	turns->preparation = NULL;
}

static void on_done(void *user)
{
	struct ms_source_turns *turns = user;
	struct ms_source_prepared prepared = { 0 };
	struct ms_error why = MS_ERROR_INIT;
	int r;

	if (turns->is_leaving) {
		forget_prepared(turns);
		turns->hooks.on_left(turns->hooks.user);
		return;
	}
	r = ms_source_preparation_end(turns->preparation, &prepared, &why);
	turns->preparation = NULL;
	turns->hooks.on_prepared(turns->hooks.user, &turns->prepares, r, &prepared, &why);
	ms_source_preparation_drop(&prepared);
	ms_source_pace_took(turns->pace, turns->began_ns, ms_source_turns_now());
	take_turn(turns);
}

static void prepare(struct ms_source_turns *turns)
{
	const struct ms_source_preparation_config config = {
		.loop = turns->loop,
		.state = turns->state,
		.name = turns->name,
		.before = turns->hooks.before(turns->hooks.user),
		.on_done = on_done,
		.user = turns,
	};
	struct ms_source_prepared none = { 0 };
	struct ms_error why = MS_ERROR_INIT;
	int r;

	turns->began_ns = ms_source_turns_now();
	turns->prepares = turns->waits;
	r = ms_source_preparation_start(&config, &turns->waiting, &turns->preparation);
	if (r == 0)
		return;
	ms_source_wire_buffer_fini(&turns->waiting);
	ms_error_set(&why, r, "it cannot be prepared: %s", strerror(-r));
	turns->hooks.on_prepared(turns->hooks.user, &turns->prepares, r, &none, &why);
}

static void take_turn(struct ms_source_turns *turns)
{
	uint64_t wait_ms = ms_source_pace_wait_ms(turns->pace, ms_source_turns_now());

	if (!turns->waiting.length || turns->preparation)
		return;
	if (wait_ms > 0)
		ms_watch_arm(turns->turn, wait_ms, false);
	else
		prepare(turns);
}

static void on_turn(void *user)
{
	take_turn(user);
}

int ms_source_turns_init(struct ms_source_turns *turns, struct ms_loop *loop,
			 struct ms_state *state, const char *name, struct ms_source_pace *pace,
			 const struct ms_source_turns_hooks *hooks)
{
	*turns = (struct ms_source_turns) {
		.loop = loop,
		.state = state,
		.name = name,
		.pace = pace,
		.hooks = *hooks,
	};
	return ms_loop_add_timer(loop, MS_LOOP_CONTROL, on_turn, turns, &turns->turn);
}

void ms_source_turns_fini(struct ms_source_turns *turns)
{
	ms_source_wire_buffer_fini(&turns->waiting);
	if (turns->preparation) {
		ms_source_preparation_give_up(turns->preparation);
		forget_prepared(turns);
	}
	turns->turn = ms_watch_free(turns->turn);
}

void ms_source_turns_add(struct ms_source_turns *turns, unsigned int run,
			 struct ms_source_wire_buffer *bytes)
{
	turns->superseded += turns->waiting.length > 0;
	ms_source_wire_buffer_fini(&turns->waiting);
	turns->waiting = *bytes;
	turns->waits = ms_source_turns_next(turns, run);
	*bytes = (struct ms_source_wire_buffer) { 0 };
	take_turn(turns);
}

struct ms_source_turns_said ms_source_turns_next(const struct ms_source_turns *turns,
						 unsigned int run)
{
	return (struct ms_source_turns_said) {
		.run = run,
		.number = run == turns->waits.run ? turns->waits.number + 1 : 1,
	};
}

bool ms_source_turns_is_before(struct ms_source_turns_said one, struct ms_source_turns_said other)
{
	return one.run != other.run ? one.run < other.run : one.number < other.number;
}

bool ms_source_turns_are_behind(const struct ms_source_turns *turns)
{
	return turns->waiting.length > 0;
}

bool ms_source_turns_leave(struct ms_source_turns *turns)
{
	turns->is_leaving = true;
	ms_watch_disarm(turns->turn);
	ms_source_wire_buffer_fini(&turns->waiting);
	if (turns->preparation)
		ms_source_preparation_give_up(turns->preparation);
	return !turns->preparation;
}
