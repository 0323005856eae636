/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <string.h>

#include "core/base/cleanup.h"
#include "core/policy/array.h"
#include "core/policy/model.h"
#include "core/policy/rule_action.h"

static void free_names(char **names, size_t count)
{
	for (size_t i = 0; i < count; i++)
		free(names[i]);
	free(names);
}

static void free_addresses(struct ms_address *addresses, size_t count)
{
	for (size_t i = 0; i < count; i++)
		free(addresses[i].set);
	free(addresses);
}

void ms_rule_fini(struct ms_rule *rule)
{
	free(rule->origin.file);
	free(rule->id);
	free_names(rule->groups, rule->n_groups);
	free(rule->group_places);
	free_addresses(rule->from, rule->n_from);
	free_addresses(rule->to, rule->n_to);
	free(rule->protos);
	free(rule->sports);
	free(rule->dports);
	free(rule->icmps);
	free(rule->vlans);
	free(rule->dscps);
	ms_rule_action_free(rule->actions, rule->n_actions);
	free(rule->comment);
	*rule = (struct ms_rule) { 0 };
}

/* An absent text stays absent. False = out of memory. */
static bool copy_text(const char *text, char **ret_copy)
{
	*ret_copy = text ? strdup(text) : NULL;
	return *ret_copy || !text;
}

/* An empty array is NULL. False = out of memory. */
static bool copy_array(const void *array, size_t count, size_t size, void *ret_copy)
{
	void *copy = NULL;

	if (array && count) {
		copy = ms_array_reserve(NULL, count, size);
		if (!copy)
			return false;
		memcpy(copy, array, count * size);
	}
	memcpy(ret_copy, &copy, sizeof(copy)); /* whatever type of pointer it is */
	return true;
}

static bool copy_names(char **names, size_t count, char ***ret_copy, size_t *ret_count)
{
	for (size_t i = 0; i < count; i++) {
		char *name = strdup(names[i]);

		if (!name || ms_array_append(ret_copy, ret_count, name) < 0) {
			free(name);
			return false;
		}
	}
	return true;
}

static bool copy_addresses(const struct ms_address *addresses, size_t count,
			   struct ms_address **ret_copy, size_t *ret_count)
{
	for (size_t i = 0; i < count; i++) {
		struct ms_address address = addresses[i];

		if (!copy_text(addresses[i].set, &address.set) ||
		    ms_array_append(ret_copy, ret_count, address) < 0) {
			free(address.set);
			return false;
		}
	}
	return true;
}

int ms_rule_copy(const struct ms_rule *rule, struct ms_rule *ret_copy)
{
	ms_cleanup(ms_rule_fini) struct ms_rule copy = *rule;

	/* What `rule` owns must not be freed from here if a step fails. */
	copy.origin.file = copy.id = copy.comment = NULL;
	copy.groups = NULL;
	copy.group_places = NULL;
	copy.from = copy.to = NULL;
	copy.protos = NULL;
	copy.sports = copy.dports = NULL;
	copy.icmps = NULL;
	copy.vlans = NULL;
	copy.dscps = NULL;
	copy.actions = NULL;
	copy.n_groups = copy.n_from = copy.n_to = copy.n_actions = 0;

	if (!copy_text(rule->origin.file, &copy.origin.file) || !copy_text(rule->id, &copy.id) ||
	    !copy_text(rule->comment, &copy.comment) ||
	    !copy_names(rule->groups, rule->n_groups, &copy.groups, &copy.n_groups) ||
	    !copy_array(rule->group_places, rule->n_groups, sizeof(*rule->group_places),
			&copy.group_places) ||
	    !copy_addresses(rule->from, rule->n_from, &copy.from, &copy.n_from) ||
	    !copy_addresses(rule->to, rule->n_to, &copy.to, &copy.n_to) ||
	    !copy_array(rule->protos, rule->n_protos, sizeof(*rule->protos), &copy.protos) ||
	    !copy_array(rule->sports, rule->n_sports, sizeof(*rule->sports), &copy.sports) ||
	    !copy_array(rule->dports, rule->n_dports, sizeof(*rule->dports), &copy.dports) ||
	    !copy_array(rule->icmps, rule->n_icmps, sizeof(*rule->icmps), &copy.icmps) ||
	    !copy_array(rule->vlans, rule->n_vlans, sizeof(*rule->vlans), &copy.vlans) ||
	    !copy_array(rule->dscps, rule->n_dscps, sizeof(*rule->dscps), &copy.dscps) ||
	    ms_rule_action_copy(rule->actions, rule->n_actions, &copy.actions, &copy.n_actions) < 0)
		return -ENOMEM;
	*ret_copy = copy;
	copy = (struct ms_rule) { 0 };
	return 0;
}

