/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "record.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <jansson.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <time.h>

#define NS_PER_S 1000000000ull
#define NS_PER_MS 1000000ull

static const char *verdict_name(uint8_t verdict)
{
	static const char *const names[MS_VERDICT__COUNT] = { "allow", "deny", "audit" };

	return verdict < MS_VERDICT__COUNT ? names[verdict] : "unknown";
}

static const char *reason_name(uint8_t reason)
{
#define NAME(name, text, class, doc) text,
	static const char *const names[MS_REASON__COUNT] = { MS_REASONS(NAME) };
#undef NAME

	return reason < MS_REASON__COUNT ? names[reason] : "unknown";
}

static bool has_ports(const struct ms_plugin_event *event)
{
	return event->sport != 0 || event->dport != 0;
}

static bool is_icmp(const struct ms_plugin_event *event)
{
	return event->family != 0 &&
	       (event->proto == IPPROTO_ICMP || event->proto == IPPROTO_ICMPV6);
}

/* ---- fields ---- */

static void add(struct ms_journal_record *record, const char *key, const char *format, ...)
	MS_PLUGIN_PRINTF(3, 4);
static void add(struct ms_journal_record *record, const char *key, const char *format, ...)
{
	struct ms_journal_field *field = &record->fields[record->count++];
	va_list args;

	field->key = key;
	field->is_number = false;
	va_start(args, format);
	vsnprintf(field->text, sizeof(field->text), format, args);
	va_end(args);
}

static void add_number(struct ms_journal_record *record, const char *key, uint64_t number)
{
	add(record, key, "%" PRIu64, number);
	record->fields[record->count - 1].is_number = true;
}

/* The kernel takes any bytes but '/' and blanks for an interface's name, JSON and people do not. */
static void add_plain(struct ms_journal_record *record, const char *key, const char *text)
{
	add(record, key, "%s", text);
	for (char *at = record->fields[record->count - 1].text; *at; at++)
		if (*at < ' ' || *at > '~')
			*at = '?';
}

static void add_time(struct ms_journal_record *record, uint64_t time_ns)
{
	time_t seconds = (time_t)(time_ns / NS_PER_S);
	char text[32] = "";
	struct tm tm;

	if (gmtime_r(&seconds, &tm))
		strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
	add(record, "time", "%s.%03uZ", text, (unsigned)(time_ns % NS_PER_S / NS_PER_MS));
}

static void format_addr(const struct ms_plugin_event *event, const uint8_t *addr,
			char ret_text[INET6_ADDRSTRLEN])
{
	ret_text[0] = '\0';
	inet_ntop(event->family == 6 ? AF_INET6 : AF_INET, addr, ret_text, INET6_ADDRSTRLEN);
}

static const char *format_proto(const struct ms_plugin_event *event, char *buf, size_t size)
{
	switch (event->proto) {
	case IPPROTO_TCP:
		return "tcp";
	case IPPROTO_UDP:
		return "udp";
	case IPPROTO_SCTP:
		return "sctp";
	case IPPROTO_ICMP:
		return "icmp";
	case IPPROTO_ICMPV6:
		return "icmpv6";
	default:
		snprintf(buf, size, "%u", event->proto);
		return buf;
	}
}

static void add_flow(struct ms_journal_record *record, const struct ms_plugin_event *event)
{
	char from[INET6_ADDRSTRLEN], to[INET6_ADDRSTRLEN], proto[8];

	if (event->family == 0)
		return;
	format_addr(event, event->src, from);
	format_addr(event, event->dst, to);
	add(record, "proto", "%s", format_proto(event, proto, sizeof(proto)));
	add_number(record, "proto_number", event->proto);
	add(record, "from", "%s", from);
	add(record, "to", "%s", to);
	if (has_ports(event)) {
		add_number(record, "sport", event->sport);
		add_number(record, "dport", event->dport);
	}
	if (event->proto == IPPROTO_TCP)
		add_number(record, "tcp_flags", event->tcp_flags);
	if (is_icmp(event)) {
		add_number(record, "icmp_type", event->icmp_type);
		add_number(record, "icmp_code", event->icmp_code);
	}
	add_number(record, "dscp", event->dscp);
}

/* ---- the sentence ---- */

