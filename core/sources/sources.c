/* SPDX-License-Identifier: GPL-2.0-or-later */
#define _GNU_SOURCE
#include "core/sources/sources.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/base/cleanup.h"
#include "core/default_policy.h"
#include "core/policy/document.h"
#include "core/policy/merge.h"
#include "core/sources/private.h"

int64_t ms_sources_wall_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int ms_sources_new(const struct ms_config *config, struct ms_state *state,
		   struct ms_sources **ret_sources, struct ms_error *err)
{
	struct ms_sources *sources = calloc(1, sizeof(*sources));
	int r;

	if (!sources)
		return -ENOMEM;
	sources->config = config;
	sources->state = state;
	r = ms_runtime_init(&sources->now.runtime);
	if (r == 0) {
		r = ms_state_load_runtime(state, &sources->now.runtime, err);
		if (r == -ENOENT)
			r = 0;
		else if (r < 0)
			ms_error_set(err, r, "cannot read runtime.json in %s: %s",
				     config->state_dir, strerror(-r));
	}
	if (r < 0) {
		ms_sources_free(sources);
		return r;
	}
	ms_runtime_expire_members(&sources->now.runtime, ms_sources_wall_ms());
	ms_runtime_expire_rules(&sources->now.runtime, ms_sources_wall_ms() / 1000);
	*ret_sources = sources;
	return 0;
}

struct ms_sources *ms_sources_free(struct ms_sources *sources)
{
	if (!sources)
		return NULL;
	ms_sources_next_fini(&sources->now);
	free(sources);
	return NULL;
}

static void free_policies(struct ms_sources_next *next)
{
	if (!next->files_lent) {
		ms_sources_places_fini(&next->places);
		ms_policy_free(next->files);
	}
	if (!next->amend.policy)
		ms_policy_free(next->merged);
	else if (next->merged)
		ms_amend_undo(&next->amend);
	else
		ms_amend_fini(&next->amend);
	ms_policy_free(next->runtime_policy);
	next->files = next->runtime_policy = next->merged = NULL;
	next->places = (struct ms_sources_places) { 0 };
	next->files_lent = false;
}

static void free_documents(struct ms_sources_next *next)
{
	if (!next->documents_lent)
		ms_documents_fini(&next->documents);
	next->documents_lent = false;
}

void ms_sources_next_fini(struct ms_sources_next *next)
{
	if (next->staging)
		ms_sources_staging_drop(next->staging);
	free_documents(next);
	ms_sources_offers_fini(&next->offers);
	if (next->runtime.rules)
		ms_runtime_fini(&next->runtime);
	free_policies(next);
	*next = (struct ms_sources_next) { 0 };
}

int ms_sources_begin(struct ms_sources *sources, struct ms_sources_next *ret_next)
{
	struct ms_sources_next next = {
		.documents = sources->now.documents,
		.documents_lent = true,
		.applied = sources->now.applied,
		.builtin = sources->now.builtin,
	};
	int r = ms_sources_follow_members(sources);

	if (r == 0)
		r = ms_runtime_copy(&sources->now.runtime, &next.runtime);
	if (r == 0)
		r = ms_sources_offers_copy(&sources->now.offers, &next.offers);
	if (r < 0) {
		ms_sources_next_fini(&next);
		return r;
	}
	*ret_next = next;
	return 0;
}

/* The groups of --interface as a document of its own. */
static int interface_document(const struct ms_config *config, struct ms_documents *documents)
{
	ms_cleanup(ms_free) char *text = NULL;
	size_t length = 0;
	FILE *out = open_memstream(&text, &length);

	if (!out)
		return -ENOMEM;
	fprintf(out, "version: 1\ngroups:\n  - name: cli\n    match: { name: [");
	for (size_t i = 0; i < config->n_interfaces; i++) {
		fprintf(out, "%s\"", i ? ", " : "");
		for (const char *p = config->interfaces[i]; *p; p++)
			fprintf(out, *p == '"' || *p == '\\' ? "\\%c" : "%c", *p);
		fprintf(out, "\"");
	}
	fprintf(out, "] }\n    default: { in: allow, out: allow }\n    mode: enforce\n");
	if (fclose(out) != 0)
		return -ENOMEM;
	return ms_documents_add(documents, "--interface", text, length);
}

