/* SPDX-License-Identifier: GPL-2.0-or-later */
/* observe: what has happened, from memory, and then what happens. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/base/cleanup.h"
#include "core/base/proto.h"
#include "core/control/command.h"
#include "core/control/match.h"
#include "core/control/param.h"
#include "core/control/shape.h"
#include "core/event/event.h"

#define SLICE 256
#define LAST_DEFAULT 20
/* Events that come while history is still being told; beyond it they count as lost. */
#define BACKLOG_MAX 20000
#define NS_PER_MS 1000000LL

struct observing {
	struct ms_control_stream stream;
	struct ms_manager *manager;
	struct ms_control_match match;
	struct ms_event_listener *listener;
	json_t *backlog; /* newest first while history is read, then oldest first */
	size_t told;
	bool follow;
	int verdict; /* -1 = any */
	int reason;  /* -1 = any */
	json_int_t lost;
};

static json_t *shape_addr(const struct ms_event *event, const uint8_t *bytes)
{
	struct ms_addr addr = { .family = event->family };

	if (!event->family)
		return json_null();
	memcpy(addr.bytes, bytes, event->family == 4 ? 4 : 16);
	return ms_control_shape_addr(&addr);
}

static json_t *shape_event(const struct ms_event_record *record)
{
	const struct ms_event *event = &record->raw;
	char proto[16], text[512];

	return json_pack(
		"{s:I, s:o, s:s, s:s, s:s, s:I, s:s, s:s, s:s, s:i, s:o, s:i, s:o, s:i, s:i, s:i, "
		"s:i, s:I, s:s, s:s, s:s, s:I, s:I, s:i, s:i, s:b, s:s, s:i, s:o, s:o}",
		"number", (json_int_t)record->number, "time",
		ms_control_shape_time_ms(record->time_ns), "verdict",
		ms_verdict_name((enum ms_verdict)event->verdict), "reason",
		ms_reason_name((enum ms_reason)event->reason), "iface", record->iface, "ifindex",
		(json_int_t)event->ifindex, "group", record->group, "dir",
		ms_dir_name((enum ms_dir)event->dir), "proto",
		event->family ? ms_proto_format(event->proto, proto, sizeof(proto)) : "",
		"ethertype", (int)event->ethertype, "from", shape_addr(event, event->src), "sport",
		(int)ntohs(event->sport), "to", shape_addr(event, event->dst), "dport",
		(int)ntohs(event->dport), "tcp_flags", (int)event->tcp_flags, "icmp_type",
		(int)event->icmp_type, "icmp_code", (int)event->icmp_code, "length_bytes",
		(json_int_t)event->length, "rule", record->rule, "origin", record->origin, "source",
		record->source, "generation", (json_int_t)event->generation, "suppressed",
		(json_int_t)event->suppressed, "vlan", (int)event->vlan_outer, "dscp",
		(int)event->dscp, "log", (event->flags & MS_EVENT_LOG) != 0, "text",
		ms_event_format(record, text, sizeof(text)), "vlan_inner", (int)event->vlan_inner,
		"proto_number", event->family ? json_integer(event->proto) : json_null(), "icmp",
		event->family ? ms_control_shape_icmp(event->proto, event->icmp_type)
			      : json_null());
}

static bool is_wanted(const struct observing *observing, const struct ms_event_record *record)
{
	return (observing->verdict < 0 || observing->verdict == record->raw.verdict) &&
	       (observing->reason < 0 || observing->reason == record->raw.reason) &&
	       ms_control_match_event(&observing->match, ms_manager_policy(observing->manager),
				      record);
}

/* What this reader was too slow for, and what the kernel's ring had no room for, apart. */
static json_t *shape_events(struct observing *observing, json_t *events)
{
	struct ms_manager_status status;
	json_t *shape;

	ms_manager_status(observing->manager, &status);
	shape = json_pack("{s:O, s:I, s:I}", "events", events, "lost", observing->lost, "ring_lost",
			  (json_int_t)status.events_lost);
	if (shape)
		observing->lost = 0;
	return shape;
}

static void on_event(void *user, const struct ms_event_record *record)
{
	struct observing *observing = user;
	json_auto_t *events = NULL;
	json_int_t lost = observing->lost;

	if (!is_wanted(observing, record))
		return;
	if (observing->backlog) {
		if (json_array_size(observing->backlog) >= BACKLOG_MAX ||
		    json_array_append_new(observing->backlog, shape_event(record)) < 0)
			observing->lost++;
		return;
	}
	events = json_pack("[o]", shape_event(record));
	if (!events || !ms_control_stream_push(&observing->stream, shape_events(observing, events)))
		observing->lost = lost + 1;
}

