/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * The smallest place to try a daemon in: one link, veth-a, to a namespace "a" whose 10.1.0.2 serves
 * ports 80 and 81, and a policy that protects the link and shuts the second port for what goes in.
 */

#include <stdint.h>
#include <stdio.h>

#include "tests/harness/proc.h"

/* One group "work" of every veth-*, enforced, open by default; one rule "shut". */
extern const char ms_site_policy[];

#define MS_SITE_SOON 3000 /* ms: more than any connect takes that arrives */
#define MS_SITE_GONE 400  /* ms: after which a connect that is dropped is given up */

/* Makes the namespaces, the link, the servers and the daemon's folders with the policy. The daemon
 * is not started. Call it in place of ms_netns_setup(). */
void ms_site_setup(struct ms_proc *daemon);

/* A document's rules that ask for so many sets, crowd0 and on, which the caller defines: with more
 * than are asked of one by one, addresses are told their sets. */
void ms_site_put_crowd(FILE *out, unsigned int count);

/* 0 when a TCP connection to that port of "a" comes about within ms, -errno otherwise. */
int ms_site_reach(uint16_t port, unsigned int ms);

/* A connection to that port is dropped by this rule, which counts it and says so in an event. */
void ms_site_expect_denied(const struct ms_proc *daemon, uint16_t port, const char *rule);

/* The policy judges: 81 is shut, 80 is open. */
void ms_site_expect_enforced(void);
