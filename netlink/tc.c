/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netlink/tc.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "core/base/cleanup.h"
#include "netlink/packets.h"
#include "netlink/request.h"
#include "netlink/tc_filters.h"
#include "netlink/tc_hooks.h"

#define LOOKS 3 /* at one interface whose filters change under our hands */

/* The qdisc, filters on it, the question for the counters: in this order. */
#define MESSAGES_MAX (1 + MS_TC_HOOKS + 1)

/*
 * What a new interface is sent. Made once and kept: only the number in it is another one for each,
 * and whoever makes interfaces comes back for the lock of the network within microseconds.
 */
struct batch {
	struct nl_msg *messages[MESSAGES_MAX];
	int results[MESSAGES_MAX];
	size_t count;             /* 0 = none are made */
	int program[MS_TC_HOOKS]; /* that they are made for */
};

struct ms_tc {
	struct ms_request *request;
	struct batch batch;
};

static const struct ms_tc_owner datapath = { .priority = MS_TC_PRIORITY };

static void batch_drop(struct batch *batch)
{
	for (size_t i = 0; i < batch->count; i++)
		nlmsg_free(batch->messages[i]);
	batch->count = 0;
}

int ms_tc_open(struct ms_tc **ret_tc)
{
	struct ms_tc *tc = calloc(1, sizeof(*tc));
	int r;

	if (!tc)
		return -ENOMEM;
	r = ms_request_open(NETLINK_ROUTE, &tc->request);
	if (r < 0) {
		free(tc);
		return r;
	}
	*ret_tc = tc;
	return 0;
}

struct ms_tc *ms_tc_close(struct ms_tc *tc)
{
	if (!tc)
		return NULL;
	batch_drop(&tc->batch);
	ms_request_close(tc->request);
	free(tc);
	return NULL;
}

uint32_t ms_tc_port(const struct ms_tc *tc)
{
	return ms_request_port(tc->request);
}

int ms_tc_read_packets(struct ms_tc *tc, uint32_t ifindex, uint64_t *ret_received,
		       uint64_t *ret_sent)
{
	return ms_packets_read(tc->request, ifindex, ret_received, ret_sent);
}

/* ---- what is there ---- */

int ms_tc_query(struct ms_tc *tc, uint32_t ifindex, struct ms_tc_state *ret_state)
{
	ms_cleanup(ms_tc_hooks_fini) struct ms_tc_hooks hooks = MS_TC_HOOKS_INIT;
	struct ms_tc_state state = { .ours = { 0 } };
	int r = ms_tc_hooks_read(tc->request, ifindex, &hooks);

	if (r < 0)
		return r;
	for (int hook = 0; hook < MS_TC_HOOKS; hook++) {
		for (size_t i = 0; i < hooks.hook[hook].count; i++) {
			const struct ms_tc_filter *filter = &hooks.hook[hook].filters[i];

			if (!filter->is_ours) {
				state.foreign[hook]++;
				state.actions[hook] += filter->action[0] != '\0';
				continue;
			}
			if (state.ours[hook]++ == 0) {
				state.program_id[hook] = filter->program_id;
				state.before[hook] = state.foreign[hook];
			}
		}
	}
	*ret_state = state;
	return 0;
}

/* ---- one interface that may already have filters ---- */

static int settle_interface(struct ms_tc *tc, struct ms_tc_clsact *clsact,
			    struct ms_tc_request *request)
{
	ms_cleanup(ms_tc_hooks_fini) struct ms_tc_hooks hooks = MS_TC_HOOKS_INIT;
	bool guest;
	int r = ms_tc_hooks_read(tc->request, request->ifindex, &hooks);

	/* Where ours is already, it is on clsact. */
	if (r == 0 && !ms_tc_hooks_ours(&hooks, 0) && !ms_tc_hooks_ours(&hooks, 1))
		r = ms_tc_filters_must_have_clsact(tc->request, clsact, request->ifindex);
	if (r < 0)
		return r;
	guest = !ms_tc_filters_qdisc_is_ours(&hooks);
	for (int hook = 0; r == 0 && hook < MS_TC_HOOKS; hook++)
		r = ms_tc_filters_settle(tc->request, request->ifindex, hook, &hooks, &datapath,
					 guest, request->program[hook]);
	if (r < 0)
		return r;
	r = ms_tc_read_packets(tc, request->ifindex, &request->received, &request->sent);
	request->has_packets = r == 0;
	return r;
}

/* ---- new interfaces ---- */

static int batch_add(struct batch *batch, struct nl_msg *message)
{
	if (!message)
		return -ENOMEM;
	batch->messages[batch->count++] = message;
	return 0;
}

