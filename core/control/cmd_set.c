/* SPDX-License-Identifier: GPL-2.0-or-later */
/* set list, show, add, del. */
#define _GNU_SOURCE
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/cleanup.h"
#include "core/control/command.h"
#include "core/control/param.h"
#include "core/control/shape.h"
#include "core/plugin/registry.h"
#include "core/policy/array.h"

#define SLICE 1024
#define NS_PER_MS 1000000ULL

static json_t *shape_set(const struct ms_manager *manager, const char *name, size_t members,
			 const char *origin)
{
	const struct ms_rule_action_known known =
		ms_plugin_registry_known(ms_manager_plugins(manager));

	return json_pack("{s:s, s:I, s:i, s:s}", "name", name, "members", (json_int_t)members,
			 "rules",
			 (int)ms_policy_count_naming(ms_manager_policy(manager), name, &known),
			 "origin", origin);
}

int ms_control_cmd_set_list(struct ms_manager *manager, struct ms_control_call *call,
			    json_t **ret_reply, struct ms_error *err)
{
	const struct ms_policy *policy = ms_manager_policy(manager);
	json_auto_t *sets = json_array();
	char origin[MS_ORIGIN_MAX];
	size_t n_addresses;
	int r = ms_control_unpack(call->parameters, err, "{}");

	if (r < 0)
		return r;
	ms_monitor_addresses(ms_manager_monitor(manager), &n_addresses);
	if (json_array_append_new(sets, shape_set(manager, MS_SET_HOST, n_addresses, "builtin")) <
	    0)
		return -ENOMEM;
	for (size_t i = 0; i < policy->n_sets; i++) {
		const struct ms_set_def *set = &policy->sets[i];

		ms_origin_format(&set->origin, origin, sizeof(origin));
		if (json_array_append_new(sets, shape_set(manager, set->name,
							  ms_manager_set_count(manager, set->name),
							  origin)) < 0)
			return -ENOMEM;
	}
	*ret_reply = json_pack("{s:O}", "sets", sets);
	return *ret_reply ? 0 : -ENOMEM;
}

/* ---- show ---- */

/* The members as they were when they were asked for: a million of them as JSON is a gigabyte, so
 * that each is made when its turn comes. */
struct showing {
	struct ms_control_stream stream;
	const struct ms_manager *manager;
	struct ms_set_def set;
	size_t told;
};

static void format_origin(const struct ms_manager *manager, const char *set,
			  const struct ms_set_member *member, char *buf, size_t size)
{
	const struct ms_origin *origin = &member->origin;
	const char *who = NULL;

	if (origin->source == MS_SOURCE_RUNTIME)
		who = ms_manager_set_put_by(manager, set, &member->cidr);
	else if (origin->source == MS_SOURCE_PLUGIN && !origin->file)
		who = ms_manager_set_offered_by(manager, set, member);
	if (who)
		snprintf(buf, size, "%s%s", origin->source == MS_SOURCE_RUNTIME ? "plugin " : "",
			 who);
	else
		ms_origin_format(origin, buf, size);
}

/* `timeout_ms` is what the member has left now; null = it stays. */
static json_t *shape_member(const struct ms_manager *manager, const char *set,
			    const struct ms_set_member *member)
{
	char cidr[MS_CIDR_TEXT], origin[MS_ORIGIN_MAX];
	uint64_t left = UINT64_MAX;

	ms_manager_set_left(manager, set, &member->cidr, &left);
	format_origin(manager, set, member, origin, sizeof(origin));
	return json_pack("{s:s, s:o, s:s, s:s}", "addr",
			 ms_cidr_format(&member->cidr, cidr, sizeof(cidr)), "timeout_ms",
			 left == UINT64_MAX ? json_null() : ms_control_shape_ms(left), "source",
			 ms_source_name(member->origin.source), "origin", origin);
}

