/* SPDX-License-Identifier: GPL-2.0-or-later */
#define _GNU_SOURCE
#include "core/plugin/library.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "core/base/cleanup.h"
#include "core/plugin/callback.h"
#include "core/plugin/descriptor.h"
#include "core/plugin/elf.h"
#include "core/plugin/trust.h"

/* The sentence of dlerror() begins with the path, which is a number of ours. */
static const char *load_problem(void)
{
	const char *text = dlerror();
	const char *colon = text ? strstr(text, ": ") : NULL;

	if (!text)
		return "unknown reason";
	return colon && text[0] == '/' ? colon + 2 : text;
}

/* As the loader has it, for the whole process and for life. */
struct library {
	struct library *next;
	void *handle;
	dev_t dev;
	ino_t ino;
};

static struct library *libraries;

/* Its file is open for life, so no other has the numbers. */
static struct library *find_library(const struct stat *file)
{
	struct library *library = libraries;

	while (library && (library->dev != file->st_dev || library->ino != file->st_ino))
		library = library->next;
	return library;
}

static int load(int *fd, const struct stat *of, const char *name, struct library **ret_library,
		struct ms_error *err)
{
	struct library *library = calloc(1, sizeof(*library));
	char file[32];

	if (!library)
		return -ENOMEM;
	snprintf(file, sizeof(file), "/proc/self/fd/%d", *fd);
	library->handle = dlopen(file, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
	if (!library->handle) {
		free(library);
		return ms_error_set(err, -ENOEXEC, "cannot load %s.so: %s", name, load_problem());
	}
	/* Open for life: the loader knows a library by the path it was opened with, and would take
	 * the next file of this number for this one. */
	ms_take_fd(fd);
	library->dev = of->st_dev;
	library->ino = of->st_ino;
	library->next = libraries;
	*ret_library = libraries = library;
	return 0;
}

/* A file that is loaded is not opened by the loader again, which would keep that path as well. */
static int find_or_load(int *fd, const char *name, ms_plugin_library_note before, void *user,
			struct library **ret_library, struct ms_error *err)
{
	struct stat file;
	int r;

	if (fstat(*fd, &file) < 0)
		return ms_error_set(err, -errno, "cannot look at %s.so: %s", name, strerror(errno));
	*ret_library = find_library(&file);
	if (*ret_library)
		return 0;
	if (before)
		before(user, MS_PLUGIN_CALLBACK_CODE);
	r = load(fd, &file, name, ret_library, err);
	if (before)
		before(user, NULL);
	return r;
}

int ms_plugin_library_open(const char *path, const char *name, ms_plugin_library_note before,
			   void *user, struct ms_plugin *ret_plugin, struct ms_error *err)
{
	ms_cleanup(ms_close_fd) int fd = -1;
	const struct ms_plugin *descriptor;
	struct ms_plugin_note note;
	struct library *library;
	int r = ms_plugin_trust_open(path, name, &fd, err);

	if (r == 0)
		r = ms_plugin_elf_read(fd, name, &note, err);
	if (r == 0)
		r = find_or_load(&fd, name, before, user, &library, err);
	if (r < 0)
		return r;
	descriptor = dlsym(library->handle, "ms_plugin_descriptor");
	if (!descriptor)
		return ms_error_set(err, -EPROTO, "%s.so is no plugin: it has no descriptor", name);
	if (before)
		before(user, MS_PLUGIN_CALLBACK_DESCRIPTOR);
	r = ms_plugin_descriptor_copy(descriptor, name, &note, ret_plugin, err);
	if (before)
		before(user, NULL);
	return r;
}
