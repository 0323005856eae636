/* SPDX-License-Identifier: GPL-2.0-or-later */
#define _GNU_SOURCE
#include "core/committer.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/cleanup.h"
#include "core/classify/compile.h"
#include "core/classify/late.h"
#include "core/encoding.h"
#include "core/policy/name_index.h"

struct ms_committer {
	struct ms_dataplane *dp;
	struct ms_numbering_table *numbers;
	struct ms_committer_hooks hooks;
	struct ms_set_table *sets;
	struct ms_engine_choice engines[MS_ENGINE_FAMILIES]; /* of the policy in force */
	struct ms_unobserved unobserved;                     /* of the same */
	struct ms_encoding *encoding;                        /* of the same; NULL = no actions */
	uint64_t *places;           /* by slot: where its name says that its rule stands */
	struct ms_late late;        /* of the policy in force */
	struct ms_policy_head head; /* of the bank in force */

	/* between load and publish/abandon */
	const struct ms_policy *pending_policy;
	struct ms_encoding *pending_encoding;
	uint32_t pending_generation;
	unsigned int pending_half;
	bool pending_is_named;
	struct ms_engine_choice pending_engines[MS_ENGINE_FAMILIES]; /* kept: of the last load */
	struct ms_unobserved pending_unobserved;                     /* the same */
	const struct ms_amend *pending_amend;                        /* NULL = the whole policy */
	struct ms_late pending_late;
	struct ms_policy_head pending_head;
};

/* ---- take-over ---- */

static bool adopt_slot(void *user, uint32_t slot, const struct ms_slot_name *name)
{
	struct ms_committer *committer = user;

	/* A name twice can only be a leftover of a crash between two writes; the first one stands.
	 */
	ms_numbering_adopt(committer->numbers, slot, name->rule);
	return true;
}

int ms_committer_new(struct ms_dataplane *dp, struct ms_numbering_table *numbers,
		     uint32_t set_members, const struct ms_committer_hooks *hooks,
		     struct ms_committer **ret_committer)
{
	struct ms_committer *committer = calloc(1, sizeof(*committer));
	int r;

	if (!committer)
		return -ENOMEM;
	committer->dp = dp;
	committer->numbers = numbers;
	committer->hooks = *hooks;
	committer->places = calloc(MS_SLOTS_MAX, sizeof(*committer->places));
	r = committer->places ? ms_dataplane_slot_foreach(dp, adopt_slot, committer) : -ENOMEM;
	if (r == 0)
		r = ms_set_table_new(dp, set_members, &committer->sets);
	if (r < 0) {
		ms_committer_free(committer);
		return r;
	}
	*ret_committer = committer;
	return 0;
}

struct ms_committer *ms_committer_free(struct ms_committer *committer)
{
	if (!committer)
		return NULL;
	ms_set_table_free(committer->sets);
	ms_encoding_free(committer->encoding);
	ms_encoding_free(committer->pending_encoding);
	free(committer->places);
	free(committer);
	return NULL;
}

/* ---- slots ---- */

static int assign_slot(struct ms_committer *committer, const char *id,
		       const struct ms_origin *origin, struct ms_error *err)
{
	uint32_t slot;
	int r = ms_numbering_assign(committer->numbers, id, &slot);

	(void)origin;
	if (r == -ENOSPC)
		return ms_error_set(err, r,
				    "no room for %s: more than %u rules would be in force or still "
				    "in sessions; those of rules that have gone are free again "
				    "when their sessions have ended",
				    id, MS_SLOTS_MAX - 1);
	return r;
}

static void make_name(const char *id, const struct ms_origin *origin, struct ms_slot_name *ret_name)
{
	memset(ret_name, 0, sizeof(*ret_name));
	snprintf(ret_name->rule, sizeof(ret_name->rule), "%s", id);
	snprintf(ret_name->source, sizeof(ret_name->source), "%s", ms_source_name(origin->source));
	ms_origin_format(origin, ret_name->origin, sizeof(ret_name->origin));
}

