/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/iface/attach.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bpf/tcx.h"
#include "core/base/cleanup.h"
#include "netlink/tc_action.h"

struct ms_attacher {
	struct ms_dataplane *dp;
	struct ms_tc *tc;
	bool has_tcx;
};

static const char *const how_names[] = {
	[MS_ATTACHED_NONE] = "none",
	[MS_ATTACHED_TC] = "tc",
	[MS_ATTACHED_TCX] = "tcx",
};
static const char *const hook_names[MS_HOOK__COUNT] = { "ingress", "egress" };

const char *ms_attach_how_name(enum ms_attach_how how)
{
	return how_names[how];
}

const char *ms_attach_explain(int result)
{
	switch (result) {
	case -EBUSY:
		return "an ingress qdisc is in the place of clsact: delete it, or say attach: tcx";
	case -EPERM:
		return "the folder of pinned links is not ours alone, or a capability is missing";
	case -ENOTDIR:
		return "the folder of pinned links is something else";
	default:
		return strerror(-result);
	}
}

int ms_attacher_new(struct ms_dataplane *dp, struct ms_attacher **ret_attacher,
		    struct ms_error *err)
{
	struct ms_attacher *attacher = calloc(1, sizeof(*attacher));
	int r;

	if (!attacher)
		return -ENOMEM;
	attacher->dp = dp;
	attacher->has_tcx = ms_tcx_is_supported();
	r = ms_tc_open(&attacher->tc);
	if (r < 0) {
		free(attacher);
		return ms_error_set(err, r, "cannot open a netlink socket: %s", strerror(-r));
	}
	*ret_attacher = attacher;
	return 0;
}

struct ms_attacher *ms_attacher_free(struct ms_attacher *attacher)
{
	if (!attacher)
		return NULL;
	ms_tc_close(attacher->tc);
	free(attacher);
	return NULL;
}

uint32_t ms_attacher_port(const struct ms_attacher *attacher)
{
	return ms_tc_port(attacher->tc);
}

/* Devices that come and go by the second: a tcx link costs ten thousand times what a filter does,
 * under the lock that every other change of the network waits for. */
static bool is_short_lived(const struct ms_link *link)
{
	static const char *const kinds[] = { "veth", "netkit", "tap", "tun" };

	for (size_t i = 0; i < ms_array_size(kinds); i++) {
		if (strcmp(link->kind, kinds[i]) == 0)
			return true;
	}
	return false;
}

enum ms_attach_how ms_attacher_choose(const struct ms_attacher *attacher,
				      enum ms_attach_choice choice, const struct ms_link *link)
{
	if (!attacher || !attacher->has_tcx || choice == MS_ATTACH_TC)
		return MS_ATTACHED_TC;
	if (choice == MS_ATTACH_TCX)
		return MS_ATTACHED_TCX;
	return is_short_lived(link) ? MS_ATTACHED_TC : MS_ATTACHED_TCX;
}

/* ---- on and off ---- */

static int program_for(const struct ms_attacher *attacher, const struct ms_attach_job *job,
		       enum ms_hook hook)
{
	/* What leaves by lo comes in by it again: judged there, once. */
	if (job->loopback && hook == MS_HOOK_EGRESS)
		return -1;
	return ms_dataplane_program(attacher->dp, hook);
}

static int detach_tcx(const struct ms_attacher *attacher, uint32_t ifindex)
{
	int result = 0;

	for (int hook = 0; attacher->has_tcx && hook < MS_HOOK__COUNT; hook++) {
		int r = ms_tcx_detach(ms_dataplane_pin_dir(attacher->dp), ifindex,
				      (enum ms_hook)hook);

		if (r < 0)
			result = r;
	}
	return result;
}

static int run_tc_jobs(struct ms_attacher *attacher, struct ms_attach_job *jobs, size_t count)
{
	ms_cleanup(ms_free) struct ms_tc_request *requests = calloc(count, sizeof(*requests));
	size_t wanted = 0;
	int r;

	if (!requests)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++) {
		if (jobs[i].how != MS_ATTACHED_TC)
			continue;
		requests[wanted].ifindex = jobs[i].ifindex;
		requests[wanted].wants_packets = jobs[i].wants_packets;
		for (int hook = 0; hook < MS_HOOK__COUNT; hook++)
			requests[wanted].program[hook] =
				program_for(attacher, &jobs[i], (enum ms_hook)hook);
		wanted++;
	}
	r = ms_tc_attach(attacher->tc, requests, wanted);
	if (r < 0)
		return r;
	wanted = 0;
	for (size_t i = 0; i < count; i++) {
		if (jobs[i].how != MS_ATTACHED_TC)
			continue;
		jobs[i].result = requests[wanted].result;
		jobs[i].has_packets = requests[wanted].has_packets;
		jobs[i].received = requests[wanted].received;
		jobs[i].sent = requests[wanted].sent;
		wanted++;
	}
	return 0;
}

