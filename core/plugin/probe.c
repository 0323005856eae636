/* SPDX-License-Identifier: GPL-2.0-or-later */
#define _GNU_SOURCE
#include "core/plugin/probe.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "core/base/cleanup.h"
#include "core/plugin/place.h"

#define ANSWER_MAX (4u << 20)

struct ms_plugin_probe {
	pid_t pid; /* 0 = waited for */
	int fd;
	char *text;
	size_t length;
	char name[64];
};

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
static int spawn(const char *program, char *const *argv, int input, int output, pid_t *ret_pid)
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
	posix_spawn_file_actions_adddup2(&actions, output, 1);
	posix_spawn_file_actions_addclosefrom_np(&actions, 3);
	posix_spawnattr_setsigmask(&attributes, &none);
	posix_spawnattr_setsigdefault(&attributes, &defaults);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	r = -posix_spawn(ret_pid, program, &actions, &attributes, argv, environment);
	posix_spawn_file_actions_destroy(&actions);
	posix_spawnattr_destroy(&attributes);
	return r;
}

int ms_plugin_probe_start(const char *folder, const char *name, const json_t *config, bool is_trial,
			  struct ms_plugin_probe **ret_probe, struct ms_error *err)
{
	ms_cleanup(ms_close_fd) int input = -1, output = -1;
	ms_cleanup(ms_free) struct ms_plugin_probe *probe = calloc(1, sizeof(*probe));
	char program[512], own_folder[512];
	char *argv[] = { program,
			 (char *)(is_trial ? "--try" : "--describe"),
			 (char *)"--plugin-dir",
			 own_folder,
			 (char *)"--",
			 (char *)name,
			 NULL };
	int pipe_fds[2];
	int r;

	if (!probe)
		return -ENOMEM;
	r = ms_plugin_place_program(program, sizeof(program));
	if (r == 0 && folder)
		r = snprintf(own_folder, sizeof(own_folder), "%s", folder) < (int)sizeof(own_folder)
			    ? 0
			    : -ENAMETOOLONG;
	else if (r == 0)
		r = ms_plugin_place_folder(own_folder, sizeof(own_folder));
	if (r == 0)
		r = make_input(config, &input);
	if (r == 0 && pipe2(pipe_fds, O_CLOEXEC | O_NONBLOCK) < 0)
		r = -errno;
	if (r < 0)
		return ms_error_set(err, r, "cannot ask about plugin %s: %s", name, strerror(-r));
	probe->fd = pipe_fds[0];
	output = pipe_fds[1];
	/* Only our end waits for nobody. */
	fcntl(output, F_SETFL, 0);
	r = spawn(program, argv, input, output, &probe->pid);
	if (r < 0) {
		close(probe->fd);
		return ms_error_set(err, r, "cannot run %s: %s", program, strerror(-r));
	}
	snprintf(probe->name, sizeof(probe->name), "%s", name);
	*ret_probe = ms_take_ptr(probe);
	return 0;
}

int ms_plugin_probe_fd(const struct ms_plugin_probe *probe)
{
	return probe->fd;
}

struct ms_plugin_probe *ms_plugin_probe_free(struct ms_plugin_probe *probe)
{
	if (!probe)
		return NULL;
	if (probe->pid) {
		kill(probe->pid, SIGKILL);
		waitpid(probe->pid, NULL, 0);
	}
	close(probe->fd);
	free(probe->text);
	free(probe);
	return NULL;
}

static int understand(const struct ms_plugin_probe *probe, json_t **ret_answer,
		      struct ms_error *err)
{
	json_auto_t *answer = json_loadb(probe->text ? probe->text : "", probe->length,
					 JSON_REJECT_DUPLICATES, NULL);
	const json_t *error = json_object_get(answer, "error");

	if (error)
		return ms_error_set_at(err, -EPROTO, NULL, 0, 0,
				       json_string_value(json_object_get(error, "word")), "%s",
				       json_string_value(json_object_get(error, "message")));
	if (!json_is_object(json_object_get(answer, "plugin")))
		return ms_error_set(err, -EPROTO, "%s: microseg-plugin-host gave no answer",
				    probe->name);
	*ret_answer = json_incref(answer);
	return 0;
}

int ms_plugin_probe_step(struct ms_plugin_probe *probe, json_t **ret_answer, struct ms_error *err)
{
	char buf[4096], *grown;
	ssize_t n;

	while ((n = read(probe->fd, buf, sizeof(buf))) > 0) {
		if (probe->length + (size_t)n > ANSWER_MAX)
			return ms_error_set(err, -EFBIG, "%s: its description has no end",
					    probe->name);
		grown = realloc(probe->text, probe->length + (size_t)n);
		if (!grown)
			return -ENOMEM;
		memcpy(grown + probe->length, buf, (size_t)n);
		probe->text = grown;
		probe->length += (size_t)n;
	}
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 1;
	if (n < 0)
		return ms_error_set(err, -errno, "%s: cannot read its description: %s", probe->name,
				    strerror(errno));
	waitpid(probe->pid, NULL, 0);
	probe->pid = 0;
	return understand(probe, ret_answer, err);
}

int ms_plugin_probe(const char *folder, const char *name, const json_t *config, bool is_trial,
		    json_t **ret_answer, struct ms_error *err)
{
	struct ms_plugin_probe *probe;
	int r = ms_plugin_probe_start(folder, name, config, is_trial, &probe, err);

	if (r < 0)
		return r;
	while ((r = ms_plugin_probe_step(probe, ret_answer, err)) == 1) {
		struct pollfd wait = { .fd = ms_plugin_probe_fd(probe), .events = POLLIN };

		poll(&wait, 1, -1);
	}
	ms_plugin_probe_free(probe);
	return r;
}
