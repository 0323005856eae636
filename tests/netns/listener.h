/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A monitor and everything it told in the last round. Functions fail the running test. */
#ifndef MS_TESTS_NETNS_LISTENER_H
#define MS_TESTS_NETNS_LISTENER_H

#include "netlink/monitor.h"

#define MS_LISTENER_NEWS_MAX 4096

struct ms_news {
	enum ms_link_change change;
	struct ms_link link, old; /* `old` with CHANGED only */
	bool moved;
};

struct ms_listener {
	struct ms_monitor *monitor;
	struct ms_news news[MS_LISTENER_NEWS_MAX];
	unsigned int n_news, n_settled, n_address_changes, n_tc;
	uint32_t last_tc;
};

/* There is one; a test has its own process. */
extern struct ms_listener ms_listener;

/* Checked fixture: namespaces of the test's own; closes the monitor afterwards. */
void ms_listener_set_up(void);
void ms_listener_tear_down(void);

void ms_listener_open(void);
void ms_listener_forget(void);
/* Forgets, dispatches once. What a command did is in the socket when it returns. */
void ms_listener_dispatch(void);

/* NULL = not told so in this round. */
const struct ms_news *ms_listener_find_news(const char *name, enum ms_link_change change);
/* By the monitor's table; must be there. */
const struct ms_link *ms_listener_find(const char *name);

#endif
