/* SPDX-License-Identifier: GPL-2.0-or-later */
#define _GNU_SOURCE
#include "core/state/state.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/cleanup.h"
#include "core/base/parse.h"
#include "core/policy/document.h"
#include "core/state/file.h"
#include "core/state/journal.h"

#define FILE_MAX (4 * MS_DOCUMENT_SIZE_MAX)
#define SOURCE_FILE_MAX ((size_t)160 << 20) /* texts and members at their limits */

/* Lines of some ten thousand changes: read in a blink, and as seldom as that all is saved. */
#define JOURNAL_LONG ((size_t)4 << 20)

struct ms_state {
	int dir_fd;
	uint64_t serial; /* of runtime.json, 0 = there is none */
	struct ms_journal journal;
	bool is_doubtful; /* a save that failed may yet have replaced runtime.json */
};

static const char *const document_files[] = {
	[MS_STATE_APPLIED] = "applied.json",
	[MS_STATE_LAST_GOOD] = "last-good.json",
};

int ms_state_open(const char *dir, struct ms_state **ret_state, struct ms_error *err)
{
	ms_cleanup(ms_close_fd) int fd = -1;
	struct ms_state *state;
	struct stat st;

	if (mkdir(dir, 0700) < 0 && errno != EEXIST)
		return ms_error_set(err, -errno, "cannot make the state directory %s: %s", dir,
				    strerror(errno));
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		return ms_error_set(err, -errno, "cannot open the state directory %s: %s", dir,
				    strerror(errno));
	if (st.st_uid != geteuid() || (st.st_mode & 022))
		return ms_error_set(err, -EPERM,
				    "the state directory %s belongs to or is writable by others",
				    dir);
	state = calloc(1, sizeof(*state));
	if (!state)
		return -ENOMEM;
	state->dir_fd = ms_take_fd(&fd);
	ms_journal_init(&state->journal, state->dir_fd, "runtime.journal");
	*ret_state = state;
	return 0;
}

struct ms_state *ms_state_close(struct ms_state *state)
{
	if (!state)
		return NULL;
	ms_journal_fini(&state->journal);
	close(state->dir_fd);
	free(state);
	return NULL;
}

static int load_runtime_file(struct ms_state *state, struct ms_runtime *runtime,
			     struct ms_error *err)
{
	ms_cleanup(ms_free) char *text = NULL;
	struct ms_error why = MS_ERROR_INIT;
	size_t length;
	int r = ms_state_file_read(state->dir_fd, "runtime.json", FILE_MAX, &text, &length);

	if (r == -ENOENT)
		return r;
	if (r < 0)
		return ms_error_set(err, r,
				    "runtime.json in the state directory cannot be read: %s",
				    strerror(-r));
	r = ms_runtime_decode(text, length, runtime, &state->serial, &why);
	if (r < 0)
		ms_error_set(err, r, "runtime.json in the state directory is damaged: %.300s",
			     why.message);
	return r;
}

static int replay(void *user, const char *line, size_t length, struct ms_error *err)
{
	return ms_runtime_replay(user, line, length, err);
}

int ms_state_load_runtime(struct ms_state *state, struct ms_runtime *runtime, struct ms_error *err)
{
	int loaded = load_runtime_file(state, runtime, err), r;

	if (loaded < 0 && loaded != -ENOENT)
		return loaded;
	r = ms_journal_load(&state->journal, state->serial, replay, runtime, err);
	return r < 0 || state->journal.length ? r : loaded;
}

int ms_state_save_runtime(struct ms_state *state, const struct ms_runtime *runtime)
{
	ms_cleanup(ms_free) char *text = NULL;
	size_t length;
	int r = ms_runtime_encode(runtime, state->serial + 1, &text, &length);

	if (r == 0)
		r = ms_state_file_write(state->dir_fd, "runtime.json", text, length);
	state->is_doubtful = r < 0;
	if (r < 0)
		return r;
	state->serial++;
	ms_journal_drop(&state->journal);
	return 0;
}

int ms_state_append_runtime(struct ms_state *state, const struct ms_runtime_change *change)
{
	ms_cleanup(ms_free) char *line = NULL;
	int r = ms_runtime_encode_change(change, &line);

	return r < 0 ? r : ms_journal_append(&state->journal, state->serial, line, strlen(line));
}

bool ms_state_wants_runtime(const struct ms_state *state)
{
	return state->is_doubtful || state->journal.length > JOURNAL_LONG;
}

int ms_state_load_documents(struct ms_state *state, enum ms_state_documents which,
			    struct ms_documents *ret_documents, struct ms_error *err)
{
	const char *file = document_files[which];
	ms_cleanup(ms_free) char *text = NULL;
	size_t length;
	int r = ms_state_file_read(state->dir_fd, file, FILE_MAX, &text, &length);

