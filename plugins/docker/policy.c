/* SPDX-License-Identifier: GPL-2.0-or-later */
#define _GNU_SOURCE
#include "plugins/docker/policy.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plugins/docker/excerpt.h"
#include "plugins/docker/rules.h"

#define NAME_MAX_LENGTH 48 /* of sets and groups of the policy language */
#define SHORT_ID 12
#define NO_ROOM "all containers together have no room for it"

struct work {
	struct ms_docker_policy *policy;
	const struct ms_docker_container *container;
	char key[NAME_MAX_LENGTH + 1];
	char origin[128];
	char *why; /* char[512] */
};

static int refuse(struct work *work, const char *label, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
static int refuse(struct work *work, const char *label, const char *format, ...)
{
	int used = snprintf(work->why, 512, "label %s: ", label);
	va_list args;

	va_start(args, format);
	vsnprintf(work->why + used, 512 - (size_t)used, format, args);
	va_end(args);
	return -EINVAL;
}

/* Nothing of the transaction can be told. */
static int fail(struct work *work, int r, struct ms_plugin_error *error)
{
	work->policy->host->error_set(error, "%s: %s", work->origin, strerror(-r));
	return r;
}

static bool is_name(const char *name, const char *letters)
{
	size_t length = strlen(name);

	return length > 0 && length <= NAME_MAX_LENGTH && strspn(name, letters) == length &&
	       strchr("._/-", name[0]) == NULL;
}

static bool is_set_allowed(const struct ms_docker_policy_limits *limits, const char *name)
{
	for (size_t i = 0; i < limits->set_count; i++)
		if (fnmatch(limits->sets[i], name, 0) == 0)
			return true;
	return false;
}

static bool is_group_allowed(const struct ms_docker_policy_limits *limits, const char *name)
{
	for (size_t i = 0; i < limits->group_count; i++)
		if (strcmp(limits->groups[i], name) == 0)
			return true;
	return limits->group && strcmp(limits->group, name) == 0;
}

static bool is_action_allowed(const struct ms_docker_policy_limits *limits, const char *name)
{
	for (size_t i = 0; i < limits->action_count; i++)
		if (strcmp(limits->actions[i], name) == 0)
			return true;
	return false;
}

static bool begins_with(const char *text, const char *start)
{
	return strncmp(text, start, strlen(start)) == 0;
}

/* What container rules and their set are called: by its name, as long as that is one of the policy
 * language. The two forms never meet: a slash is in no name of an engine, and one whose name is
 * "id" could, with a slash in the ids of its rules, call them like another container's. */
static void make_key(struct work *work)
{
	const struct ms_docker_container *container = work->container;
	int length = snprintf(work->key, sizeof(work->key), "container/%s", container->name);

	if (length < 0 || (size_t)length >= sizeof(work->key) ||
	    !is_name(work->key, "abcdefghijklmnopqrstuvwxyz0123456789._/-") ||
	    strcmp(container->name, "id") == 0)
		snprintf(work->key, sizeof(work->key), "container/id/%.*s", SHORT_ID,
			 container->id);
	snprintf(work->origin, sizeof(work->origin), "container %s", container->name);
}

/* ---- sets ---- */

static int add_set(struct work *work, const char *name)
{
	const struct ms_plugin_host *host = work->policy->host;
	int r = host->add_set(work->policy->builder, name, NULL);

	return r == -EEXIST ? 0 : r;
}

static int add_members(struct work *work, const char *name)
{
	const struct ms_plugin_host *host = work->policy->host;
	int r = 0;

	for (size_t i = 0; r == 0 && i < work->container->address_count; i++)
		r = host->add_member(work->policy->builder, name, &work->container->addresses[i], 0,
				     NULL);
	return r;
}

/* Nobody asked for the set, so nobody is punished for its name; no rule can say it either. */
static int ignore_compose(struct work *work)
{
	snprintf(work->why, 512, "compose/%s/%s is no name of a set: it gets none",
		 work->container->project, work->container->service);
	return 0;
}

/* A rule that denies the set would not find a container that is not in it: it is refused. Compose
 * knows capital letters in the names of services, the policy language does not. */
static int add_compose(struct work *work)
{
	const struct ms_docker_container *container = work->container;
	char name[NAME_MAX_LENGTH + 1];
	int length, r;

	if (!container->project || !container->service)
		return 0;
	length = snprintf(name, sizeof(name), "compose/%s/%s", container->project,
			  container->service);
	for (char *at = name; *at; at++)
		if (*at >= 'A' && *at <= 'Z')
			*at = (char)(*at - 'A' + 'a');
	if (length < 0 || (size_t)length >= sizeof(name) ||
	    !is_name(name, "abcdefghijklmnopqrstuvwxyz0123456789._/-"))
		return ignore_compose(work);
	r = add_set(work, name);
	if (r == -EINVAL)
		return ignore_compose(work);
	if (r == 0)
		r = add_members(work, name);
	if (r == 0 || r == -ENOMEM)
		return r;
	snprintf(work->why, 512, "%s: %s", name, r == -E2BIG ? NO_ROOM : strerror(-r));
	return -EINVAL;
}

static int check_set(struct work *work, const char *name)
{
	const struct ms_docker_policy_limits *limits = work->policy->limits;

	if (!is_name(name, "abcdefghijklmnopqrstuvwxyz0123456789._/-"))
		return refuse(work, "microseg.set", "\"%s\" is no name of a set", name);
	if (begins_with(name, "container/") || begins_with(name, "compose/"))
		return refuse(work, "microseg.set", "the set %s is not for labels to fill", name);
	if (!is_set_allowed(limits, name))
		return refuse(work, "microseg.set", "`sets` in microseg.yaml does not allow %s",
			      name);
	return 0;
}

/* Calls `each` with every name of the list. */
static int each_set(struct work *work, int (*each)(struct work *work, const char *name))
{
	char *copy = strdup(work->container->sets), *rest = copy, *name;
	int r = copy ? 0 : -ENOMEM;

	while (r == 0 && (name = strsep(&rest, ","))) {
		size_t length;

		name += strspn(name, " ");
		for (length = strlen(name); length > 0 && name[length - 1] == ' ';)
			length--;
		name[length] = '\0';
		r = each(work, name);
	}
	free(copy);
	return r;
}

static int check_sets(struct work *work)
{
	size_t count = 1;

	if (!work->container->sets)
		return 0;
	for (const char *at = work->container->sets; *at; at++)
		count += *at == ',';
	if (count > MS_DOCKER_POLICY_SETS_MAX)
		return refuse(work, "microseg.set", "it names %zu sets: a container may be in %d",
			      count, MS_DOCKER_POLICY_SETS_MAX);
	return each_set(work, check_set);
}

/* By `add`: first all of the sets, and the addresses only when nothing else can be refused. */
static int add_labelled(struct work *work, int (*add)(struct work *work, const char *name))
{
	int r = work->container->sets ? each_set(work, add) : 0;

	if (r == -E2BIG)
		return refuse(work, "microseg.set", NO_ROOM);
	if (r < 0 && r != -ENOMEM)
		return refuse(work, "microseg.set", "the host does not take \"%s\"",
			      work->container->sets);
	return r;
}

/* ---- group and rules ---- */

static int check_group(struct work *work)
{
	const struct ms_docker_policy_limits *limits = work->policy->limits;
	const char *group = work->container->group;

	if (!group)
		return 0;
	/* A group that nobody defines would have the whole transaction refused. */
	if (!is_group_allowed(limits, group))
		return refuse(work, "microseg.group", "`groups` in microseg.yaml has no \"%s\"",
			      group);
	return 0;
}

static int add_rule(struct work *work, const char *text, struct ms_plugin_error *error)
{
	struct ms_docker_policy *policy = work->policy;

	return policy->host->add_rule(policy->builder, work->origin, text, strlen(text), error);
}

/* What the host said behind "docker:ORIGIN:LINE:COLUMN: "; `*ret_placed` is from LINE on. */
static const char *reason_of(const struct work *work, const char *sentence, const char **ret_placed)
{
	char start[sizeof(work->origin) + 16];
	int length = snprintf(start, sizeof(start), "docker:%s:", work->origin);
	const char *reason;

	*ret_placed = sentence;
	if (strncmp(sentence, start, (size_t)length) != 0)
		return sentence;
	*ret_placed = sentence += length;
	reason = sentence + strspn(sentence, "0123456789:");
	return *reason == ' ' ? reason + 1 : sentence;
}

/* The host has read our own text, which is not the label's. Asked about what the author wrote it
 * gives the same reason with the place of that; if not, the place is where the rule begins. */
static int refuse_rule(struct work *work, size_t number, struct ms_plugin_error *error)
{
	const struct ms_plugin_host *host = work->policy->host;
	char reason[256], place[48], *excerpt;
	const char *placed;

	snprintf(reason, sizeof(reason), "%s", reason_of(work, host->error_get(error), &placed));
	if (ms_docker_excerpt_make(work->container->rules, number, &excerpt) < 0)
		return refuse(work, "microseg.rules", "rule %zu: %s", number, reason);
	ms_docker_excerpt_begin(excerpt, place, sizeof(place));
	add_rule(work, excerpt, error);
	free(excerpt);
	if (strncmp(reason, reason_of(work, host->error_get(error), &placed), strlen(reason)) == 0)
		return refuse(work, "microseg.rules", "rule %zu: %s", number, placed);
	return refuse(work, "microseg.rules", "rule %zu: %s: %s", number, place, reason);
}

/* A set that the policy has nowhere else is empty: an unknown name in one label must not have the
 * whole transaction refused. */
static int add_mentioned_sets(struct work *work, const struct ms_docker_rules *rules)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < rules->set_count; i++) {
		r = add_set(work, rules->sets[i]);
		if (r == -EINVAL)
			return refuse(work, "microseg.rules", "\"%s\" is no name of a set",
				      rules->sets[i]);
	}
	return r < 0 ? r : add_set(work, work->key);
}

