/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which packets a rule is about. */
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "core/base/cleanup.h"
#include "core/base/parse.h"
#include "core/base/proto.h"
#include "core/policy/array.h"
#include "core/policy/document.h"
#include "core/policy/document_parts.h"

static int refuse(struct ms_document_reader *reader, const char *complaint)
{
	return ms_document_reader_refuse(reader, reader->place, reader->value, "'%s' %s",
					 reader->value, complaint);
}

static int read_group_name(struct ms_document_reader *reader, void *into)
{
	struct ms_rule *rule = &((struct ms_document_rule_draft *)into)->rule;
	size_t n_places = rule->n_groups;
	char *name;
	int r = ms_document_schema_name(reader, "a group's name", "._-", MS_DOCUMENT_NAME_MAX);

	if (r < 0)
		return r;
	r = ms_array_append(&rule->group_places, &n_places, reader->place);
	if (r < 0)
		return r;
	name = strdup(reader->value);
	r = name ? ms_array_append(&rule->groups, &rule->n_groups, name) : -ENOMEM;
	if (r < 0)
		free(name);
	return r;
}

int ms_document_match_groups(struct ms_document_reader *reader, void *into)
{
	return ms_document_schema_list(reader, "groups", read_group_name, into);
}

int ms_document_match_dir(struct ms_document_reader *reader, void *into)
{
	static const char *const words[] = { [MS_DIR_IN] = "in", [MS_DIR_OUT] = "out" };
	unsigned int dir;
	int r = ms_document_schema_word(reader, "in or out (leave dir out for both)", words,
					ms_array_size(words), &dir);

	if (r == 0)
		((struct ms_document_rule_draft *)into)->rule.dirs = (uint8_t)(1 << dir);
	return r;
}

struct addresses {
	struct ms_address **array;
	size_t *count;
};

static int read_address(struct ms_document_reader *reader, void *into)
{
	static const char *const words[] = { "any" };
	const struct addresses *addresses = into;
	struct ms_address address = { .kind = MS_ADDRESS_CIDR, .place = reader->place };
	int r = ms_document_schema_scalar(reader, "an address, a prefix, set:NAME or any");

	if (r < 0)
		return r;
	if (strcmp(reader->value, "any") == 0)
		return refuse(reader, "in a list with others; it stands alone");
	if (strncmp(reader->value, "set:", 4) == 0) {
		const char *name = reader->value + 4;

		if (!ms_document_is_set_name(name))
			return refuse(reader, "is not set: and the name of a set");
		address.kind = MS_ADDRESS_SET;
		address.set = strdup(name);
		if (!address.set)
			return -ENOMEM;
	} else if (strpbrk(reader->value, ".:/") || reader->value[0] == '\0') {
		r = ms_document_cidr(reader, &address.cidr);
	} else {
		r = ms_document_schema_refuse_word(reader, "an address, a prefix, set:NAME or any",
						   words, 1);
	}
	if (r < 0)
		return r;
	r = ms_array_append(addresses->array, addresses->count, address);
	if (r < 0)
		free(address.set);
	return r;
}

static int read_addresses(struct ms_document_reader *reader, struct ms_address **array,
			  size_t *count)
{
	struct addresses addresses = { array, count };

	if (reader->event == MS_DOCUMENT_SCALAR && strcmp(reader->value, "any") == 0)
		return 0;
	return ms_document_schema_list(reader, "addresses", read_address, &addresses);
}

int ms_document_match_from(struct ms_document_reader *reader, void *into)
{
	struct ms_rule *rule = &((struct ms_document_rule_draft *)into)->rule;

	return read_addresses(reader, &rule->from, &rule->n_from);
}

int ms_document_match_to(struct ms_document_reader *reader, void *into)
{
	struct ms_rule *rule = &((struct ms_document_rule_draft *)into)->rule;

	return read_addresses(reader, &rule->to, &rule->n_to);
}

static int read_proto(struct ms_document_reader *reader, void *into)
{
	static const char *const words[] = { "tcp", "udp", "sctp", "icmp", "icmpv6",
					     "gre", "esp", "ah",   "igmp" };
	struct ms_rule *rule = &((struct ms_document_rule_draft *)into)->rule;
	uint8_t proto;
	int r = ms_document_schema_scalar(reader, "a protocol's name or number");

	if (r < 0)
		return r;
	if (strcmp(reader->value, "any") == 0)
		return refuse(reader, "is not a protocol; leave proto out for any");
	if (!ms_proto_parse(reader->value, &proto))
		return ms_document_schema_refuse_word(reader, "a protocol's name or 0-255", words,
						      ms_array_size(words));
	return ms_array_append(&rule->protos, &rule->n_protos, proto);
}