static int observe_step(struct ms_control_stream *stream, json_t **ret_reply, struct ms_error *err)
{
	struct observing *observing = (struct observing *)stream;
	size_t count = json_array_size(observing->backlog);
	size_t end = observing->told + SLICE < count ? observing->told + SLICE : count;
	json_auto_t *slice = json_array();

	(void)err;
	for (; observing->told < end; observing->told++) {
		if (json_array_append(slice, json_array_get(observing->backlog, observing->told)) <
		    0)
			return -ENOMEM;
	}
	*ret_reply = shape_events(observing, slice);
	if (!*ret_reply)
		return -ENOMEM;
	if (observing->told < count)
		return 1;
	if (!observing->follow)
		return 0;
	/* All that was before has been told: from here on events are pushed as they come. */
	json_decref(ms_take_ptr(observing->backlog));
	observing->stream.on_step = NULL;
	return 1;
}

static void observe_end(struct ms_control_stream *stream)
{
	struct observing *observing = (struct observing *)stream;

	if (observing->listener)
		ms_manager_unlisten(observing->manager, observing->listener);
	ms_control_match_fini(&observing->match);
	json_decref(observing->backlog);
	free(observing);
}

/* The last `last` wanted records, none older than `since_ns` ago, oldest first. */
static int read_history(struct observing *observing, size_t last, json_int_t since_ms)
{
	const struct ms_event_history *history = ms_manager_history(observing->manager);
	json_auto_t *newest_first = json_array();
	struct timespec now;
	int64_t oldest = INT64_MIN;

	clock_gettime(CLOCK_REALTIME, &now);
	if (since_ms >= 0)
		oldest = now.tv_sec * 1000000000LL + now.tv_nsec - since_ms * NS_PER_MS;
	for (size_t i = ms_event_history_count(history); i > 0; i--) {
		const struct ms_event_record *record = ms_event_history_at(history, i - 1);

		if (json_array_size(newest_first) >= last || record->time_ns < oldest)
			break;
		if (is_wanted(observing, record) &&
		    json_array_append_new(newest_first, shape_event(record)) < 0)
			return -ENOMEM;
	}
	for (size_t i = json_array_size(newest_first); i > 0; i--) {
		if (json_array_append(observing->backlog, json_array_get(newest_first, i - 1)) < 0)
			return -ENOMEM;
	}
	return 0;
}

static int refuse_reason(const char *reason, struct ms_error *err)
{
	char known[256] = "";
	size_t length = 0;

	for (int i = MS_REASON_NONE + 1; i < MS_REASON__COUNT && length < sizeof(known); i++)
		length += (size_t)snprintf(known + length, sizeof(known) - length, "%s%s",
					   length ? ", " : "", ms_reason_name((enum ms_reason)i));
	return ms_error_set_at(err, -EINVAL, NULL, 0, 0, reason, "no reason '%s': there are %s",
			       reason, known);
}

static int parse_names(struct observing *observing, const char *verdict, const char *reason,
		       struct ms_error *err)
{
	enum ms_reason parsed;

	observing->verdict = observing->reason = -1;
	for (int i = 0; verdict && i < MS_VERDICT__COUNT; i++) {
		if (strcmp(verdict, ms_verdict_name((enum ms_verdict)i)) == 0)
			observing->verdict = i;
	}
	if (verdict && observing->verdict < 0)
		return ms_error_set_at(err, -EINVAL, NULL, 0, 0, verdict,
				       "a verdict is allow, deny or audit, not '%s'", verdict);
	if (reason && !ms_reason_parse(reason, &parsed))
		return refuse_reason(reason, err);
	if (reason)
		observing->reason = parsed;
	return 0;
}

int ms_control_cmd_observe(struct ms_manager *manager, struct ms_control_call *call,
			   json_t **ret_reply, struct ms_error *err)
{
	const char *verdict = NULL, *reason = NULL;
	json_int_t last = -1, since_ms = -1;
	struct observing *observing;
	json_t *match = NULL;
	int follow = false, r;

	(void)ret_reply;
	r = ms_control_unpack(call->parameters, err, "{s?o, s?s, s?s, s?I, s?I, s?b}", "match",
			      &match, "verdict", &verdict, "reason", &reason, "last", &last,
			      "since_ms", &since_ms, "follow", &follow);
	if (r < 0)
		return r;
	/* With a time span all of it is wanted; when following, only what is new. */
	if (last < 0)
		last = since_ms >= 0 ? INT32_MAX : (follow ? 0 : LAST_DEFAULT);
	observing = calloc(1, sizeof(*observing));
	if (!observing)
		return -ENOMEM;
	observing->stream.on_step = observe_step;
	observing->stream.on_end = observe_end;
	observing->manager = manager;
	observing->follow = follow;
	observing->backlog = json_array();
	r = parse_names(observing, verdict, reason, err);
	if (r == 0)
		r = ms_control_match_init(&observing->match, ms_manager_policy(manager), match,
					  err);
	if (r == 0)
		r = read_history(observing, (size_t)last, since_ms);
	if (r == 0 && follow)
		r = ms_manager_listen(manager, on_event, observing, &observing->listener);
	if (r < 0) {
		observe_end(&observing->stream);
		return r;
	}
	call->stream = &observing->stream;
	return 0;
}
