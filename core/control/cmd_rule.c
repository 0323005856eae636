/* SPDX-License-Identifier: GPL-2.0-or-later */
/* rule list, show, add, del, import. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/base/cleanup.h"
#include "core/base/parse.h"
#include "core/control/command.h"
#include "core/control/param.h"
#include "core/control/shape.h"
#include "core/policy/check.h"
#include "core/policy/document.h"

#define SLICE 256

/* ---- a rule with what it did ---- */

static int put_counts(struct ms_manager *manager, json_t *shape, uint32_t slot,
		      const struct ms_slot_count *live)
{
	const struct ms_dataplane *dp = ms_manager_dataplane(manager);
	struct ms_slot_count count = { 0 };
	struct ms_slot_meta meta = { 0 };
	json_t *last_hit = json_null();

	if (slot)
		ms_dataplane_slot_count(dp, slot, &count, &meta);
	if (meta.hits) {
		int32_t age = (int32_t)(ms_dataplane_tick_now(dp) - meta.last_hit);

		last_hit = ms_control_shape_ms(
			ms_dataplane_ticks_to_ns(dp, age > 0 ? (uint32_t)age : 0));
	}
	if (ms_control_shape_put(shape, "last_hit_ms", last_hit) < 0 ||
	    ms_control_shape_put(shape, "hits", json_integer((json_int_t)meta.hits)) < 0 ||
	    ms_control_shape_put(shape, "packets",
				 json_integer((json_int_t)(count.packets + live[slot].packets))) <
		    0 ||
	    ms_control_shape_put(shape, "bytes",
				 json_integer((json_int_t)(count.bytes + live[slot].bytes))) < 0)
		return -ENOMEM;
	return 0;
}

/* `live` by slot, MS_SLOTS_MAX long. */
static json_t *shape_rule(struct ms_manager *manager, const struct ms_rule *rule,
			  const struct ms_slot_count *live)
{
	json_t *shape = ms_control_shape_rule(rule);
	uint32_t slot = ms_manager_slot(manager, rule->id);
	char origin[MS_ORIGIN_MAX];

	if (!shape)
		return NULL;
	ms_origin_format(&rule->origin, origin, sizeof(origin));
	if (ms_control_shape_put(shape, "source",
				 json_string(ms_source_name(rule->origin.source))) < 0 ||
	    ms_control_shape_put(shape, "origin", json_string(origin)) < 0 ||
	    put_counts(manager, shape, slot < MS_SLOTS_MAX ? slot : 0, live) < 0) {
		json_decref(shape);
		return NULL;
	}
	return shape;
}

static int count_live(struct ms_manager *manager, struct ms_slot_count **ret_live)
{
	struct ms_slot_count *live = calloc(MS_SLOTS_MAX, sizeof(*live));
	int r;

	if (!live)
		return -ENOMEM;
	r = ms_session_add_live_counts(ms_manager_dataplane(manager), live, MS_SLOTS_MAX, NULL);
	if (r < 0) {
		free(live);
		return r;
	}
	live[MS_SLOT_NONE] = (struct ms_slot_count) { 0 };
	*ret_live = live;
	return 0;
}

/* ---- list ---- */

struct listing {
	struct ms_control_stream stream;
	struct ms_manager *manager;
	const struct ms_policy *policy; /* compared only: it may be gone by the next slice */
	uint32_t generation;
	struct ms_session_live live; /* counted first, a slice a step */
	bool counted;
	char source[16]; /* "" = all */
	size_t next;
};

static uint32_t generation_now(struct ms_manager *manager)
{
	struct ms_manager_status status;

	ms_manager_status(manager, &status);
	return status.generation_applied;
}

static int list_step(struct ms_control_stream *stream, json_t **ret_reply, struct ms_error *err)
{
	struct listing *listing = (struct listing *)stream;
	const struct ms_policy *policy = ms_manager_policy(listing->manager);
	json_auto_t *rules = NULL;
	size_t end;
	int r = 0;

	if (!listing->counted)
		r = ms_session_live_step(ms_manager_dataplane(listing->manager), &listing->live);
	if (r != 0)
		return r;
	listing->counted = true;
	listing->live.by_slot[MS_SLOT_NONE] = (struct ms_slot_count) { 0 };
	rules = json_array();
	if (policy != listing->policy || generation_now(listing->manager) != listing->generation)
		return ms_error_set(err, -EBUSY, "the policy changed while it was listed");
	end = listing->next + SLICE < policy->n_rules ? listing->next + SLICE : policy->n_rules;
	for (; listing->next < end; listing->next++) {
		const struct ms_rule *rule = &policy->rules[listing->next];

		if (listing->source[0] &&
		    strcmp(listing->source, ms_source_name(rule->origin.source)) != 0)
			continue;
		if (json_array_append_new(
			    rules, shape_rule(listing->manager, rule, listing->live.by_slot)) < 0)
			return -ENOMEM;
	}
	*ret_reply = json_pack("{s:O, s:I}", "rules", rules, "generation",
			       (json_int_t)listing->generation);
	if (!*ret_reply)
		return -ENOMEM;
	return listing->next < policy->n_rules ? 1 : 0;
}