/* No packet carries a new slot yet, so its name tells nobody anything before the switch. */
static int name_new_slot(struct ms_committer *committer, const char *id,
			 const struct ms_origin *origin, struct ms_error *err)
{
	uint32_t slot = ms_numbering_find(committer->numbers, id);
	struct ms_slot_name name;
	int r;

	if (!ms_numbering_is_new(committer->numbers, slot))
		return 0;
	make_name(id, origin, &name);
	r = ms_dataplane_put_slot(committer->dp, slot, &name);
	return r < 0 ? ms_error_set(err, r, "the name of %s cannot be stored: %s", id, strerror(-r))
		     : 0;
}

static int forget_new_slot(struct ms_committer *committer, const char *id,
			   const struct ms_origin *origin, struct ms_error *err)
{
	uint32_t slot = ms_numbering_find(committer->numbers, id);

	(void)origin;
	(void)err;
	if (ms_numbering_is_new(committer->numbers, slot))
		ms_dataplane_remove_slot(committer->dp, slot);
	return 0;
}

/* Everything that can be the author of a verdict: `visit` is called with its id and its origin. */
static int each_author(const struct ms_policy *policy,
		       int (*visit)(struct ms_committer *committer, const char *id,
				    const struct ms_origin *origin, struct ms_error *err),
		       struct ms_committer *committer, struct ms_error *err)
{
	const struct ms_origin builtin = { .source = MS_SOURCE_BUILTIN };
	static const char *const fixed[] = { "failsafe/in", "failsafe/out", "panic" };
	char id[MS_RULE_ID_MAX + 16];
	int r = 0;

	for (size_t i = 0; r == 0 && i < policy->n_rules; i++)
		r = visit(committer, policy->rules[i].id, &policy->rules[i].origin, err);
	for (size_t i = 0; r == 0 && i < policy->n_groups; i++) {
		for (int dir = 0; r == 0 && dir < MS_DIR__COUNT; dir++) {
			ms_image_default_id(policy->groups[i].name, (enum ms_dir)dir, id,
					    sizeof(id));
			r = visit(committer, id, &policy->groups[i].origin, err);
		}
	}
	for (size_t i = 0; r == 0 && i < ms_array_size(fixed); i++)
		r = visit(committer, fixed[i],
			  i < 2 && policy->failsafe.present ? &policy->failsafe.origin : &builtin,
			  err);
	return r;
}

/* Those that the generation being loaded has and the one in force had not, or all. */
static int each_new_author(int (*visit)(struct ms_committer *committer, const char *id,
					const struct ms_origin *origin, struct ms_error *err),
			   struct ms_committer *committer, struct ms_error *err)
{
	const struct ms_amend *amend = committer->pending_amend;
	int r = 0;

	if (!amend)
		return each_author(committer->pending_policy, visit, committer, err);
	for (size_t i = 0; r == 0 && i < amend->count; i++) {
		const struct ms_amend_step *step = &amend->steps[i];

		if (!step->is_removal)
			r = visit(committer, step->rule->id, &step->rule->origin, err);
	}
	return r;
}

/* What of a name can change while the slot is its rule's. Never 0. */
static uint64_t hash_place(const struct ms_origin *origin)
{
	const struct {
		uint32_t source, line;
	} numbers = { (uint32_t)origin->source, origin->line };
	uint64_t hash = ms_name_index_hash(MS_NAME_HASH_INIT, &numbers, sizeof(numbers));

	if (origin->file)
		hash = ms_name_index_hash(hash, origin->file, strlen(origin->file));
	return hash ? hash : 1;
}

/* Its rule may stand somewhere else now: told from here on, not by a load that only asked. */
static int keep_slot(struct ms_committer *committer, const char *id, const struct ms_origin *origin,
		     struct ms_error *err)
{
	uint32_t slot = ms_numbering_find(committer->numbers, id);
	uint64_t place = hash_place(origin);
	struct ms_slot_name name, before;