int ms_document_match_protos(struct ms_document_reader *reader, void *into)
{
	return ms_document_schema_list(reader, "protocols", read_proto, into);
}

static int parse_ports(struct ms_document_reader *reader, struct ms_port_range *ret_range)
{
	int r = ms_document_schema_scalar(reader, "a port or a range of ports");

	if (r < 0)
		return r;
	if (!ms_parse_port_range(reader->value, &ret_range->first, &ret_range->last))
		return refuse(reader, "is not a port (0-65535) or a range like 8000-8100");
	return 0;
}

static int read_sport(struct ms_document_reader *reader, void *into)
{
	struct ms_rule *rule = &((struct ms_document_rule_draft *)into)->rule;
	struct ms_port_range range;
	int r = parse_ports(reader, &range);

	return r < 0 ? r : ms_array_append(&rule->sports, &rule->n_sports, range);
}

static int read_dport(struct ms_document_reader *reader, void *into)
{
	struct ms_rule *rule = &((struct ms_document_rule_draft *)into)->rule;
	struct ms_port_range range;
	int r = parse_ports(reader, &range);

	return r < 0 ? r : ms_array_append(&rule->dports, &rule->n_dports, range);
}

int ms_document_match_sports(struct ms_document_reader *reader, void *into)
{
	return ms_document_schema_list(reader, "ports", read_sport, into);
}

int ms_document_match_dports(struct ms_document_reader *reader, void *into)
{
	return ms_document_schema_list(reader, "ports", read_dport, into);
}

static int read_icmp(struct ms_document_reader *reader, void *into)
{
	struct ms_document_rule_draft *draft = into;
	struct ms_document_icmp_word word = { .place = reader->place };
	int r = ms_document_schema_scalar(reader, "an ICMP type or type/code");

	if (r < 0)
		return r;
	word.text = strdup(reader->value);
	r = word.text ? ms_array_append(&draft->icmps, &draft->n_icmps, word) : -ENOMEM;
	if (r < 0)
		free(word.text);
	return r;
}

int ms_document_match_icmps(struct ms_document_reader *reader, void *into)
{
	return ms_document_schema_list(reader, "ICMP types", read_icmp, into);
}

static int read_vlan(struct ms_document_reader *reader, void *into)
{
	struct ms_rule *rule = &((struct ms_document_rule_draft *)into)->rule;
	uint64_t vlan;
	int r = ms_document_schema_number(reader, "a VLAN (1-4094, 0 = untagged)", 0, 4094, &vlan);

	return r < 0 ? r : ms_array_append(&rule->vlans, &rule->n_vlans, (uint16_t)vlan);
}

int ms_document_match_vlans(struct ms_document_reader *reader, void *into)
{
	return ms_document_schema_list(reader, "VLANs", read_vlan, into);
}

static int read_dscp(struct ms_document_reader *reader, void *into)
{
	static const char *const words[] = { "ef",   "cs0",  "cs1",  "cs2",  "cs3",  "cs4",
					     "cs5",  "cs6",  "cs7",  "af11", "af12", "af13",
					     "af21", "af22", "af23", "af31", "af32", "af33",
					     "af41", "af42", "af43", "df",   "be",   "lephb" };
	struct ms_rule *rule = &((struct ms_document_rule_draft *)into)->rule;
	uint8_t dscp;
	int r = ms_document_schema_scalar(reader, "a DSCP's name or number");

	if (r < 0)
		return r;
	if (strcmp(reader->value, "any") == 0)
		return refuse(reader, "is not a DSCP; leave dscp out for any");
	if (!ms_proto_dscp_parse(reader->value, &dscp))
		return ms_document_schema_refuse_word(reader, "a DSCP's name or 0-63", words,
						      ms_array_size(words));
	return ms_array_append(&rule->dscps, &rule->n_dscps, dscp);
}

int ms_document_match_dscps(struct ms_document_reader *reader, void *into)
{
	return ms_document_schema_list(reader, "DSCPs", read_dscp, into);
}

/* ---- what only the whole rule shows ---- */

static bool has_ports(uint8_t proto)
{
	return proto == IPPROTO_TCP || proto == IPPROTO_UDP || proto == IPPROTO_SCTP;
}

static int check_ports(struct ms_document_reader *reader, const struct ms_rule *rule,
		       const struct ms_document_match_places *places)
{
	bool is_port_rule = rule->n_protos > 0;

	for (size_t i = 0; i < rule->n_protos; i++)
		is_port_rule = is_port_rule && has_ports(rule->protos[i]);
	if (is_port_rule || (!places->sport.line && !places->dport.line))
		return 0;
	return ms_document_reader_refuse(reader, places->sport.line ? places->sport : places->dport,
					 places->sport.line ? "sport" : "dport",
					 "'%s' only with proto tcp, udp or sctp and no other",
					 places->sport.line ? "sport" : "dport");
}

