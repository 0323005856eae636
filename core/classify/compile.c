/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/classify/compile.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/cleanup.h"
#include "core/classify/chains.h"
#include "core/classify/late.h"
#include "core/classify/pairs.h"
#include "core/classify/room.h"
#include "core/classify/rows.h"
#include "core/policy/builtin.h"

static void free_image(struct ms_image **image)
{
	ms_image_free(*image);
}

/* Fewer rows are walked as fast as they are looked up, unless they ask for sets. */
#define LINEAR_ENOUGH 32

static void free_chains(struct ms_chains **chains)
{
	ms_chains_free(*chains);
}

static int find_slot(const struct ms_numbering *numbering, const char *id, uint32_t *ret_slot,
		     struct ms_error *err)
{
	uint32_t slot = numbering->slot(numbering->user, id);

	if (slot == 0 || slot >= MS_SLOTS_MAX)
		return ms_error_set(err, -ENOENT, "%s has no slot", id);
	*ret_slot = slot;
	return 0;
}

static int add_group(struct ms_image *image, const struct ms_group_def *def,
		     const struct ms_numbering *numbering, struct ms_error *err)
{
	uint16_t number = numbering->group(numbering->user, def->name);
	struct ms_group *group;
	char id[MS_RULE_ID_MAX + 16];

	if (number == 0 || number >= MS_GROUPS_MAX)
		return ms_error_set(err, -ENOSPC, "group %s has no number: at most %d groups",
				    def->name, MS_GROUPS_MAX - 1);
	group = &image->groups[number];
	group->mode = def->mode;
	group->non_ip = def->non_ip;
	for (int dir = 0; dir < MS_DIR__COUNT; dir++) {
		int r;

		group->verdict[dir] = def->default_verdict[dir];
		ms_image_default_id(def->name, (enum ms_dir)dir, id, sizeof(id));
		r = find_slot(numbering, id, &group->slot[dir], err);
		if (r < 0)
			return r;
	}
	return 0;
}

static int add_failsafe(struct ms_image *image, const struct ms_failsafe_def *def,
			const struct ms_numbering *numbering, struct ms_error *err)
{
	size_t count = 0;

	for (int dir = 0; dir < MS_DIR__COUNT; dir++) {
		uint32_t slot = 0;
		int r;

		if (def->n_entries[dir] == 0)
			continue;
		r = find_slot(numbering, dir == MS_DIR_IN ? "failsafe/in" : "failsafe/out", &slot,
			      err);
		if (r < 0)
			return r;
		for (size_t i = 0; i < def->n_entries[dir]; i++) {
			const struct ms_failsafe_entry *entry = &def->entries[dir][i];
			struct ms_failsafe *line;

			if (count == MS_FAILSAFE_MAX)
				return ms_error_set_at(err, -ENOSPC, entry->origin.file,
						       entry->origin.line, entry->origin.column,
						       NULL, "more than %d failsafe entries",
						       MS_FAILSAFE_MAX);
			line = &image->failsafe[count++];
			*line = (struct ms_failsafe) {
				.dir = (uint8_t)dir,
				.proto = entry->proto,
				.port = htons(entry->port),
				.slot = slot,
			};
			if (entry->has_peer) {
				line->family = entry->peer.addr.family;
				line->len = entry->peer.len;
				memcpy(line->addr, entry->peer.addr.bytes, sizeof(line->addr));
			}
		}
	}
	return 0;
}

static uint32_t every_ms(uint64_t every_ns)
{
	uint64_t ms = (every_ns + 999999) / 1000000;

	return ms > UINT32_MAX ? UINT32_MAX : (uint32_t)ms;
}

int ms_compile_decision(const struct ms_rule *rule, const struct ms_numbering *numbering,
			struct ms_decision *ret_decision, struct ms_error *err)
{
	struct ms_decision decision = {
		.log_every_ms = every_ms(rule->log_every_ns),
		.verdict = rule->verdict,
		.established = rule->established,
		.mode = rule->mode,
	};
	int r = find_slot(numbering, rule->id, &decision.slot, err);

	if (r < 0)
		return r;
	if (rule->n_actions)
		decision.flags |= MS_DECISION_ACTIONS;
	if (rule->log)
		decision.flags |= MS_DECISION_LOG;
	if (rule->stateless)
		decision.flags |= MS_DECISION_STATELESS;
	if (rule->origin.source == MS_SOURCE_BUILTIN)
		decision.flags |= MS_DECISION_BUILTIN;
	*ret_decision = decision;
	return 0;
}