static int attach_tcx(struct ms_attacher *attacher, struct ms_attach_job *job)
{
	const char *pin_dir = ms_dataplane_pin_dir(attacher->dp);
	int r;

	for (int hook = 0; hook < MS_HOOK__COUNT; hook++) {
		r = ms_tcx_attach(pin_dir, job->ifindex, (enum ms_hook)hook,
				  program_for(attacher, job, (enum ms_hook)hook));

		if (r < 0)
			return r;
	}
	r = ms_tc_read_packets(attacher->tc, job->ifindex, &job->received, &job->sent);
	job->has_packets = r == 0;
	return r;
}

static int finish(struct ms_attacher *attacher, struct ms_attach_job *job)
{
	int r;

	switch (job->how) {
	case MS_ATTACHED_TC:
		return job->result < 0 || job->is_fresh ? job->result
							: detach_tcx(attacher, job->ifindex);
	case MS_ATTACHED_TCX:
		r = attach_tcx(attacher, job);
		return r < 0 || job->is_fresh ? r : ms_tc_detach(attacher->tc, job->ifindex);
	case MS_ATTACHED_NONE:
		break;
	}
	r = detach_tcx(attacher, job->ifindex);
	return r < 0 ? r : ms_tc_detach(attacher->tc, job->ifindex);
}

int ms_attacher_run(struct ms_attacher *attacher, struct ms_attach_job *jobs, size_t count)
{
	int r;

	if (count == 0)
		return 0;
	r = run_tc_jobs(attacher, jobs, count);
	for (size_t i = 0; i < count; i++)
		jobs[i].result = r < 0 ? r : finish(attacher, &jobs[i]);
	return r;
}

int ms_attacher_read_packets(struct ms_attacher *attacher, uint32_t ifindex, uint64_t *ret_received,
			     uint64_t *ret_sent)
{
	return ms_tc_read_packets(attacher->tc, ifindex, ret_received, ret_sent);
}

/* ---- what is there ---- */

int ms_attacher_query(struct ms_attacher *attacher, uint32_t ifindex,
		      struct ms_attach_state *ret_state)
{
	struct ms_attach_state state = { .how = MS_ATTACHED_NONE };
	struct ms_tc_state tc;
	bool by_tc = false, by_tcx = false;
	int r = ms_tc_query(attacher->tc, ifindex, &tc);

	for (int hook = 0; r == 0 && hook < MS_HOOK__COUNT; hook++) {
		struct ms_tcx_state tcx = { .ours = 0 };

		if (attacher->has_tcx)
			r = ms_tcx_query(ms_dataplane_pin_dir(attacher->dp), ifindex,
					 (enum ms_hook)hook, &tcx);
		by_tc |= tc.ours[hook] > 0;
		by_tcx |= tcx.ours > 0;
		state.present[hook] = tc.ours[hook] + tcx.ours > 0;
		state.duplicate |= tc.ours[hook] + tcx.ours > 1;
		state.program_id[hook] = tcx.ours ? tcx.program_id : tc.program_id[hook];
		/* All of tcx is asked before any filter of clsact. */
		state.before_us[hook] = tcx.before_us + (tcx.ours ? 0 : tc.before[hook]);
		state.after_us[hook] =
			tcx.after_us + tc.foreign[hook] - (tcx.ours ? 0 : tc.before[hook]);
	}
	if (r < 0)
		return r;
	if (by_tcx)
		state.how = MS_ATTACHED_TCX;
	else if (by_tc)
		state.how = MS_ATTACHED_TC;
	/* Ingress by one and egress by the other is not how we leave an interface either. */
	state.duplicate |= by_tc && by_tcx;
	*ret_state = state;
	return 0;
}

int ms_attacher_collect(struct ms_attacher *attacher)
{
	return attacher->has_tcx ? ms_tcx_collect(ms_dataplane_pin_dir(attacher->dp)) : 0;
}

/* ---- every trace of us ---- */

