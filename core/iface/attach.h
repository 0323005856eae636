/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Puts the shared programs on interfaces and takes them off, by tc or tcx, and sees whether they
 * are still there. Knows hooks, not policy.
 */
#ifndef MS_CORE_IFACE_ATTACH_H
#define MS_CORE_IFACE_ATTACH_H

#include "bpf/dataplane.h"
#include "core/policy/model.h"
#include "netlink/monitor.h"
#include "netlink/tc.h"

enum ms_attach_how { MS_ATTACHED_NONE, MS_ATTACHED_TC, MS_ATTACHED_TCX };
const char *ms_attach_how_name(enum ms_attach_how how); /* "none", "tc", "tcx" */

struct ms_attacher;

int ms_attacher_new(struct ms_dataplane *dp, struct ms_attacher **ret_attacher,
		    struct ms_error *err);
struct ms_attacher *ms_attacher_free(struct ms_attacher *attacher); /* detaches nothing */
/* For ms_monitor_ignore(). */
uint32_t ms_attacher_port(const struct ms_attacher *attacher);

/* tc for short-lived kinds, tcx for lasting ones. Where the kernel has no tcx, everything is tc.
 * `attacher` NULL: as if it had none. */
enum ms_attach_how ms_attacher_choose(const struct ms_attacher *attacher,
				      enum ms_attach_choice choice, const struct ms_link *link);

struct ms_attach_job {
	uint32_t ifindex;
	enum ms_attach_how how;    /* NONE = take ours off, whichever it is */
	enum ms_attach_how before; /* what is on it now as far as we know: make before break */
	bool loopback;             /* ingress only */
	/* It appeared while we ran and has never been ours: nothing of ours is there by other
	 * means, and to look for it would take the lock of the network twice more. */
	bool is_fresh;
	bool wants_packets; /* also of a fresh one; by tc that is one more wait for the lock */
	int result;         /* out: 0 or -errno */
	/* out, with result 0 and how != NONE: the device's own counters right behind the attach. Of
	 * a device that appeared after us, that is what passed unjudged, but for the packets of
	 * those microseconds. Unasked only where filters were there already, or by tcx. */
	bool has_packets;
	uint64_t received, sent;
};
/* All of them, tc ones first; what an interface had by other means goes after the new
 * program stands. -errno: the batch as a whole failed and every job's result says so; what is on
 * the hooks then is for ms_attacher_query() to say. */
int ms_attacher_run(struct ms_attacher *attacher, struct ms_attach_job *jobs, size_t count);

/* The device's own counters. */
int ms_attacher_read_packets(struct ms_attacher *attacher, uint32_t ifindex, uint64_t *ret_received,
			     uint64_t *ret_sent);

/* Why an interface could not be attached, for a person: what a job's result means here. */
const char *ms_attach_explain(int result);

/* From the kernel: is exactly our program on each wanted hook, exactly once? */
struct ms_attach_state {
	enum ms_attach_how how; /* with both on it, tcx: it is asked first */
	bool present[MS_HOOK__COUNT];
	uint32_t program_id[MS_HOOK__COUNT];
	unsigned int before_us[MS_HOOK__COUNT], after_us[MS_HOOK__COUNT]; /* neighbours */
	bool duplicate;
};
int ms_attacher_query(struct ms_attacher *attacher, uint32_t ifindex,
		      struct ms_attach_state *ret_state);

/* Takes off and unpins links whose device is gone or in another namespace: what left while nobody
 * was looking. Returns how many, or -errno. */
int ms_attacher_collect(struct ms_attacher *attacher);

/* Takes ours off every interface of this namespace and unpins links: `cleanup`, daemon or not.
 * Returns how many interfaces were cleared, or -errno. Needs no dataplane. */
int ms_attach_cleanup(const char *pin_dir, bool dry_run,
		      void (*on_found)(void *user, const char *ifname, const char *what),
		      void *user, struct ms_error *err);

#endif
