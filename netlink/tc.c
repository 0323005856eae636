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
#include "netlink/tc_hooks.h"

/* Steps that keep MS_TC_HANDLE and MS_TC_GUEST readable in a handle that had to give way. */
#define HANDLE_STEP 0x100000
#define PLACES 16 /* handles and priorities tried */
#define LOOKS 3   /* at one interface whose filters change under our hands */

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

/* ---- messages ---- */

static void free_message(struct nl_msg **message)
{
	nlmsg_free(*message);
}

static struct nl_msg *make_qdisc_message(int type, int flags, uint32_t ifindex)
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

static struct nl_msg *make_filter_message(int type, int flags, uint32_t ifindex, int hook,
					  const struct ms_tc_filter *place, int program)
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
		    nla_put_string(message, TCA_BPF_NAME, ms_tc_hooks_programs[hook]) < 0 ||
		    nla_put_u32(message, TCA_BPF_FLAGS, TCA_BPF_FLAG_ACT_DIRECT) < 0)
			goto failed;
		nla_nest_end(message, options);
	}
	return message;
failed:
	nlmsg_free(message);
	return NULL;
}

static int send_one(struct ms_tc *tc, struct nl_msg *message, ms_request_on_answer on_answer,
		    void *user)
{
	int result = 0, r;

	if (!message)
		return -ENOMEM;
	r = ms_request_send(tc->request, &message, 1, &result, on_answer, user);
	return r < 0 ? r : result;
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

static int remove_filter(struct ms_tc *tc, uint32_t ifindex, int hook,
			 const struct ms_tc_filter *filter)
{
	ms_cleanup(free_message) struct nl_msg *message =
		make_filter_message(RTM_DELTFILTER, 0, ifindex, hook, filter, -1);
	int r = send_one(tc, message, NULL, NULL);

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

static int find_place(const struct ms_tc_hook *list, bool guest, struct ms_tc_filter *ret_place)
{
	struct ms_tc_filter place = { .protocol = htons(ETH_P_ALL) };

	for (uint16_t p = 0; p < PLACES; p++) {
		place.priority = (uint16_t)(MS_TC_PRIORITY + p);
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
static bool is_qdisc_ours(const struct ms_tc_hooks *hooks)
{
	for (int hook = 0; hook < MS_TC_HOOKS; hook++) {
		const struct ms_tc_filter *ours = ms_tc_hooks_ours(hooks, hook);

		if (ours && !(ours->handle & MS_TC_GUEST))
			return true;
	}
	return false;
}

/* Exactly one of ours, running `program`; the others of ours go after it stands. */
static int settle_hook(struct ms_tc *tc, uint32_t ifindex, int hook,
		       const struct ms_tc_hooks *hooks, bool guest, int program)
{
	const struct ms_tc_filter *kept = ms_tc_hooks_ours(hooks, hook);
	const struct ms_tc_hook *list = &hooks->hook[hook];
	struct ms_tc_filter place;
	int r = 0;

	if (program >= 0) {
		ms_cleanup(free_message) struct nl_msg *message = NULL;

		if (kept)
			place = *kept;
		else
			r = find_place(list, guest, &place);
		if (r < 0)
			return r;
		message = make_filter_message(RTM_NEWTFILTER,
					      NLM_F_CREATE | (kept ? NLM_F_REPLACE : NLM_F_EXCL),
					      ifindex, hook, &place, program);
		r = send_one(tc, message, NULL, NULL);
	}
	for (size_t i = 0; r == 0 && i < list->count; i++) {
		const struct ms_tc_filter *filter = &list->filters[i];

		if (filter->is_ours && (program < 0 || filter != kept))
			r = remove_filter(tc, ifindex, hook, filter);
	}
	return r;
}

/* Who has a clsact qdisc, read when it is first asked in a call: only interfaces with somebody
 * else's need it. */
struct clsact {
	bool is_read;
	struct ms_ifindex_set set;
};

static void free_clsact(struct clsact *clsact)
{
	ms_ifindex_set_fini(&clsact->set);
}

static int read_clsact(struct ms_tc *tc, struct clsact *clsact)
{
	int r;

	ms_ifindex_set_fini(&clsact->set);
	r = ms_tc_hooks_read_clsact(tc->request, &clsact->set);
	clsact->is_read = r == 0;
	return r;
}

static int must_have_clsact(struct ms_tc *tc, struct clsact *clsact, uint32_t ifindex)
{
	int r = 0;

	/* What was read for another interface may be from before this one's qdisc. */
	if (!clsact->is_read || !ms_ifindex_set_has(&clsact->set, ifindex))
		r = read_clsact(tc, clsact);
	if (r < 0)
		return r;
	/* An ingress qdisc takes filters for egress, too, and runs them at ingress. */
	return ms_ifindex_set_has(&clsact->set, ifindex) ? 0 : -EBUSY;
}

static int settle_interface(struct ms_tc *tc, struct clsact *clsact, struct ms_tc_request *request)
{
	ms_cleanup(ms_tc_hooks_fini) struct ms_tc_hooks hooks = MS_TC_HOOKS_INIT;
	bool guest;
	int r = ms_tc_hooks_read(tc->request, request->ifindex, &hooks);

	/* Where ours is already, it is on clsact. */
	if (r == 0 && !ms_tc_hooks_ours(&hooks, 0) && !ms_tc_hooks_ours(&hooks, 1))
		r = must_have_clsact(tc, clsact, request->ifindex);
	if (r < 0)
		return r;
	guest = !is_qdisc_ours(&hooks);
	for (int hook = 0; r == 0 && hook < MS_TC_HOOKS; hook++)
		r = settle_hook(tc, request->ifindex, hook, &hooks, guest, request->program[hook]);
	if (r < 0)
		return r;
	r = ms_tc_read_packets(tc, request->ifindex, &request->received, &request->sent);
	request->has_packets = r == 0;
	return r;
}

/* Looks first: the kernel has no "delete if empty", so what somebody adds between this look and
 * the deletion is the one thing we cannot save. */
static int remove_qdisc_if_empty(struct ms_tc *tc, uint32_t ifindex)
{
	ms_cleanup(ms_tc_hooks_fini) struct ms_tc_hooks hooks = MS_TC_HOOKS_INIT;
	ms_cleanup(free_message) struct nl_msg *message = NULL;
	int r = ms_tc_hooks_read(tc->request, ifindex, &hooks);

	if (r < 0 || hooks.hook[0].count > 0 || hooks.hook[1].count > 0)
		return r;
	message = make_qdisc_message(RTM_DELQDISC, 0, ifindex);
	return send_one(tc, message, NULL, NULL);
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
	int r = batch_add(batch, make_qdisc_message(RTM_NEWQDISC, NLM_F_CREATE | NLM_F_EXCL,
						    request->ifindex));

	for (int hook = 0; r == 0 && hook < MS_TC_HOOKS; hook++) {
		batch->program[hook] = request->program[hook];
		if (request->program[hook] >= 0)
			r = batch_add(batch,
				      make_filter_message(RTM_NEWTFILTER, NLM_F_CREATE | NLM_F_EXCL,
							  request->ifindex, hook, &place,
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
static int attach_one(struct ms_tc *tc, struct clsact *clsact, struct ms_tc_request *request)
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
		remove_qdisc_if_empty(tc, request->ifindex);
	return 0;
}

int ms_tc_attach(struct ms_tc *tc, struct ms_tc_request *requests, size_t count)
{
	ms_cleanup(free_clsact) struct clsact clsact = { .is_read = false };
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

	own_qdisc = r == 0 && is_qdisc_ours(&hooks);
	for (int hook = 0; r == 0 && hook < MS_TC_HOOKS; hook++) {
		for (size_t i = 0; r == 0 && i < hooks.hook[hook].count; i++) {
			if (hooks.hook[hook].filters[i].is_ours)
				r = remove_filter(tc, ifindex, hook, &hooks.hook[hook].filters[i]);
		}
	}
	if (r == 0 && own_qdisc)
		r = remove_qdisc_if_empty(tc, ifindex);
	/* The device, or the qdisc with all on it, went before we came. */
	return r == -ENODEV || r == -ENOENT || r == -EINVAL ? 0 : r;
}
