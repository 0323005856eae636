/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A source that does what a file says, a line each, whenever the file is another one:
 *	origin TEXT (of all lines behind it; otherwise it is line-NUMBER)
 *	set NAME; keep NAME; member NAME ADDRESS SECONDS; rule TEXT; group TEXT; document TEXT
 *	bind GROUP KIND NUMBER; wait; once (wait, if this is the first file that the process sees)
 *	watch NAME (says so when a transaction from here on is in force, and now the number of this
 *	one); blind (that is over)
 *	fail SENTENCE; trouble SENTENCE; well; exit; crash; hang
 *	read PATH (its trouble says whether it could)
 *	flood NUMBER; chatter NUMBER; babble (for ever); garbage
 *	half (a transaction, and then it dies)
 */
#include <arpa/inet.h>
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "microseg/plugin.h"

/* A later version of the same, to which the file is a secret. */
#ifdef SECRET
#undef PLUGIN_NAME
#define PLUGIN_NAME "script"
#define WITH_SECRET MS_PLUGIN_SECRET
#else
#define WITH_SECRET 0
#endif

/* One that is a sink, too. */
#ifdef SINK
#define KINDS (MS_PLUGIN_SOURCE | MS_PLUGIN_SINK)
#else
#define KINDS MS_PLUGIN_SOURCE
#endif

#define LOOK_NS 20000000ull
#define NS_PER_S 1000000000ull

#define WATCHERS 8

struct script;

struct watcher {
	struct script *script;
	char name[16];
};

struct script {
	const struct ms_plugin_host *host;
	struct watcher watchers[WATCHERS]; /* of as many snapshots as a test has */
	size_t n_watchers;
	char path[512];
	char origin[256]; /* "" = each line's own */
	ino_t seen;
	struct ms_plugin_watch *timer;
	uint64_t snapshots;
};

static int create(const struct ms_plugin_host *host, const struct ms_plugin_values *config,
		  void **ret_self, struct ms_plugin_error *error)
{
	struct script *script = calloc(1, sizeof(*script));

	(void)error;
	if (!script)
		return -ENOMEM;
	script->host = host;
	snprintf(script->path, sizeof(script->path), "%s", host->value_string(config, "file", 0));
	*ret_self = script;
	return 0;
}

static void destroy(void *self)
{
	free(self);
}

/* A test replaces the file by a rename: each is another inode. */
static void look(void *self)
{
	struct script *script = self;
	struct stat st;

	if (stat(script->path, &st) == 0 && st.st_ino != script->seen)
		script->host->source_changed(script->host->state);
}

static int start(void *self, struct ms_plugin_error *error)
{
	struct script *script = self;

	(void)error;
	return script->host->watch_time(script->host->state, LOOK_NS, LOOK_NS, look, script,
					&script->timer);
}

static int add_member(const struct script *script, struct ms_plugin_builder *builder, char *text,
		      struct ms_plugin_error *error)
{
	char *rest, *set = strtok_r(text, " ", &rest), *address = strtok_r(NULL, " ", &rest);
	const char *seconds = strtok_r(NULL, " ", &rest);
	struct ms_plugin_cidr cidr = { .family = strchr(address, ':') ? 6 : 4 };

	cidr.len = cidr.family == 6 ? 128 : 32;
	if (inet_pton(cidr.family == 6 ? AF_INET6 : AF_INET, address, cidr.addr) != 1)
		return -EINVAL;
	return script->host->add_member(
		builder, set, &cidr, seconds ? strtoull(seconds, NULL, 10) * NS_PER_S : 0, error);
}

static int bind_one(const struct script *script, struct ms_plugin_builder *builder, char *text,
		    struct ms_plugin_error *error)
{
	char *rest, *group = strtok_r(text, " ", &rest);
	const char *kind = strtok_r(NULL, " ", &rest), *number = strtok_r(NULL, " ", &rest);

	return script->host->bind(builder, group, (uint32_t)strtoul(kind, NULL, 10),
				  strtoull(number, NULL, 0), error);
}

