/* SPDX-License-Identifier: GPL-2.0-or-later */
#define _GNU_SOURCE
#include "core/plugin/library.h"

#include <dlfcn.h>
#include <errno.h>
#include <string.h>

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

int ms_plugin_library_open(const char *path, const char *name, ms_plugin_library_note before,
			   void *user, struct ms_plugin *ret_plugin, struct ms_error *err)
{
	ms_cleanup(ms_close_fd) int fd = -1;
	const struct ms_plugin *descriptor;
	struct ms_plugin_note note;
	char file[32];
	void *library;
	int r = ms_plugin_trust_open(path, name, &fd, err);

	if (r == 0)
		r = ms_plugin_elf_read(fd, name, &note, err);
	if (r < 0)
		return r;
	snprintf(file, sizeof(file), "/proc/self/fd/%d", fd);
	if (before)
		before(user, MS_PLUGIN_CALLBACK_CODE);
	library = dlopen(file, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
	if (before)
		before(user, NULL);
	if (!library)
		return ms_error_set(err, -ENOEXEC, "cannot load %s.so: %s", name, load_problem());
	/* Open for life: the loader knows a library by the path it was opened with, and would take
	 * the next file of this number for this one. */
	ms_take_fd(&fd);
	descriptor = dlsym(library, "ms_plugin_descriptor");
	if (!descriptor)
		return ms_error_set(err, -EPROTO, "%s.so is no plugin: it has no descriptor", name);
	if (before)
		before(user, MS_PLUGIN_CALLBACK_DESCRIPTOR);
	r = ms_plugin_descriptor_copy(descriptor, name, &note, ret_plugin, err);
	if (before)
		before(user, NULL);
	return r;
}
