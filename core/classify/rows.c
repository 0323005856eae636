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
	free(rows->fitting);
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

/* Each ICMP belongs to its own family. */
static bool proto_fits(int proto, int family)
{
	return proto != (family == 4 ? IPPROTO_ICMPV6 : IPPROTO_ICMP);
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

static int add_choice(struct ms_rows *rows, const struct ms_rule *rule, const struct choice *choice,
		      int family, uint32_t decision, struct ms_error *err)
{
	bool is4 = family == 4;
	struct ms_row4 row4 = { .rest = { 0 } };
	struct ms_row6 row6 = { .rest = { 0 } };
	void *into;
	int r = fill_rest(rows, rule, choice, decision, is4 ? &row4.rest : &row6.rest, err);

	if (r < 0)
		return r;
	if (is4) {
		put_prefix(choice->from, sizeof(row4.src), &row4.src, &row4.src_mask);
		put_prefix(choice->to, sizeof(row4.dst), &row4.dst, &row4.dst_mask);
		into = append((void **)&rows->rows4, &rows->n_rows4, &rows->n_allocated4,
			      sizeof(row4));
	} else {
		put_prefix(choice->from, sizeof(row6.src), row6.src, row6.src_mask);
		put_prefix(choice->to, sizeof(row6.dst), row6.dst, row6.dst_mask);
		into = append((void **)&rows->rows6, &rows->n_rows6, &rows->n_allocated6,
			      sizeof(row6));
	}
	if (!into)
		return -ENOMEM;
	if (is4)
		memcpy(into, &row4, sizeof(row4));
	else
		memcpy(into, &row6, sizeof(row6));
	return 0;
}

/* How many entries of each list say something of a protocol: ports of one that has them, types of
 * one that has those; at least 1. */
struct l4 {
	size_t n_sports, n_dports, n_icmps, n_vlans, n_dscps;
};

static size_t at_least_one(size_t count)
{
	return count ? count : 1;
}

static struct l4 l4_of(const struct ms_rule *rule, int proto)
{
	return (struct l4) {
		.n_sports = at_least_one(has_ports(proto) ? rule->n_sports : 0),
		.n_dports = at_least_one(has_ports(proto) ? rule->n_dports : 0),
		.n_icmps = at_least_one(is_icmp(proto) ? rule->n_icmps : 0),
		.n_vlans = at_least_one(rule->n_vlans),
		.n_dscps = at_least_one(rule->n_dscps),
	};
}

/* The innermost lists. */
static int add_l4(struct ms_rows *rows, const struct ms_rule *rule, struct choice *choice,
		  int family, uint32_t decision, struct ms_error *err)
{
	struct l4 of = l4_of(rule, choice->proto);
	size_t count = of.n_sports * of.n_dports * of.n_icmps * of.n_vlans * of.n_dscps;

	for (size_t i = 0; i < count; i++) {
		size_t left = i;
		int r;

		choice->sport = has_ports(choice->proto) && rule->n_sports
					? &rule->sports[left % of.n_sports]
					: NULL;
		left /= of.n_sports;
		choice->dport = has_ports(choice->proto) && rule->n_dports
					? &rule->dports[left % of.n_dports]
					: NULL;
		left /= of.n_dports;
		choice->icmp = is_icmp(choice->proto) && rule->n_icmps
				       ? &rule->icmps[left % of.n_icmps]
				       : NULL;
		left /= of.n_icmps;
		choice->vlan = rule->n_vlans ? rule->vlans[left % of.n_vlans] : -1;
		left /= of.n_vlans;
		choice->dscp = rule->n_dscps ? rule->dscps[left] : -1;
		r = add_choice(rows, rule, choice, family, decision, err);
		if (r < 0)
			return r;
	}
	return 0;
}

/* Those that a packet of this family may have; nothing asked is one NULL. */
static size_t gather(const struct ms_address *list, size_t count, int family,
		     const struct ms_address **ret_list)
{
	size_t n_fitting = 0;

	if (count == 0)
		ret_list[n_fitting++] = NULL;
	for (size_t i = 0; i < count; i++) {
		if (address_fits(&list[i], family))
			ret_list[n_fitting++] = &list[i];
	}
	return n_fitting;
}

/* What fits is looked for once: of two long lists nearly all pairs may be of two families. */
static int add_addresses(struct ms_rows *rows, const struct ms_rule *rule, struct choice *choice,
			 int family, uint32_t decision, struct ms_error *err)
{
	const struct ms_address **from = rows->fitting;
	const struct ms_address **to = from + at_least_one(rule->n_from);
	size_t n_from = gather(rule->from, rule->n_from, family, from);
	size_t n_to = gather(rule->to, rule->n_to, family, to);

	for (size_t i = 0; i < at_least_one(rule->n_protos); i++) {
		choice->proto = rule->n_protos ? rule->protos[i] : -1;
		if (!proto_fits(choice->proto, family))
			continue;
		for (size_t j = 0; j < n_from * n_to; j++) {
			int r;

			choice->from = from[j % n_from];
			choice->to = to[j / n_from];
			r = add_l4(rows, rule, choice, family, decision, err);
			if (r < 0)
				return r;
		}
	}
	return 0;
}

static int make_room(struct ms_rows *rows, const struct ms_rule *rule)
{
	size_t count = at_least_one(rule->n_from) + at_least_one(rule->n_to);
	const struct ms_address **grown;

	if (count <= rows->n_fitting)
		return 0;
	grown = reallocarray((void *)rows->fitting, count, sizeof(const struct ms_address *));
	if (!grown)
		return -ENOMEM;
	rows->fitting = grown;
	rows->n_fitting = count;
	return 0;
}

int ms_rows_add_rule(struct ms_rows *rows, const struct ms_rule *rule, uint32_t decision,
		     struct ms_error *err)
{
	struct choice choice = { 0 };
	int r = make_room(rows, rule);

	for (size_t i = 0; r == 0 && i < at_least_one(rule->n_groups); i++) {
		if (rule->n_groups) {
			choice.group =
				rows->numbering->group(rows->numbering->user, rule->groups[i]);
			if (choice.group == 0 || choice.group >= MS_GROUPS_MAX)
				return ms_error_set(err, -ENOENT, "group %s has no number",
						    rule->groups[i]);
		}
		r = add_addresses(rows, rule, &choice, 4, decision, err);
		if (r == 0)
			r = add_addresses(rows, rule, &choice, 6, decision, err);
	}
	return r;
}

/* ---- how many ---- */

static uint64_t add(uint64_t a, uint64_t b)
{
	uint64_t sum;

	return __builtin_add_overflow(a, b, &sum) ? UINT64_MAX : sum;
}

static uint64_t multiply(uint64_t a, uint64_t b)
{
	uint64_t product;

	return __builtin_mul_overflow(a, b, &product) ? UINT64_MAX : product;
}

static uint64_t count_fitting(const struct ms_address *list, size_t count, int family)
{
	uint64_t n_fitting = count == 0;

	for (size_t i = 0; i < count; i++)
		n_fitting += address_fits(&list[i], family);
	return n_fitting;
}

static uint64_t count_l4(const struct ms_rule *rule, int proto)
{
	struct l4 of = l4_of(rule, proto);
	const size_t counts[] = { of.n_sports, of.n_dports, of.n_icmps, of.n_vlans, of.n_dscps };
	uint64_t count = 1;

	for (size_t i = 0; i < ms_array_size(counts); i++)
		count = multiply(count, counts[i]);
	return count;
}

uint64_t ms_rows_of(const struct ms_rule *rule, unsigned int family)
{
	uint64_t count = 0;

	for (size_t i = 0; i < at_least_one(rule->n_protos); i++) {
		int proto = rule->n_protos ? rule->protos[i] : -1;

		if (proto_fits(proto, (int)family))
			count = add(count, count_l4(rule, proto));
	}
	count = multiply(count, at_least_one(rule->n_groups));
	count = multiply(count, count_fitting(rule->from, rule->n_from, (int)family));
	return multiply(count, count_fitting(rule->to, rule->n_to, (int)family));
}