static int builtin_documents(const struct ms_config *config, struct ms_documents *documents)
{
	size_t length;
	const char *text;

	if (config->n_interfaces)
		return interface_document(config, documents);
	text = ms_default_policy(&length);
	return ms_documents_add(documents, "default-policy.yaml", text, length);
}

/*
 * Nobody has written a policy yet: a trial, or the first start of all. Where there was a policy, or
 * where a path was given, an absent one is a slip, and to go on with the built-in policy, which
 * allows everything, would open what was closed. --interface asks for just that policy.
 */
static int may_use_builtin(const struct ms_sources *sources, bool is_there, struct ms_error *err)
{
	const struct ms_config *config = sources->config;
	struct ms_error damage = MS_ERROR_INIT;
	struct ms_documents before;
	int r;

	if (config->n_interfaces)
		return 0;
	if (!is_there && strcmp(config->policy, MS_CONFIG_POLICY) != 0)
		return ms_error_set(err, -ENOENT,
				    "no policy in %s: there is no such file or folder",
				    config->policy);
	if (!sources->state)
		return 0;
	r = ms_state_load_documents(sources->state, MS_STATE_LAST_GOOD, &before, &damage);
	if (r == -ENOENT)
		return 0;
	/* There was one, if it cannot be read any more. */
	if (r < 0)
		return ms_error_set(err, r,
				    "no policy in %s, where there was one: %s. Put a policy there, "
				    "or move that file away if nothing shall be blocked",
				    config->policy, damage.message);
	ms_documents_fini(&before);
	return ms_error_set(err, -ENOENT, "no policy in %s, where there was one", config->policy);
}

int ms_sources_read_directory(struct ms_sources *sources, struct ms_sources_next *next,
			      struct ms_error *err)
{
	const struct ms_config *config = sources->config;
	struct ms_documents documents = MS_DOCUMENTS_INIT;
	struct ms_error absent = MS_ERROR_INIT;
	bool builtin = false;
	int r = ms_documents_read(config->policy, &documents, &absent);

	/* No directory, or an empty one: nobody has written a policy yet. */
	if (r == -ENOENT || (r == 0 && documents.count == 0)) {
		builtin = true;
		r = may_use_builtin(sources, r == 0, err);
		if (r == 0)
			r = builtin_documents(config, &documents);
	} else if (r == 0 && config->n_interfaces) {
		r = interface_document(config, &documents);
	}
	if (r < 0) {
		ms_documents_fini(&documents);
		return ms_error_set(err, r, "%s", absent.message);
	}
	free_documents(next);
	next->documents = documents;
	next->builtin = builtin;
	next->applied = false;
	next->documents_changed = true;
	return 0;
}

int ms_sources_use_documents(struct ms_sources_next *next, const struct ms_document *documents,
			     size_t count)
{
	struct ms_documents copy;
	int r = ms_documents_copy(documents, count, &copy);

	if (r < 0)
		return r;
	free_documents(next);
	next->documents = copy;
	next->applied = true;
	next->builtin = false;
	next->documents_changed = true;
	return 0;
}

static void override_modes(struct ms_policy *merged, const struct ms_runtime *runtime)
{
	for (size_t i = 0; i < merged->n_groups; i++) {
		const struct ms_runtime_override *of =
			ms_runtime_find_override(runtime, merged->groups[i].name);

		if (of && of->mode != MS_MODE_INHERIT)
			merged->groups[i].mode = of->mode;
	}
}

