/* SPDX-License-Identifier: GPL-2.0-or-later */
#define _GNU_SOURCE
#include "core/plugin/probe.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "core/base/cleanup.h"
#include "core/plugin/spawn.h"

#define ANSWER_MAX (4u << 20)

struct ms_plugin_probe {
	pid_t pid; /* 0 = waited for */
	int fd;
	char *text;
	size_t length;
	char name[64];
};

static int start(struct ms_plugin_spawn what, struct ms_plugin_probe **ret_probe,
		 struct ms_error *err)
{
	ms_cleanup(ms_close_fd) int output = -1;
	ms_cleanup(ms_free) struct ms_plugin_probe *probe = calloc(1, sizeof(*probe));
	int pipe_fds[2];
	int r;

	if (!probe)
		return -ENOMEM;
	if (pipe2(pipe_fds, O_CLOEXEC | O_NONBLOCK) < 0)
		return ms_error_set(err, -errno, "cannot ask about plugin %s: %s", what.name,
				    strerror(errno));
	probe->fd = pipe_fds[0];
	what.output = output = pipe_fds[1];
	/* Only our end waits for nobody. */
	fcntl(output, F_SETFL, 0);
	r = ms_plugin_spawn(&what, &probe->pid, err);
	if (r < 0) {
		close(probe->fd);
		return r;
	}
	snprintf(probe->name, sizeof(probe->name), "%s", what.name);
	*ret_probe = ms_take_ptr(probe);
	return 0;
}

int ms_plugin_probe_try(const char *folder, const char *name, const json_t *config, int copy,
			struct ms_plugin_probe **ret_probe, struct ms_error *err)
{
	const struct ms_plugin_spawn what = {
		.task = "--try",
		.folder = folder,
		.name = name,
		.config = config,
		.has_copy = true,
		.copy = copy,
	};

	return start(what, ret_probe, err);
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
		return ms_error_set_at(
			err, json_is_true(json_object_get(error, "invalid")) ? -EINVAL : -EPROTO,
			NULL, 0, 0, json_string_value(json_object_get(error, "word")), "%s",
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

/* Frees it. */
static int wait_for(struct ms_plugin_probe *probe, json_t **ret_answer, struct ms_error *err)
{
	int r;

	while ((r = ms_plugin_probe_step(probe, ret_answer, err)) == 1) {
		struct pollfd wait = { .fd = ms_plugin_probe_fd(probe), .events = POLLIN };

		poll(&wait, 1, -1);
	}
	ms_plugin_probe_free(probe);
	return r;
}

static int ask(const char *task, const char *folder, const char *name, const json_t *config,
	       json_t **ret_answer, struct ms_error *err)
{
	const struct ms_plugin_spawn what = {
		.task = task,
		.folder = folder,
		.name = name,
		.config = config,
	};
	struct ms_plugin_probe *probe;
	int r = start(what, &probe, err);

	return r < 0 ? r : wait_for(probe, ret_answer, err);
}

int ms_plugin_probe(const char *folder, const char *name, const json_t *config, bool is_trial,
		    json_t **ret_answer, struct ms_error *err)
{
	return ask(is_trial ? "--try" : "--describe", folder, name, config, ret_answer, err);
}

int ms_plugin_probe_arguments(const char *folder, const char *name, const json_t *config,
			      const json_t *arguments, json_t **ret_answer, struct ms_error *err)
{
	json_auto_t *input = json_pack("{s:O?, s:O}", "config", config, "arguments", arguments);

	return input ? ask("--encode", folder, name, input, ret_answer, err) : -ENOMEM;
}
