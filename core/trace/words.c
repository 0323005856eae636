/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/trace/words.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "core/base/cleanup.h"
#include "core/base/parse.h"
#include "core/base/proto.h"
#include "core/trace/trace.h"

#define WORD_MAX 64

struct reader {
	const char *text;
	size_t at;           /* of the next word */
	char word[WORD_MAX]; /* the one being looked at, "" = the end */
	unsigned int column; /* its place, from 1 */
	struct ms_error *err;
};

static int refuse(struct reader *reader, const char *why)
{
	const char *word = reader->word[0] ? reader->word : "";

	if (!reader->word[0])
		return ms_error_set_at(reader->err, -EINVAL, NULL, 0, reader->column, word,
				       "the packet's description ends too early: %s", why);
	return ms_error_set_at(reader->err, -EINVAL, NULL, 0, reader->column, word, "\"%s\": %s",
			       word, why);
}

/* Steps to the next word. A word longer than any valid one stays cut, so it matches nothing. */
static void step(struct reader *reader)
{
	size_t length;

	reader->at += strspn(reader->text + reader->at, " \t");
	length = strcspn(reader->text + reader->at, " \t");
	reader->column = (unsigned int)reader->at + 1;
	snprintf(reader->word, sizeof(reader->word), "%.*s", (int)length,
		 reader->text + reader->at);
	reader->at += length;
}

static bool is_word(const struct reader *reader, const char *word)
{
	return strcmp(reader->word, word) == 0;
}

bool ms_trace_words_has_ports(uint8_t proto)
{
	return proto == IPPROTO_TCP || proto == IPPROTO_UDP || proto == IPPROTO_SCTP;
}

static bool is_icmp(uint8_t proto)
{
	return proto == IPPROTO_ICMP || proto == IPPROTO_ICMPV6;
}

static int read_proto(struct reader *reader, struct ms_trace_words *words)
{
	step(reader);
	if (is_word(reader, "proto"))
		step(reader);
	if (!reader->word[0])
		return refuse(reader, "a protocol is wanted, e.g. tcp, icmp, proto 47");
	if (!ms_proto_parse(reader->word, &words->proto))
		return refuse(reader, "no protocol: a name or proto 0-255 is wanted");
	step(reader);
	return 0;
}

/* "10.0.0.5:80", "[2001:db8::9]:80", or an address alone. */
static int read_endpoint(struct reader *reader, uint8_t proto, struct ms_addr *ret_addr,
			 uint16_t *ret_port)
{
	char text[WORD_MAX];
	char *addr = text, *port = NULL, *end;
	uint64_t value;

	if (!reader->word[0])
		return refuse(reader, "an address is wanted");
	memcpy(text, reader->word, sizeof(text));
	if (text[0] == '[') {
		addr = text + 1;
		end = strchr(addr, ']');
		if (!end || (end[1] != '\0' && end[1] != ':'))
			return refuse(reader, "no [address]:port");
		port = end[1] == ':' ? end + 2 : NULL;
		*end = '\0';
	} else {
		end = strchr(text, ':');
		if (end && end == strrchr(text, ':')) {
			*end = '\0';
			port = end + 1;
		}
	}
	if (!ms_addr_parse(addr, ret_addr) || (text[0] == '[' && ret_addr->family != 6))
		return refuse(reader, "no address");
	if (port && !ms_trace_words_has_ports(proto))
		return refuse(reader, "only tcp, udp and sctp have ports");
	if (!port && ms_trace_words_has_ports(proto))
		return refuse(reader, ret_addr->family == 6 ? "a port is wanted: [ADDRESS]:PORT"
							    : "a port is wanted: ADDRESS:PORT");
	if (port) {
		if (!ms_parse_uint(port, 0, UINT16_MAX, &value))
			return refuse(reader, "no port (0-65535)");
		*ret_port = (uint16_t)value;
	}
	step(reader);
	return 0;
}

/* "echo-request", "8", "destination-unreachable/3" */
static bool parse_icmp(const struct reader *reader, struct ms_trace_words *words)
{
	char text[WORD_MAX];
	char *slash;
	uint64_t code = 0;

	memcpy(text, reader->word, sizeof(text));
	slash = strchr(text, '/');
	if (slash) {
		*slash = '\0';
		if (!ms_parse_uint(slash + 1, 0, 255, &code))
			return false;
	}
	if (!ms_proto_icmp_parse(words->proto, text, &words->icmp_type))
		return false;
	words->icmp_code = (uint8_t)code;
	return true;
}

