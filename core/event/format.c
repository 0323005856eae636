/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <arpa/inet.h>
#include <ctype.h>
#include <linux/if_ether.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "core/base/addr.h"
#include "core/base/cleanup.h"
#include "core/base/proto.h"
#include "core/event/event.h"

/* A line being written: cut at the buffer's end, always terminated. */
struct line {
	char *buf;
	size_t size, used;
};

static void add(struct line *line, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void add(struct line *line, const char *format, ...)
{
	va_list args;
	int length;

	if (line->used >= line->size)
		return;
	va_start(args, format);
	length = vsnprintf(line->buf + line->used, line->size - line->used, format, args);
	va_end(args);
	if (length > 0)
		line->used += (size_t)length;
}

static void add_upper(struct line *line, const char *word)
{
	for (; *word; word++)
		add(line, "%c", toupper((unsigned char)*word));
}

static void add_time(struct line *line, int64_t time_ns)
{
	time_t seconds = time_ns / 1000000000;
	unsigned int millis = (unsigned int)(time_ns % 1000000000 / 1000000);
	struct tm tm;

	localtime_r(&seconds, &tm);
	add(line, "%02d:%02d:%02d.%03u", tm.tm_hour, tm.tm_min, tm.tm_sec, millis);
}

static void add_endpoint(struct line *line, const struct ms_event *event, const uint8_t *bytes,
			 __be16 port, bool has_ports)
{
	struct ms_addr addr = { .family = event->family };
	char text[MS_ADDR_TEXT];

	memcpy(addr.bytes, bytes, event->family == 4 ? 4 : 16);
	ms_addr_format(&addr, text, sizeof(text));
	if (!has_ports)
		add(line, "%s", text);
	else
		add(line, event->family == 6 ? "[%s]:%u" : "%s:%u", text, ntohs(port));
}

static void add_tcp_flags(struct line *line, uint8_t flags)
{
	static const char *const names[] = {
		"FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR"
	};
	const char *separator = " ";

	for (unsigned int i = 0; i < ms_array_size(names); i++) {
		if (flags & (1u << i)) {
			add(line, "%s%s", separator, names[i]);
			separator = ",";
		}
	}
}

static void add_icmp(struct line *line, const struct ms_event *event)
{
	const char *name = ms_proto_icmp_name(event->proto, event->icmp_type);

	if (name)
		add(line, " %s", name);
	else
		add(line, " type=%u", event->icmp_type);
	if (event->icmp_code != 0)
		add(line, "/%u", event->icmp_code);
}

static void add_flow(struct line *line, const struct ms_event *event)
{
	bool is_icmp = event->proto == IPPROTO_ICMP || event->proto == IPPROTO_ICMPV6;
	/* Later fragments have none, nor has a packet whose header walk ended early. */
	bool has_ports = !is_icmp && (event->sport != 0 || event->dport != 0);
	char proto[16];

	if (event->family != 4 && event->family != 6) {
		if (event->ethertype == ETH_P_ARP)
			add(line, " arp");
		else
			add(line, " ethertype=0x%04x", event->ethertype);
		return;
	}
	if (ms_proto_name(event->proto))
		add(line, " %s ", ms_proto_format(event->proto, proto, sizeof(proto)));
	else
		add(line, " proto %u ", event->proto);
	add_endpoint(line, event, event->src, event->sport, has_ports);
	add(line, " > ");
	add_endpoint(line, event, event->dst, event->dport, has_ports);
	if (event->proto == IPPROTO_TCP)
		add_tcp_flags(line, event->tcp_flags);
	else if (is_icmp)
		add_icmp(line, event);
}

char *ms_event_format(const struct ms_event_record *record, char *buf, size_t size)
{
	const struct ms_event *event = &record->raw;
	struct line line = { .buf = buf, .size = size };
	char dscp[8];

	if (size > 0)
		buf[0] = '\0';
	add_time(&line, record->time_ns);
	add(&line, " ");
	add_upper(&line, ms_verdict_name(event->verdict));
	if (record->iface[0])
		add(&line, " %s", record->iface);
	else
		add(&line, " if%u", event->ifindex);
	add(&line, " %s", ms_dir_name(event->dir));
	add_flow(&line, event);
	if (event->vlan_inner)
		add(&line, " vlan=%u.%u", event->vlan_outer, event->vlan_inner);
	else if (event->vlan_outer)
		add(&line, " vlan=%u", event->vlan_outer);
	if (event->dscp)
		add(&line, " dscp=%s", ms_proto_dscp_format(event->dscp, dscp, sizeof(dscp)));
	add(&line, " len=%u rule=%s src=%s reason=%s", event->length, record->rule, record->origin,
	    ms_reason_name(event->reason));
	if (event->verdict == MS_VERDICT_AUDIT)
		add(&line, " would=DENY");
	add(&line, " gen=%u", event->generation);
	if (event->suppressed && record->since_ns)
		add(&line, " [+%u in %.1fs]", event->suppressed, (double)record->since_ns / 1e9);
	else if (event->suppressed)
		add(&line, " [+%u]", event->suppressed);
	return buf;
}
