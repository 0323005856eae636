/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/classify/linear.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "bpf/lib/rules.h"
#include "core/base/cleanup.h"

struct ms_linear {
	struct ms_image_table *rows4, *rows6;
	const struct ms_numbering *numbering;
};

/* One combination of a rule's alternatives; NULL and -1 = not asked. */
struct choice {
	const struct ms_address *from, *to;
	const struct ms_port_range *sport, *dport;
	const struct ms_icmp_match *icmp;
	int proto, vlan, dscp;
	uint16_t group; /* 0 = every */
};

struct ms_linear *ms_linear_new(struct ms_image *image, const struct ms_numbering *numbering)
{
	struct ms_linear *linear = calloc(1, sizeof(*linear));

	if (!linear)
		return NULL;
	linear->numbering = numbering;
	linear->rows4 =
		ms_image_add_table(image, "ms_rules4", MS_RULES_ROWS, sizeof(struct ms_row4));
	linear->rows6 =
		ms_image_add_table(image, "ms_rules6", MS_RULES_ROWS, sizeof(struct ms_row6));
	if (!linear->rows4 || !linear->rows6)
		return ms_linear_free(linear);
	return linear;
}

struct ms_linear *ms_linear_free(struct ms_linear *linear)
{
	free(linear);
	return NULL;
}

uint32_t ms_linear_rows4(const struct ms_linear *linear)
{
	return linear->rows4->n_rows;
}

uint32_t ms_linear_rows6(const struct ms_linear *linear)
{
	return linear->rows6->n_rows;
}

static bool has_ports(int proto)
{
	return proto == IPPROTO_TCP || proto == IPPROTO_UDP || proto == IPPROTO_SCTP;
}

static bool is_icmp(int proto)
{
	return proto == IPPROTO_ICMP || proto == IPPROTO_ICMPV6;
}

static bool address_fits(const struct ms_address *address, int family)
{
	return !address || address->kind == MS_ADDRESS_SET || address->cidr.addr.family == family;
}

/* Could a packet of this family match at all? Each ICMP belongs to its own. */
static bool choice_fits(const struct choice *choice, int family)
{
	if (choice->proto == IPPROTO_ICMP && family == 6)
		return false;
	if (choice->proto == IPPROTO_ICMPV6 && family == 4)
		return false;
	return address_fits(choice->from, family) && address_fits(choice->to, family);
}

/* Address bytes and their mask; an address that is no prefix asks nothing here. */
static void put_prefix(const struct ms_address *address, size_t size, void *ret_addr,
		       void *ret_mask)
{
	uint8_t mask[16] = { 0 };

	if (!address || address->kind != MS_ADDRESS_CIDR)
		return;
	for (unsigned int bit = 0; bit < address->cidr.len; bit++)
		mask[bit / 8] |= 0x80 >> bit % 8;
	memcpy(ret_addr, address->cidr.addr.bytes, size);
	memcpy(ret_mask, mask, size);
}

static int find_set(const struct ms_linear *linear, const struct ms_address *address,
		    uint32_t *ret_set, struct ms_error *err)
{
	uint32_t set;

	if (!address || address->kind != MS_ADDRESS_SET)
		return 0;
	set = linear->numbering->set(linear->numbering->user, address->set);
	if (set == 0)
		return ms_error_set(err, -ENOENT, "set %s has no number", address->set);
	*ret_set = set;
	return 0;
}

static int fill_rest(const struct ms_linear *linear, const struct ms_rule *rule,
		     const struct choice *choice, uint32_t decision, struct ms_row_rest *rest,
		     struct ms_error *err)
{
	int r;

	*rest = (struct ms_row_rest) {
		.sport_last = UINT16_MAX,
		.dport_last = UINT16_MAX,
		.decision = decision,
		.dirs = rule->dirs,
		.flags = rule->verdict == MS_VERDICT_DENY ? MS_ROW_DENY : 0,
	};
	if (choice->proto >= 0) {
		rest->what |= MS_WHAT_PROTO((uint32_t)choice->proto);
		rest->what_mask |= MS_WHAT_PROTO_MASK;
	}
	if (choice->icmp) {
		rest->what |= MS_WHAT_ICMP_TYPE(choice->icmp->type);
		rest->what_mask |= MS_WHAT_ICMP_TYPE_MASK;
		rest->flags |= MS_ROW_PORTS;
	}
	if (choice->icmp && choice->icmp->code >= 0) {
		rest->what |= MS_WHAT_ICMP_CODE((uint32_t)choice->icmp->code);
		rest->what_mask |= MS_WHAT_ICMP_CODE_MASK;
	}
	if (choice->dscp >= 0) {
		rest->what |= MS_WHAT_DSCP((uint32_t)choice->dscp);
		rest->what_mask |= MS_WHAT_DSCP_MASK;
	}
	if (choice->vlan >= 0) {
		rest->where |= MS_WHERE_VLAN((uint32_t)choice->vlan);
		rest->where_mask |= MS_WHERE_VLAN_MASK;
	}
	if (choice->group) {
		rest->where |= MS_WHERE_GROUP(choice->group);
		rest->where_mask |= MS_WHERE_GROUP_MASK;
	}
	if (rule->workload_only) {
		rest->where |= MS_WHERE_SIDE(MS_SIDE_WORKLOAD);
		rest->where_mask |= MS_WHERE_SIDE_MASK;
	}
	if (choice->sport) {
		rest->sport_first = choice->sport->first;
		rest->sport_last = choice->sport->last;
		rest->flags |= MS_ROW_PORTS;
	}
	if (choice->dport) {
		rest->dport_first = choice->dport->first;
		rest->dport_last = choice->dport->last;
		rest->flags |= MS_ROW_PORTS;
	}
	r = find_set(linear, choice->from, &rest->src_set, err);
	return r < 0 ? r : find_set(linear, choice->to, &rest->dst_set, err);
}

