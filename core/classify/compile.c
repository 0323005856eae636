/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/classify/compile.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bpf/lib/rules.h"
#include "core/base/cleanup.h"
#include "core/classify/linear.h"
#include "core/policy/builtin.h"

static void free_image(struct ms_image **image)
{
	ms_image_free(*image);
}

static void free_linear(struct ms_linear **linear)
{
	ms_linear_free(*linear);
}

/* Attribution must never be lost silently: a name without a slot stops the compile. */
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

static int add_decision(struct ms_image_table *table, const struct ms_rule *rule, uint32_t slot,
			struct ms_error *err)
{
	struct ms_decision decision = {
		.slot = slot,
		.log_every_ms = every_ms(rule->log_every_ns),
		.verdict = rule->verdict,
		.established = rule->established,
		.mode = rule->mode,
	};
	int r;

	if (rule->log)
		decision.flags |= MS_DECISION_LOG;
	if (rule->stateless)
		decision.flags |= MS_DECISION_STATELESS;
	if (rule->origin.source == MS_SOURCE_BUILTIN)
		decision.flags |= MS_DECISION_BUILTIN;
	r = ms_image_add_row(table, &decision);
	if (r == -ENOSPC)
		return ms_error_set_at(
			err, r, rule->origin.file, rule->origin.line, rule->origin.column, rule->id,
			"the policy does not fit: more than %u rules", table->capacity);
	return r;
}

/* The built-in that the datapath itself decides; an operator's rule of that id is a plain rule. */
static bool is_icmp_error(const struct ms_rule *rule)
{
	return rule->origin.source == MS_SOURCE_BUILTIN &&
	       strcmp(rule->id, MS_BUILTIN_ICMP_ERROR) == 0;
}

static int add_rules(struct ms_image *image, const struct ms_policy *policy,
		     const struct ms_numbering *numbering, struct ms_policy_head *head,
		     struct ms_error *err)
{
	ms_cleanup(free_linear) struct ms_linear *linear = ms_linear_new(image, numbering);
	struct ms_image_table *decisions =
		ms_image_add_table(image, "ms_decisions", MS_DECISIONS, sizeof(struct ms_decision));
	int r = 0;

	if (!linear || !decisions)
		return -ENOMEM;
	for (size_t i = 0; r == 0 && i < policy->n_rules; i++) {
		const struct ms_rule *rule = &policy->rules[i];
		uint32_t slot = 0;

		r = find_slot(numbering, rule->id, &slot, err);
		if (r == 0 && is_icmp_error(rule)) {
			head->flags |= MS_POLICY_ICMP_ERROR;
			head->slot_icmp_error = slot;
			continue;
		}
		if (r == 0)
			r = add_decision(decisions, rule, slot, err);
		if (r == 0)
			r = ms_linear_add_rule(linear, rule, decisions->n_rows - 1, err);
	}
	head->rows4 = ms_linear_rows4(linear);
	head->rows6 = ms_linear_rows6(linear);
	return r;
}

int ms_compile(const struct ms_policy *policy, uint32_t generation,
	       const struct ms_numbering *numbering, struct ms_image **ret_image,
	       struct ms_error *err)
{
	ms_cleanup(free_image) struct ms_image *image = ms_image_new(generation, "linear");
	struct ms_policy_head head = { .generation = generation };
	struct ms_image_table *heads;
	int r;

	if (!image)
		return -ENOMEM;
	r = find_slot(numbering, "panic", &head.slot_panic, err);
	for (size_t i = 0; r == 0 && i < policy->n_groups; i++)
		r = add_group(image, &policy->groups[i], numbering, err);
	if (r == 0)
		r = add_failsafe(image, &policy->failsafe, numbering, err);
	if (r == 0)
		r = add_rules(image, policy, numbering, &head, err);
	if (r < 0)
		return r;
	heads = ms_image_add_table(image, "ms_policy", 1, sizeof(head));
	if (!heads)
		return -ENOMEM;
	r = ms_image_add_row(heads, &head);
	if (r < 0)
		return r;
	*ret_image = ms_take_ptr(image);
	return 0;
}
