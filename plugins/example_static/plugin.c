// SPDX-License-Identifier: GPL-2.0-or-later OR BSD-2-Clause
/*
 * example_static: a source that makes sets of a file with one "NAME ADDRESS" a line, and follows it
 * as it changes. Shows configuration, a timer, a whole transaction and what to do when it fails.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <microseg/plugin.h>

struct state {
	const struct ms_plugin_host *host;
	char *path;
	uint64_t every_ns;
	struct ms_plugin_watch *timer; /* NULL = not started */
	struct stat seen;              /* the file of the last look; all zero = there was none */
};

static void destroy(void *self)
{
	struct state *state = self;

	free(state->path);
	free(state);
}

static int create(const struct ms_plugin_host *host, const struct ms_plugin_values *config,
		  void **ret_self, struct ms_plugin_error *error)
{
	const char *path = host->value_string(config, "file", 0);
	struct state *state;

	if (path[0] != '/') {
		host->error_set(error, "`file` must be a full path, and %s is not", path);
		return -EINVAL;
	}
	state = calloc(1, sizeof(*state));
	if (state)
		state->path = strdup(path);
	if (!state || !state->path) {
		free(state);
		host->error_set(error, "out of memory");
		return -ENOMEM;
	}
	state->host = host;
	state->every_ns = host->value_uint(config, "every", 0);
	*ret_self = state;
	return 0;
}

/* ---- following the file ---- */

static void look(void *self)
{
	struct state *state = self;
	struct stat now;

	if (stat(state->path, &now) < 0)
		memset(&now, 0, sizeof(now));
	if (now.st_ino == state->seen.st_ino && now.st_size == state->seen.st_size &&
	    now.st_mtim.tv_sec == state->seen.st_mtim.tv_sec &&
	    now.st_mtim.tv_nsec == state->seen.st_mtim.tv_nsec)
		return;
	state->seen = now;
	state->host->source_changed(state->host->state);
}

static int start(void *self, struct ms_plugin_error *error)
{
	struct state *state = self;
	int r;

	/* snapshot() is called after this anyway: a change is one since now. */
	if (stat(state->path, &state->seen) < 0)
		memset(&state->seen, 0, sizeof(state->seen));
	r = state->host->watch_time(state->host->state, state->every_ns, state->every_ns, look,
				    state, &state->timer);
	if (r < 0)
		state->host->error_set(error, "cannot set a timer: %s", strerror(-r));
	return r;
}

static void stop(void *self)
{
	struct state *state = self;

	state->host->unwatch(state->host->state, state->timer);
	state->timer = NULL;
}

/* ---- a transaction ---- */

/* "10.0.0.0/8" or "2001:db8::1", whose length is that of the address. The host checks the rest. */
static int parse_cidr(char *text, struct ms_plugin_cidr *ret_cidr)
{
	struct ms_plugin_cidr cidr = { .family = strchr(text, ':') ? 6 : 4 };
	unsigned long len = cidr.family == 6 ? 128 : 32, longest = len;
	char *slash = strchr(text, '/'), *end;

	if (slash) {
		*slash = '\0';
		len = strtoul(slash + 1, &end, 10);
		if (slash[1] < '0' || slash[1] > '9' || *end != '\0' || len > longest)
			return -EINVAL;
	}
	if (inet_pton(cidr.family == 6 ? AF_INET6 : AF_INET, text, cidr.addr) != 1)
		return -EINVAL;
	cidr.len = (uint8_t)len;
	*ret_cidr = cidr;
	return 0;
}

/* One line into the transaction. Empty ones and those that begin with # say nothing. */
static int add_line(const struct state *state, struct ms_plugin_builder *builder, char *line,
		    unsigned number, struct ms_plugin_error *error)
{
	const struct ms_plugin_host *host = state->host;
	const char *blanks = " \t\r\n";
	struct ms_plugin_cidr cidr;
	char *rest, *name = strtok_r(line, blanks, &rest);
	char *address = name && name[0] != '#' ? strtok_r(NULL, blanks, &rest) : NULL;
	int r;

	if (!name || name[0] == '#')
		return 0;
	if (!address || strtok_r(NULL, blanks, &rest) || parse_cidr(address, &cidr) < 0) {
		host->error_set(error, "%s:%u: a line is a name and an address or prefix",
				state->path, number);
		return -EINVAL;
	}
	/* That the set is there already is what happens at its second line. */
	r = host->add_set(builder, name, error);
	if (r < 0 && r != -EEXIST)
		return r;
	return host->add_member(builder, name, &cidr, 0, error);
}

static int snapshot(void *self, struct ms_plugin_builder *builder, struct ms_plugin_error *error)
{
	struct state *state = self;
	const struct ms_plugin_host *host = state->host;
	FILE *file = fopen(state->path, "re");
	char *line = NULL, trouble[512];
	size_t size = 0;
	int r = 0;

	if (!file) {
		r = -errno;
		snprintf(trouble, sizeof(trouble), "cannot read %s: %s", state->path, strerror(-r));
		host->error_set(error, "%s", trouble);
		host->source_trouble(host->state, trouble);
		return r;
	}
	for (unsigned number = 1; r == 0 && getline(&line, &size, file) >= 0; number++)
		r = add_line(state, builder, line, number, error);
	/* Half a file is not what its author wants in force. */
	if (r == 0 && ferror(file)) {
		host->error_set(error, "cannot read %s to its end", state->path);
		r = -EIO;
	}
	free(line);
	fclose(file);
	if (r == 0)
		host->source_trouble(host->state, NULL);
	return r;
}

/* ---- what the host reads before it runs any of this ---- */

static const struct ms_plugin_item config[] = {
	{ .name = "file",
	  .help = "the file, by its full path",
	  .type = MS_PLUGIN_STRING,
	  .flags = MS_PLUGIN_REQUIRED | MS_PLUGIN_FILE,
	  .max = MS_PLUGIN_VALUE_MAX },
	{ .name = "every",
	  .help = "how often to look whether it changed",
	  .type = MS_PLUGIN_DURATION,
	  .min = 1000000,
	  .def = "10s" },
};

static const struct ms_plugin_source source = {
	.help = "sets from a file of names and addresses",
	.snapshot = snapshot,
};

MS_PLUGIN(MS_PLUGIN_SOURCE, .name = "example_static", .version = "1.0",
	  .summary = "sets from a file", .license = "GPL-2.0-or-later OR BSD-2-Clause",
	  .needs = MS_PLUGIN_NEEDS_FILES, .config = config, .config_count = 2, .create = create,
	  .start = start, .stop = stop, .destroy = destroy, .source = &source);
