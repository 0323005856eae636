/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Datagrams that are each a flow of its own, so that each is judged by the rules, from a process
 * that sends them while the test looks elsewhere. */
#ifndef MS_TESTS_NETNS_NEW_FLOWS_H
#define MS_TESTS_NETNS_NEW_FLOWS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct new_flows {
	pid_t pid;
	const char *from, *to;  /* IPv4 */
	volatile uint64_t sent; /* to each of the two ports */
	volatile bool stop, stopped;
};

/* Out of `interface` of the test's own namespace, to ports 53 and 54. The texts are borrowed. */
struct new_flows *new_flows_start(const char *interface, const char *from, const char *to);
/* How many were sent to each port, after the last one. */
uint64_t new_flows_end(struct new_flows *flows);

#endif
