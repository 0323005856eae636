/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/plugin/place.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define GONE " (deleted)" /* an upgrade has put another program there: the place is the same */

/* Cuts the last part off; NULL = there is none. */
static char *cut(char *path)
{
	char *slash = strrchr(path, '/');

	if (slash)
		*slash = '\0';
	return slash;
}

static int place(const char *below, char *buf, size_t size)
{
	char path[PATH_MAX];
	ssize_t length = readlink("/proc/self/exe", path, sizeof(path) - 1);

	if (length < 0)
		return -errno;
	path[length] = '\0';
	if ((size_t)length > strlen(GONE) && strcmp(path + length - strlen(GONE), GONE) == 0)
		path[(size_t)length - strlen(GONE)] = '\0';
	if (!cut(path))
		return -ENOENT;
	if (!cut(path))
		return -ENOENT;
	return snprintf(buf, size, "%s/%s", path, below) < (int)size ? 0 : -ENAMETOOLONG;
}

int ms_plugin_place_folder(char *buf, size_t size)
{
	return place("lib/microseg/plugins", buf, size);
}

int ms_plugin_place_program(char *buf, size_t size)
{
	return place("libexec/microseg/microseg-plugin-host", buf, size);
}