static int merge_with(const struct ms_sources_next *next,
		      int (*merge)(const struct ms_merge_inputs *inputs,
				   struct ms_policy **ret_policy, struct ms_error *err),
		      struct ms_policy **ret_policy, struct ms_error *err)
{
	ms_cleanup(ms_free) struct ms_merge_plugin *plugins = NULL;
	struct ms_merge_inputs inputs = {
		.files = next->files,
		.runtime = next->runtime_policy,
		.n_plugins = next->offers.count,
		.now = ms_sources_wall_ms() / 1000,
	};
	int r = ms_sources_offers_inputs(&next->offers, &plugins);

	inputs.plugins = plugins;
	return r < 0 ? r : merge(&inputs, ret_policy, err);
}

int ms_sources_amend(const struct ms_sources *sources, struct ms_sources_next *next,
		     bool (*has_id)(void *user, const char *id), void *user, struct ms_error *err)
{
	const struct ms_sources_next *now = &sources->now;
	struct ms_amend_inputs inputs = {
		.before = now->runtime_policy,
		.has_id = has_id,
		.user = user,
		.now = ms_sources_wall_ms() / 1000,
	};
	int r;

	if (!now->merged || now->documents_changed)
		return 0;
	free_policies(next);
	r = ms_sources_runtime_policy(&next->runtime, &next->runtime_policy);
	if (r < 0)
		return ms_error_set(err, r, "out of memory");
	inputs.after = next->runtime_policy;
	/* One more is what it can be at most, each way. */
	if (now->merged->n_rules + MS_AMEND_STEPS_MAX > sources->config->rules_max)
		return 0;
	r = ms_amend_make(now->merged, &inputs, &next->amend, err);
	if (r == 1) {
		next->merged = now->merged;
		next->files = now->files;
		next->places = now->places;
		next->files_lent = true;
	}
	return r == -ENOMEM ? ms_error_set(err, r, "out of memory") : r;
}

int ms_sources_merge(const struct ms_sources *sources, struct ms_sources_next *next,
		     struct ms_error *err)
{
	int r = 0;

	free_policies(next);
	/* Unchanged documents were parsed when they came: no need to read 100k rules again. */
	if (!next->documents_changed && sources->now.files) {
		next->files = sources->now.files;
		next->places = sources->now.places;
		next->files_lent = true;
	} else {
		r = ms_documents_parse(&next->documents, MS_SOURCE_FILE, &next->files, err);
		if (r == 0)
			r = ms_sources_carry_times(next->files, sources->now.files);
		if (r == 0)
			r = ms_sources_places_make(next->files, &next->places);
	}
	if (r == 0)
		r = ms_sources_runtime_policy(&next->runtime, &next->runtime_policy);
	if (r == 0)
		r = merge_with(next, ms_policy_merge, &next->merged, err);
	if (r < 0)
		return r;
	if (next->merged->n_rules > sources->config->rules_max)
		return ms_error_set(err, -ENOSPC, "%zu rules: limits.rules allows %u",
				    next->merged->n_rules, sources->config->rules_max);
	override_modes(next->merged, &next->runtime);
	return 0;
}

/*
 * Two files change, and either may fail, or the machine may stop in between. The order:
 *
 * 1. last-good.json is written beside its old self, and applied.json, if there is to be one, beside
 *    its own. All the room that they need is had by now; to stop here is to have changed nothing.
 *    So it may be done as early as one likes: while the policy is compiled (ms_sources_stage()).
 * 2. applied.json is replaced, by a rename, or removed. This is the change: a start from here on
 *    reads the new documents, which were merged and loaded before. Should the directory have gone
 *    bad by that start, it falls back to what was in force. If this fails, 1 is undone.
 * 3. The policy comes in force (ms_committer_publish()).
 * 4. last-good.json is renamed. A start between 3 and 4 reads the new documents as after 2, and
 *    then does 4 itself. A rename that fails is no failed command, since the policy is in force and
 *    a start finds it: it is something unsaved, which is said and tried again.
 *
 * So what was refused is never a fallback, and what was answered with success always is.
 */