/* Its addresses come with all else that nothing can refuse any more. */
static int add_rules(struct work *work, const struct ms_docker_rules *rules,
		     struct ms_plugin_error *error)
{
	const char *placed;
	int r = 0;

	for (size_t i = 0; r == 0 && i < rules->count; i++) {
		const struct ms_docker_rule *rule = &rules->list[i];

		r = add_rule(work, rule->text, error);
		if (r == -EINVAL)
			return refuse_rule(work, rule->number, error);
		if (r == -EPERM)
			return refuse(
				work, "microseg.rules", "the daemon refused its rules: %s",
				reason_of(work, work->policy->host->error_get(error), &placed));
	}
	if (r == 0)
		r = add_mentioned_sets(work, rules);
	if (r == -E2BIG)
		return refuse(work, "microseg.rules", NO_ROOM);
	return r;
}

static int check_actions(struct work *work, const struct ms_docker_rules *rules)
{
	for (size_t i = 0; i < rules->action_count; i++)
		if (!is_action_allowed(work->policy->limits, rules->actions[i]))
			return refuse(work, "microseg.rules",
				      "`actions` in microseg.yaml does not allow %s",
				      rules->actions[i]);
	return 0;
}

static int read_rules(struct work *work, const char *group, struct ms_docker_rules *rules)
{
	int r;

	if (!work->policy->limits->rules)
		return refuse(work, "microseg.rules", "`rules: false` in microseg.yaml");
	if (!group)
		return refuse(work, "microseg.rules",
			      "rules need a group: the label microseg.group, or `group` in "
			      "microseg.yaml");
	r = ms_docker_rules_parse(work->container->rules, work->key, group, rules);
	if (r == -EINVAL)
		return refuse(work, "microseg.rules", "%s", rules->why);
	return r < 0 ? r : check_actions(work, rules);
}

