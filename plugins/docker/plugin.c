/* SPDX-License-Identifier: GPL-2.0-or-later */
/* docker: the policy that is in the labels of containers, from an engine that speaks Docker's API.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "microseg/plugin.h"
#include "plugins/docker/engine.h"
#include "plugins/docker/policy.h"

#define NS_PER_S 1000000000ULL
#define NS_PER_US 1000ULL

struct docker {
	const struct ms_plugin_host *host;
	struct ms_docker_policy_limits limits;
	char *socket_path;
	uint64_t resync_ns;
	struct ms_docker_engine *engine; /* NULL = not started */
	struct ms_docker_gaps gaps;
	uint64_t containers, refused; /* of the last transaction */
};

static void free_list(char **list, size_t count)
{
	for (size_t i = 0; i < count; i++)
		free(list[i]);
	free(list);
}

static void destroy(void *self)
{
	struct docker *docker = self;

	free_list(docker->limits.groups, docker->limits.group_count);
	free_list(docker->limits.sets, docker->limits.set_count);
	free_list(docker->limits.actions, docker->limits.action_count);
	free(docker->limits.group);
	free(docker->socket_path);
	free(docker);
}

static int copy_list(const struct ms_plugin_host *host, const struct ms_plugin_values *config,
		     const char *name, char ***ret_list, size_t *ret_count)
{
	uint32_t count = host->value_count(config, name);
	char **list = calloc(count + 1, sizeof(*list));

	if (!list)
		return -ENOMEM;
	for (uint32_t i = 0; i < count; i++) {
		list[i] = strdup(host->value_string(config, name, i));
		if (!list[i]) {
			free_list(list, i);
			return -ENOMEM;
		}
	}
	*ret_list = list;
	*ret_count = count;
	return 0;
}

static int read_config(struct docker *docker, const struct ms_plugin_values *config)
{
	const struct ms_plugin_host *host = docker->host;
	struct ms_docker_policy_limits *limits = &docker->limits;
	int r = 0;

	docker->resync_ns = host->value_uint(config, "resync", 0);
	docker->socket_path = strdup(host->value_string(config, "socket", 0));
	limits->rules = host->value_uint(config, "rules", 0) != 0;
	if (host->value_count(config, "group") > 0) {
		limits->group = strdup(host->value_string(config, "group", 0));
		r = limits->group ? 0 : -ENOMEM;
	}
	if (r == 0)
		r = copy_list(host, config, "groups", &limits->groups, &limits->group_count);
	if (r == 0)
		r = copy_list(host, config, "sets", &limits->sets, &limits->set_count);
	if (r == 0)
		r = copy_list(host, config, "actions", &limits->actions, &limits->action_count);
	return docker->socket_path ? r : -ENOMEM;
}

static int create(const struct ms_plugin_host *host, const struct ms_plugin_values *config,
		  void **ret_self, struct ms_plugin_error *error)
{
	struct docker *docker = calloc(1, sizeof(*docker));
	int r = docker ? 0 : -ENOMEM;

	if (docker) {
		docker->host = host;
		r = read_config(docker, config);
	}
	if (r < 0) {
		host->error_set(error, "out of memory");
	} else if (docker->socket_path[0] != '/') {
		host->error_set(error, "`socket` must be a full path, and %s is not",
				docker->socket_path);
		r = -EINVAL;
	}
	if (r < 0 && docker)
		destroy(docker);
	if (r == 0)
		*ret_self = docker;
	return r;
}

static void stop(void *self)
{
	struct docker *docker = self;

	ms_docker_engine_free(docker->engine);
	docker->engine = NULL;
}

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

static struct ms_docker_gap_clock read_clock(void)
{
	struct ms_docker_gap_clock clock;

	clock.before_ns = clock_ns(CLOCK_BOOTTIME);
	clock.real_ns = clock_ns(CLOCK_REALTIME);
	clock.after_ns = clock_ns(CLOCK_BOOTTIME);
	return clock;
}

static int start(void *self, struct ms_plugin_error *error)
{
	struct docker *docker = self;
	const struct ms_docker_gap_clock clock = read_clock();
	int r;

	ms_docker_gaps_begin(&docker->gaps, &clock);
	docker->engine = ms_docker_engine_new(docker->host, docker->socket_path, docker->resync_ns);
	r = docker->engine ? ms_docker_engine_start(docker->engine) : -ENOMEM;
	if (r < 0) {
		stop(docker);
		docker->host->error_set(error, "out of memory");
	}
	return r;
}

/* ---- from a start until it is in force ---- */

/* Before any gap is looked at. */
static void look_at_clock(struct docker *docker)
{
	const struct ms_docker_gap_clock clock = read_clock();
	int64_t step_ns = ms_docker_gaps_look(&docker->gaps, &clock);
	struct ms_docker_engine_entry *entries;
	size_t count;

	if (step_ns == 0)
		return;
	entries = ms_docker_engine_entries(docker->engine, &count);
	for (size_t i = 0; i < count; i++)
		ms_docker_gap_move(&entries[i].gap, step_ns);
}

