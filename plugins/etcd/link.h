/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The calls to one member of etcd at a time: a task, and beside it a watch. No callback comes
 * within a call of these functions. What ended, well or not, is over before its callback.
 */
#ifndef MS_PLUGINS_ETCD_LINK_H
#define MS_PLUGINS_ETCD_LINK_H

#include "config.h"
#include "follower.h"

struct ms_etcd_link;

struct ms_etcd_link_events {
	/* The answer to a task, of status 200. Lent. */
	void (*on_answer)(void *user, enum ms_etcd_task task, const char *body, size_t size);
	/* What the watch told. */
	void (*on_notice)(void *user, const struct ms_etcd_notice *notice);
	/* The task or the watch failed. */
	void (*on_failure)(void *user, const char *sentence);
};

/* `config` stays the caller's and must live as long. NULL without memory. */
struct ms_etcd_link *ms_etcd_link_new(const struct ms_plugin_host *host,
				      const struct ms_etcd_config *config,
				      const struct ms_etcd_link_events *events, void *user);
/* Not from a callback. */
void ms_etcd_link_free(struct ms_etcd_link *link);

bool ms_etcd_link_has_task(const struct ms_etcd_link *link);
bool ms_etcd_link_has_watch(const struct ms_etcd_link *link);

/* -errno: it could not begin, and no callback comes. `token` NULL = none; copied. */
int ms_etcd_link_start_task(struct ms_etcd_link *link, size_t endpoint, enum ms_etcd_task task,
			    const char *token);
int ms_etcd_link_start_watch(struct ms_etcd_link *link, size_t endpoint, int64_t revision,
			     const char *token);
void ms_etcd_link_end_watch(struct ms_etcd_link *link);
/* Both. */
void ms_etcd_link_end(struct ms_etcd_link *link);

#endif
