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
#include "core/base/plural.h"
#include "core/control/command.h"
#include "core/control/live.h"
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
	const struct ms_error *refused;
	const char *missing = ms_manager_missing_action(manager, rule, &refused);
	char origin[MS_ORIGIN_MAX], why[640];

	if (!shape)
		return NULL;
	ms_origin_format(&rule->origin, origin, sizeof(origin));
	if (ms_control_shape_put(shape, "source",
				 json_string(ms_source_name(rule->origin.source))) < 0 ||
	    ms_control_shape_put(shape, "origin", json_string(origin)) < 0 ||
	    ms_control_shape_put(shape, "missing_action",
				 missing ? json_string(missing) : json_null()) < 0 ||
	    ms_control_shape_put(shape, "refused",
				 refused ? json_string(ms_error_format(refused, why, sizeof(why)))
					 : json_null()) < 0 ||
	    put_counts(manager, shape, slot < MS_SLOTS_MAX ? slot : 0, live) < 0) {
		json_decref(shape);
		return NULL;
	}
	return shape;
}

/* ---- list ---- */

struct listing {
	struct ms_control_live live;
	const struct ms_policy *policy; /* compared only: it may be gone by the next slice */
	uint32_t generation;
	char source[16]; /* "" = all */
	bool is_offered; /* those of plugin sources, too */
	size_t next;
};

static uint32_t generation_now(struct ms_manager *manager)
{
	struct ms_manager_status status;

	ms_manager_status(manager, &status);
	return status.generation_applied;
}

static bool is_listed(const struct listing *listing, const struct ms_rule *rule)
{
	if (rule->origin.source == MS_SOURCE_PLUGIN && !listing->is_offered)
		return false;
	return !listing->source[0] ||
	       strcmp(listing->source, ms_source_name(rule->origin.source)) == 0;
}

static int list_step(struct ms_control_live *live, json_t **ret_reply, struct ms_error *err)
{
	struct listing *listing = (struct listing *)live;
	const struct ms_policy *policy = ms_manager_policy(live->manager);
	json_auto_t *rules = json_array();
	size_t end;

	if (policy != listing->policy || generation_now(live->manager) != listing->generation)
		return ms_error_set(err, -EAGAIN, "the policy changed while it was listed");
	end = listing->next + SLICE < policy->n_rules ? listing->next + SLICE : policy->n_rules;
	for (; listing->next < end; listing->next++) {
		const struct ms_rule *rule = &policy->rules[listing->next];

		if (!is_listed(listing, rule))
			continue;
		if (json_array_append_new(
			    rules, shape_rule(live->manager, rule, live->counts.by_slot)) < 0)
			return -ENOMEM;
	}
	*ret_reply = json_pack("{s:O, s:I}", "rules", rules, "generation",
			       (json_int_t)listing->generation);
	if (!*ret_reply)
		return -ENOMEM;
	return listing->next < policy->n_rules ? 1 : 0;
}

int ms_control_cmd_rule_list(struct ms_manager *manager, struct ms_control_call *call,
			     json_t **ret_reply, struct ms_error *err)
{
	struct listing *listing;
	const char *source = NULL;
	int offered = true;
	int r = ms_control_unpack(call->parameters, err, "{s?s, s?b}", "source", &source, "offered",
				  &offered);

	(void)ret_reply;
	if (r < 0)
		return r;
	listing = ms_control_live_new(sizeof(*listing), manager, list_step);
	if (!listing)
		return -ENOMEM;
	listing->policy = ms_manager_policy(manager);
	listing->generation = generation_now(manager);
	snprintf(listing->source, sizeof(listing->source), "%s", source ? source : "");
	listing->is_offered = offered;
	call->stream = &listing->live.stream;
	return 0;
}

/* ---- show ---- */

struct showing {
	struct ms_control_live live;
	char id[MS_RULE_ID_MAX];
};

static int find_rule(struct ms_manager *manager, const char *id, const struct ms_rule **ret_rule,
		     struct ms_error *err)
{
	const struct ms_rule *rule = ms_policy_find_rule(ms_manager_policy(manager), id);

	if (!rule)
		return ms_error_set_at(err, -ENOENT, NULL, 0, 0, id, "no rule '%s'", id);
	*ret_rule = rule;
	return 0;
}

static int show_step(struct ms_control_live *live, json_t **ret_reply, struct ms_error *err)
{
	const struct ms_rule *rule = NULL;
	/* Again: it may have gone while sessions were counted. */
	int r = find_rule(live->manager, ((struct showing *)live)->id, &rule, err);

	if (r < 0)
		return r;
	*ret_reply =
		json_pack("{s:o}", "rule", shape_rule(live->manager, rule, live->counts.by_slot));
	return *ret_reply ? 0 : -ENOMEM;
}

int ms_control_cmd_rule_show(struct ms_manager *manager, struct ms_control_call *call,
			     json_t **ret_reply, struct ms_error *err)
{
	struct showing *showing;
	const struct ms_rule *rule = NULL;
	const char *id;
	int r = ms_control_unpack(call->parameters, err, "{s:s}", "id", &id);

	(void)ret_reply;
	if (r == 0)
		r = find_rule(manager, id, &rule, err);
	if (r < 0)
		return r;
	showing = ms_control_live_new(sizeof(*showing), manager, show_step);
	if (!showing)
		return -ENOMEM;
	snprintf(showing->id, sizeof(showing->id), "%s", id);
	call->stream = &showing->live.stream;
	return 0;
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
	snprintf(call->audit, sizeof(call->audit), "generation %u in force, %u change%s",
		 commit.generation, commit.changes, ms_plural(commit.changes));
	*ret_reply = ms_control_shape_commit(&commit, dry_run);
	return *ret_reply ? 0 : -ENOMEM;
}