static int batch_make(struct batch *batch, const struct ms_tc_request *request)
{
	const struct ms_tc_filter place = {
		.handle = MS_TC_HANDLE,
		.priority = MS_TC_PRIORITY,
		.protocol = htons(ETH_P_ALL),
	};
	int r = batch_add(batch,
			  ms_tc_filters_qdisc_message(RTM_NEWQDISC, NLM_F_CREATE | NLM_F_EXCL,
						      request->ifindex));

	for (int hook = 0; r == 0 && hook < MS_TC_HOOKS; hook++) {
		batch->program[hook] = request->program[hook];
		if (request->program[hook] >= 0)
			r = batch_add(batch, ms_tc_filters_message(RTM_NEWTFILTER,
								   NLM_F_CREATE | NLM_F_EXCL,
								   request->ifindex, hook, &place,
								   ms_tc_hooks_programs[hook],
								   request->program[hook]));
	}
	if (r == 0)
		r = batch_add(batch, ms_packets_ask(request->ifindex));
	if (r < 0)
		batch_drop(batch);
	return r;
}

/* All but the last are of tc. */
static void batch_address(struct batch *batch, uint32_t ifindex)
{
	size_t last = batch->count - 1;

	for (size_t i = 0; i < last; i++) {
		struct tcmsg *header = nlmsg_data(nlmsg_hdr(batch->messages[i]));

		header->tcm_ifindex = (int)ifindex;
	}
	ms_packets_ask_of(batch->messages[last], ifindex);
}

static int batch_fill(struct batch *batch, const struct ms_tc_request *request)
{
	int r = 0;

	if (batch->count && memcmp(batch->program, request->program, sizeof(batch->program)) != 0)
		batch_drop(batch);
	if (batch->count == 0)
		r = batch_make(batch, request);
	if (r == 0)
		batch_address(batch, request->ifindex);
	return r;
}

/* Sends `count` messages from `first` on: *ret_result is the first error of theirs. */
static int batch_send(struct ms_tc *tc, size_t first, size_t count, ms_request_on_answer on_answer,
		      void *user, int *ret_result)
{
	struct batch *batch = &tc->batch;
	int r = ms_request_send(tc->request, batch->messages + first, count, batch->results + first,
				on_answer, user);

	*ret_result = 0;
	for (size_t i = first; *ret_result == 0 && i < first + count; i++)
		*ret_result = batch->results[i];
	return r;
}

static void on_packets(void *user, size_t index, struct nlmsghdr *message)
{
	struct ms_tc_request *request = user;

	(void)index;
	request->has_packets = ms_packets_parse(message, &request->received, &request->sent) == 0;
}

/*
 * Two sends: the qdisc, then what belongs on it. One would do if nothing but new devices existed;
 * but only on a qdisc we just made are there certainly no filters, ours or others', to look at
 * first, and only then may the handle say that the qdisc is ours.
 *
 * One interface at a time, and nothing to do between the two. In a burst, whoever makes interfaces
 * sleeps at the lock of the network while the qdisc is made, which is a grace period of RCU; woken
 * at its end, it comes too late if the filters come at once, and else they wait for all of its next
 * interface.
 */
static int attach_one(struct ms_tc *tc, struct ms_tc_clsact *clsact, struct ms_tc_request *request)
{
	size_t behind; /* the qdisc */
	bool made;
	int r;

	request->has_packets = false;
	request->result = batch_fill(&tc->batch, request);
	if (request->result < 0)
		return 0;
	behind = tc->batch.count - 1 - (request->wants_packets ? 0 : 1);
	r = batch_send(tc, 0, 1, NULL, NULL, &request->result);
	made = r == 0 && request->result == 0;
	if (made)
		r = batch_send(tc, 1, behind, on_packets, request, &request->result);
	if (r < 0)
		return r;
	/* EEXIST: the qdisc was there already, or somebody took our place since we looked. */
	for (int look = 0; request->result == -EEXIST && look < LOOKS; look++)
		request->result = settle_interface(tc, clsact, request);
	if (request->result < 0 && made)
		ms_tc_filters_remove_qdisc(tc->request, request->ifindex);
	return 0;
}

int ms_tc_attach(struct ms_tc *tc, struct ms_tc_request *requests, size_t count)
{
	ms_cleanup(ms_tc_filters_clsact_fini) struct ms_tc_clsact clsact = { .is_read = false };
	int r = 0;

	for (size_t i = 0; r == 0 && i < count; i++)
		r = attach_one(tc, &clsact, &requests[i]);
	return r;
}

/* ---- and off again ---- */

int ms_tc_detach(struct ms_tc *tc, uint32_t ifindex)
{
	ms_cleanup(ms_tc_hooks_fini) struct ms_tc_hooks hooks = MS_TC_HOOKS_INIT;
	bool own_qdisc;
	int r = ms_tc_hooks_read(tc->request, ifindex, &hooks);

	own_qdisc = r == 0 && ms_tc_filters_qdisc_is_ours(&hooks);
	for (int hook = 0; r == 0 && hook < MS_TC_HOOKS; hook++) {
		for (size_t i = 0; r == 0 && i < hooks.hook[hook].count; i++) {
			if (hooks.hook[hook].filters[i].is_ours)
				r = ms_tc_filters_remove(tc->request, ifindex, hook,
							 &hooks.hook[hook].filters[i]);
		}
	}
	if (r == 0 && own_qdisc)
		r = ms_tc_filters_remove_qdisc(tc->request, ifindex);
	/* The device, or the qdisc with all on it, went before we came. */
	return r == -ENODEV || r == -ENOENT || r == -EINVAL ? 0 : r;
}