	(void)err;
	if (committer->pending_amend)
		ms_numbering_enter(committer->numbers, slot);
	else
		ms_numbering_keep(committer->numbers, slot);
	/* 100,000 names are not read back for the one that is new. */
	if (committer->places[slot] == place)
		return 0;
	make_name(id, origin, &name);
	/* A name that cannot be replaced is the right rule's still, with the line it stood in. */
	if ((ms_dataplane_get_slot(committer->dp, slot, &before) == 0 &&
	     memcmp(&before, &name, sizeof(name)) == 0) ||
	    ms_dataplane_put_slot(committer->dp, slot, &name) == 0)
		committer->places[slot] = place;
	return 0;
}

/* ---- numbers for the compiler ---- */

static uint32_t slot_of(void *user, const char *id)
{
	struct ms_committer *committer = user;

	return ms_numbering_find(committer->numbers, id);
}

uint16_t ms_committer_group_number(const struct ms_policy *policy, const char *name)
{
	const struct ms_group_def *group = ms_policy_find_group(policy, name);

	return group ? (uint16_t)(group - policy->groups + 1) : 0;
}

static uint16_t group_of(void *user, const char *name)
{
	struct ms_committer *committer = user;

	return ms_committer_group_number(committer->pending_policy, name);
}

static uint32_t set_of(void *user, const char *name)
{
	struct ms_committer *committer = user;

	if (committer->pending_amend)
		return ms_set_table_find_live(committer->sets, name);
	return ms_set_table_find(committer->sets, name);
}

static int action_of(void *user, const struct ms_rule_action *action,
		     struct ms_rule_action_call *ret_call, struct ms_error *err)
{
	const struct ms_committer *committer = user;

	return ms_encoding_find(committer->pending_encoding, action, ret_call, err);
}

/* ---- a generation ---- */

static struct ms_numbering make_numbering(struct ms_committer *committer)
{
	return (struct ms_numbering) {
		.slot = slot_of,
		.group = group_of,
		.set = set_of,
		.action = committer->pending_encoding ? action_of : NULL,
		.user = committer,
	};
}

static const struct ms_policy_head *head_of(const struct ms_image *image)
{
	/* The last one, as packets find by it what the others have. */
	return image->tables[image->n_tables - 1].rows;
}

static int compile(struct ms_committer *committer, uint32_t generation, struct ms_error *err)
{
	const struct ms_numbering numbering = make_numbering(committer);
	const struct ms_policy *policy = committer->pending_policy;
	struct ms_image *image;
	int r;

	ms_late_choose(policy, &committer->pending_late);
	r = ms_compile(policy, generation, &numbering, MS_ENGINE_FASTEST, &committer->pending_late,
		       &image, err);
	if (r < 0)
		return r;
	committer->pending_head = *head_of(image);
	for (size_t i = 0; i < policy->n_groups; i++)
		image->groups[i + 1].panic = (uint8_t)committer->hooks.panic_of(
			committer->hooks.user, policy->groups[i].name);
	memcpy(committer->pending_engines, image->engines, sizeof(committer->pending_engines));
	committer->pending_unobserved = image->unobserved;
	r = ms_dataplane_load_image(committer->dp, committer->pending_half, image, err);
	ms_image_free(image);
	return r;
}

/* What has no sentence yet. */
static int refuse(int r, struct ms_error *err, const char *what)
{
	return ms_error_set(err, r, "the datapath cannot take %s: %s", what, strerror(-r));
}

struct building {
	struct ms_committer *committer;
	uint32_t generation;
	struct ms_error *err;
};

/* On another thread. */
static int build(void *arg)
{
	struct building *building = arg;
	struct ms_committer *committer = building->committer;
	int r = ms_dataplane_idle_half(committer->dp, &committer->pending_half);

	if (r == 0)
		r = ms_set_table_load(committer->sets, committer->pending_policy, building->err);
	if (r == 0)
		r = each_author(committer->pending_policy, assign_slot, committer, building->err);
	if (r == 0)
		r = compile(committer, building->generation, building->err);
	return r;
}