static bool parse_tcp_flags(const char *text, uint8_t *ret_flags)
{
	static const char *const names[] = {
		"fin", "syn", "rst", "psh", "ack", "urg", "ece", "cwr"
	};
	uint8_t flags = 0;

	for (;;) {
		size_t length = strcspn(text, ",");
		unsigned int i;

		for (i = 0; i < ms_array_size(names); i++) {
			if (length == 3 && strncasecmp(names[i], text, 3) == 0)
				break;
		}
		if (i == ms_array_size(names))
			return false;
		flags |= (uint8_t)(1u << i);
		if (text[length] == '\0')
			break;
		text += length + 1;
	}
	*ret_flags |= flags;
	return true;
}

static int read_number(struct reader *reader, uint64_t min, uint64_t max, const char *why,
		       uint64_t *ret_value)
{
	step(reader);
	if (!ms_parse_uint(reader->word, min, max, ret_value))
		return refuse(reader, why);
	return 0;
}

static int read_vlan(struct reader *reader, struct ms_trace_words *words)
{
	static const char why[] = "no VLAN: 1-4094, or OUTER.INNER, is wanted";
	char text[WORD_MAX];
	char *dot;
	uint64_t outer, inner = 0;

	step(reader);
	memcpy(text, reader->word, sizeof(text));
	dot = strchr(text, '.');
	if (dot) {
		*dot = '\0';
		if (!ms_parse_uint(dot + 1, 1, 4094, &inner))
			return refuse(reader, why);
	}
	if (!ms_parse_uint(text, 1, 4094, &outer))
		return refuse(reader, why);
	words->vlan_outer = (uint16_t)outer;
	words->vlan_inner = (uint16_t)inner;
	return 0;
}

static int read_option(struct reader *reader, struct ms_trace_words *words, bool *has_type)
{
	uint64_t value;
	int r = 0;

	if (is_word(reader, "vlan")) {
		r = read_vlan(reader, words);
	} else if (is_word(reader, "len")) {
		r = read_number(reader, 1, MS_TRACE_FRAME_MAX, "no length (at most 256 bytes)",
				&value);
		if (r == 0)
			words->len = (uint16_t)value;
	} else if (is_word(reader, "dscp")) {
		step(reader);
		if (!ms_proto_dscp_parse(reader->word, &words->dscp))
			r = refuse(reader, "no DSCP (0-63, or a name such as ef)");
	} else if (is_icmp(words->proto) && !*has_type && parse_icmp(reader, words)) {
		*has_type = true;
	} else if (words->proto != IPPROTO_TCP ||
		   !parse_tcp_flags(reader->word, &words->tcp_flags)) {
		return refuse(reader, words->proto == IPPROTO_TCP
					      ? "not known: TCP flags, vlan, len or dscp are"
					      : "not known: vlan, len or dscp are");
	}
	if (r == 0)
		step(reader);
	return r;
}

int ms_trace_words_parse(const char *text, struct ms_trace_words *ret_words, struct ms_error *err)
{
	struct reader reader = { .text = text, .err = err };
	struct ms_trace_words words = { 0 };
	bool has_type = false;
	int r;

	r = read_proto(&reader, &words);
	if (r < 0)
		return r;
	if (is_icmp(words.proto) && parse_icmp(&reader, &words)) {
		has_type = true;
		step(&reader);
	}
	r = read_endpoint(&reader, words.proto, &words.src, &words.sport);
	if (r < 0)
		return r;
	if (!is_word(&reader, ">"))
		return refuse(&reader, "> and the destination are wanted");
	step(&reader);
	if (reader.word[0]) {
		struct reader at_destination = reader;

		r = read_endpoint(&reader, words.proto, &words.dst, &words.dport);
		if (r < 0)
			return r;
		if (words.src.family != words.dst.family)
			return refuse(&at_destination, "not of the source's family");
		if ((words.proto == IPPROTO_ICMP && words.dst.family != 4) ||
		    (words.proto == IPPROTO_ICMPV6 && words.dst.family != 6))
			return refuse(&at_destination,
				      "icmp is IPv4's, icmpv6 is IPv6's: another family is wanted");
	} else {
		return refuse(&reader, "a destination is wanted");
	}
	while (reader.word[0]) {
		r = read_option(&reader, &words, &has_type);
		if (r < 0)
			return r;
	}
	if (is_icmp(words.proto) && !has_type)
		return refuse(&reader, "an ICMP type is wanted, e.g. echo-request");
	if (words.proto == IPPROTO_TCP && words.tcp_flags == 0)
		words.tcp_flags = 2; /* what one asks about is a new connection */
	*ret_words = words;
	return 0;
}
