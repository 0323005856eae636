/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/base/proto.h"

#include <netinet/in.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "core/base/cleanup.h"
#include "core/base/parse.h"

struct name {
	uint8_t number;
	const char *text;
};

/* Of two names of one number the first is printed. */
static const struct name protos[] = {
	{ IPPROTO_ICMP, "icmp" },
	{ IPPROTO_IGMP, "igmp" },
	{ IPPROTO_IPIP, "ipip" },
	{ IPPROTO_TCP, "tcp" },
	{ IPPROTO_UDP, "udp" },
	{ IPPROTO_DCCP, "dccp" },
	{ IPPROTO_IPV6, "ipv6" },
	{ IPPROTO_GRE, "gre" },
	{ IPPROTO_ESP, "esp" },
	{ IPPROTO_AH, "ah" },
	{ IPPROTO_ICMPV6, "icmpv6" },
	{ 89, "ospf" },
	{ IPPROTO_PIM, "pim" },
	{ 112, "vrrp" },
	{ 115, "l2tp" },
	{ IPPROTO_SCTP, "sctp" },
	{ IPPROTO_UDPLITE, "udplite" },
};

static const struct name icmp_types[] = {
	{ 0, "echo-reply" },           { 3, "destination-unreachable" },
	{ 4, "source-quench" },        { 5, "redirect" },
	{ 8, "echo-request" },         { 9, "router-advertisement" },
	{ 10, "router-solicitation" }, { 11, "time-exceeded" },
	{ 12, "parameter-problem" },   { 13, "timestamp-request" },
	{ 14, "timestamp-reply" },     { 15, "info-request" },
	{ 16, "info-reply" },          { 17, "address-mask-request" },
	{ 18, "address-mask-reply" },
};

static const struct name icmpv6_types[] = {
	{ 1, "destination-unreachable" }, { 2, "packet-too-big" },
	{ 3, "time-exceeded" },           { 4, "parameter-problem" },
	{ 128, "echo-request" },          { 129, "echo-reply" },
	{ 130, "mld-listener-query" },    { 131, "mld-listener-report" },
	{ 132, "mld-listener-done" },     { 132, "mld-listener-reduction" },
	{ 133, "nd-router-solicit" },     { 134, "nd-router-advert" },
	{ 135, "nd-neighbor-solicit" },   { 136, "nd-neighbor-advert" },
	{ 137, "nd-redirect" },           { 138, "router-renumbering" },
	{ 141, "ind-neighbor-solicit" },  { 142, "ind-neighbor-advert" },
	{ 143, "mld2-listener-report" },
};

/* Only "destination unreachable" has codes anybody names. */
static const struct name icmp_codes[] = {
	{ 0, "net-unreachable" },  { 1, "host-unreachable" },  { 2, "prot-unreachable" },
	{ 3, "port-unreachable" }, { 4, "frag-needed" },       { 9, "net-prohibited" },
	{ 10, "host-prohibited" }, { 13, "admin-prohibited" },
};

static const struct name icmpv6_codes[] = {
	{ 0, "no-route" },         { 1, "admin-prohibited" }, { 3, "addr-unreachable" },
	{ 4, "port-unreachable" }, { 5, "policy-fail" },      { 6, "reject-route" },
};

static const struct name dscps[] = {
	{ 0, "cs0" },   { 0, "df" },    { 0, "be" },    { 1, "lephb" }, { 8, "cs1" },
	{ 10, "af11" }, { 12, "af12" }, { 14, "af13" }, { 16, "cs2" },  { 18, "af21" },
	{ 20, "af22" }, { 22, "af23" }, { 24, "cs3" },  { 26, "af31" }, { 28, "af32" },
	{ 30, "af33" }, { 32, "cs4" },  { 34, "af41" }, { 36, "af42" }, { 38, "af43" },
	{ 40, "cs5" },  { 44, "va" },   { 46, "ef" },   { 48, "cs6" },  { 56, "cs7" },
};

static const char *find_text(const struct name *names, size_t n_names, uint8_t number)
{
	for (size_t i = 0; i < n_names; i++)
		if (names[i].number == number)
			return names[i].text;
	return NULL;
}

static bool parse(const struct name *names, size_t n_names, const char *text, uint8_t *ret_number)
{
	uint64_t value;

	for (size_t i = 0; i < n_names; i++) {
		if (strcmp(names[i].text, text) == 0) {
			*ret_number = names[i].number;
			return true;
		}
	}
	if (!ms_parse_uint(text, 0, 255, &value))
		return false;
	*ret_number = (uint8_t)value;
	return true;
}

const char *ms_proto_name(uint8_t proto)
{
	return find_text(protos, ms_array_size(protos), proto);
}

bool ms_proto_parse(const char *text, uint8_t *ret_proto)
{
	return parse(protos, ms_array_size(protos), text, ret_proto);
}

char *ms_proto_format(uint8_t proto, char *buf, unsigned long size)
{
	const char *name = ms_proto_name(proto);

	if (name)
		snprintf(buf, size, "%s", name);
	else
		snprintf(buf, size, "%u", proto);
	return buf;
}

const char *ms_proto_icmp_name(uint8_t proto, uint8_t type)
{
	if (proto == IPPROTO_ICMP)
		return find_text(icmp_types, ms_array_size(icmp_types), type);
	if (proto == IPPROTO_ICMPV6)
		return find_text(icmpv6_types, ms_array_size(icmpv6_types), type);
	return NULL;
}

bool ms_proto_icmp_parse(uint8_t proto, const char *text, uint8_t *ret_type)
{
	if (proto == IPPROTO_ICMP)
		return parse(icmp_types, ms_array_size(icmp_types), text, ret_type);
	if (proto == IPPROTO_ICMPV6)
		return parse(icmpv6_types, ms_array_size(icmpv6_types), text, ret_type);
	return false;
}

bool ms_proto_icmp_code_parse(uint8_t proto, uint8_t type, const char *text, uint8_t *ret_code)
{
	if (proto == IPPROTO_ICMP && type == 3)
		return parse(icmp_codes, ms_array_size(icmp_codes), text, ret_code);
	if (proto == IPPROTO_ICMPV6 && type == 1)
		return parse(icmpv6_codes, ms_array_size(icmpv6_codes), text, ret_code);
	return parse(NULL, 0, text, ret_code);
}

const char *ms_proto_dscp_name(uint8_t dscp)
{
	return find_text(dscps, ms_array_size(dscps), dscp);
}

bool ms_proto_dscp_parse(const char *text, uint8_t *ret_dscp)
{
	uint8_t dscp;

	if (!parse(dscps, ms_array_size(dscps), text, &dscp) || dscp > 63)
		return false;
	*ret_dscp = dscp;
	return true;
}

char *ms_proto_dscp_format(uint8_t dscp, char *buf, unsigned long size)
{
	const char *name = ms_proto_dscp_name(dscp);

	if (name)
		snprintf(buf, size, "%s", name);
	else
		snprintf(buf, size, "%u", dscp);
	return buf;
}
