/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/netns/listener.h"

#include <string.h>

#include "tests/harness/netns.h"

struct ms_listener ms_listener;

static void on_link(void *user, enum ms_link_change change, const struct ms_link *link,
		    const struct ms_link *old, bool moved)
{
	(void)user;
	ck_assert_uint_lt(ms_listener.n_news, MS_LISTENER_NEWS_MAX);
	ck_assert_int_eq(change == MS_LINK_CHANGED, old != NULL);
	ms_listener.news[ms_listener.n_news] =
		(struct ms_news) { .change = change, .link = *link, .moved = moved };
	if (old)
		ms_listener.news[ms_listener.n_news].old = *old;
	ms_listener.n_news++;
}

static void on_tc(void *user, uint32_t ifindex)
{
	(void)user;
	ms_listener.n_tc++;
	ms_listener.last_tc = ifindex;
}

static void on_addresses(void *user)
{
	(void)user;
	ms_listener.n_address_changes++;
}

static void on_settled(void *user)
{
	(void)user;
	ms_listener.n_settled++;
}

void ms_listener_forget(void)
{
	ms_listener.n_news = ms_listener.n_settled = ms_listener.n_address_changes =
		ms_listener.n_tc = 0;
}

void ms_listener_open(void)
{
	static const struct ms_monitor_callbacks callbacks = { on_link, on_tc, on_addresses,
							       on_settled };

	ck_assert_int_eq(ms_monitor_open(&callbacks, NULL, &ms_listener.monitor, NULL), 0);
}

void ms_listener_dispatch(void)
{
	ms_listener_forget();
	ck_assert_int_eq(ms_monitor_dispatch(ms_listener.monitor), 0);
	ck_assert_uint_eq(ms_listener.n_settled, 1);
}

void ms_listener_set_up(void)
{
	ms_netns_setup();
}

void ms_listener_tear_down(void)
{
	ms_listener.monitor = ms_monitor_close(ms_listener.monitor);
}

const struct ms_news *ms_listener_find_news(const char *name, enum ms_link_change change)
{
	for (unsigned int i = 0; i < ms_listener.n_news; i++) {
		if (ms_listener.news[i].change == change &&
		    strcmp(ms_listener.news[i].link.name, name) == 0)
			return &ms_listener.news[i];
	}
	return NULL;
}

const struct ms_link *ms_listener_find(const char *name)
{
	const struct ms_link *link = ms_monitor_find_name(ms_listener.monitor, name);

	ck_assert_msg(link != NULL, "%s is not known", name);
	return link;
}
