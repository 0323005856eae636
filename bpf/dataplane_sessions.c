/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The session tables, walked in batches, and the reaper that ends sessions in the kernel. What it
 * has ended stays in its table, dead, until no packet can hold it any more: those are gathered and
 * deleted many at a time, behind one grace period.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>

#include "bpf/dataplane_private.h"
#include "core/base/cleanup.h"

#define BATCH 1024
/* Lines looked at in one go, for each session that may be found. */
#define LINES_PER_SLOT 4

/* One-way tables first: a flow that is answered during a walk moves ahead of it, so it is met twice
 * rather than never. */
static const struct table {
	const char *map; /* NULL = lines, of one-way or two-way sessions */
	uint8_t family;  /* lines: 4 = the narrow ones */
	bool half_open;
	size_t key_size;
} tables[][4] = {
	[MS_SESSION_TABLE_LRU_HASH] = {
		{ "ms_half4", 4, true, sizeof(struct ms_key4) },
		{ "ms_half6", 6, true, sizeof(struct ms_key6) },
		{ "ms_sess4", 4, false, sizeof(struct ms_key4) },
		{ "ms_sess6", 6, false, sizeof(struct ms_key6) },
	},
	[MS_SESSION_TABLE_SET] = {
		{ NULL, 4, true, 0 },
		{ NULL, 6, true, 0 },
		{ NULL, 4, false, 0 },
		{ NULL, 6, false, 0 },
	},
};
#define TABLES ms_array_size(tables[0])

void ms_dataplane_session_capacity(const struct ms_dataplane *dp, uint32_t *ret_sessions,
				   uint32_t *ret_half_open)
{
	*ret_sessions = dp->sessions;
	*ret_half_open = dp->half_open;
}

static void make_raw(const struct table *table, const void *key, const struct ms_session *value,
		     struct ms_session_raw *ret_raw)
{
	memset(ret_raw, 0, sizeof(*ret_raw));
	ret_raw->family = table->family;
	ret_raw->half_open = table->half_open;
	memcpy(&ret_raw->key, key, table->key_size);
	ret_raw->value = *value;
}

/* One batch from a hash, whole buckets only. `*ret_last` = the table has been all round. */
static int read_hash(const struct ms_dataplane *dp, const struct table *table,
		     struct ms_session_cursor *cursor, struct ms_session_raw *sessions,
		     uint32_t max, size_t *ret_count, bool *ret_last)
{
	ms_cleanup(ms_free) uint8_t *keys = malloc(max * table->key_size);
	ms_cleanup(ms_free) struct ms_session *values = malloc(max * sizeof(*values));
	uint32_t count = max, next;
	int fd = ms_dataplane_map(dp, table->map);
	bool last = false;
	void *in = NULL;

	if (!keys || !values)
		return -ENOMEM;
	if (fd < 0)
		return fd;
	if (cursor->started) {
		memcpy(&next, cursor->batch, sizeof(next));
		in = &next;
	}
	if (bpf_map_lookup_batch(fd, in, &next, keys, values, &count, NULL) < 0) {
		if (errno != ENOENT)
			return -errno;
		last = true;
	}
	for (uint32_t i = 0; i < count; i++)
		make_raw(table, keys + i * table->key_size, &values[i], &sessions[i]);
	memcpy(cursor->batch, &next, sizeof(next));
	*ret_count = count;
	*ret_last = last;
	return 0;
}

static int read_lines(struct ms_dataplane *dp, const struct table *table,
		      struct ms_session_cursor *cursor, struct ms_session_raw *sessions,
		      uint32_t max, size_t *ret_count, bool *ret_last)
{
	struct ms_dataplane_lines *lines = table->half_open ? &dp->oneway : &dp->lines;
	uint32_t number = 0, end = lines->sets * MS_SET_WAYS;
	bool wide = table->family == 6;
	size_t count = 0;
	int r;

	if (cursor->started)
		memcpy(&number, cursor->batch, sizeof(number));
	/* Looking at what is empty takes time, too, if little; and a round of the sweep ends with a
	 * grace period, so it is not to be over at once. */
	if (end - number > LINES_PER_SLOT * max)
		end = number + LINES_PER_SLOT * max;
	r = ms_dataplane_lines_seek(lines, wide, &number, end);
	if (r == 0)
		r = ms_dataplane_lines_map_some(lines, wide, number, end);
	while (r == 0 && number < end && count < max) {
		if (ms_dataplane_lines_read(lines, wide, number, &sessions[count]))
			count++;
		number++;
		if (number % MS_SET_WAYS == 0)
			r = ms_dataplane_lines_seek(lines, wide, &number, end);
	}
	ms_dataplane_lines_unmap(lines);
	if (r < 0)
		return r;
	memcpy(cursor->batch, &number, sizeof(number));
	*ret_count = count;
	*ret_last = number == lines->sets * MS_SET_WAYS;
	return 0;
}

/* Up to `max` sessions, dead ones as well, from where the cursor is in its table. */
static int read_some(struct ms_dataplane *dp, struct ms_session_cursor *cursor,
		     struct ms_session_raw *sessions, uint32_t max, size_t *ret_count,
		     bool *ret_last)
{
	const struct table *table = &tables[dp->session_table][cursor->table % TABLES];
	int r = 0;

	if (table->map)
		r = read_hash(dp, table, cursor, sessions, max, ret_count, ret_last);
	else
		r = read_lines(dp, table, cursor, sessions, max, ret_count, ret_last);
	if (r < 0)
		return r;
	cursor->started = true;
	return 0;
}

/* Ended, but not yet deleted: dropped from every listing. */
static bool is_dead(const struct ms_session *value)
{
	return value->epoch == MS_EPOCH_DEAD;
}