static bool equal_names(char *const *a, size_t n_a, char *const *b, size_t n_b)
{
	if (n_a != n_b)
		return false;
	for (size_t i = 0; i < n_a; i++) {
		if (strcmp(a[i], b[i]) != 0)
			return false;
	}
	return true;
}

static bool equal_addresses(const struct ms_address *a, size_t n_a, const struct ms_address *b,
			    size_t n_b)
{
	if (n_a != n_b)
		return false;
	for (size_t i = 0; i < n_a; i++) {
		if (a[i].kind != b[i].kind)
			return false;
		if (a[i].kind == MS_ADDRESS_SET ? strcmp(a[i].set, b[i].set) != 0
						: ms_cidr_compare(&a[i].cidr, &b[i].cidr) != 0)
			return false;
	}
	return true;
}

static bool equal_ports(const struct ms_port_range *a, size_t n_a, const struct ms_port_range *b,
			size_t n_b)
{
	if (n_a != n_b)
		return false;
	for (size_t i = 0; i < n_a; i++) {
		if (a[i].first != b[i].first || a[i].last != b[i].last)
			return false;
	}
	return true;
}

static bool equal_icmps(const struct ms_rule *a, const struct ms_rule *b)
{
	if (a->n_icmps != b->n_icmps)
		return false;
	for (size_t i = 0; i < a->n_icmps; i++) {
		if (a->icmps[i].type != b->icmps[i].type || a->icmps[i].code != b->icmps[i].code)
			return false;
	}
	return true;
}

/* For arrays whose elements have no padding. */
static bool equal_bytes(const void *a, size_t n_a, const void *b, size_t n_b, size_t size)
{
	return n_a == n_b && (n_a == 0 || memcmp(a, b, n_a * size) == 0);
}

bool ms_rule_equal_match(const struct ms_rule *a, const struct ms_rule *b)
{
	return equal_names(a->groups, a->n_groups, b->groups, b->n_groups) && a->dirs == b->dirs &&
	       equal_addresses(a->from, a->n_from, b->from, b->n_from) &&
	       equal_addresses(a->to, a->n_to, b->to, b->n_to) &&
	       equal_bytes(a->protos, a->n_protos, b->protos, b->n_protos, sizeof(*a->protos)) &&
	       equal_ports(a->sports, a->n_sports, b->sports, b->n_sports) &&
	       equal_ports(a->dports, a->n_dports, b->dports, b->n_dports) && equal_icmps(a, b) &&
	       equal_bytes(a->vlans, a->n_vlans, b->vlans, b->n_vlans, sizeof(*a->vlans)) &&
	       equal_bytes(a->dscps, a->n_dscps, b->dscps, b->n_dscps, sizeof(*a->dscps)) &&
	       a->workload_only == b->workload_only;
}

bool ms_rule_equal(const struct ms_rule *a, const struct ms_rule *b)
{
	return ms_rule_equal_match(a, b) && a->verdict == b->verdict && a->log == b->log &&
	       ms_rule_action_equal(a->actions, a->n_actions, b->actions, b->n_actions) &&
	       a->log_every_ns == b->log_every_ns && a->established == b->established &&
	       a->mode == b->mode && a->priority == b->priority && a->fallback == b->fallback &&
	       a->expires == b->expires && a->stateless == b->stateless;
}
