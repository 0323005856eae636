/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netlink/tc_filters.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <string.h>
#include <sys/socket.h>

#include "core/base/cleanup.h"
#include "netlink/request.h"
#include "netlink/tc.h"

/* Steps that keep MS_TC_HANDLE and MS_TC_GUEST readable in a handle that had to give way. */
#define HANDLE_STEP 0x100000
#define PLACES 16 /* handles and priorities tried */

static void free_message(struct nl_msg **message)
{
	nlmsg_free(*message);
}

struct nl_msg *ms_tc_filters_qdisc_message(int type, int flags, uint32_t ifindex)
{
	const struct tcmsg header = {
		.tcm_family = AF_UNSPEC,
		.tcm_ifindex = (int)ifindex,
		.tcm_handle = TC_H_MAKE(TC_H_CLSACT, 0),
		.tcm_parent = TC_H_CLSACT,
	};
	struct nl_msg *message = ms_tc_hooks_message(type, flags, &header);

	if (message && type == RTM_NEWQDISC && nla_put_string(message, TCA_KIND, "clsact") < 0) {
		nlmsg_free(message);
		return NULL;
	}
	return message;
}

struct nl_msg *ms_tc_filters_message(int type, int flags, uint32_t ifindex, int hook,
				     const struct ms_tc_filter *place, const char *name,
				     int program)
{
	const struct tcmsg header = {
		.tcm_family = AF_UNSPEC,
		.tcm_ifindex = (int)ifindex,
		.tcm_handle = place->handle,
		.tcm_parent = ms_tc_hooks_parents[hook],
		.tcm_info = TC_H_MAKE((uint32_t)place->priority << 16, place->protocol),
	};
	struct nl_msg *message = ms_tc_hooks_message(type, flags, &header);
	struct nlattr *options;

	if (!message)
		return NULL;
	if (nla_put_string(message, TCA_KIND, "bpf") < 0)
		goto failed;
	if (type == RTM_NEWTFILTER) {
		options = nla_nest_start(message, TCA_OPTIONS);
		if (!options || nla_put_u32(message, TCA_BPF_FD, (uint32_t)program) < 0 ||
		    nla_put_string(message, TCA_BPF_NAME, name) < 0 ||
		    nla_put_u32(message, TCA_BPF_FLAGS, TCA_BPF_FLAG_ACT_DIRECT) < 0)
			goto failed;
		nla_nest_end(message, options);
	}
	return message;
failed:
	nlmsg_free(message);
	return NULL;
}

int ms_tc_filters_send(struct ms_request *request, struct nl_msg *message)
{
	int result = 0, r;

	if (!message)
		return -ENOMEM;
	r = ms_request_send(request, &message, 1, &result, NULL, NULL);
	return r < 0 ? r : result;
}

int ms_tc_filters_remove(struct ms_request *request, uint32_t ifindex, int hook,
			 const struct ms_tc_filter *filter)
{
	ms_cleanup(free_message) struct nl_msg *message =
		ms_tc_filters_message(RTM_DELTFILTER, 0, ifindex, hook, filter, NULL, -1);
	int r = ms_tc_filters_send(request, message);

	/* Somebody was quicker: with the filter, its priority, the qdisc. */
	return r == -ENOENT || r == -EINVAL ? 0 : r;
}

/* A priority belongs to one kind and protocol altogether. */
static bool is_priority_usable(const struct ms_tc_hook *list, const struct ms_tc_filter *place)
{
	for (size_t i = 0; i < list->count; i++) {
		const struct ms_tc_filter *filter = &list->filters[i];

		if (filter->priority == place->priority &&
		    (!filter->is_bpf || filter->protocol != place->protocol))
			return false;
	}
	return true;
}

static bool is_handle_taken(const struct ms_tc_hook *list, const struct ms_tc_filter *place)
{
	for (size_t i = 0; i < list->count; i++) {
		if (list->filters[i].priority == place->priority &&
		    list->filters[i].handle == place->handle)
			return true;
	}
	return false;
}

static int find_place(const struct ms_tc_hook *list, const struct ms_tc_owner *owner, bool guest,
		      struct ms_tc_filter *ret_place)
{
	struct ms_tc_filter place = { .protocol = htons(ETH_P_ALL) };