static int add_decision(struct ms_image_table *table, const struct ms_rule *rule,
			const struct ms_decision *decision, struct ms_error *err)
{
	/* What is behind is the late rules'. */
	if (table->n_rows == MS_LATE_DECISION(0))
		return ms_error_set_at(
			err, -ENOSPC, rule->origin.file, rule->origin.line, rule->origin.column,
			rule->id, "the policy does not fit: more than %u rules", table->n_rows);
	return ms_image_add_row(table, decision);
}

static int add_rules(struct ms_image *image, const struct ms_policy *policy,
		     const struct ms_late *late, struct ms_rows *rows, struct ms_policy_head *head,
		     struct ms_error *err)
{
	struct ms_image_table *decisions =
		ms_image_add_table(image, "ms_decisions", MS_DECISIONS, sizeof(struct ms_decision));
	ms_cleanup(free_chains) struct ms_chains *chains =
		ms_chains_new(image, policy, rows->numbering);
	size_t next_late = 0;
	int r = 0;

	if (!decisions || !chains)
		return -ENOMEM;
	for (size_t i = 0; r == 0 && i < policy->n_rules; i++) {
		const struct ms_rule *rule = &policy->rules[i];
		struct ms_decision decision;

		if (late && next_late < late->count && late->rules[next_late] == i) {
			next_late++;
			continue;
		}
		r = ms_compile_decision(rule, rows->numbering, &decision, err);
		if (r == 0 && ms_builtin_is_icmp_error(rule)) {
			head->flags |= MS_POLICY_ICMP_ERROR;
			head->slot_icmp_error = decision.slot;
			continue;
		}
		if (r == 0)
			r = add_decision(decisions, rule, &decision, err);
		if (r == 0)
			r = ms_rows_add_rule(rows, rule, decisions->n_rows - 1, err);
		if (r == 0 && rule->n_actions)
			r = ms_chains_add(chains, rule, decision.slot, err);
	}
	return r < 0 ? r : ms_chains_end(chains);
}

/* ---- engines ---- */

static int put_linear(struct ms_image *image, const struct ms_rows *rows, unsigned int family,
		      struct ms_policy_head *head)
{
	bool is4 = family == 4;
	size_t size = is4 ? sizeof(*rows->rows4) : sizeof(*rows->rows6);
	const char *row = is4 ? (const char *)rows->rows4 : (const char *)rows->rows6;
	size_t count = is4 ? rows->n_rows4 : rows->n_rows6;
	struct ms_image_table *table =
		ms_image_add_table(image, is4 ? "ms_rules4" : "ms_rules6", MS_RULES_ROWS, size);
	int r = table ? 0 : -ENOMEM;

	for (size_t i = 0; r == 0 && i < count; i++, row += size)
		r = ms_image_add_row(table, row);
	*(is4 ? &head->rows4 : &head->rows6) = (uint32_t)count;
	return r;
}

/* What is compiled, and how. */
struct compiling {
	const struct ms_policy *policy;
	const struct ms_numbering *numbering;
	const struct ms_late *late;
	enum ms_engine engine;
};

/* Would it be too much by itself? It is compiled once more to see that, as what it takes depends on
 * what it asks. */
static bool is_too_much(const struct ms_rule *rule, unsigned int family,
			const struct ms_numbering *numbering)
{
	ms_cleanup(ms_rows_fini) struct ms_rows rows;
	struct ms_pairs_root root;
	struct ms_engine_bound bound;
	struct ms_blocks blocks;
	int r;

	ms_rows_init(&rows, numbering);
	if (ms_blocks_init(&blocks) < 0)
		return false;
	r = ms_rows_add_rule(&rows, rule, 0, NULL);
	if (r == 0)
		r = ms_pairs_build(&blocks, &rows, family, &root, &bound);
	ms_blocks_fini(&blocks);
	return r == -E2BIG || r == -ENOSPC;
}

