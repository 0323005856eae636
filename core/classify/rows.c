/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/classify/rows.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "bpf/lib/rules.h"
#include "core/base/cleanup.h"

/* One combination of a rule's alternatives; NULL and -1 = not asked. */
struct choice {
	const struct ms_address *from, *to;
	const struct ms_port_range *sport, *dport;
	const struct ms_icmp_match *icmp;
	int proto, vlan, dscp;
	uint16_t group; /* 0 = every */
};

void ms_rows_init(struct ms_rows *rows, const struct ms_numbering *numbering)
{
	*rows = (struct ms_rows) { .numbering = numbering };
}

void ms_rows_fini(struct ms_rows *rows)
{
	free(rows->rows4);
	free(rows->rows6);
	*rows = (struct ms_rows) { .rows4 = NULL };
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

static int find_set(const struct ms_rows *rows, const struct ms_address *address, uint32_t *ret_set,
		    struct ms_error *err)
{
	uint32_t set;

	if (!address || address->kind != MS_ADDRESS_SET)
		return 0;
	set = rows->numbering->set(rows->numbering->user, address->set);
	if (set == 0)
		return ms_error_set(err, -ENOENT, "set %s has no number", address->set);
	*ret_set = set;
	return 0;
}

static int fill_rest(const struct ms_rows *rows, const struct ms_rule *rule,
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
	r = find_set(rows, choice->from, &rest->src_set, err);
	return r < 0 ? r : find_set(rows, choice->to, &rest->dst_set, err);
}

/* A new row at the end of one family's, or NULL. */
static void *append(void **rows, size_t *count, size_t *n_allocated, size_t size)
{
	if (*count == *n_allocated) {
		size_t n = *n_allocated ? 2 * *n_allocated : 64;
		void *grown = reallocarray(*rows, n, size);

		if (!grown)
			return NULL;
		*rows = grown;
		*n_allocated = n;
	}
	return (char *)*rows + (*count)++ * size;
}

static int refuse(const struct ms_rule *rule, struct ms_error *err)
{
	return ms_error_set_at(
		err, -ENOSPC, rule->origin.file, rule->origin.line, rule->origin.column, rule->id,
		"the policy does not fit: its lists expand to more than %u rows of one family",
		MS_ROWS_MAX);
}

static int add_row4(struct ms_rows *rows, const struct ms_rule *rule, const struct ms_row4 *row,
		    struct ms_error *err)
{
	void *into;

	if (rows->n_rows4 == MS_ROWS_MAX)
		return refuse(rule, err);
	into = append((void **)&rows->rows4, &rows->n_rows4, &rows->n_allocated4, sizeof(*row));
	if (!into)
		return -ENOMEM;
	memcpy(into, row, sizeof(*row));
	return 0;
}

static int add_row6(struct ms_rows *rows, const struct ms_rule *rule, const struct ms_row6 *row,
		    struct ms_error *err)
{
	void *into;

	if (rows->n_rows6 == MS_ROWS_MAX)
		return refuse(rule, err);
	into = append((void **)&rows->rows6, &rows->n_rows6, &rows->n_allocated6, sizeof(*row));
	if (!into)
		return -ENOMEM;
	memcpy(into, row, sizeof(*row));
	return 0;
}

static int add_choice(struct ms_rows *rows, const struct ms_rule *rule, const struct choice *choice,
		      uint32_t decision, struct ms_error *err)
{
	struct ms_row_rest rest;
	int r = fill_rest(rows, rule, choice, decision, &rest, err);

	if (r == 0 && choice_fits(choice, 4)) {
		struct ms_row4 row = { .rest = rest };

		put_prefix(choice->from, sizeof(row.src), &row.src, &row.src_mask);
		put_prefix(choice->to, sizeof(row.dst), &row.dst, &row.dst_mask);
		r = add_row4(rows, rule, &row, err);
	}
	if (r == 0 && choice_fits(choice, 6)) {
		struct ms_row6 row = { .rest = rest };

		put_prefix(choice->from, sizeof(row.src), row.src, row.src_mask);
		put_prefix(choice->to, sizeof(row.dst), row.dst, row.dst_mask);
		r = add_row6(rows, rule, &row, err);
	}
	return r;
}

/* Ports of a protocol that has them, types of one that has those, VLANs, DSCPs: the innermost
 * lists. */
static int add_l4(struct ms_rows *rows, const struct ms_rule *rule, struct choice *choice,
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
		r = add_choice(rows, rule, choice, decision, err);
		if (r < 0)
			return r;
	}
	return 0;
}

static int add_addresses(struct ms_rows *rows, const struct ms_rule *rule, struct choice *choice,
			 uint32_t decision, struct ms_error *err)
{
	size_t n_from = rule->n_from ? rule->n_from : 1;
	size_t n_to = rule->n_to ? rule->n_to : 1;
	size_t n_protos = rule->n_protos ? rule->n_protos : 1;

	for (size_t i = 0; i < n_from * n_to * n_protos; i++) {
		int r;

		choice->from = rule->n_from ? &rule->from[i % n_from] : NULL;
		choice->to = rule->n_to ? &rule->to[i / n_from % n_to] : NULL;
		choice->proto = rule->n_protos ? rule->protos[i / n_from / n_to] : -1;
		r = add_l4(rows, rule, choice, decision, err);
		if (r < 0)
			return r;
	}
	return 0;
}

int ms_rows_add_rule(struct ms_rows *rows, const struct ms_rule *rule, uint32_t decision,
		     struct ms_error *err)
{
	struct choice choice = { 0 };
	int r = 0;

	if (rule->n_groups == 0)
		return add_addresses(rows, rule, &choice, decision, err);
	for (size_t i = 0; r == 0 && i < rule->n_groups; i++) {
		choice.group = rows->numbering->group(rows->numbering->user, rule->groups[i]);
		if (choice.group == 0 || choice.group >= MS_GROUPS_MAX)
			return ms_error_set(err, -ENOENT, "group %s has no number",
					    rule->groups[i]);
		r = add_addresses(rows, rule, &choice, decision, err);
	}
	return r;
}
