/* SPDX-License-Identifier: GPL-2.0-or-later */
#define _GNU_SOURCE
#include "core/plugin/spawn.h"

#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/base/cleanup.h"
#include "core/plugin/place.h"

/* A file that is no file, with the configuration as its content: a pipe could fill up. */
static int make_input(const json_t *config, int *ret_fd)
{
	ms_cleanup(ms_free) char *text = config ? json_dumps(config, JSON_COMPACT) : strdup("null");
	ms_cleanup(ms_close_fd) int fd = memfd_create("config", MFD_CLOEXEC);
	size_t length = text ? strlen(text) : 0;

	if (!text)
		return -ENOMEM;
	if (fd < 0)
		return -errno;
	if (write(fd, text, length) != (ssize_t)length || lseek(fd, 0, SEEK_SET) < 0)
		return -EIO;
	*ret_fd = ms_take_fd(&fd);
	return 0;
}

/* No variable of ours reaches it: the dynamic linker listens to many. */
static int spawn(const struct ms_plugin_spawn *what, const char *program, char *const *argv,
		 int input, pid_t *ret_pid)
{
	char *environment[] = { (char *)"PATH=/usr/sbin:/usr/bin:/sbin:/bin", NULL };
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	sigset_t none, defaults;
	int r;

	sigemptyset(&none);
	sigemptyset(&defaults);
	sigaddset(&defaults, SIGPIPE);
	posix_spawn_file_actions_init(&actions);
	posix_spawnattr_init(&attributes);
	posix_spawn_file_actions_adddup2(&actions, input, 0);
	posix_spawn_file_actions_adddup2(&actions, what->output, 1);
	if (what->has_copy)
		posix_spawn_file_actions_adddup2(&actions, what->copy, MS_PLUGIN_SPAWN_COPY);
	posix_spawn_file_actions_addclosefrom_np(&actions,
						 what->has_copy ? MS_PLUGIN_SPAWN_COPY + 1 : 3);
	posix_spawnattr_setsigmask(&attributes, &none);
	posix_spawnattr_setsigdefault(&attributes, &defaults);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	r = -posix_spawn(ret_pid, program, &actions, &attributes, argv, environment);
	posix_spawn_file_actions_destroy(&actions);
	posix_spawnattr_destroy(&attributes);
	return r;
}

int ms_plugin_spawn(const struct ms_plugin_spawn *what, pid_t *ret_pid, struct ms_error *err)
{
	ms_cleanup(ms_close_fd) int input = -1;
	char program[512], plugins[512];
	char *argv[] = {
		program,
		(char *)what->task,
		(char *)"--plugin-dir",
		plugins,
		(char *)"--own-folder",
		(char *)(what->own_folder ? what->own_folder : ""),
		(char *)"--control-socket",
		(char *)(what->control_socket ? what->control_socket : ""),
		(char *)"--copy",
		(char *)(what->has_copy ? MS_PLUGIN_SPAWN_HAS_COPY : ""),
		(char *)"--",
		(char *)what->name,
		NULL,
	};
	int r = ms_plugin_place_program(program, sizeof(program));

	if (r == 0 && what->folder)
		r = snprintf(plugins, sizeof(plugins), "%s", what->folder) < (int)sizeof(plugins)
			    ? 0
			    : -ENAMETOOLONG;
	else if (r == 0)
		r = ms_plugin_place_folder(plugins, sizeof(plugins));
	if (r == 0)
		r = make_input(what->config, &input);
	if (r < 0)
		return ms_error_set(err, r, "cannot run plugin %s: %s", what->name, strerror(-r));
	r = spawn(what, program, argv, input, ret_pid);
	return r < 0 ? ms_error_set(err, r, "cannot run %s: %s", program, strerror(-r)) : 0;
}