static void count_gap(struct docker *docker, struct ms_docker_engine_entry *entry)
{
	const struct ms_plugin_host *host = docker->host;
	const char *what = entry->gap.is_cut_off ? "it was cut off" : "its labels were in force";
	uint64_t gap_ns;

	if (!ms_docker_gaps_count(&docker->gaps, &entry->gap, &gap_ns))
		return;
	if (gap_ns == 0)
		host->log(host->state, MS_PLUGIN_LOG_INFO, "container %s: %s before its start",
			  entry->container->name, what);
	else
		host->log(host->state, MS_PLUGIN_LOG_INFO,
			  "container %s: %s %llu us after its start", entry->container->name, what,
			  (unsigned long long)(gap_ns / NS_PER_US));
}

static void in_force(void *self, uint64_t number)
{
	struct docker *docker = self;
	size_t count;
	struct ms_docker_engine_entry *entries = ms_docker_engine_entries(docker->engine, &count);

	look_at_clock(docker);
	for (size_t i = 0; i < count; i++) {
		ms_docker_gaps_end(&docker->gaps, &entries[i].gap, number);
		count_gap(docker, &entries[i]);
	}
}

/* ---- a transaction ---- */

static const char *what_follows(int result)
{
	if (result == MS_DOCKER_POLICY_REFUSED_LABEL)
		return "; only rules without a group still allow its traffic";
	if (result == MS_DOCKER_POLICY_REFUSED_WITHOUT_LINKS)
		return "; it has no links of its own, so its labels are left aside and nothing is "
		       "denied";
	return "";
}

/* Says a sentence about a container once, and again when it is another one. */
static void say(struct docker *docker, struct ms_docker_engine_entry *entry)
{
	const struct ms_plugin_host *host = docker->host;
	const char *why = entry->why ? entry->why : "";

	if (strcmp(entry->said ? entry->said : "", why) == 0)
		return;
	free(entry->said);
	entry->said = strdup(why);
	if (!*why)
		host->log(host->state, MS_PLUGIN_LOG_NOTICE,
			  "container %s: its labels are good now", entry->container->name);
	else
		host->log(host->state, MS_PLUGIN_LOG_WARNING, "container %s: %s%s",
			  entry->container->name, why, what_follows(entry->result));
}

/* Who has a container of his cut off looks at the source. All are named, as far as there is room;
 * the reason is the first one's, since each has its own in what is left out. */
struct complaint {
	uint64_t count;
	char names[384], first[640];
};

static void add_complaint(struct complaint *complaint, const char *name, const char *why)
{
	size_t used = strlen(complaint->names);

	if (complaint->count++ == 0)
		snprintf(complaint->first, sizeof(complaint->first), "container %s is cut off: %s",
			 name, why ? why : "out of memory");
	if (used + strlen(name) + strlen(", ...") < sizeof(complaint->names))
		snprintf(complaint->names + used, sizeof(complaint->names) - used, "%s%s",
			 used ? ", " : "", name);
	else if (used < 3 || strcmp(complaint->names + used - 3, "...") != 0)
		snprintf(complaint->names + used, sizeof(complaint->names) - used, "...");
}

static void complain(struct docker *docker, const struct complaint *complaint)
{
	char sentence[1024];

	snprintf(sentence, sizeof(sentence), "%llu containers are cut off (%s); %.560s",
		 (unsigned long long)complaint->count, complaint->names, complaint->first);
	ms_docker_engine_complain(docker->engine,
				  complaint->count > 1 ? sentence : complaint->first);
}

/* What a label asks for and does not get is told with the rest, for whoever looks for his. */
static void leave_out(struct docker *docker, struct ms_plugin_builder *builder,
		      const struct ms_docker_engine_entry *entry)
{
	char origin[128], sentence[768];

	snprintf(origin, sizeof(origin), "container %s", entry->container->name);
	snprintf(sentence, sizeof(sentence), "%s%s", entry->why, what_follows(entry->result));
	/* There may be more than are shown; each has its line in the log. */
	docker->host->leave_out(builder, origin, sentence, NULL);
}

static int add_entry(struct docker *docker, struct ms_docker_policy *policy,
		     struct ms_docker_engine_entry *entry, struct ms_plugin_error *error)
{
	enum ms_docker_policy_result result;
	char why[512];
	int r = ms_docker_policy_add(policy, entry->container, &result, why, error);

	if (r < 0)
		return r;
	free(entry->why);
	entry->why = why[0] ? strdup(why) : NULL;
	entry->result = (int)result;
	if (entry->why)
		leave_out(docker, policy->builder, entry);
	return 0;
}