static void format_end(const struct ms_plugin_event *event, const uint8_t *addr, uint16_t port,
		       char *buf, size_t size)
{
	char text[INET6_ADDRSTRLEN];

	format_addr(event, addr, text);
	if (!has_ports(event))
		snprintf(buf, size, "%s", text);
	else
		snprintf(buf, size, event->family == 6 ? "[%s]:%u" : "%s:%u", text, port);
}

static void format_flow(const struct ms_plugin_event *event, char *buf, size_t size)
{
	char from[INET6_ADDRSTRLEN + 8], to[INET6_ADDRSTRLEN + 8], proto[8];

	if (event->family == 0) {
		snprintf(buf, size, "ethertype 0x%04x", event->ethertype);
		return;
	}
	format_end(event, event->src, event->sport, from, sizeof(from));
	format_end(event, event->dst, event->dport, to, sizeof(to));
	snprintf(buf, size, "%s %s > %s", format_proto(event, proto, sizeof(proto)), from, to);
}

static void write_sentence(struct ms_journal_record *record, const struct ms_plugin_event *event,
			   const char *iface)
{
	char flow[160], held_back[40] = "";

	format_flow(event, flow, sizeof(flow));
	if (event->suppressed)
		snprintf(held_back, sizeof(held_back), " [+%" PRIu32 "]", event->suppressed);
	snprintf(record->sentence, sizeof(record->sentence),
		 "%s %s %s %s rule=%s src=%s reason=%s%s", verdict_name(event->verdict), iface,
		 event->dir == MS_DIR_IN ? "in" : "out", flow, event->rule, event->origin,
		 reason_name(event->reason), held_back);
}

/* ---- records ---- */

void ms_journal_record_event(struct ms_journal_record *record, const struct ms_plugin_event *event)
{
	const char *iface;

	record->count = 0;
	record->priority = event->verdict == MS_VERDICT_DENY ? LOG_NOTICE : LOG_INFO;
	add_time(record, event->time_ns);
	add(record, "verdict", "%s", verdict_name(event->verdict));
	add(record, "reason", "%s", reason_name(event->reason));
	add(record, "rule", "%s", event->rule);
	add(record, "origin", "%s", event->origin);
	add_number(record, "generation", event->generation);
	add_plain(record, "iface", event->iface);
	iface = record->fields[record->count - 1].text;
	add_number(record, "ifindex", event->ifindex);
	add(record, "group", "%s", event->group);
	add(record, "dir", "%s", event->dir == MS_DIR_IN ? "in" : "out");
	add_number(record, "ethertype", event->ethertype);
	add_flow(record, event);
	add_number(record, "vlan", event->vlan_outer);
	add_number(record, "vlan_inner", event->vlan_inner);
	add_number(record, "length_bytes", event->length);
	add_number(record, "suppressed", event->suppressed);
	write_sentence(record, event, iface);
}

void ms_journal_record_lost(struct ms_journal_record *record, uint64_t lost, uint64_t time_ns)
{
	record->count = 0;
	record->priority = LOG_WARNING;
	add_time(record, time_ns);
	add_number(record, "lost", lost);
	snprintf(record->sentence, sizeof(record->sentence),
		 "%" PRIu64 " event%s missing here: more came than could be written", lost,
		 lost == 1 ? " is" : "s are");
}

char *ms_journal_record_json(const struct ms_journal_record *record)
{
	json_t *object = json_object();
	char *text = NULL, *line = NULL;
	size_t length;

	for (size_t i = 0; object && i < record->count; i++) {
		const struct ms_journal_field *field = &record->fields[i];
		json_t *value = field->is_number ? json_integer(strtoll(field->text, NULL, 10))
						 : json_string(field->text);

		/* Gives the reference of `value` away, and fails where there is none. */
		if (json_object_set_new(object, field->key, value) < 0) {
			json_decref(object);
			return NULL;
		}
	}
	text = object ? json_dumps(object, JSON_COMPACT) : NULL;
	json_decref(object);
	length = text ? strlen(text) : 0;
	line = text ? realloc(text, length + 2) : NULL;
	if (!line) {
		free(text);
		return NULL;
	}
	line[length] = '\n';
	line[length + 1] = '\0';
	return line;
}