int ms_committer_load(struct ms_committer *committer, const struct ms_policy *policy,
		      uint32_t generation, unsigned int *ret_half, struct ms_error *err)
{
	struct building building = { committer, generation, err };
	int r = 0;

	if (policy->n_groups >= MS_GROUPS_MAX)
		return ms_error_set(err, -ENOSPC, "%zu groups: at most %u are possible",
				    policy->n_groups, MS_GROUPS_MAX - 1);
	committer->pending_policy = policy;
	committer->pending_generation = generation;
	if (committer->hooks.action)
		r = ms_encoding_new(policy, committer->hooks.action, committer->hooks.leave,
				    committer->hooks.user, &committer->pending_encoding);
	if (r == 0)
		r = committer->hooks.away(committer->hooks.user, build, &building);
	/* After what took long: interfaces came and went. */
	if (r == 0)
		r = committer->hooks.prepare(committer->hooks.user, policy,
					     committer->pending_half);
	if (r < 0) {
		ms_committer_abandon(committer);
		return refuse(r, err, "the policy");
	}
	*ret_half = committer->pending_half;
	return 0;
}

/* ---- late rules ---- */

static int load_late(struct ms_committer *committer, unsigned int half, struct ms_error *err)
{
	const struct ms_numbering numbering = make_numbering(committer);
	struct ms_image *image;
	int r = each_new_author(assign_slot, committer, err);

	if (r == 0)
		r = ms_late_compile(committer->pending_policy, &committer->pending_late,
				    !!(half & MS_HALF_BANK), committer->pending_generation,
				    &numbering, &committer->pending_head, &image, err);
	if (r < 0)
		return r;
	r = ms_dataplane_load_tables(committer->dp, half, image, err);
	ms_image_free(image);
	return r;
}

struct waiting {
	struct ms_committer *committer;
	unsigned int half;
};

/* On another thread: packets take their time. */
static int wait_for_bank(void *arg)
{
	struct waiting *waiting = arg;

	return ms_dataplane_idle_bank(waiting->committer->dp, &waiting->half);
}

int ms_committer_amend(struct ms_committer *committer, const struct ms_policy *policy,
		       const struct ms_amend *amend, uint32_t generation, unsigned int *ret_half,
		       struct ms_error *err)
{
	struct waiting waiting = { committer, 0 };
	struct ms_late late = committer->late;
	int r;

	if (!ms_late_follow(&late, amend) || !ms_late_fits(policy, &late))
		return 0;
	r = committer->hooks.away(committer->hooks.user, wait_for_bank, &waiting);
	if (r < 0)
		return refuse(r, err, "the rule");
	committer->pending_policy = policy;
	committer->pending_generation = generation;
	committer->pending_half = waiting.half;
	committer->pending_amend = amend;
	committer->pending_late = late;
	committer->pending_head = committer->head;
	r = load_late(committer, waiting.half, err);
	if (r < 0) {
		ms_committer_abandon(committer);
		return refuse(r, err, "the rule");
	}
	*ret_half = waiting.half;
	return 1;
}

bool ms_committer_has_id(const struct ms_committer *committer, const char *id)
{
	return ms_numbering_is_live(committer->numbers, ms_numbering_find(committer->numbers, id));
}

/* ---- the switch ---- */

int ms_committer_ready(struct ms_committer *committer, struct ms_error *err)
{
	int r;

	committer->pending_is_named = true;
	r = each_new_author(name_new_slot, committer, err);
	return r < 0 || committer->pending_amend ? r : ms_set_table_ready(committer->sets, err);
}

/* On another thread: sets may have been put beside others. */
static int abandon_sets(void *arg)
{
	ms_set_table_abandon(arg);
	return 0;
}

