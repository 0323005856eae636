/* SPDX-License-Identifier: GPL-2.0-or-later */
#define _GNU_SOURCE
#include "core/plugin/library.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/cleanup.h"
#include "core/plugin/callback.h"
#include "core/plugin/copy.h"
#include "core/plugin/descriptor.h"
#include "core/plugin/elf.h"

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
	int copy; /* open for life: the loader knows a library by the path it was opened with, and
		     would take the next file of this number for this one */
	char name[MS_PLUGIN_NAME_MAX + 1];
};

static struct library *libraries;

/* What is loaded is not opened by the loader again, which would map it once more. */
static struct library *find_library(int copy, const char *name)
{
	struct library *library = libraries;

	while (library &&
	       (strcmp(library->name, name) != 0 || !ms_plugin_copy_is_same(library->copy, copy)))
		library = library->next;
	return library;
}

static int load(int copy, const char *name, struct library **ret_library, struct ms_error *err)
{
	struct library *library = calloc(1, sizeof(*library));
	ms_cleanup(ms_close_fd) int fd = fcntl(copy, F_DUPFD_CLOEXEC, 0);
	char file[32];

	if (!library)
		return -ENOMEM;
	snprintf(file, sizeof(file), "/proc/self/fd/%d", fd);
	if (fd >= 0)
		library->handle = dlopen(file, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
	if (!library->handle) {
		free(library);
		return ms_error_set(err, -ENOEXEC, "cannot load %s.so: %s", name,
				    fd < 0 ? strerror(errno) : load_problem());
	}
	library->copy = ms_take_fd(&fd);
	snprintf(library->name, sizeof(library->name), "%s", name);
	library->next = libraries;
	*ret_library = libraries = library;
	return 0;
}

static int find_or_load(int copy, const char *name, ms_plugin_library_note before, void *user,
			struct library **ret_library, struct ms_error *err)
{
	int r;

	*ret_library = find_library(copy, name);
	if (*ret_library)
		return 0;
	if (before)
		before(user, MS_PLUGIN_CALLBACK_CODE);
	r = load(copy, name, ret_library, err);
	if (before)
		before(user, NULL);
	return r;
}

int ms_plugin_library_open(int copy, const char *name, ms_plugin_library_note before, void *user,
			   struct ms_plugin *ret_plugin, int *ret_held, struct ms_error *err)
{
	const struct ms_plugin *descriptor;
	struct ms_plugin_note note;
	struct library *library;
	int r = ms_plugin_elf_read(copy, name, &note, err);

	if (r == 0)
		r = find_or_load(copy, name, before, user, &library, err);
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
	if (r == 0 && ret_held)
		*ret_held = library->copy;
	return r;
}