static int snapshot(void *self, struct ms_plugin_builder *builder, struct ms_plugin_error *error)
{
	struct docker *docker = self;
	struct ms_docker_policy policy = { docker->host, &docker->limits, builder, false };
	uint64_t containers = 0, refused = 0;
	struct ms_docker_engine_entry *entries;
	struct complaint complaint = { 0 };
	uint64_t number;
	size_t count;

	if (!ms_docker_engine_is_known(docker->engine)) {
		docker->host->error_set(error, "%s has not answered yet", docker->socket_path);
		return -EAGAIN;
	}
	entries = ms_docker_engine_entries(docker->engine, &count);
	for (size_t i = 0; i < count; i++) {
		int r = add_entry(docker, &policy, &entries[i], error);

		if (r < 0)
			return r;
		containers += ms_docker_container_is_alive(entries[i].container);
		if (entries[i].result == MS_DOCKER_POLICY_REFUSED_LABEL)
			add_complaint(&complaint, entries[i].container->name, entries[i].why);
		refused += entries[i].result == MS_DOCKER_POLICY_REFUSED_LABEL ||
			   entries[i].result == MS_DOCKER_POLICY_REFUSED_WITHOUT_LINKS;
	}
	/* Before the others: a log that has no room for all of them has the names at least. */
	complain(docker, &complaint);
	number = docker->host->watch_in_force(builder, in_force, docker);
	look_at_clock(docker);
	for (size_t i = 0; i < count; i++) {
		say(docker, &entries[i]);
		ms_docker_gaps_tell(&docker->gaps, &entries[i].gap, entries[i].container,
				    (enum ms_docker_policy_result)entries[i].result, number);
		count_gap(docker, &entries[i]);
	}
	docker->containers = containers;
	docker->refused = refused;
	return 0;
}

/* The longest that one has run until now. */
static uint64_t longest_open_ns(struct docker *docker)
{
	const struct ms_docker_engine_entry *entries;
	uint64_t longest_ns = 0;
	size_t count;

	if (!docker->engine)
		return 0;
	look_at_clock(docker);
	entries = ms_docker_engine_entries(docker->engine, &count);
	for (size_t i = 0; i < count; i++) {
		uint64_t open_ns = ms_docker_gaps_open(&docker->gaps, &entries[i].gap);

		if (open_ns > longest_ns)
			longest_ns = open_ns;
	}
	return longest_ns;
}

static void stats(void *self, struct ms_plugin_emit *to)
{
	struct docker *docker = self;
	const struct ms_plugin_host *host = docker->host;
	const struct ms_docker_engine_stats none = { 0 };
	const struct ms_docker_engine_stats *engine =
		docker->engine ? ms_docker_engine_stats(docker->engine) : &none;

	host->emit(to, "containers", "containers that run or are to", NULL, docker->containers, 1);
	host->emit(to, "refused", "containers with a wrong label", NULL, docker->refused, 1);
	host->emit(to, "events", "events that were followed", NULL, engine->events, 0);
	host->emit(to, "syncs", "times all containers were asked for", NULL, engine->syncs, 0);
	host->emit(to, "losses", "times the engine was lost", NULL, engine->losses, 0);
	host->emit(to, "gaps", "starts of containers whose labels are in force", NULL,
		   docker->gaps.count, 0);
	host->emit(to, "gap_last_us", "from the last of these until its labels were in force", NULL,
		   docker->gaps.last_ns / NS_PER_US, 1);
	host->emit(to, "gap_most_us", "the longest of these", NULL,
		   docker->gaps.most_ns / NS_PER_US, 1);
	host->emit(to, "gap_open_us", "since the longest start whose labels are not in force", NULL,
		   longest_open_ns(docker) / NS_PER_US, 1);
}

/* ---- what the host reads before it runs any of this ---- */

static const struct ms_plugin_item config[] = {
	{ .name = "socket",
	  .help = "the engine's unix socket",
	  .type = MS_PLUGIN_STRING,
	  .max = 107,
	  .def = "/run/docker.sock" },
	{ .name = "group",
	  .help = "group of containers with microseg.rules and no microseg.group",
	  .type = MS_PLUGIN_GROUP },
	{ .name = "groups",
	  .help = "groups that labels may name",
	  .type = MS_PLUGIN_GROUP,
	  .flags = MS_PLUGIN_LIST },
	{ .name = "sets",
	  .help = "patterns of sets that labels may fill; absent: none",
	  .type = MS_PLUGIN_STRING,
	  .flags = MS_PLUGIN_LIST },
	{ .name = "actions",
	  .help = "actions of plugins that rules of labels may use; absent: none",
	  .type = MS_PLUGIN_STRING,
	  .flags = MS_PLUGIN_LIST },
	{ .name = "rules",
	  .help = "whether containers may bring rules",
	  .type = MS_PLUGIN_BOOL,
	  .def = "true" },
	{ .name = "resync",
	  .help = "how often to ask for all containers beside following events",
	  .type = MS_PLUGIN_DURATION,
	  .min = NS_PER_S,
	  .def = "5m" },
};

static const struct ms_plugin_source source = {
	.help = "groups, sets and rules from labels of containers",
	.snapshot = snapshot,
};

MS_PLUGIN(MS_PLUGIN_SOURCE, .name = "docker", .version = "1.0",
	  .summary = "policy from labels of Docker and Podman containers",
	  .license = "GPL-2.0-or-later", .needs = MS_PLUGIN_NEEDS_UNIX, .config = config,
	  .config_count = sizeof(config) / sizeof(config[0]), .create = create, .start = start,
	  .stop = stop, .destroy = destroy, .stats = stats, .source = &source);