static void list_end(struct ms_control_stream *stream)
{
	struct listing *listing = (struct listing *)stream;

	free(listing->live.by_slot);
	free(listing);
}

int ms_control_cmd_rule_list(struct ms_manager *manager, struct ms_control_call *call,
			     json_t **ret_reply, struct ms_error *err)
{
	struct listing *listing;
	const char *source = NULL;
	int r = ms_control_unpack(call->parameters, err, "{s?s}", "source", &source);

	(void)ret_reply;
	if (r < 0)
		return r;
	listing = calloc(1, sizeof(*listing));
	if (!listing)
		return -ENOMEM;
	listing->stream.on_step = list_step;
	listing->stream.on_end = list_end;
	listing->manager = manager;
	listing->policy = ms_manager_policy(manager);
	listing->generation = generation_now(manager);
	snprintf(listing->source, sizeof(listing->source), "%s", source ? source : "");
	listing->live.n_slots = MS_SLOTS_MAX;
	listing->live.by_slot = calloc(MS_SLOTS_MAX, sizeof(*listing->live.by_slot));
	if (!listing->live.by_slot) {
		list_end(&listing->stream);
		return -ENOMEM;
	}
	call->stream = &listing->stream;
	return 0;
}

int ms_control_cmd_rule_show(struct ms_manager *manager, struct ms_control_call *call,
			     json_t **ret_reply, struct ms_error *err)
{
	ms_cleanup(ms_free) struct ms_slot_count *live = NULL;
	const struct ms_rule *rule;
	const char *id;
	int r = ms_control_unpack(call->parameters, err, "{s:s}", "id", &id);

	if (r < 0)
		return r;
	rule = ms_policy_find_rule(ms_manager_policy(manager), id);
	if (!rule)
		return ms_error_set_at(err, -ENOENT, NULL, 0, 0, id, "no rule '%s'", id);
	r = count_live(manager, &live);
	if (r < 0)
		return r;
	*ret_reply = json_pack("{s:o}", "rule", shape_rule(manager, rule, live));
	return *ret_reply ? 0 : -ENOMEM;
}

/* ---- add ---- */

static int parse_rule(json_t *mapping, struct ms_rule *ret_rule, struct ms_error *err)
{
	ms_cleanup(ms_free) char *text = json_dumps(mapping, JSON_COMPACT);

	if (!text)
		return ms_error_set(err, -EBADMSG, "parameters: 'rule' must be an object");
	return ms_document_parse_rule("rule", text, ret_rule, err);
}

/*
 * Only the failsafe can make a new rule ineffective before any other rule is looked at, so it is
 * checked alone, with the groups, sets and failsafe in force: cheap however long the policy is.
 */
static int check_failsafe(struct ms_manager *manager, struct ms_rule *rule, json_t **ret_warnings)
{
	struct ms_policy alone = *ms_manager_policy(manager); /* borrows */
	ms_cleanup(ms_free) struct ms_warning *warnings = NULL;
	size_t count = 0, kept = 0;
	int r;

	alone.rules = rule;
	alone.n_rules = 1;
	r = ms_policy_check(&alone, &warnings, &count);
	if (r < 0)
		return r;
	for (size_t i = 0; i < count; i++) {
		if (strcmp(warnings[i].kind, "failsafe") != 0)
			continue;
		warnings[kept] = warnings[i];
		warnings[kept++].origin = (struct ms_origin) { .source = MS_SOURCE_RUNTIME };
	}
	*ret_warnings = ms_control_shape_warnings(warnings, kept);
	return *ret_warnings ? 0 : -ENOMEM;
}

/* The rule as it now is, under the id it was given. */
static json_t *shape_added(struct ms_manager *manager, const struct ms_rule *asked,
			   const struct ms_commit *commit)
{
	const struct ms_rule *added =
		ms_policy_find_rule(ms_manager_policy(manager), commit->rule_id);
	json_t *shape = ms_control_shape_rule(added ? added : asked);

	if (shape && ms_control_shape_put(shape, "id", json_string(commit->rule_id)) < 0) {
		json_decref(shape);
		return NULL;
	}
	return shape;
}