static int take_rules(struct work *work, const char *group, struct ms_plugin_error *error)
{
	struct ms_docker_rules rules = { 0 };
	int r;

	if (!work->container->rules)
		return 0;
	r = read_rules(work, group, &rules);
	if (r == 0)
		r = add_rules(work, &rules, error);
	ms_docker_rules_fini(&rules);
	return r;
}

/* ---- links ---- */

static int bind_links(struct work *work, const char *group, struct ms_plugin_error *error)
{
	const struct ms_plugin_host *host = work->policy->host;
	const struct ms_docker_container *container = work->container;

	if (container->pid)
		return host->bind(work->policy->builder, group, MS_PLUGIN_WORKLOAD_PID,
				  container->pid, error);
	/* Known before the link is there: in force with its first packet. */
	if (container->mac)
		return host->bind(work->policy->builder, group, MS_PLUGIN_WORKLOAD_MAC,
				  container->mac, error);
	return 0;
}

static int bind_refused(struct work *work, struct ms_plugin_error *error)
{
	/* There is no such loopback: only bind() fills it. */
	static const char text[] =
		"{name: " MS_DOCKER_POLICY_REFUSED
		", match: {kind: loopback, name: docker-refused}, default: {in: deny, out: deny}}";
	struct ms_docker_policy *policy = work->policy;

	if (!policy->has_refused_group) {
		int r = policy->host->add_group(policy->builder, "a wrong label", text,
						sizeof(text) - 1, error);

		if (r < 0)
			return r;
		policy->has_refused_group = true;
	}
	return bind_links(work, MS_DOCKER_POLICY_REFUSED, error);
}