static int show_step(struct ms_control_stream *stream, json_t **ret_reply, struct ms_error *err)
{
	struct showing *showing = (struct showing *)stream;
	const struct ms_set_def *set = &showing->set;
	size_t end =
		showing->told + SLICE < set->n_members ? showing->told + SLICE : set->n_members;
	json_auto_t *slice = json_array();

	(void)err;
	for (; showing->told < end; showing->told++) {
		if (json_array_append_new(slice, shape_member(showing->manager, set->name,
							      &set->members[showing->told])) < 0)
			return -ENOMEM;
	}
	*ret_reply = json_pack("{s:s, s:O}", "name", set->name, "members", slice);
	if (!*ret_reply)
		return -ENOMEM;
	return showing->told < set->n_members ? 1 : 0;
}

static void show_end(struct ms_control_stream *stream)
{
	struct showing *showing = (struct showing *)stream;

	ms_set_def_fini(&showing->set);
	free(showing);
}

/* This machine's addresses, which no document writes. */
static int host_members(struct ms_manager *manager, struct ms_set_def *ret_set)
{
	ms_cleanup(ms_set_def_fini) struct ms_set_def set = { .name = strdup(MS_SET_HOST) };
	size_t count;
	const struct ms_addr *addresses = ms_monitor_addresses(ms_manager_monitor(manager), &count);
	int r = set.name ? 0 : -ENOMEM;

	for (size_t i = 0; r == 0 && i < count; i++) {
		const struct ms_set_member member = {
			.cidr = { addresses[i], addresses[i].family == 4 ? 32 : 128 },
			.origin.source = MS_SOURCE_BUILTIN,
		};

		r = ms_array_append(&set.members, &set.n_members, member);
	}
	if (r == 0) {
		*ret_set = set;
		set = (struct ms_set_def) { 0 };
	}
	return r;
}

int ms_control_cmd_set_show(struct ms_manager *manager, struct ms_control_call *call,
			    json_t **ret_reply, struct ms_error *err)
{
	const struct ms_set_def *set;
	struct showing *showing;
	const char *name;
	int r = ms_control_unpack(call->parameters, err, "{s:s}", "name", &name);

	(void)ret_reply;
	if (r < 0)
		return r;
	set = ms_policy_find_set(ms_manager_policy(manager), name);
	if (!set && strcmp(name, MS_SET_HOST) != 0)
		return ms_error_set_at(err, -ENOENT, NULL, 0, 0, name, "no set '%s'", name);
	showing = calloc(1, sizeof(*showing));
	if (!showing)
		return -ENOMEM;
	showing->stream.on_step = show_step;
	showing->stream.on_end = show_end;
	showing->manager = manager;
	r = set ? ms_set_def_copy(set, &showing->set) : host_members(manager, &showing->set);
	if (r == 0)
		r = ms_set_def_keep_longest(&showing->set);
	if (r < 0) {
		show_end(&showing->stream);
		return r;
	}
	call->stream = &showing->stream;
	return 0;
}

/* ---- add, del ---- */

static int refuse_member(const char *text, struct ms_error *err)
{
	char hint[MS_CIDR_TEXT];
	struct ms_cidr meant;

	if (!ms_cidr_parse_meant(text, &meant))
		return ms_error_set_at(err, -EINVAL, NULL, 0, 0, text,
				       "'%s' is neither an address nor a prefix", text);
	return ms_error_set_at(
		err, -EINVAL, NULL, 0, 0, text,
		"'%s' is not a prefix: bits are set behind its length, did you mean %s?", text,
		ms_cidr_format(&meant, hint, sizeof(hint)));
}

static int parse_members(json_t *list, struct ms_cidr **ret_members, size_t *ret_count,
			 struct ms_error *err)
{
	size_t count = json_array_size(list), i;
	ms_cleanup(ms_free) struct ms_cidr *members = calloc(count ? count : 1, sizeof(*members));
	json_t *item;

	if (!members)
		return -ENOMEM;
	if (count == 0)
		return ms_error_set(err, -EBADMSG, "parameters: 'members' must name an address");
	json_array_foreach (list, i, item) {
		const char *text = json_is_string(item) ? json_string_value(item) : "";

		if (!ms_cidr_parse(text, &members[i]))
			return refuse_member(text, err);
	}
	*ret_members = ms_take_ptr(members);
	*ret_count = count;
	return 0;
}

