/* SPDX-License-Identifier: GPL-2.0-or-later */
#define _GNU_SOURCE
#include "core/plugin/note.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/base/cleanup.h"

struct written {
	char plugin[64], callback[64];
};

struct ms_plugin_page {
	struct written *now; /* mapped */
	struct written last;
};

int ms_plugin_note_open(const char *folder, struct ms_plugin_page **ret_page, struct ms_error *err)
{
	ms_cleanup(ms_free) struct ms_plugin_page *page = calloc(1, sizeof(*page));
	ms_cleanup(ms_close_fd) int fd = -1;
	char path[512];

	if (!page)
		return -ENOMEM;
	snprintf(path, sizeof(path), "%s/" MS_PLUGIN_NOTE_FILE, folder);
	fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	/* Its blocks too: a store into a page that finds no room on the disk is a SIGBUS. */
	if (fd < 0 || posix_fallocate(fd, 0, sizeof(struct written)) != 0)
		return ms_error_set(err, fd < 0 ? -errno : -ENOSPC, "cannot make %s: %s", path,
				    strerror(fd < 0 ? errno : ENOSPC));
	page->now = mmap(NULL, sizeof(struct written), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (page->now == MAP_FAILED)
		return ms_error_set(err, -errno, "cannot map %s: %s", path, strerror(errno));
	page->last = *page->now;
	page->last.plugin[sizeof(page->last.plugin) - 1] = '\0';
	page->last.callback[sizeof(page->last.callback) - 1] = '\0';
	memset(page->now, 0, sizeof(*page->now));
	*ret_page = ms_take_ptr(page);
	return 0;
}

void ms_plugin_note_close(struct ms_plugin_page *page)
{
	if (!page)
		return;
	munmap(page->now, sizeof(*page->now));
	free(page);
}

void ms_plugin_note_set(struct ms_plugin_page *page, const char *plugin, const char *callback)
{
	if (!page)
		return;
	snprintf(page->now->callback, sizeof(page->now->callback), "%s", callback ? callback : "");
	snprintf(page->now->plugin, sizeof(page->now->plugin), "%s", plugin ? plugin : "");
}

const char *ms_plugin_note_last(const struct ms_plugin_page *page, const char **ret_callback)
{
	*ret_callback = page->last.callback;
	return page->last.plugin;
}