static int refuse_rows(const struct compiling *compiling, const struct ms_engine_bound *bound,
		       unsigned int family, struct ms_error *err)
{
	struct ms_room room = ms_room_count(compiling->policy, compiling->late, family);
	bool alone = room.of_most > MS_LATE_ROW(0) &&
		     is_too_much(room.most, family, compiling->numbering);
	char why[128], sentence[256];

	snprintf(sentence, sizeof(sentence),
		 "more than the linear engine can walk, which are %u, and more than the fast one "
		 "can order: %s",
		 MS_LATE_ROW(0), ms_engine_explain(bound, why, sizeof(why)));
	return ms_room_refuse(&room, alone, sentence, err);
}

/* The fastest engine that holds one family's rows. */
static int choose_engine(const struct compiling *compiling, struct ms_image *image,
			 struct ms_blocks *blocks, const struct ms_rows *rows, unsigned int family,
			 struct ms_policy_head *head, struct ms_error *err)
{
	enum ms_engine engine = compiling->engine;
	size_t count = family == 4 ? rows->n_rows4 : rows->n_rows6, begin = blocks->count;
	struct ms_engine_choice *choice = &image->engines[family == 6];
	int r = -E2BIG;

	*choice =
		(struct ms_engine_choice) { .engine = MS_ENGINE_PAIRS, .n_rows = (uint32_t)count };
	if (engine == MS_ENGINE_PAIRS ||
	    (engine == MS_ENGINE_FASTEST &&
	     (count > LINEAR_ENOUGH || ms_pairs_by_sets(rows, family))))
		r = ms_pairs_build(blocks, rows, family, &head->pairs[family == 6], &choice->bound);
	if ((r != -E2BIG && r != -ENOSPC) || engine == MS_ENGINE_PAIRS)
		return r;
	ms_blocks_rewind(blocks, begin);
	choice->engine = MS_ENGINE_LINEAR;
	return count <= MS_LATE_ROW(0) ? put_linear(image, rows, family, head)
				       : refuse_rows(compiling, &choice->bound, family, err);
}

static int put_blocks(struct ms_image *image, struct ms_blocks *blocks)
{
	struct ms_image_table *table =
		ms_image_add_table(image, "ms_blocks", MS_BLOCKS, sizeof(struct ms_block));

	if (!table)
		return -ENOMEM;
	table->rows = blocks->words;
	table->n_rows = (uint32_t)((blocks->count + MS_BLOCK_WORDS - 1) / MS_BLOCK_WORDS);
	table->n_allocated = MS_BLOCKS;
	blocks->words = NULL;
	return 0;
}

static int add_engines(const struct compiling *compiling, struct ms_image *image,
		       const struct ms_rows *rows, struct ms_policy_head *head,
		       struct ms_error *err)
{
	struct ms_blocks blocks;
	int r = ms_blocks_init(&blocks);

	if (r < 0)
		return r;
	r = choose_engine(compiling, image, &blocks, rows, 4, head, err);
	if (r == 0)
		r = choose_engine(compiling, image, &blocks, rows, 6, head, err);
	if (r == 0 && (head->pairs[0].src || head->pairs[1].src))
		r = put_blocks(image, &blocks);
	ms_blocks_fini(&blocks);
	return r;
}

int ms_compile(const struct ms_policy *policy, uint32_t generation,
	       const struct ms_numbering *numbering, enum ms_engine engine,
	       const struct ms_late *late, struct ms_image **ret_image, struct ms_error *err)
{
	ms_cleanup(free_image) struct ms_image *image = ms_image_new(generation);
	ms_cleanup(ms_rows_fini) struct ms_rows rows;
	const struct compiling compiling = { policy, numbering, late, engine };
	struct ms_policy_head head = { .generation = generation };
	int r;

	ms_rows_init(&rows, numbering);
	if (!image)
		return -ENOMEM;
	r = find_slot(numbering, "panic", &head.slot_panic, err);
	for (size_t i = 0; r == 0 && i < policy->n_groups; i++)
		r = add_group(image, &policy->groups[i], numbering, err);
	if (r == 0)
		r = add_failsafe(image, &policy->failsafe, numbering, err);
	if (r == 0)
		r = ms_room_check(policy, late, err);
	if (r == 0)
		r = add_rules(image, policy, late, &rows, &head, err);
	if (r == 0)
		r = add_engines(&compiling, image, &rows, &head, err);
	if (r == 0)
		r = ms_late_add(image, policy, late, 0, numbering, &head, err);
	if (r < 0)
		return r;
	*ret_image = ms_take_ptr(image);
	return 0;
}