int ms_dataplane_session_foreach(struct ms_dataplane *dp,
				 bool (*visit)(void *user, const struct ms_session_raw *session),
				 void *user)
{
	ms_cleanup(ms_free) struct ms_session_raw *sessions = malloc(BATCH * sizeof(*sessions));
	struct ms_session_cursor cursor = { 0 };

	if (!sessions)
		return -ENOMEM;
	while (cursor.table < TABLES) {
		size_t count;
		bool last;
		int r = read_some(dp, &cursor, sessions, BATCH, &count, &last);

		if (r < 0)
			return r;
		for (size_t i = 0; i < count; i++) {
			/* Ended, or a denied flow's place. */
			if (ms_session_is_live(&sessions[i].value) && !visit(user, &sessions[i]))
				return 0;
		}
		if (last) {
			cursor.table++;
			cursor.started = false;
		}
	}
	return 0;
}

/* ---- the dead ---- */

static int delete_dead(struct ms_dataplane *dp);

static int note_dead(struct ms_dataplane *dp, const struct ms_session_raw *session)
{
	dp->dead[dp->n_dead++] = *session;
	return dp->n_dead == MS_DATAPLANE_DEAD_MAX ? delete_dead(dp) : 0;
}

static int run_reaper(struct ms_dataplane *dp, struct ms_reap_io *io)
{
	int fd = ms_dataplane_map(dp, "ms_reap_io");
	uint32_t zero = 0;
	int r;

	if (bpf_map_update_elem(fd, &zero, io, BPF_ANY) < 0)
		return -errno;
	r = ms_dataplane_run(ms_dataplane_find_program(dp, "ms_reap"), NULL, 0);
	if (r < 0)
		return r;
	return bpf_map_lookup_elem(fd, &zero, io) < 0 ? -errno : 0;
}

/*
 * One run of the reaper over the first of `sessions` that are of one table; `*ret_taken` says how
 * many that were, io->keys[].result what became of each.
 */
static int reap_some(struct ms_dataplane *dp, const struct ms_session_raw *sessions, size_t count,
		     struct ms_reap_io *io, size_t *ret_taken)
{
	size_t n = 0;

	while (n < count && n < MS_REAP_MAX && sessions[n].family == sessions[0].family &&
	       sessions[n].half_open == sessions[0].half_open) {
		struct ms_reap_key *key = &io->keys[n];

		memset(key, 0, sizeof(*key));
		if (sessions[n].family == 4)
			key->k4 = sessions[n].key.k4;
		else
			key->k6 = sessions[n].key.k6;
		key->epoch = sessions[n].value.epoch;
		key->last_seen = sessions[n].value.last_seen;
		n++;
	}
	io->count = (uint32_t)n;
	io->family = sessions[0].family;
	io->half_open = sessions[0].half_open;
	*ret_taken = n;
	return run_reaper(dp, io);
}

static int step_dead(struct ms_dataplane *dp, uint8_t step, struct ms_reap_io *io)
{
	size_t taken;
	int r = 0;

	io->step = step;
	for (size_t i = 0; r == 0 && i < dp->n_dead; i += taken)
		r = reap_some(dp, dp->dead + i, dp->n_dead - i, io, &taken);
	return r;
}

static int delete_dead(struct ms_dataplane *dp)
{
	ms_cleanup(ms_free) struct ms_reap_io *io = NULL;
	int r;

	if (dp->n_dead == 0)
		return 0;
	io = calloc(1, sizeof(*io));
	if (!io)
		return -ENOMEM;
	r = step_dead(dp, MS_REAP_MARK, io);
	if (r == 0)
		r = ms_dataplane_wait_grace();
	if (r == 0)
		r = step_dead(dp, MS_REAP_DELETE, io);
	/* Whatever is left is met again, dead, by the next walk. */
	dp->n_dead = 0;
	return r;
}

int ms_dataplane_session_reap(struct ms_dataplane *dp, const struct ms_session_raw *sessions,
			      size_t count, bool force, size_t *ret_deleted)
{
	ms_cleanup(ms_free) struct ms_reap_io *io = calloc(1, sizeof(*io));
	size_t deleted = 0, taken;

	if (!io)
		return -ENOMEM;
	io->force = force;
	for (size_t i = 0; i < count; i += taken) {
		int r;

		io->step = MS_REAP_END;
		r = reap_some(dp, sessions + i, count - i, io, &taken);
		for (size_t k = 0; r == 0 && k < taken; k++) {
			if (io->keys[k].result == MS_REAPED_NOT)
				continue;
			deleted++;
			if (io->keys[k].result == MS_REAPED_ENDED)
				r = note_dead(dp, &sessions[i + k]);
		}
		if (r < 0)
			return r;
	}
	*ret_deleted = deleted;
	return 0;
}

int ms_dataplane_session_slice(struct ms_dataplane *dp, struct ms_session_cursor *cursor,
			       struct ms_session_raw *sessions, size_t max, size_t *ret_count,
			       bool *ret_done)
{
	size_t n = 0, count;
	bool last;
	int r;

	r = read_some(dp, cursor, sessions, (uint32_t)max, &count, &last);
	if (r < 0)
		return r;
	for (size_t i = 0; i < count; i++) {
		if (!is_dead(&sessions[i].value))
			sessions[n++] = sessions[i];
		else if (r == 0)
			r = note_dead(dp, &sessions[i]);
	}
	if (r == 0 && last) {
		cursor->table++;
		cursor->started = false;
	}
	*ret_done = last && cursor->table == TABLES;
	if (r == 0 && *ret_done)
		r = delete_dead(dp);
	if (r < 0)
		return r;
	*ret_count = n;
	return 0;
}