void ms_committer_abandon(struct ms_committer *committer)
{
	if (committer->pending_is_named)
		each_new_author(forget_new_slot, committer, NULL);
	committer->pending_is_named = false;
	ms_numbering_abandon(committer->numbers);
	if (!committer->pending_amend) {
		committer->hooks.away(committer->hooks.user, abandon_sets, committer->sets);
		committer->hooks.prepare(committer->hooks.user, NULL, committer->pending_half);
	}
	committer->pending_encoding = ms_encoding_free(committer->pending_encoding);
	committer->pending_policy = NULL;
	committer->pending_amend = NULL;
}

void ms_committer_publish(struct ms_committer *committer)
{
	ms_dataplane_publish(committer->dp, committer->pending_half, committer->pending_generation);
	committer->late = committer->pending_late;
	committer->head = committer->pending_head;
	if (committer->pending_amend)
		return;
	ms_set_table_publish(committer->sets);
	ms_encoding_free(committer->encoding);
	committer->encoding = committer->pending_encoding;
	committer->pending_encoding = NULL;
	memcpy(committer->engines, committer->pending_engines, sizeof(committer->engines));
	committer->unobserved = committer->pending_unobserved;
}

bool ms_committer_settle_sets(struct ms_committer *committer)
{
	return !committer->pending_amend && ms_set_table_settle(committer->sets);
}

void ms_committer_settle(struct ms_committer *committer)
{
	const struct ms_amend *amend = committer->pending_amend;

	if (!amend)
		ms_numbering_begin(committer->numbers);
	each_new_author(keep_slot, committer, NULL);
	if (!amend)
		ms_numbering_end(committer->numbers);
	for (size_t i = 0; amend && i < amend->count; i++) {
		if (amend->steps[i].is_removal)
			ms_numbering_leave(
				committer->numbers,
				ms_numbering_find(committer->numbers, amend->steps[i].rule->id));
	}
	committer->pending_is_named = false;
	committer->pending_policy = NULL;
	committer->pending_amend = NULL;
}

struct ms_set_table *ms_committer_sets(const struct ms_committer *committer)
{
	return committer->sets;
}

/* ---- slots ---- */

struct round {
	struct ms_committer *committer;
	bool (*saw)(void *user, uint32_t slot);
	void *user;
};

static bool round_saw(void *user, uint32_t slot)
{
	struct round *round = user;

	return round->saw(round->user, slot);
}

static void forget_slot(void *user, uint32_t slot)
{
	struct round *round = user;

	round->committer->places[slot] = 0;
	ms_dataplane_remove_slot(round->committer->dp, slot);
}

void ms_committer_round_done(struct ms_committer *committer, bool (*saw)(void *user, uint32_t slot),
			     void *user)
{
	struct round round = { committer, saw, user };

	ms_numbering_round_done(committer->numbers, round_saw, forget_slot, &round);
}

uint32_t ms_committer_slot(const struct ms_committer *committer, const char *rule_id)
{
	return ms_numbering_find(committer->numbers, rule_id);
}

const struct ms_action_args *ms_committer_args(const struct ms_committer *committer,
					       const struct ms_rule_action *action)
{
	return committer->encoding ? ms_encoding_args(committer->encoding, action) : NULL;
}

const struct ms_error *ms_committer_refused(const struct ms_committer *committer,
					    const struct ms_rule_action *action)
{
	return committer->encoding ? ms_encoding_refused(committer->encoding, action) : NULL;
}

const struct ms_engine_choice *ms_committer_engines(const struct ms_committer *committer)
{
	return committer->engines;
}

const struct ms_engine_choice *ms_committer_engines_asked(const struct ms_committer *committer)
{
	return committer->pending_engines;
}

const struct ms_unobserved *ms_committer_unobserved(const struct ms_committer *committer)
{
	return &committer->unobserved;
}

const struct ms_unobserved *ms_committer_unobserved_asked(const struct ms_committer *committer)
{
	return &committer->pending_unobserved;
}
