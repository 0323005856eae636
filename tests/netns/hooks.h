/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Programs to hang on hooks and packets to run them: what tests of attaching need, without a
 * datapath. Functions fail the running test when they cannot do their work.
 */
#ifndef MS_TESTS_NETNS_HOOKS_H
#define MS_TESTS_NETNS_HOOKS_H

#include <stdbool.h>
#include <stdint.h>

#include "bpf/dataplane.h"

enum ms_hooks_program {
	MS_HOOKS_INGRESS = MS_HOOK_INGRESS, /* named ms_ingress */
	MS_HOOKS_EGRESS = MS_HOOK_EGRESS,   /* named ms_egress */
	MS_HOOKS_FOREIGN,
	MS_HOOKS__COUNT,
};

/* By its release alone, so that what we make of the kernel can be held against it. */
bool ms_hooks_kernel_has_tcx(void);

/* Loads them; again: new programs of the same names, as a new version of us would. */
void ms_hooks_load(void);
int ms_hooks_fd(enum ms_hooks_program program);
uint32_t ms_hooks_id(enum ms_hooks_program program);
/* Since the last ms_hooks_forget_runs(). */
uint64_t ms_hooks_runs(enum ms_hooks_program program);
void ms_hooks_forget_runs(void);

uint32_t ms_hooks_ifindex(const char *ifname);
/* Both ends of a veth pair up, with carriers: frames over it arrive. */
void ms_hooks_up(const char *ifname, const char *peer);
/* `count` broadcast frames of no known protocol out of `ifname`: they pass its egress hook and,
 * from a veth, its peer's ingress hook. */
void ms_hooks_send(const char *ifname, unsigned int count);
/* Sends `count` and waits until `program` ran exactly that often more. */
void ms_hooks_must_run(const char *ifname, unsigned int count, enum ms_hooks_program program);

/* A filter of kind bpf as anybody might add it. */
void ms_hooks_add_filter(const char *ifname, enum ms_hook hook, uint16_t priority, uint32_t handle,
			 const char *name, enum ms_hooks_program program);
/* A TCX link at the end of the hook; the fd is what keeps it. */
int ms_hooks_add_link(const char *ifname, enum ms_hook hook, enum ms_hooks_program program);

#endif