static int add_row(struct ms_image_table *table, const void *row, const struct ms_rule *rule,
		   struct ms_error *err)
{
	int r = ms_image_add_row(table, row);

	if (r == -ENOSPC)
		return ms_error_set_at(
			err, r, rule->origin.file, rule->origin.line, rule->origin.column, rule->id,
			"the policy does not fit: its lists expand to more than %u rows of one family",
			table->capacity);
	return r;
}

static int add_choice(struct ms_linear *linear, const struct ms_rule *rule,
		      const struct choice *choice, uint32_t decision, struct ms_error *err)
{
	struct ms_row_rest rest;
	int r = fill_rest(linear, rule, choice, decision, &rest, err);

	if (r == 0 && choice_fits(choice, 4)) {
		struct ms_row4 row = { .rest = rest };

		put_prefix(choice->from, sizeof(row.src), &row.src, &row.src_mask);
		put_prefix(choice->to, sizeof(row.dst), &row.dst, &row.dst_mask);
		r = add_row(linear->rows4, &row, rule, err);
	}
	if (r == 0 && choice_fits(choice, 6)) {
		struct ms_row6 row = { .rest = rest };

		put_prefix(choice->from, sizeof(row.src), row.src, row.src_mask);
		put_prefix(choice->to, sizeof(row.dst), row.dst, row.dst_mask);
		r = add_row(linear->rows6, &row, rule, err);
	}
	return r;
}

/* Ports of a protocol that has them, types of one that has those, VLANs, DSCPs: the innermost
 * lists. */
static int add_l4(struct ms_linear *linear, const struct ms_rule *rule, struct choice *choice,
		  uint32_t decision, struct ms_error *err)
{
	size_t n_sports = has_ports(choice->proto) && rule->n_sports ? rule->n_sports : 1;
	size_t n_dports = has_ports(choice->proto) && rule->n_dports ? rule->n_dports : 1;
	size_t n_icmps = is_icmp(choice->proto) && rule->n_icmps ? rule->n_icmps : 1;
	size_t n_vlans = rule->n_vlans ? rule->n_vlans : 1;
	size_t n_dscps = rule->n_dscps ? rule->n_dscps : 1;
	size_t count = n_sports * n_dports * n_icmps * n_vlans * n_dscps;

	for (size_t i = 0; i < count; i++) {
		size_t left = i;
		int r;

		choice->sport = has_ports(choice->proto) && rule->n_sports
					? &rule->sports[left % n_sports]
					: NULL;
		left /= n_sports;
		choice->dport = has_ports(choice->proto) && rule->n_dports
					? &rule->dports[left % n_dports]
					: NULL;
		left /= n_dports;
		choice->icmp = is_icmp(choice->proto) && rule->n_icmps
				       ? &rule->icmps[left % n_icmps]
				       : NULL;
		left /= n_icmps;
		choice->vlan = rule->n_vlans ? rule->vlans[left % n_vlans] : -1;
		left /= n_vlans;
		choice->dscp = rule->n_dscps ? rule->dscps[left] : -1;
		r = add_choice(linear, rule, choice, decision, err);
		if (r < 0)
			return r;
	}
	return 0;
}

static int add_addresses(struct ms_linear *linear, const struct ms_rule *rule,
			 struct choice *choice, uint32_t decision, struct ms_error *err)
{
	size_t n_from = rule->n_from ? rule->n_from : 1;
	size_t n_to = rule->n_to ? rule->n_to : 1;
	size_t n_protos = rule->n_protos ? rule->n_protos : 1;

	for (size_t i = 0; i < n_from * n_to * n_protos; i++) {
		int r;

		choice->from = rule->n_from ? &rule->from[i % n_from] : NULL;
		choice->to = rule->n_to ? &rule->to[i / n_from % n_to] : NULL;
		choice->proto = rule->n_protos ? rule->protos[i / n_from / n_to] : -1;
		r = add_l4(linear, rule, choice, decision, err);
		if (r < 0)
			return r;
	}
	return 0;
}

int ms_linear_add_rule(struct ms_linear *linear, const struct ms_rule *rule, uint32_t decision,
		       struct ms_error *err)
{
	struct choice choice = { 0 };
	int r = 0;

	if (rule->n_groups == 0)
		return add_addresses(linear, rule, &choice, decision, err);
	for (size_t i = 0; r == 0 && i < rule->n_groups; i++) {
		choice.group = linear->numbering->group(linear->numbering->user, rule->groups[i]);
		if (choice.group == 0 || choice.group >= MS_GROUPS_MAX)
			return ms_error_set(err, -ENOENT, "group %s has no number",
					    rule->groups[i]);
		r = add_addresses(linear, rule, &choice, decision, err);
	}
	return r;
}
