/* SPDX-License-Identifier: GPL-2.0-or-later */
#define _GNU_SOURCE
#include "tests/bench/wire.h"

#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/ip.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <string.h>
#include <sys/socket.h>

#include "tests/bench/bench.h"
#include "tests/bench/daemon.h"

#define FRESH_PORT (MS_BENCH_PORT + 1)
#define FRESH_FLOWS 60000

void ms_bench_wire_open(struct ms_bench_wire *wire)
{
	struct sockaddr_ll link = { .sll_family = AF_PACKET };
	struct sockaddr_in server = { .sin_family = AF_INET, .sin_port = htons(5432) };

	ms_bench_command("ip link set lo up && ip link add w0 address 02:00:00:00:00:01 type veth "
			 "peer name p0 && ip addr add 172.16.0.1/24 dev w0 && ip link set w0 up && "
			 "ip link set p0 up && ip route add 10.0.0.0/8 dev w0 && "
			 "sysctl -qw net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.w0.rp_filter=0");
	*wire = (struct ms_bench_wire) {
		.out = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0),
		.in = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0),
		.frame = ms_bench_frame(4, IPPROTO_UDP, 0, 0),
	};
	link.sll_ifindex = (int)if_nametoindex("p0");
	if (bind(wire->out, (struct sockaddr *)&link, sizeof(link)) < 0 ||
	    bind(wire->in, (struct sockaddr *)&server, sizeof(server)) < 0)
		ms_bench_fail("the probe's sockets: %s", strerror(errno));
}

static bool passes(const struct ms_bench_wire *wire, const struct ms_bench_frame *frame)
{
	char text[256];
	bool passed = false;

	if (send(wire->out, frame->bytes, frame->length, 0) < 0)
		ms_bench_fail("the probe cannot be sent: %s", strerror(errno));
	while (recv(wire->in, text, sizeof(text), 0) >= 0)
		passed = true;
	return passed;
}

bool ms_bench_wire_passes(const struct ms_bench_wire *wire)
{
	return passes(wire, &wire->frame);
}

bool ms_bench_wire_passes_fresh(struct ms_bench_wire *wire)
{
	struct ms_bench_frame frame = wire->frame;
	uint16_t port = htons((uint16_t)(FRESH_PORT + wire->fresh));

	wire->fresh = (uint16_t)((wire->fresh + 1) % FRESH_FLOWS);
	memcpy(frame.bytes + ETH_HLEN + sizeof(struct iphdr), &port, sizeof(port));
	return passes(wire, &frame);
}

void ms_bench_wire_go_first(void)
{
	const struct sched_param first = { .sched_priority = 1 };

	if (sched_setscheduler(0, SCHED_FIFO | SCHED_RESET_ON_FORK, &first) < 0)
		ms_bench_fail("a real-time priority: %s", strerror(errno));
}

void ms_bench_wire_pause(void)
{
	const struct timespec pause = { .tv_nsec = MS_BENCH_WIRE_PAUSE_NS };

	ppoll(NULL, 0, &pause, NULL);
}