static int save_documents(struct ms_sources *sources, struct ms_sources_next *next)
{
	int r = 0;

	if (next->staging)
		r = ms_sources_staging_end(ms_take_ptr(next->staging));
	else if (!next->builtin)
		r = ms_sources_staging_write(sources->state, &next->documents, next->applied);
	if (r < 0)
		return r;
	if (next->applied)
		r = ms_state_settle_documents(sources->state, MS_STATE_APPLIED);
	else
		r = ms_state_forget_documents(sources->state, MS_STATE_APPLIED);
	if (r == 0)
		sources->staged = !next->builtin;
	else if (!next->builtin)
		ms_sources_staging_undo(sources->state);
	return r;
}

int ms_sources_settle(struct ms_sources *sources)
{
	int r;

	if (!sources->staged)
		return 0;
	sources->staged = false;
	r = ms_state_settle_documents(sources->state, MS_STATE_LAST_GOOD);
	if (r < 0)
		sources->now.documents_changed = true;
	return r;
}

static int save(struct ms_sources *sources, struct ms_sources_next *next)
{
	int r = 0;

	if (next->documents_changed)
		r = save_documents(sources, next);
	if (r == 0 && next->runtime_changed)
		r = ms_state_save_runtime(sources->state, &next->runtime);
	if (r == 0)
		next->documents_changed = next->runtime_changed = false;
	return r;
}

int ms_sources_save(struct ms_sources *sources, struct ms_sources_next *next, struct ms_error *err)
{
	int r = save(sources, next);

	if (r < 0)
		return ms_error_set(err, r, "cannot save to %s: %s; nothing was changed",
				    sources->config->state_dir, strerror(-r));
	return 0;
}

int ms_sources_save_rest(struct ms_sources *sources)
{
	int r = save(sources, &sources->now);

	return r < 0 ? r : ms_sources_settle(sources);
}

void ms_sources_take(struct ms_sources *sources, struct ms_sources_next *next)
{
	struct ms_sources_next before = sources->now;

	sources->now = *next;
	before.files_lent = next->files_lent;
	before.documents_lent = next->documents_lent;
	sources->now.files_lent = sources->now.documents_lent = false;
	/* What was amended is one and the same; what it lost goes with what was. */
	if (next->amend.policy)
		before.merged = NULL;
	before.amend = next->amend;
	sources->now.amend = (struct ms_amend) { 0 };
	*next = before;
}

int ms_sources_fall_back(struct ms_sources *sources, struct ms_sources_next *next,
			 struct ms_error *err)
{
	struct ms_documents saved;
	int r = ms_state_load_documents(sources->state, MS_STATE_LAST_GOOD, &saved, err);

	if (r < 0)
		return r;
	free_documents(next);
	next->documents = saved;
	next->documents_changed = true;
	next->applied = next->builtin = false;
	r = ms_sources_merge(sources, next, err);
	/* Not a change: what is on disk is what an operator must mend. */
	next->documents_changed = false;
	return r;
}

bool ms_sources_has_last_good(const struct ms_sources *sources)
{
	struct ms_documents saved = MS_DOCUMENTS_INIT;
	int r = ms_state_load_documents(sources->state, MS_STATE_LAST_GOOD, &saved, NULL);

	ms_documents_fini(&saved);
	return r == 0;
}

/* Nothing can stand in for what was refused: both are to be mended, so both are said. */
static void add_reason(struct ms_error *err, const struct ms_error *why)
{
	size_t used = err ? strlen(err->message) : 0;

	if (used && why->message[0] && !strstr(err->message, why->message))
		snprintf(err->message + used, sizeof(err->message) - used,
			 "; the last good policy cannot stand in: %s", why->message);
}

int ms_sources_initial(struct ms_sources *sources, struct ms_sources_next *ret_next,
		       struct ms_error *err)
{
	struct ms_error why = MS_ERROR_INIT;
	struct ms_documents saved;
	struct ms_sources_next next;
	int r = ms_sources_begin(sources, &next);