static int check_unknown(struct work *work)
{
	if (!work->container->unknown)
		return 0;
	return refuse(work, work->container->unknown,
		      "there is none of this name, only microseg.group, microseg.set and "
		      "microseg.rules");
}

/* Everything its labels ask for. What may be refused is first, addresses are last: a refusal leaves
 * nothing but rules, which are taken back, and sets without them. */
static int take_labels(struct work *work, struct ms_plugin_error *error)
{
	const struct ms_docker_container *container = work->container;
	const char *group = container->group ? container->group : work->policy->limits->group;
	int r = check_unknown(work);

	if (r == 0)
		r = check_group(work);
	if (r == 0)
		r = check_sets(work);
	if (r == 0)
		r = take_rules(work, group, error);
	if (r == 0)
		r = add_labelled(work, add_set);
	if (r == 0 && container->rules)
		r = add_members(work, work->key);
	if (r == -E2BIG)
		return refuse(work, "microseg.rules", NO_ROOM);
	return r < 0 ? r : add_labelled(work, add_members);
}

static int add_own(struct work *work, enum ms_docker_policy_result *result,
		   struct ms_plugin_error *error)
{
	const struct ms_docker_container *container = work->container;
	int r = add_compose(work);

	if (r == 0 && *work->why)
		*result = MS_DOCKER_POLICY_IGNORED;
	if (r == 0)
		r = take_labels(work, error);
	if (r == -EINVAL) {
		*result = MS_DOCKER_POLICY_REFUSED_LABEL;
		work->policy->host->take_back(work->policy->builder, work->origin, error);
		return bind_refused(work, error);
	}
	if (r < 0)
		return fail(work, r, error);
	if (container->group)
		return bind_links(work, container->group, error);
	return container->rules ? bind_links(work, work->policy->limits->group, error) : 0;
}

static void ignore_links(struct work *work)
{
	const struct ms_docker_container *container = work->container;

	snprintf(work->why, 512, "label %s: its network is that of %s, so it has no links",
		 container->group ? "microseg.group" : "microseg.rules",
		 container->network == MS_DOCKER_CONTAINER_NETWORK_HOST ? "the host"
									: "another container");
}

/* Its links are the host's or another container's, and must not be moved by its labels. */
static int add_foreign(struct work *work, enum ms_docker_policy_result *result,
		       struct ms_plugin_error *error)
{
	const struct ms_docker_container *container = work->container;
	int r = add_compose(work);

	if (r == 0)
		r = check_unknown(work);
	if (r == 0)
		r = check_sets(work);
	if (r == 0)
		r = add_labelled(work, add_set);
	if (r == 0)
		r = add_labelled(work, add_members);
	if (r == -EINVAL) {
		*result = MS_DOCKER_POLICY_REFUSED_WITHOUT_LINKS;
		return 0;
	}
	if (r < 0)
		return fail(work, r, error);
	if (container->group || container->rules)
		ignore_links(work);
	if (*work->why)
		*result = MS_DOCKER_POLICY_IGNORED;
	return 0;
}

int ms_docker_policy_add(struct ms_docker_policy *policy,
			 const struct ms_docker_container *container,
			 enum ms_docker_policy_result *ret_result, char ret_why[512],
			 struct ms_plugin_error *error)
{
	struct work work = { .policy = policy, .container = container, .why = ret_why };

	ret_why[0] = '\0';
	*ret_result = MS_DOCKER_POLICY_TAKEN;
	if (!ms_docker_container_is_alive(container))
		return 0;
	make_key(&work);
	if (container->network == MS_DOCKER_CONTAINER_NETWORK_OWN)
		return add_own(&work, ret_result, error);
	return add_foreign(&work, ret_result, error);
}