/* ---- what is in force ---- */

/* Warnings, since lines that are none share what a source may say with what is said of it. */

static void in_force(void *self, uint64_t number)
{
	const struct watcher *watcher = self;
	const struct ms_plugin_host *host = watcher->script->host;

	host->log(host->state, MS_PLUGIN_LOG_WARNING, "%s: %llu is in force", watcher->name,
		  (unsigned long long)number);
}

static int watch(struct script *script, struct ms_plugin_builder *builder, const char *name)
{
	const struct ms_plugin_host *host = script->host;
	struct watcher *watcher = &script->watchers[script->n_watchers];

	if (script->n_watchers == WATCHERS)
		return -ENOSPC;
	script->n_watchers++;
	*watcher = (struct watcher) { .script = script };
	snprintf(watcher->name, sizeof(watcher->name), "%s", name);
	host->log(host->state, MS_PLUGIN_LOG_WARNING, "%s: %llu is told", name,
		  (unsigned long long)host->watch_in_force(builder, in_force, watcher));
	return 0;
}

/* ---- what no builder says, past the host ---- */

static int send_raw(const void *bytes, size_t size)
{
	struct stat st;

	for (int fd = 0; fd < 64; fd++) {
		if (fstat(fd, &st) == 0 && S_ISSOCK(st.st_mode))
			return send(fd, bytes, size, MSG_NOSIGNAL) < 0 ? -errno : 0;
	}
	return -ENOENT;
}

/* A frame without a body, or with one of 8 bytes: see core/source/wire.h. */
struct frame {
	uint32_t size;
	uint16_t kind, zero;
};
struct named {
	struct frame begin, set;
	char name[8];
};

static const struct named opened = { { 0, 1, 0 }, { 8, 3, 0 }, "flooding" };
static const struct frame commit = { 0, 6, 0 };

static void flood(unsigned long count)
{
	struct {
		struct named opened;
		struct frame commit;
	} one = { opened, commit };

	while (count-- > 0)
		send_raw(&one, sizeof(one));
}

/* Lines as fast as the socket takes them. */
static void babble(void)
{
	static struct {
		struct frame head;
		uint32_t severity;
		char line[4];
	} lines[4096];

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		lines[i].head = (struct frame) { 8, 12, 0 };
		lines[i].severity = 1;
		memcpy(lines[i].line, "line", 4);
	}
	while (send_raw(lines, sizeof(lines)) == 0)
		;
}

static void be_odd(const struct script *script, const char *verb, const char *text)
{
	unsigned long count = strtoul(text, NULL, 10);

	if (strcmp(verb, "flood") == 0)
		flood(count);
	if (strcmp(verb, "chatter") == 0) {
		while (count-- > 0)
			script->host->log(script->host->state, 1, "chatter %lu", count);
	}
	if (strcmp(verb, "babble") == 0)
		babble();
	if (strcmp(verb, "garbage") == 0)
		send_raw("\xff\xff\xff\x7f garbage", 12);
	if (strcmp(verb, "half") == 0) {
		send_raw(&opened, sizeof(opened));
		raise(SIGKILL);
	}
}

static void read_one(const struct script *script, const char *path)
{
	const struct ms_plugin_host *host = script->host;
	FILE *file = fopen(path, "re");
	char sentence[512];

	snprintf(sentence, sizeof(sentence), "%s: %s", path, file ? "it is read" : strerror(errno));
	if (file)
		fclose(file);
	host->source_trouble(host->state, sentence);
}

