/* SPDX-License-Identifier: GPL-2.0-or-later */
#define _GNU_SOURCE
#include "core/state/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/cleanup.h"
#include "core/base/parse.h"
#include "core/state/file.h"

#define HEADER "microseg journal 1 after save "
#define JOURNAL_MAX ((size_t)1 << 30)

void ms_journal_init(struct ms_journal *journal, int dir_fd, const char *name)
{
	*journal = (struct ms_journal) { .dir_fd = dir_fd, .name = name, .fd = -1 };
}

void ms_journal_fini(struct ms_journal *journal)
{
	if (journal->fd >= 0)
		close(journal->fd);
	journal->fd = -1;
	journal->length = 0;
	journal->is_longer = false;
}

void ms_journal_drop(struct ms_journal *journal)
{
	ms_journal_fini(journal);
	/* One that stays is of an earlier save from now on. */
	unlinkat(journal->dir_fd, journal->name, 0);
}

/* ---- load ---- */

/* 1 = it goes on from `serial`, 0 = it is over. */
static int check_header(const struct ms_journal *journal, char *line, uint64_t serial,
			struct ms_error *err)
{
	uint64_t after;

	if (strncmp(line, HEADER, strlen(HEADER)) != 0 ||
	    !ms_parse_uint(line + strlen(HEADER), 0, UINT64_MAX, &after))
		return ms_error_set(err, -EINVAL, "%s in the state directory is damaged (line 1)",
				    journal->name);
	if (after > serial)
		return ms_error_set(err, -EINVAL,
				    "%s in the state directory belongs to a runtime.json that is "
				    "not there any more",
				    journal->name);
	return after == serial;
}

static int replay_lines(struct ms_journal *journal, char *text, size_t length, uint64_t serial,
			int (*replay)(void *user, const char *line, size_t length,
				      struct ms_error *err),
			void *user, struct ms_error *err)
{
	unsigned int number = 0;
	char *line = text, *end;

	for (; (end = memchr(line, '\n', length - (size_t)(line - text))); line = end + 1) {
		struct ms_error why = MS_ERROR_INIT;
		int r;

		*end = '\0';
		if (++number == 1) {
			r = check_header(journal, line, serial, err);
			if (r <= 0)
				return r;
		} else {
			r = replay(user, line, (size_t)(end - line), &why);
			if (r < 0)
				return ms_error_set(err, r,
						    "%s in the state directory is damaged (line "
						    "%u): %.300s",
						    journal->name, number,
						    why.message[0] ? why.message : strerror(-r));
		}
		journal->length = (size_t)(end + 1 - text);
	}
	return 0;
}

int ms_journal_load(struct ms_journal *journal, uint64_t serial,
		    int (*replay)(void *user, const char *line, size_t length,
				  struct ms_error *err),
		    void *user, struct ms_error *err)
{
	ms_cleanup(ms_free) char *text = NULL;
	size_t length;
	int r = ms_state_file_read(journal->dir_fd, journal->name, JOURNAL_MAX, &text, &length);

	if (r == -ENOENT)
		return 0;
	if (r < 0)
		return ms_error_set(err, r, "%s in the state directory cannot be read: %s",
				    journal->name, strerror(-r));
	r = replay_lines(journal, text, length, serial, replay, user, err);
	if (r < 0 || journal->length == 0)
		return r;
	journal->fd = openat(journal->dir_fd, journal->name, O_WRONLY | O_NOFOLLOW | O_CLOEXEC);
	journal->is_longer = journal->length < length;
	return journal->fd < 0 ? ms_error_set(err, -errno,
					      "%s in the state directory cannot be written: %s",
					      journal->name, strerror(errno))
			       : 0;
}

/* ---- append ---- */

static int write_at(int fd, const char *text, size_t length, size_t offset)
{
	while (length > 0) {
		ssize_t n = pwrite(fd, text, length, (off_t)offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		text += n;
		offset += (size_t)n;
		length -= (size_t)n;
	}
	return 0;
}

/* What stands behind `length` goes. */
static int cut(struct ms_journal *journal)
{
	journal->is_longer = true;
	if (ftruncate(journal->fd, (off_t)journal->length) < 0 || fdatasync(journal->fd) < 0)
		return -errno;
	journal->is_longer = false;
	return 0;
}

static int begin(struct ms_journal *journal, uint64_t serial)
{
	char header[sizeof(HEADER) + 24];
	int length = snprintf(header, sizeof(header), HEADER "%" PRIu64 "\n", serial);
	int r;

	journal->fd = openat(journal->dir_fd, journal->name,
			     O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (journal->fd < 0)
		return -errno;
	r = write_at(journal->fd, header, (size_t)length, 0);
	/* Its name must be on disk before anything in it is answered for. */
	if (r == 0 && (fsync(journal->fd) < 0 || fsync(journal->dir_fd) < 0))
		r = -errno;
	if (r < 0) {
		ms_journal_drop(journal);
		return r;
	}
	journal->length = (size_t)length;
	return 0;
}

int ms_journal_append(struct ms_journal *journal, uint64_t serial, const char *line, size_t length)
{
	ms_cleanup(ms_free) char *text = malloc(length + 1);
	int r = 0;

	if (journal->fd < 0)
		r = begin(journal, serial);
	else if (journal->is_longer)
		r = cut(journal);
	if (r < 0 || !text)
		return r < 0 ? r : -ENOMEM;
	memcpy(text, line, length);
	text[length] = '\n';
	r = write_at(journal->fd, text, length + 1, journal->length);
	if (r == 0 && fdatasync(journal->fd) < 0)
		r = -errno;
	if (r < 0) {
		/* If even that fails the next append tries again before it writes. */
		cut(journal);
		return r;
	}
	journal->length += length + 1;
	return 0;
}