/* The answer to a change that is in force when all addresses are told. */
struct telling {
	struct ms_control_stream stream;
	struct ms_manager_waiter waiter;
	json_t *reply;
};

static int tell_step(struct ms_control_stream *stream, json_t **ret_reply, struct ms_error *err)
{
	struct telling *telling = (struct telling *)stream;

	(void)err;
	*ret_reply = ms_take_ptr(telling->reply);
	return 0;
}

static void tell_end(struct ms_control_stream *stream)
{
	struct telling *telling = (struct telling *)stream;

	ms_manager_await_no_more(&telling->waiter);
	json_decref(telling->reply);
	free(telling);
}

static void on_told(void *user)
{
	struct telling *telling = user;

	telling->stream.on_step = tell_step;
	ms_control_stream_resume(&telling->stream);
}

/* Takes `reply`. */
static int reply_when_told(struct ms_manager *manager, struct ms_control_call *call, json_t *reply)
{
	struct telling *telling = calloc(1, sizeof(*telling));

	if (!telling) {
		json_decref(reply);
		return -ENOMEM;
	}
	*telling = (struct telling) {
		.stream = { .on_end = tell_end, .is_change = true },
		.waiter = { .on_told = on_told, .user = telling },
		.reply = reply,
	};
	ms_manager_await_told(manager, &telling->waiter);
	call->stream = &telling->stream;
	return 0;
}

/* `r`: as the manager returned it, 1 = not yet. */
static int reply_members(struct ms_manager *manager, struct ms_control_call *call, int r,
			 json_t **ret_reply, const char *name, size_t count, json_int_t for_ms,
			 int dry_run)
{
	json_t *reply = json_pack("{s:s, s:I, s:o, s:b}", "name", name, "members",
				  (json_int_t)count, "timeout_ms",
				  for_ms ? json_integer(for_ms) : json_null(), "dry_run", dry_run);

	if (!reply)
		return -ENOMEM;
	if (r > 0)
		return reply_when_told(manager, call, reply);
	*ret_reply = reply;
	return 0;
}

int ms_control_cmd_set_add(struct ms_manager *manager, struct ms_control_call *call,
			   json_t **ret_reply, struct ms_error *err)
{
	ms_cleanup(ms_free) struct ms_cidr *members = NULL;
	json_int_t for_ms = 0;
	int dry_run = false, r;
	const char *name;
	json_t *list;
	size_t count;

	r = ms_control_unpack(call->parameters, err, "{s:s, s:o, s?I, s?b}", "name", &name,
			      "members", &list, "for_ms", &for_ms, "dry_run", &dry_run);
	if (r == 0 && (for_ms < 0 || for_ms > INT64_MAX / (json_int_t)NS_PER_MS))
		r = ms_error_set(err, -EBADMSG, "parameters: 'for_ms' is not a duration");
	if (r == 0)
		r = parse_members(list, &members, &count, err);
	if (r == 0)
		r = ms_manager_set_add(manager, name, members, count, (uint64_t)for_ms * NS_PER_MS,
				       dry_run, err);
	return r < 0 ? r : reply_members(manager, call, r, ret_reply, name, count, for_ms, dry_run);
}

int ms_control_cmd_set_del(struct ms_manager *manager, struct ms_control_call *call,
			   json_t **ret_reply, struct ms_error *err)
{
	ms_cleanup(ms_free) struct ms_cidr *members = NULL;
	int dry_run = false, r;
	const char *name;
	json_t *list;
	size_t count;

	r = ms_control_unpack(call->parameters, err, "{s:s, s:o, s?b}", "name", &name, "members",
			      &list, "dry_run", &dry_run);
	if (r == 0)
		r = parse_members(list, &members, &count, err);
	if (r == 0)
		r = ms_manager_set_remove(manager, name, members, count, dry_run, err);
	return r < 0 ? r : reply_members(manager, call, r, ret_reply, name, count, 0, dry_run);
}
