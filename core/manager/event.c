/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What happens, told: verdict events to history, listeners and log; news of interfaces to the log.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/log.h"
#include "core/base/plural.h"
#include "core/base/utf8.h"
#include "core/manager/internal.h"

#define LOG_EVENTS_PER_S 10
#define CLEAR_EVERY_S 10
#define GAPS_MS 5 /* between two steps of looking at young interfaces */

struct ms_event_listener {
	struct ms_list link;
	void (*on_event)(void *user, const struct ms_event_record *record);
	void *user;
};

int ms_manager_listen(struct ms_manager *manager,
		      void (*on_event)(void *user, const struct ms_event_record *record),
		      void *user, struct ms_event_listener **ret_listener)
{
	struct ms_event_listener *listener = calloc(1, sizeof(*listener));

	if (!listener)
		return -ENOMEM;
	listener->on_event = on_event;
	listener->user = user;
	ms_list_append(&manager->listeners, &listener->link);
	*ret_listener = listener;
	return 0;
}

void ms_manager_unlisten(struct ms_manager *manager, struct ms_event_listener *listener)
{
	(void)manager;
	ms_list_remove(&listener->link);
	free(listener);
}

void ms_manager_drop_listeners(struct ms_manager *manager)
{
	struct ms_event_listener *listener;

	ms_list_foreach (&manager->listeners, listener, struct ms_event_listener, link)
		ms_manager_unlisten(manager, listener);
}

/* Every event has an author: where no rule spoke, the datapath itself did, for that reason. */
static void name_author(struct ms_manager *manager, struct ms_event_record *record)
{
	const struct ms_slot_name *name = ms_manager_slot_name(manager, record->raw.slot);

	if (name) {
		memcpy(record->rule, name->rule, sizeof(record->rule));
		memcpy(record->origin, name->origin, sizeof(record->origin));
		memcpy(record->source, name->source, sizeof(record->source));
		return;
	}
	snprintf(record->rule, sizeof(record->rule), "datapath/%s",
		 ms_reason_name((enum ms_reason)record->raw.reason));
	snprintf(record->origin, sizeof(record->origin), "builtin");
	snprintf(record->source, sizeof(record->source), "builtin");
}

static bool wants_log(const struct ms_manager *manager, const struct ms_event *event)
{
	switch (manager->config->log_events) {
	case MS_LOG_EVENTS_ALL:
		return true;
	case MS_LOG_EVENTS_DENY:
		return event->verdict == MS_VERDICT_DENY || (event->flags & MS_EVENT_LOG);
	case MS_LOG_EVENTS_OFF:
		break;
	}
	return false;
}

static void log_event(struct ms_manager *manager, const struct ms_event_record *record)
{
	char line[512];

	if (manager->logged_this_second >= LOG_EVENTS_PER_S) {
		manager->suppressed_in_log++;
		return;
	}
	manager->logged_this_second++;
	ms_log_info("verdict", "%s", ms_event_format(record, line, sizeof(line)));
}

void ms_manager_on_event(void *user, const struct ms_event *event)
{
	struct ms_manager *manager = user;
	struct ms_iface_entry *entry =
		ms_iface_set_find(ms_keeper_ifaces(manager->keeper), event->ifindex);
	struct ms_event_record record;
	struct ms_event_listener *listener;

	ms_event_stream_take(manager->stream, event, &record);
	if (entry) {
		snprintf(record.iface, sizeof(record.iface), "%s", entry->link.name);
		ms_utf8_tidy(record.iface);
		snprintf(record.group, sizeof(record.group), "%s", entry->group);
	}
	name_author(manager, &record);
	ms_event_history_add(manager->history, &record);
	ms_list_foreach (&manager->listeners, listener, struct ms_event_listener, link)
		listener->on_event(listener->user, &record);
	if (wants_log(manager, event))
		log_event(manager, &record);
	ms_manager_tell_plugins(manager, &record);
}

/* ---- interfaces ---- */

static void say_protected(const struct ms_iface_entry *entry)
{
	double ms = entry->attached_ns > entry->link.seen_ns
			    ? (double)(entry->attached_ns - entry->link.seen_ns) / 1e6
			    : 0;

	if (entry->link.from_walk)
		ms_log_debug("iface", "+ %s  %s  %s", entry->link.name, entry->group,
			     ms_attach_how_name(entry->have));
	else if (entry->gap.looks == 0) /* one of many at once: nobody has asked yet */
		ms_log_info("iface", "+ %s  %s  %s  %.1f ms after it appeared", entry->link.name,
			    entry->group, ms_attach_how_name(entry->have), ms);
	else
		ms_log_info("iface",
			    "+ %s  %s  %s  %.1f ms after it appeared, %llu packet%s before",
			    entry->link.name, entry->group, ms_attach_how_name(entry->have), ms,
			    (unsigned long long)entry->gap.packets,
			    ms_plural((long long)entry->gap.packets));
}

void ms_manager_on_news(void *user, enum ms_keeper_news news, const struct ms_iface_entry *entry)
{
	struct ms_manager *manager = user;
	/* A person watches a trial line by line; a service sums churn up. */
	bool person = manager->config->trial;
	char reason[256];

	switch (news) {
	case MS_KEEPER_PROTECTED:
		manager->churn.protected_ += !entry->link.from_walk;
		if (person)
			say_protected(entry);
		break;
	case MS_KEEPER_GONE:
		if (entry->have == MS_ATTACHED_NONE)
			break;
		manager->churn.gone++;
		if (person)
			ms_log_info("iface", "- %s  %s", entry->link.name, entry->group);
		break;
	case MS_KEEPER_RELEASED:
		ms_log_info("iface", "%s is no longer protected: %s", entry->link.name,
			    ms_iface_set_explain(entry, ms_sources_merged(manager->sources), reason,
						 sizeof(reason)));
		break;
	case MS_KEEPER_FAILED:
		if (manager->churn.failed++ == 0)
			ms_log_error("iface", "cannot protect %s (%s): %s", entry->link.name,
				     entry->group, ms_attach_explain(entry->error));
		break;
	case MS_KEEPER_REPAIRED:
		ms_log_warn("iface",
			    "somebody took our program off %s: it is back (%u time%s so far)",
			    entry->link.name, entry->repairs, ms_plural(entry->repairs));
		break;
	}
}

void ms_manager_on_gaps(void *user)
{
	struct ms_manager *manager = user;

	if (ms_keeper_close_gaps(manager->keeper))
		ms_watch_arm(manager->gaps, GAPS_MS, false);
}

void ms_manager_on_second(void *user)
{
	struct ms_manager *manager = user;
	struct ms_manager_churn churn = manager->churn;

	manager->logged_this_second = 0;
	if (!ms_watch_is_armed(manager->gaps))
		ms_manager_on_gaps(manager);
	if (++manager->seconds % CLEAR_EVERY_S == 0) {
		ms_manager_save_rest(manager);
		ms_manager_mend_sets(manager);
		ms_manager_clear_members(manager);
	}
	if (manager->host_problem[0])
		ms_manager_follow_addresses(manager);
	manager->churn = (struct ms_manager_churn) { 0 };
	if (!manager->config->trial && (churn.protected_ || churn.gone))
		ms_log_info("iface", "%u interface%s protected, %u gone", churn.protected_,
			    ms_plural(churn.protected_), churn.gone);
	if (churn.failed > 1)
		ms_log_error("iface", "%u interfaces could not be protected: microsegctl status",
			     churn.failed);
}