	if (r == -ENOENT)
		return r;
	if (r < 0)
		return ms_error_set(err, r, "%s in the state directory cannot be read: %s", file,
				    strerror(-r));
	r = ms_documents_decode(text, length, ret_documents);
	return r == -EINVAL ? ms_error_set(err, r, "%s in the state directory is damaged", file)
			    : r;
}

static int put_documents(const void *documents, FILE *out)
{
	return ms_documents_encode(documents, out);
}

int ms_state_stage_documents(struct ms_state *state, enum ms_state_documents which,
			     const struct ms_documents *documents)
{
	return ms_state_file_stage_by(state->dir_fd, document_files[which], put_documents,
				      documents);
}

int ms_state_settle_documents(struct ms_state *state, enum ms_state_documents which)
{
	return ms_state_file_settle(state->dir_fd, document_files[which]);
}

void ms_state_unstage_documents(struct ms_state *state, enum ms_state_documents which)
{
	ms_state_file_unstage(state->dir_fd, document_files[which]);
}

int ms_state_forget_documents(struct ms_state *state, enum ms_state_documents which)
{
	return ms_state_file_remove(state->dir_fd, document_files[which]);
}

/* ---- sources ---- */

/* Returns `buf`. */
static char *source_file(const char *name, char *buf, size_t size)
{
	snprintf(buf, size, "source-%s", name);
	return buf;
}

int ms_state_load_source(struct ms_state *state, const char *name, char **ret_bytes,
			 size_t *ret_length, int64_t *ret_saved_at)
{
	char file[64];
	struct stat st;
	int r = ms_state_file_read(state->dir_fd, source_file(name, file, sizeof(file)),
				   SOURCE_FILE_MAX, ret_bytes, ret_length);

	if (r == 0 && fstatat(state->dir_fd, file, &st, AT_SYMLINK_NOFOLLOW) == 0)
		*ret_saved_at = st.st_mtim.tv_sec;
	else if (r == 0)
		*ret_saved_at = 0;
	return r;
}

int ms_state_stage_source(struct ms_state *state, const char *name, const char *bytes,
			  size_t length)
{
	char file[64];

	return ms_state_file_stage(state->dir_fd, source_file(name, file, sizeof(file)), bytes,
				   length);
}

int ms_state_settle_source(struct ms_state *state, const char *name)
{
	char file[64];

	return ms_state_file_settle(state->dir_fd, source_file(name, file, sizeof(file)));
}

void ms_state_unstage_source(struct ms_state *state, const char *name)
{
	char file[64];

	ms_state_file_unstage(state->dir_fd, source_file(name, file, sizeof(file)));
}

int ms_state_forget_source(struct ms_state *state, const char *name)
{
	char file[64];

	return ms_state_file_remove(state->dir_fd, source_file(name, file, sizeof(file)));
}

int ms_state_set_source_aside(struct ms_state *state, const char *name)
{
	char file[64], aside[80];

	source_file(name, file, sizeof(file));
	snprintf(aside, sizeof(aside), "%s.damaged", file);
	return renameat(state->dir_fd, file, state->dir_fd, aside) < 0 ? -errno : 0;
}

int ms_state_plugin_path(const struct ms_state *state, const char *name, char *ret_path,
			 size_t size)
{
	char link[64], path[4096];
	ssize_t length;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", state->dir_fd);
	length = readlink(link, path, sizeof(path) - 1);
	if (length < 0)
		return -errno;
	path[length] = '\0';
	if ((size_t)length + strlen("/plugin-") + strlen(name) >= size)
		return -ENAMETOOLONG;
	snprintf(ret_path, size, "%s/plugin-%s", path, name);
	return 0;
}

int ms_state_plugin_folder(struct ms_state *state, const char *name, char *ret_path, size_t size)
{
	ms_cleanup(ms_close_fd) int fd = -1;
	char folder[128];

	snprintf(folder, sizeof(folder), "plugin-%s", name);
	if (mkdirat(state->dir_fd, folder, 0700) < 0 && errno != EEXIST)
		return -errno;
	fd = openat(state->dir_fd, folder, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	return ms_state_plugin_path(state, name, ret_path, size);
}

uint32_t ms_state_load_generation(struct ms_state *state)
{
	ms_cleanup(ms_free) char *text = NULL;
	size_t length;
	uint64_t generation;

	if (ms_state_file_read(state->dir_fd, "generation", 32, &text, &length) < 0)
		return 0;
	text[strcspn(text, "\n")] = '\0';
	return ms_parse_uint(text, 0, UINT32_MAX, &generation) ? (uint32_t)generation : 0;
}

int ms_state_save_generation(struct ms_state *state, uint32_t generation)
{
	char text[16];
	int length = snprintf(text, sizeof(text), "%u\n", generation);

	return ms_state_file_write(state->dir_fd, "generation", text, (size_t)length);
}