	if (r < 0)
		return r;
	r = ms_state_load_documents(sources->state, MS_STATE_APPLIED, &saved, err);
	if (r == 0) {
		free_documents(&next);
		next.documents = saved;
		next.applied = next.documents_changed = true;
	} else if (r == -ENOENT) {
		r = ms_sources_read_directory(sources, &next, err);
	}
	if (r == 0)
		r = ms_sources_merge(sources, &next, err);
	if (r < 0 && ms_sources_fall_back(sources, &next, &why) == 0)
		r = 1;
	if (r < 0) {
		add_reason(err, &why);
		ms_sources_next_fini(&next);
		return r;
	}
	*ret_next = next;
	return r;
}

const struct ms_policy *ms_sources_merged(const struct ms_sources *sources)
{
	return sources->now.merged;
}

const struct ms_policy *ms_sources_policy(const struct ms_sources *sources, enum ms_source source)
{
	return source == MS_SOURCE_RUNTIME ? sources->now.runtime_policy : sources->now.files;
}

const struct ms_runtime *ms_sources_runtime(const struct ms_sources *sources)
{
	return &sources->now.runtime;
}

bool ms_sources_are_applied(const struct ms_sources *sources)
{
	return sources->now.applied;
}

char *ms_sources_describe(const struct ms_sources *sources, char *buf, size_t size)
{
	char names[200];

	if (sources->now.applied)
		snprintf(buf, size, "applied: %s",
			 ms_documents_names(&sources->now.documents, names, sizeof(names)));
	else if (sources->now.builtin)
		snprintf(buf, size, "built-in default");
	else
		snprintf(buf, size, "%s", sources->config->policy);
	return buf;
}

/* `*ret_saved` = 0 or -errno of the save; `must_save` makes that the result, with nothing changed.
 */
static int replace_runtime(struct ms_sources *sources, struct ms_runtime *runtime, bool must_save,
			   int *ret_saved)
{
	struct ms_policy *policy;
	int saved, r = ms_sources_runtime_policy(runtime, &policy);

	if (r < 0)
		return r;
	saved = ms_state_save_runtime(sources->state, runtime);
	*ret_saved = saved;
	if (saved < 0 && must_save) {
		ms_policy_free(policy);
		return saved;
	}
	ms_runtime_fini(&sources->now.runtime);
	sources->now.runtime = *runtime;
	*runtime = (struct ms_runtime) { 0 };
	ms_policy_free(sources->now.runtime_policy);
	sources->now.runtime_policy = policy;
	sources->now.runtime_changed = saved < 0;
	sources->now.members_behind = false;
	return ms_sources_refresh_runtime_sets(sources->now.merged, policy);
}

int ms_sources_replace_runtime(struct ms_sources *sources, struct ms_runtime *runtime,
			       struct ms_error *err)
{
	int saved = 0, r = replace_runtime(sources, runtime, true, &saved);

	if (saved < 0)
		return ms_error_set(err, saved, "cannot save to %s: %s; nothing was changed",
				    sources->config->state_dir, strerror(-saved));
	return r;
}

int ms_sources_insist_on_runtime(struct ms_sources *sources, struct ms_runtime *runtime,
				 int *ret_saved)
{
	return replace_runtime(sources, runtime, false, ret_saved);
}

const struct ms_sources_places *ms_sources_places(const struct ms_sources *sources)
{
	return &sources->now.places;
}

struct ms_sources_offers *ms_sources_offers(struct ms_sources *sources)
{
	return &sources->now.offers;
}

int ms_sources_refresh_sets(struct ms_sources *sources, struct ms_error *err)
{
	struct ms_policy *merged = sources->now.merged, *fresh, old;
	int r = ms_sources_follow_members(sources);

	if (r == 0)
		r = merge_with(&sources->now, ms_policy_merge_sets, &fresh, err);
	if (r < 0)
		return r;
	old = *merged;
	merged->sets = fresh->sets;
	merged->n_sets = fresh->n_sets;
	fresh->sets = old.sets;
	fresh->n_sets = old.n_sets;
	ms_policy_free(fresh);
	return 0;
}
