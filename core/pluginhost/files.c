/* SPDX-License-Identifier: GPL-2.0-or-later */
#define _GNU_SOURCE
#include "core/pluginhost/files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/cleanup.h"

/* What has no secrets in it, and every program reads. */
static const char *const of_all[] = { "/etc/localtime", "/usr/share/zoneinfo" };

/* How names become addresses, and whose certificates are trusted. */
static const char *const of_network[] = {
	"/etc/resolv.conf",
	"/etc/hosts",
	"/etc/host.conf",
	"/etc/nsswitch.conf",
	"/etc/gai.conf",
	"/etc/services",
	"/etc/protocols",
	"/etc/ssl/openssl.cnf",
	"/etc/ssl/certs",
	"/usr/share/ca-certificates",
	"/usr/local/share/ca-certificates",
};

const char *ms_pluginhost_files_named(const char *text)
{
	static const char scheme[] = "file";
	const char *colon = strstr(text, "://");
	size_t length = strlen(scheme);

	if (text[0] == '/')
		return text;
	if (!colon || (size_t)(colon - text) < length || colon[3] != '/' ||
	    strncmp(colon - length, scheme, length) != 0)
		return NULL;
	return colon - length == text || colon[-1 - (ptrdiff_t)length] == '=' ? colon + 3 : NULL;
}

/* ---- what is let through ---- */

/* `path` is taken. */
static int let_through(struct ms_pluginhost_files *files, char *path)
{
	char **grown =
		path ? reallocarray(files->beneath, files->n_beneath + 2, sizeof(*grown)) : NULL;

	if (!grown) {
		free(path);
		return -ENOMEM;
	}
	files->beneath = grown;
	grown[files->n_beneath++] = path;
	grown[files->n_beneath] = NULL;
	return 0;
}

/* One that lies straight below / has too much in it that is others'. */
static bool is_own_folder(const char *folder)
{
	return strchr(folder + 1, '/') != NULL;
}

static int let_folder_through(struct ms_pluginhost_files *files, const char *path)
{
	ms_cleanup(ms_free) char *name = strndup(path, (size_t)(strrchr(path, '/') - path));
	ms_cleanup(ms_free) char *folder = name && *name ? realpath(name, NULL) : NULL;

	if (!name)
		return -ENOMEM;
	return folder && is_own_folder(folder) ? let_through(files, ms_take_ptr(folder)) : 0;
}

/* Of a link both folders: it may come to lead elsewhere, and to another file of the same name. The
 * folders of the system's own files have too much in them that is others'. */
static int let_file_through(struct ms_pluginhost_files *files, const char *path, bool is_system)
{
	ms_cleanup(ms_free) char *real = realpath(path, NULL);
	struct stat is;
	int r = let_through(files, strdup(path));

	if (r < 0 || (stat(path, &is) == 0 && S_ISDIR(is.st_mode)))
		return r;
	if (!is_system)
		r = let_folder_through(files, path);
	return r == 0 && real && strcmp(real, path) != 0 ? let_folder_through(files, real) : r;
}

static int add(struct ms_pluginhost_files *files, const char *path, bool is_system)
{
	struct ms_pluginhost_file *grown =
		reallocarray(files->files, files->count + 1, sizeof(*grown));

	if (!grown)
		return -ENOMEM;
	files->files = grown;
	grown[files->count] = (struct ms_pluginhost_file) { .path = strdup(path) };
	if (!grown[files->count].path)
		return -ENOMEM;
	files->count++;
	return let_file_through(files, path, is_system);
}

static int add_all(struct ms_pluginhost_files *files, const char *const *paths, size_t count)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < count; i++)
		r = add(files, paths[i], true);
	return r;
}

static int add_item(struct ms_pluginhost_files *files, const struct ms_plugin_item *item,
		    const struct ms_plugin_values *values)
{
	uint32_t count =
		item->flags & MS_PLUGIN_FILE ? ms_plugin_values_count(values, item->name) : 0;
	int r = 0;

	for (uint32_t i = 0; r == 0 && i < count; i++) {
		const char *path =
			ms_pluginhost_files_named(ms_plugin_values_string(values, item->name, i));

		if (path)
			r = add(files, path, false);
	}
	return r;
}

int ms_pluginhost_files_find(struct ms_pluginhost_files *files, const struct ms_plugin *plugin,
			     const struct ms_plugin_values *values)
{
	int r;

	if (!(plugin->needs & MS_PLUGIN_NEEDS_FILES))
		return 0;
	r = add_all(files, of_all, ms_array_size(of_all));
	if (r == 0 && (plugin->needs & MS_PLUGIN_NEEDS_INET))
		r = add_all(files, of_network, ms_array_size(of_network));
	for (uint32_t i = 0; r == 0 && i < plugin->config_count; i++)
		r = add_item(files, &plugin->config[i], values);
	return r;
}

void ms_pluginhost_files_fini(struct ms_pluginhost_files *files)
{
	for (size_t i = 0; i < files->count; i++)
		free(files->files[i].path);
	for (size_t i = 0; i < files->n_beneath; i++)
		free(files->beneath[i]);
	free(files->files);
	free(files->beneath);
	*files = (struct ms_pluginhost_files) { 0 };
}

/* ---- what is lost ---- */

/* Landlock is asked by nothing but opening. A pipe is not opened: somebody may wait for that. */
static bool is_refused(const char *path)
{
	ms_cleanup(ms_close_fd) int fd = -1;
	struct stat is;

	if (stat(path, &is) < 0 || !S_ISREG(is.st_mode))
		return false;
	fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	return fd < 0 && errno == EACCES;
}

void ms_pluginhost_files_begin(struct ms_pluginhost_files *files)
{
	for (size_t i = 0; i < files->count; i++)
		files->files[i].is_refused = is_refused(files->files[i].path);
}

const char *ms_pluginhost_files_lost(const struct ms_pluginhost_files *files)
{
	for (size_t i = 0; i < files->count; i++) {
		if (!files->files[i].is_refused && is_refused(files->files[i].path))
			return files->files[i].path;
	}
	return NULL;
}
