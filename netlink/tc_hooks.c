/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netlink/tc_hooks.h"

#include <errno.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "netlink/request.h"

const char *const ms_tc_hooks_programs[MS_TC_HOOKS] = { "ms_ingress", "ms_egress" };
const uint32_t ms_tc_hooks_parents[MS_TC_HOOKS] = {
	TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_INGRESS),
	TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_EGRESS),
};

struct nl_msg *ms_tc_hooks_message(int type, int flags, const struct tcmsg *header)
{
	struct nl_msg *message = nlmsg_alloc_simple(type, flags);

	if (message && nlmsg_append(message, (void *)header, sizeof(*header), NLMSG_ALIGNTO) == 0)
		return message;
	nlmsg_free(message);
	return NULL;
}

void ms_tc_hooks_fini(struct ms_tc_hooks *hooks)
{
	for (int hook = 0; hook < MS_TC_HOOKS; hook++)
		free(hooks->hook[hook].filters);
	*hooks = (struct ms_tc_hooks)MS_TC_HOOKS_INIT;
}

static int append_filter(struct ms_tc_hook *list, const struct ms_tc_filter *filter)
{
	if (list->count == list->room) {
		size_t room = list->room ? 2 * list->room : 8;
		struct ms_tc_filter *filters = realloc(list->filters, room * sizeof(*filters));

		if (!filters)
			return -ENOMEM;
		list->filters = filters;
		list->room = room;
	}
	list->filters[list->count++] = *filter;
	return 0;
}

static void on_filter(void *user, size_t index, struct nlmsghdr *message)
{
	struct ms_tc_hook *list = user;
	const struct tcmsg *header = nlmsg_data(message);
	struct nlattr *attributes[TCA_MAX + 1], *options[TCA_BPF_MAX + 1];
	struct ms_tc_filter filter = { .handle = 0 };
	const char *name;

	(void)index;
	if (message->nlmsg_type != RTM_NEWTFILTER ||
	    nlmsg_datalen(message) < (int)sizeof(*header) ||
	    nlmsg_parse(message, sizeof(*header), attributes, TCA_MAX, NULL) < 0)
		return;
	/* Each priority is listed once by itself, without a handle, before what it holds. */
	if (header->tcm_handle == 0 || !attributes[TCA_KIND])
		return;
	filter.handle = header->tcm_handle;
	filter.priority = (uint16_t)(TC_H_MAJ(header->tcm_info) >> 16);
	filter.protocol = (uint16_t)TC_H_MIN(header->tcm_info);
	filter.is_bpf = nla_strcmp(attributes[TCA_KIND], "bpf") == 0;
	if (filter.is_bpf && attributes[TCA_OPTIONS] &&
	    nla_parse_nested(options, TCA_BPF_MAX, attributes[TCA_OPTIONS], NULL) == 0) {
		name = options[TCA_BPF_NAME] ? nla_get_string(options[TCA_BPF_NAME]) : "";
		filter.is_ours = strcmp(name, ms_tc_hooks_programs[0]) == 0 ||
				 strcmp(name, ms_tc_hooks_programs[1]) == 0;
		if (strncmp(name, MS_TC_HOOKS_ACTION, strlen(MS_TC_HOOKS_ACTION)) == 0 &&
		    strlen(name) < sizeof(filter.action))
			memcpy(filter.action, name, strlen(name) + 1);
		if (options[TCA_BPF_ID])
			filter.program_id = nla_get_u32(options[TCA_BPF_ID]);
	}
	if (append_filter(list, &filter) < 0)
		list->error = -ENOMEM;
}

int ms_tc_hooks_read(struct ms_request *request, uint32_t ifindex, struct ms_tc_hooks *hooks)
{
	int r = 0;

	for (int hook = 0; r == 0 && hook < MS_TC_HOOKS; hook++) {
		const struct tcmsg header = {
			.tcm_family = AF_UNSPEC,
			.tcm_ifindex = (int)ifindex,
			.tcm_parent = ms_tc_hooks_parents[hook],
		};
		struct nl_msg *message = ms_tc_hooks_message(RTM_GETTFILTER, 0, &header);
		bool inconsistent;

		hooks->hook[hook].count = 0;
		hooks->hook[hook].error = 0;
		r = message ? ms_request_dump(request, message, on_filter, &hooks->hook[hook],
					      &inconsistent)
			    : -ENOMEM;
		nlmsg_free(message);
		if (r == 0)
			r = hooks->hook[hook].error;
	}
	return r;
}

const struct ms_tc_filter *ms_tc_hooks_ours(const struct ms_tc_hooks *hooks, int hook)
{
	for (size_t i = 0; i < hooks->hook[hook].count; i++) {
		if (hooks->hook[hook].filters[i].is_ours)
			return &hooks->hook[hook].filters[i];
	}
	return NULL;
}

struct clsact_walk {
	struct ms_ifindex_set *set;
	int error;
};

static void on_qdisc(void *user, size_t index, struct nlmsghdr *message)
{
	struct clsact_walk *walk = user;
	const struct tcmsg *header = nlmsg_data(message);
	struct nlattr *attributes[TCA_MAX + 1];

	(void)index;
	if (message->nlmsg_type != RTM_NEWQDISC || nlmsg_datalen(message) < (int)sizeof(*header) ||
	    header->tcm_parent != TC_H_CLSACT ||
	    nlmsg_parse(message, sizeof(*header), attributes, TCA_MAX, NULL) < 0)
		return;
	if (attributes[TCA_KIND] && nla_strcmp(attributes[TCA_KIND], "clsact") == 0 &&
	    ms_ifindex_set_add(walk->set, (uint32_t)header->tcm_ifindex) < 0)
		walk->error = -ENOMEM;
}

int ms_tc_hooks_read_clsact(struct ms_request *request, struct ms_ifindex_set *set)
{
	const struct tcmsg header = { .tcm_family = AF_UNSPEC };
	struct nl_msg *message = ms_tc_hooks_message(RTM_GETQDISC, 0, &header);
	struct clsact_walk walk = { .set = set };
	bool inconsistent;
	int r;

	if (!message)
		return -ENOMEM;
	r = ms_request_dump(request, message, on_qdisc, &walk, &inconsistent);
	nlmsg_free(message);
	if (r == 0)
		r = walk.error;
	if (r == 0)
		ms_ifindex_set_seal(set);
	return r;
}