static int do_line(struct script *script, struct ms_plugin_builder *builder, char *line,
		   unsigned int number, struct ms_plugin_error *error)
{
	const struct ms_plugin_host *host = script->host;
	char *text = strchr(line, ' '), origin[256];

	if (script->origin[0])
		snprintf(origin, sizeof(origin), "%s", script->origin);
	else
		snprintf(origin, sizeof(origin), "line-%u", number);
	if (text)
		*text++ = '\0';
	else
		text = line + strlen(line);
	if (strcmp(line, "origin") == 0)
		snprintf(script->origin, sizeof(script->origin), "%s", text);
	if (strcmp(line, "set") == 0)
		return host->add_set(builder, text, error);
	if (strcmp(line, "keep") == 0)
		return host->keep_set(builder, text, error);
	if (strcmp(line, "member") == 0)
		return add_member(script, builder, text, error);
	if (strcmp(line, "rule") == 0)
		return host->add_rule(builder, origin, text, strlen(text), error);
	if (strcmp(line, "group") == 0)
		return host->add_group(builder, origin, text, strlen(text), error);
	if (strcmp(line, "document") == 0)
		return host->add_document(builder, origin, text, strlen(text), error);
	if (strcmp(line, "bind") == 0)
		return bind_one(script, builder, text, error);
	if (strcmp(line, "watch") == 0)
		return watch(script, builder, text);
	if (strcmp(line, "blind") == 0)
		host->watch_in_force(builder, NULL, NULL);
	if (strcmp(line, "fail") == 0) {
		host->error_set(error, "%s", text);
		return -EIO;
	}
	if (strcmp(line, "wait") == 0 || (strcmp(line, "once") == 0 && script->snapshots == 1))
		return -EAGAIN;
	if (strcmp(line, "trouble") == 0)
		host->source_trouble(host->state, text);
	if (strcmp(line, "read") == 0)
		read_one(script, text);
	if (strcmp(line, "well") == 0)
		host->source_trouble(host->state, NULL);
	be_odd(script, line, text);
	if (strcmp(line, "exit") == 0)
		_exit(3);
	if (strcmp(line, "crash") == 0)
		raise(SIGTRAP);
	if (strcmp(line, "hang") == 0)
		for (;;)
			pause();
	return 0;
}

static int snapshot(void *self, struct ms_plugin_builder *builder, struct ms_plugin_error *error)
{
	struct script *script = self;
	FILE *file = fopen(script->path, "re");
	unsigned int number = 0;
	char line[4096];
	struct stat st;
	int r = 0;

	if (!file) {
		script->host->error_set(error, "cannot open %s: %s", script->path, strerror(errno));
		return -errno;
	}
	if (fstat(fileno(file), &st) == 0)
		script->seen = st.st_ino;
	script->snapshots++;
	script->origin[0] = '\0';
	while (r == 0 && fgets(line, sizeof(line), file)) {
		line[strcspn(line, "\n")] = '\0';
		r = do_line(script, builder, line, ++number, error);
	}
	fclose(file);
	return r;
}

static void stats(void *self, struct ms_plugin_emit *to)
{
	struct script *script = self;

	script->host->emit(to, "snapshots", "times it was asked", NULL, script->snapshots, 0);
}

static const struct ms_plugin_item items[] = {
	{ .name = "file",
	  .help = "what to do",
	  .type = MS_PLUGIN_STRING,
	  .flags = MS_PLUGIN_REQUIRED | MS_PLUGIN_FILE | WITH_SECRET },
};

static const struct ms_plugin_source source = { .help = "does what a file says",
						.snapshot = snapshot };

#ifdef SINK
static void on_events(void *self, const struct ms_plugin_event *const *events, size_t count,
		      uint64_t lost)
{
	(void)self, (void)events, (void)count, (void)lost;
}

static const struct ms_plugin_sink sink = { .help = "hears all", .on_events = on_events };
#define SINK_PART &sink
#else
#define SINK_PART NULL
#endif

MS_PLUGIN(KINDS, .name = PLUGIN_NAME, .version = "1.0", .summary = "does what a file says",
	  .license = "GPL-2.0-or-later", .needs = MS_PLUGIN_NEEDS_FILES, .config = items,
	  .config_count = 1, .create = create, .start = start, .destroy = destroy, .stats = stats,
	  .source = &source, .sink = SINK_PART);