struct cleanup {
	const char *pin_dir;
	bool dry_run;
	bool has_tcx;
	void (*on_found)(void *user, const char *ifname, const char *what);
	void *user;
	struct ms_tc *tc;
	const struct ms_monitor *monitor;
	int cleared, error;
};

static void found(const struct cleanup *cleanup, const char *ifname, enum ms_attach_how how,
		  int hook, const char *whose)
{
	char what[32];

	if (!cleanup->on_found)
		return;
	snprintf(what, sizeof(what), "%s %s%s", ms_attach_how_name(how), hook_names[hook], whose);
	cleanup->on_found(cleanup->user, ifname, what);
}

static unsigned int count_tcx(const struct cleanup *cleanup, uint32_t ifindex, int hook)
{
	struct ms_tcx_state state;

	if (!cleanup->has_tcx ||
	    ms_tcx_query(cleanup->pin_dir, ifindex, (enum ms_hook)hook, &state) < 0)
		return 0;
	return state.ours;
}

static void clear_link(void *user, const struct ms_link *link)
{
	struct cleanup *cleanup = user;
	struct ms_tc_state tc;
	bool on_tc = false, on_tcx = false, has_actions = false;
	int r = ms_tc_query(cleanup->tc, link->ifindex, &tc);

	for (int hook = 0; r == 0 && hook < MS_HOOK__COUNT; hook++) {
		if (tc.ours[hook] > 0) {
			on_tc = true;
			found(cleanup, link->name, MS_ATTACHED_TC, hook, "");
		}
		if (tc.actions[hook] > 0) {
			has_actions = true;
			found(cleanup, link->name, MS_ATTACHED_TC, hook, " of an action");
		}
		if (count_tcx(cleanup, link->ifindex, hook) > 0) {
			on_tcx = true;
			found(cleanup, link->name, MS_ATTACHED_TCX, hook, "");
			if (!cleanup->dry_run)
				r = ms_tcx_detach(cleanup->pin_dir, link->ifindex,
						  (enum ms_hook)hook);
		}
	}
	if (r == 0 && on_tc && !cleanup->dry_run)
		r = ms_tc_detach(cleanup->tc, link->ifindex);
	if (r == 0 && has_actions && !cleanup->dry_run)
		r = ms_tc_action_remove(link->ifindex, NULL);
	if (r == 0 && (on_tc || on_tcx || has_actions))
		cleanup->cleared++;
	if (r < 0 && r != -ENODEV)
		cleanup->error = r;
}

/* Pins whose device is in another namespace or nowhere. */
static void clear_pin(void *user, uint32_t ifindex, enum ms_hook hook)
{
	struct cleanup *cleanup = user;
	char name[32];
	int r;

	/* On a dry run those seen by clear_link() are still there. */
	if (ms_monitor_find(cleanup->monitor, ifindex) && count_tcx(cleanup, ifindex, hook) > 0)
		return;
	snprintf(name, sizeof(name), "interface %u", ifindex);
	found(cleanup, name, MS_ATTACHED_TCX, hook, "");
	if (cleanup->dry_run)
		return;
	r = ms_tcx_detach(cleanup->pin_dir, ifindex, hook);
	if (r < 0)
		cleanup->error = r;
}

int ms_attach_cleanup(const char *pin_dir, bool dry_run,
		      void (*on_found)(void *user, const char *ifname, const char *what),
		      void *user, struct ms_error *err)
{
	static const struct ms_monitor_callbacks no_callbacks;
	struct ms_monitor *monitor = NULL;
	struct cleanup cleanup = {
		.pin_dir = pin_dir,
		.dry_run = dry_run,
		.has_tcx = ms_tcx_is_supported(),
		.on_found = on_found,
		.user = user,
	};
	int r = ms_monitor_open(&no_callbacks, NULL, &monitor, err);

	if (r < 0)
		return r;
	cleanup.monitor = monitor;
	r = ms_tc_open(&cleanup.tc);
	if (r == 0) {
		ms_monitor_foreach(monitor, clear_link, &cleanup);
		r = ms_tcx_foreach(pin_dir, clear_pin, &cleanup);
	}
	if (r == 0)
		r = cleanup.error;
	ms_tc_close(cleanup.tc);
	ms_monitor_close(monitor);
	if (r < 0)
		return ms_error_set(err, r, "cannot take our programs off every interface: %s",
				    strerror(-r));
	return cleanup.cleared;
}
