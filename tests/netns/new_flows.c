/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/netns/new_flows.h"

#include <poll.h>
#include <sys/mman.h>

#include "tests/harness/netns.h"
#include "tests/harness/proc.h"
#include "tests/harness/traffic.h"

#ifdef __SANITIZE_ADDRESS__
#define PAUSE_MS                                                                                   \
	1 /* the datapath is the one of every build, and who changes the sets is slow enough */
#else
#define PAUSE_MS 0
#endif

static const char *of_interface; /* the child's copy is the one that counts */

static void send_all(void *user)
{
	struct new_flows *flows = user;
	int fd = ms_traffic_raw(NULL, of_interface);

	while (!flows->stop) {
		uint16_t sport = (uint16_t)(1024 + flows->sent % 60000);

		ms_traffic_raw_udp(fd, flows->from, sport, flows->to, 53, 0);
		ms_traffic_raw_udp(fd, flows->from, sport, flows->to, 54, 0);
		flows->sent++;
		if (PAUSE_MS)
			poll(NULL, 0, PAUSE_MS);
	}
	flows->stopped = true;
}

struct new_flows *new_flows_start(const char *interface, const char *from, const char *to)
{
	struct new_flows *flows = mmap(NULL, sizeof(*flows), PROT_READ | PROT_WRITE,
				       MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	ck_assert_ptr_ne(flows, MAP_FAILED);
	of_interface = interface;
	flows->from = from;
	flows->to = to;
	flows->pid = ms_proc_fork(NULL, send_all, flows);
	return flows;
}

static bool is_stopped(void *user)
{
	return ((struct new_flows *)user)->stopped;
}

uint64_t new_flows_end(struct new_flows *flows)
{
	uint64_t sent;

	flows->stop = true;
	ck_assert(ms_netns_wait(is_stopped, flows, 10));
	ms_proc_end(flows->pid);
	sent = flows->sent;
	munmap(flows, sizeof(*flows));
	return sent;
}