static int add_rule(struct ms_manager *manager, struct ms_control_call *call, struct ms_rule *rule,
		    bool dry_run, json_t **ret_reply, struct ms_error *err)
{
	struct ms_commit commit = { 0 };
	json_auto_t *warnings = NULL;
	json_auto_t *reply = NULL;
	int r = check_failsafe(manager, rule, &warnings);

	if (r == 0)
		r = ms_manager_rule_add(manager, rule, dry_run, &commit, err);
	if (r < 0)
		return r;
	snprintf(call->audit, sizeof(call->audit), "%s in force (generation %u)", commit.rule_id,
		 commit.generation);
	reply = ms_control_shape_commit(&commit, dry_run);
	if (!reply || json_object_set(reply, "warnings", warnings) < 0 ||
	    ms_control_shape_put(reply, "rule", shape_added(manager, rule, &commit)) < 0)
		return -ENOMEM;
	*ret_reply = ms_take_ptr(reply);
	return 0;
}

int ms_control_cmd_rule_add(struct ms_manager *manager, struct ms_control_call *call,
			    json_t **ret_reply, struct ms_error *err)
{
	struct ms_error found = MS_ERROR_INIT;
	struct ms_rule rule = { 0 };
	json_int_t for_ms = 0;
	int dry_run = false, r;
	json_t *mapping;

	r = ms_control_unpack(call->parameters, err, "{s:o, s?I, s?b}", "rule", &mapping, "for_ms",
			      &for_ms, "dry_run", &dry_run);
	if (r < 0)
		return r;
	if (for_ms < 0 || for_ms > INT64_MAX / 1000000)
		return ms_error_set(err, -EBADMSG, "parameters: 'for_ms' is not a duration");
	r = parse_rule(mapping, &rule, &found);
	/* Counted from now by this clock, to the second above: never shorter than asked. */
	if (for_ms)
		rule.expires = (int64_t)time(NULL) + (for_ms + 999) / 1000;
	if (r == 0)
		r = add_rule(manager, call, &rule, dry_run, ret_reply, &found);
	ms_rule_fini(&rule);
	/* The place in a text that was made here would help nobody; word and sentence do. */
	if (r < 0)
		ms_error_set_at(err, r, NULL, 0, 0, found.word, "%s",
				found.message[0] ? found.message : strerror(-r));
	return r;
}

/* ---- del, import ---- */

int ms_control_cmd_rule_del(struct ms_manager *manager, struct ms_control_call *call,
			    json_t **ret_reply, struct ms_error *err)
{
	struct ms_commit commit = { 0 };
	int dry_run = false, r;
	const char *id;

	r = ms_control_unpack(call->parameters, err, "{s:s, s?b}", "id", &id, "dry_run", &dry_run);
	if (r == 0)
		r = ms_manager_rule_remove(manager, id, dry_run, &commit, err);
	if (r < 0)
		return r;
	snprintf(call->audit, sizeof(call->audit), "generation %u in force", commit.generation);
	*ret_reply = ms_control_shape_commit(&commit, dry_run);
	if (!*ret_reply || ms_control_shape_put(*ret_reply, "id", json_string(id)) < 0)
		return -ENOMEM;
	return 0;
}

int ms_control_cmd_rule_import(struct ms_manager *manager, struct ms_control_call *call,
			       json_t **ret_reply, struct ms_error *err)
{
	ms_cleanup(ms_free) struct ms_document *document = NULL;
	struct ms_commit commit = { 0 };
	int replace = false, dry_run = false, r;
	json_auto_t *list = NULL;
	json_t *item;
	size_t count;

	r = ms_control_unpack(call->parameters, err, "{s:o, s?b, s?b}", "document", &item,
			      "replace", &replace, "dry_run", &dry_run);
	if (r < 0)
		return r;
	list = json_pack("[O]", item);
	r = ms_control_unpack_documents(list, &document, &count, err);
	if (r == 0)
		r = ms_manager_rule_import(manager, document, replace, dry_run, &commit, err);
	if (r < 0)
		return r;
	snprintf(call->audit, sizeof(call->audit), "generation %u in force, %u changes",
		 commit.generation, commit.changes);
	*ret_reply = ms_control_shape_commit(&commit, dry_run);
	return *ret_reply ? 0 : -ENOMEM;
}
