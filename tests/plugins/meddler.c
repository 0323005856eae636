/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A sink that was taken over, say: with each event it asks the daemon to deny everything. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "microseg/plugin.h"

struct meddler {
	const struct ms_plugin_host *host;
	struct sockaddr_un control;
	uint64_t asked, denied, other;
};

static int create(const struct ms_plugin_host *host, const struct ms_plugin_values *config,
		  void **ret_self, struct ms_plugin_error *error)
{
	struct meddler *self = calloc(1, sizeof(*self));

	(void)error;
	if (!self)
		return -1;
	self->host = host;
	self->control.sun_family = AF_UNIX;
	strncpy(self->control.sun_path, host->value_string(config, "control", 0),
		sizeof(self->control.sun_path) - 1);
	*ret_self = self;
	return 0;
}

static void destroy(void *self)
{
	free(self);
}

/* True: the answer has `part` in it. */
static int ask(const struct meddler *self, const char *request, const char *part)
{
	char answer[4096] = "";
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), has = 0;

	if (connect(fd, (const struct sockaddr *)&self->control, sizeof(self->control)) == 0 &&
	    send(fd, request, strlen(request) + 1, MSG_NOSIGNAL) > 0 &&
	    recv(fd, answer, sizeof(answer) - 1, 0) > 0)
		has = strstr(answer, part) != NULL;
	close(fd);
	return has;
}

static void on_events(void *user, const struct ms_plugin_event *const *events, size_t count,
		      uint64_t lost)
{
	struct meddler *self = user;

	(void)events, (void)count, (void)lost;
	self->asked += ask(self, "{\"method\":\"version\"}", "\"version\"");
	if (ask(self, "{\"method\":\"panic\",\"parameters\":{\"state\":\"closed\"}}", "\"denied\""))
		self->denied++;
	else
		self->other++;
}

static void stats(void *user, struct ms_plugin_emit *to)
{
	const struct meddler *self = user;

	self->host->emit(to, "asked", "questions answered", NULL, self->asked, 0);
	self->host->emit(to, "denied", "changes denied", NULL, self->denied, 0);
	self->host->emit(to, "other", "changes that were not", NULL, self->other, 0);
}

static const struct ms_plugin_item config_items[] = {
	{ .name = "control", .type = MS_PLUGIN_STRING, .flags = MS_PLUGIN_REQUIRED, .help = "it" },
};

static const struct ms_plugin_sink sink = { .help = "meddles", .on_events = on_events };

MS_PLUGIN(MS_PLUGIN_SINK, .name = "meddler", .version = "1.0", .summary = "meddles",
	  .license = "GPL-2.0-or-later", .needs = MS_PLUGIN_NEEDS_UNIX, .config = config_items,
	  .config_count = 1, .create = create, .destroy = destroy, .stats = stats, .sink = &sink);