	for (uint16_t p = 0; p < PLACES; p++) {
		place.priority = (uint16_t)(owner->priority + p);
		if (!is_priority_usable(list, &place))
			continue;
		for (uint32_t h = 0; h < PLACES; h++) {
			place.handle = MS_TC_HANDLE + (guest ? MS_TC_GUEST : 0) + h * HANDLE_STEP;
			if (is_handle_taken(list, &place))
				continue;
			*ret_place = place;
			return 0;
		}
	}
	return -EBUSY;
}

/* A filter of ours says that the qdisc is our own work. */
bool ms_tc_filters_qdisc_is_ours(const struct ms_tc_hooks *hooks)
{
	for (int hook = 0; hook < MS_TC_HOOKS; hook++) {
		for (size_t i = 0; i < hooks->hook[hook].count; i++) {
			const struct ms_tc_filter *filter = &hooks->hook[hook].filters[i];

			if ((filter->is_ours || filter->action[0]) &&
			    !(filter->handle & MS_TC_GUEST))
				return true;
		}
	}
	return false;
}

static const struct ms_tc_filter *find_owned(const struct ms_tc_hook *list,
					     const struct ms_tc_owner *owner)
{
	for (size_t i = 0; i < list->count; i++) {
		if (ms_tc_filters_is_owned(&list->filters[i], owner))
			return &list->filters[i];
	}
	return NULL;
}

bool ms_tc_filters_is_owned(const struct ms_tc_filter *filter, const struct ms_tc_owner *owner)
{
	return owner->action ? strcmp(filter->action, owner->action) == 0 : filter->is_ours;
}

int ms_tc_filters_settle(struct ms_request *request, uint32_t ifindex, int hook,
			 const struct ms_tc_hooks *hooks, const struct ms_tc_owner *owner,
			 bool guest, int program)
{
	const struct ms_tc_hook *list = &hooks->hook[hook];
	const struct ms_tc_filter *kept = find_owned(list, owner);
	struct ms_tc_filter place;
	int r = 0;

	if (program >= 0) {
		ms_cleanup(free_message) struct nl_msg *message = NULL;

		if (kept)
			place = *kept;
		else
			r = find_place(list, owner, guest, &place);
		if (r < 0)
			return r;
		message = ms_tc_filters_message(
			RTM_NEWTFILTER, NLM_F_CREATE | (kept ? NLM_F_REPLACE : NLM_F_EXCL), ifindex,
			hook, &place, owner->action ? owner->action : ms_tc_hooks_programs[hook],
			program);
		r = ms_tc_filters_send(request, message);
	}
	for (size_t i = 0; r == 0 && i < list->count; i++) {
		const struct ms_tc_filter *filter = &list->filters[i];

		if (ms_tc_filters_is_owned(filter, owner) && (program < 0 || filter != kept))
			r = ms_tc_filters_remove(request, ifindex, hook, filter);
	}
	return r;
}

void ms_tc_filters_clsact_fini(struct ms_tc_clsact *clsact)
{
	ms_ifindex_set_fini(&clsact->set);
}

static int read_clsact(struct ms_request *request, struct ms_tc_clsact *clsact)
{
	int r;

	ms_ifindex_set_fini(&clsact->set);
	r = ms_tc_hooks_read_clsact(request, &clsact->set);
	clsact->is_read = r == 0;
	return r;
}

int ms_tc_filters_must_have_clsact(struct ms_request *request, struct ms_tc_clsact *clsact,
				   uint32_t ifindex)
{
	int r = 0;

	/* What was read for another interface may be from before this one's qdisc. */
	if (!clsact->is_read || !ms_ifindex_set_has(&clsact->set, ifindex))
		r = read_clsact(request, clsact);
	if (r < 0)
		return r;
	return ms_ifindex_set_has(&clsact->set, ifindex) ? 0 : -EBUSY;
}

int ms_tc_filters_remove_qdisc(struct ms_request *request, uint32_t ifindex)
{
	ms_cleanup(ms_tc_hooks_fini) struct ms_tc_hooks hooks = MS_TC_HOOKS_INIT;
	ms_cleanup(free_message) struct nl_msg *message = NULL;
	int r = ms_tc_hooks_read(request, ifindex, &hooks);

	if (r < 0 || hooks.hook[0].count > 0 || hooks.hook[1].count > 0)
		return r;
	message = ms_tc_filters_qdisc_message(RTM_DELQDISC, 0, ifindex);
	return ms_tc_filters_send(request, message);
}
