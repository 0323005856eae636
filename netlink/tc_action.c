/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netlink/tc_action.h"

#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <netlink/msg.h>
#include <stdio.h>

#include "core/base/cleanup.h"
#include "netlink/request.h"
#include "netlink/tc_filters.h"

#define EGRESS 1

static void close_request(struct ms_request **request)
{
	ms_request_close(*request);
}

/* *ret_made: it is new. */
static int have_clsact(struct ms_request *request, uint32_t ifindex, bool *ret_made)
{
	ms_cleanup(ms_tc_filters_clsact_fini) struct ms_tc_clsact clsact = { .is_read = false };
	struct nl_msg *message =
		ms_tc_filters_qdisc_message(RTM_NEWQDISC, NLM_F_CREATE | NLM_F_EXCL, ifindex);
	int r = ms_tc_filters_send(request, message);

	nlmsg_free(message);
	*ret_made = r == 0;
	return r == -EEXIST ? ms_tc_filters_must_have_clsact(request, &clsact, ifindex) : r;
}

static size_t count_owned(const struct ms_tc_hook *list, const struct ms_tc_owner *owner,
			  uint32_t *ret_program_id)
{
	size_t count = 0;

	for (size_t i = 0; i < list->count; i++) {
		if (ms_tc_filters_is_owned(&list->filters[i], owner) && count++ == 0)
			*ret_program_id = list->filters[i].program_id;
	}
	return count;
}

int ms_tc_action_put(uint32_t ifindex, const char *action, int program, uint32_t program_id)
{
	ms_cleanup(ms_tc_hooks_fini) struct ms_tc_hooks hooks = MS_TC_HOOKS_INIT;
	ms_cleanup(close_request) struct ms_request *request = NULL;
	char name[MS_TC_HOOKS_ACTION_SIZE];
	const struct ms_tc_owner owner = { .action = name, .priority = MS_TC_ACTION_PRIORITY };
	uint32_t there = 0;
	bool made = false;
	size_t count;
	int r = ms_request_open(NETLINK_ROUTE, &request);

	snprintf(name, sizeof(name), MS_TC_HOOKS_ACTION "%s", action);
	if (r == 0)
		r = ms_tc_hooks_read(request, ifindex, &hooks);
	if (r < 0)
		return r;
	count = count_owned(&hooks.hook[EGRESS], &owner, &there);
	if (count == 1 && there == program_id)
		return 0;
	if (count == 0)
		r = have_clsact(request, ifindex, &made);
	if (r == 0)
		r = ms_tc_filters_settle(request, ifindex, EGRESS, &hooks, &owner,
					 !made && !ms_tc_filters_qdisc_is_ours(&hooks), program);
	if (r < 0 && made)
		ms_tc_filters_remove_qdisc(request, ifindex);
	return r;
}

int ms_tc_action_remove(uint32_t ifindex, const char *action)
{
	ms_cleanup(ms_tc_hooks_fini) struct ms_tc_hooks hooks = MS_TC_HOOKS_INIT;
	ms_cleanup(close_request) struct ms_request *request = NULL;
	char name[MS_TC_HOOKS_ACTION_SIZE];
	const struct ms_tc_owner owner = { .action = name };
	size_t removed = 0;
	int r = ms_request_open(NETLINK_ROUTE, &request);

	snprintf(name, sizeof(name), MS_TC_HOOKS_ACTION "%s", action ? action : "");
	if (r == 0)
		r = ms_tc_hooks_read(request, ifindex, &hooks);
	for (int hook = 0; r == 0 && hook < MS_TC_HOOKS; hook++) {
		for (size_t i = 0; r == 0 && i < hooks.hook[hook].count; i++) {
			const struct ms_tc_filter *filter = &hooks.hook[hook].filters[i];

			if (action ? !ms_tc_filters_is_owned(filter, &owner) : !filter->action[0])
				continue;
			r = ms_tc_filters_remove(request, ifindex, hook, filter);
			removed++;
		}
	}
	if (r == 0 && removed && ms_tc_filters_qdisc_is_ours(&hooks))
		r = ms_tc_filters_remove_qdisc(request, ifindex);
	/* The device, or the qdisc with all on it, went before we came. */
	return r == -ENODEV || r == -ENOENT || r == -EINVAL ? 0 : r;
}