/* What `type` and its code are in `proto`. */
static bool parse_icmp(const char *text, uint8_t proto, struct ms_icmp_match *ret_match)
{
	struct ms_icmp_match match = { .code = -1 };
	char type[64];
	const char *slash = strchr(text, '/');
	size_t length = slash ? (size_t)(slash - text) : strlen(text);
	uint8_t code;

	if (length >= sizeof(type))
		return false;
	memcpy(type, text, length);
	type[length] = '\0';
	if (!ms_proto_icmp_parse(proto, type, &match.type))
		return false;
	if (slash) {
		if (!ms_proto_icmp_code_parse(proto, match.type, slash + 1, &code))
			return false;
		match.code = code;
	}
	*ret_match = match;
	return true;
}

static int take_icmps(struct ms_document_reader *reader, struct ms_document_rule_draft *draft,
		      struct ms_place place)
{
	struct ms_rule *rule = &draft->rule;
	uint8_t proto = rule->n_protos == 1 ? rule->protos[0] : 0;

	if (!draft->n_icmps)
		return 0;
	if (proto != IPPROTO_ICMP && proto != IPPROTO_ICMPV6)
		return ms_document_reader_refuse(reader, place, "icmp",
						 "'icmp' only with proto icmp or proto icmpv6, one "
						 "of them: their types differ");
	for (size_t i = 0; i < draft->n_icmps; i++) {
		const struct ms_document_icmp_word *word = &draft->icmps[i];
		struct ms_icmp_match match;

		if (!parse_icmp(word->text, proto, &match))
			return ms_document_reader_refuse(reader, word->place, word->text,
							 "'%s' is not a type or type/code of %s",
							 word->text,
							 proto == IPPROTO_ICMP ? "icmp" : "icmpv6");
		if (ms_array_append(&rule->icmps, &rule->n_icmps, match) < 0)
			return -ENOMEM;
	}
	return 0;
}

/* Bit 0: IPv4, bit 1: IPv6. A set may hold both, and so may no list at all. */
static unsigned int families(const struct ms_address *addresses, size_t count)
{
	unsigned int mask = count ? 0 : 3;

	for (size_t i = 0; i < count; i++)
		mask |= addresses[i].kind == MS_ADDRESS_SET  ? 3
			: addresses[i].cidr.addr.family == 4 ? 1
							     : 2;
	return mask;
}

static unsigned int proto_families(const struct ms_rule *rule)
{
	unsigned int mask = rule->n_protos ? 0 : 3;

	for (size_t i = 0; i < rule->n_protos; i++)
		mask |= rule->protos[i] == IPPROTO_ICMP     ? 1
			: rule->protos[i] == IPPROTO_ICMPV6 ? 2
							    : 3;
	return mask;
}

/* Each address needs a partner of its family on the other side, or it never matches anything. */
static int check_partners(struct ms_document_reader *reader, const struct ms_address *addresses,
			  size_t count, unsigned int others, const char *other_key)
{
	for (size_t i = 0; i < count; i++) {
		char text[MS_CIDR_TEXT];

		if (families(&addresses[i], 1) & others)
			continue;
		ms_cidr_format(&addresses[i].cidr, text, sizeof(text));
		return ms_document_reader_refuse(reader, addresses[i].place, text,
						 "'%s' never matches: '%s' says nothing of IPv%u",
						 text, other_key, addresses[i].cidr.addr.family);
	}
	return 0;
}

static int check_families(struct ms_document_reader *reader, const struct ms_rule *rule)
{
	unsigned int from = families(rule->from, rule->n_from);
	unsigned int to = families(rule->to, rule->n_to);
	unsigned int proto = proto_families(rule);
	int r = check_partners(reader, rule->to, rule->n_to, from, "from");

	if (r == 0)
		r = check_partners(reader, rule->from, rule->n_from, to, "to");
	if (r == 0)
		r = check_partners(reader, rule->from, rule->n_from, proto, "proto");
	if (r == 0)
		r = check_partners(reader, rule->to, rule->n_to, proto, "proto");
	return r;
}

int ms_document_match_check(struct ms_document_reader *reader, struct ms_document_rule_draft *draft,
			    const struct ms_document_match_places *places)
{
	int r = check_ports(reader, &draft->rule, places);

	if (r == 0)
		r = take_icmps(reader, draft, places->icmp);
	if (r == 0)
		r = check_families(reader, &draft->rule);
	return r;
}
