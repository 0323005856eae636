/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/bench/drive.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <string.h>
#include <sys/mman.h>

#include "bpf/lib/packet.h"
#include "drive.skel.h"
#include "tests/bench/bench.h"
#include "tests/bench/result.h"
#include "tests/bench/world.h"

#define SERVER4 0xac100001u /* 172.16.0.1 */
#define SERVER_PORT 5432
#define CHUNK 16384 /* flows made two-way at a time; no one-way table is smaller */

/* Of the header as it stands; a driver that changes an address mends it (drive.bpf.c). */
static uint16_t ip_checksum(const struct iphdr *ip)
{
	const uint16_t *words = (const uint16_t *)ip;
	uint32_t sum = 0;

	for (size_t i = 0; i < sizeof(*ip) / 2; i++)
		sum += words[i];
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t) ~((sum & 0xffff) + (sum >> 16));
}

struct ms_bench_frame ms_bench_frame(int family, int proto, int reverse, uint8_t tcp_flags)
{
	static const uint8_t macs[12] = { 2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2 };
	struct ms_bench_frame frame = { .length = MS_BENCH_FRAME };
	uint16_t ports[2] = { htons(MS_BENCH_PORT), htons(SERVER_PORT) };
	uint8_t *l3 = frame.bytes + ETH_HLEN, *l4;

	memcpy(frame.bytes, macs, sizeof(macs));
	frame.bytes[12] = family == 4 ? 0x08 : 0x86;
	frame.bytes[13] = family == 4 ? 0x00 : 0xdd;
	if (family == 4) {
		uint32_t client = htonl(MS_BENCH_NET), server = htonl(SERVER4);
		struct iphdr ip = {
			.version = 4,
			.ihl = 5,
			.ttl = 64,
			.protocol = (uint8_t)proto,
			.tot_len = htons(MS_BENCH_FRAME - ETH_HLEN),
			.saddr = reverse ? server : client,
			.daddr = reverse ? client : server,
		};

		ip.check = ip_checksum(&ip);
		memcpy(l3, &ip, sizeof(ip));
		l4 = l3 + sizeof(ip);
	} else {
		struct ipv6hdr ip = {
			.version = 6,
			.hop_limit = 64,
			.nexthdr = (uint8_t)proto,
		};
		struct in6_addr client = { 0 }, server = { 0 };

		frame.length += 20;
		ip.payload_len = htons((uint16_t)(frame.length - ETH_HLEN - sizeof(ip)));
		client.s6_addr[0] = server.s6_addr[0] = 0xfd;
		server.s6_addr[1] = 1;
		ip.saddr = reverse ? server : client;
		ip.daddr = reverse ? client : server;
		memcpy(l3, &ip, sizeof(ip));
		l4 = l3 + sizeof(ip);
	}
	memcpy(l4, &ports[reverse], 2);
	memcpy(l4 + 2, &ports[!reverse], 2);
	if (proto == IPPROTO_UDP) {
		uint16_t length = htons((uint16_t)(frame.bytes + frame.length - l4));

		memcpy(l4 + 4, &length, 2);
	} else {
		l4[12] = 5 << 4;
		l4[13] = tcp_flags;
	}
	return frame;
}

const struct ms_bench_drive *ms_bench_drive(void)
{
	static struct ms_bench_drive drive;
	struct drive_bpf *skeleton;
	void *plan;

	if (drive.plan)
		return &drive;
	skeleton = drive_bpf__open_and_load();
	if (!skeleton)
		ms_bench_fail("the driver cannot be loaded: %s", strerror(errno));
	plan = mmap(NULL, sizeof(*drive.plan), PROT_READ | PROT_WRITE, MAP_SHARED,
		    bpf_map__fd(skeleton->maps.ms_b_plan), 0);
	if (plan == MAP_FAILED)
		ms_bench_fail("the driver's plan cannot be mapped: %s", strerror(errno));
	drive = (struct ms_bench_drive) {
		.noop = bpf_program__fd(skeleton->progs.ms_b_noop),
		.vary = bpf_program__fd(skeleton->progs.ms_b_vary),
		.emit = bpf_program__fd(skeleton->progs.ms_b_emit),
		.take = bpf_program__fd(skeleton->progs.ms_b_take),
		.targets = bpf_map__fd(skeleton->maps.ms_b_target),
		.plan = plan,
	};
	drive.plan->state = 1;
	drive.plan->family = 4;
	return &drive;
}

double ms_bench_run(int program, const struct ms_bench_frame *frame, uint32_t repeat,
		    uint32_t *ret_code)
{
	struct __sk_buff context = { .ifindex = MS_BENCH_DEVICE };
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame->bytes, .data_size_in = frame->length,
		    .ctx_in = &context, .ctx_size_in = sizeof(context), .repeat = (int)repeat);
	uint64_t began = ms_bench_cpu_ns();
	int r = bpf_prog_test_run_opts(program, &opts);

	if (r < 0)
		ms_bench_fail("a program cannot be run: %s", strerror(-r));
	if (ret_code)
		*ret_code = opts.retval;
	return (double)(ms_bench_cpu_ns() - began) / repeat;
}

double ms_bench_stream(int target, const struct ms_bench_frame *frame, uint32_t repeat)
{
	const struct ms_bench_drive *drive = ms_bench_drive();
	uint32_t slot = 0;

	if (bpf_map_update_elem(drive->targets, &slot, &target, BPF_ANY) < 0)
		ms_bench_fail("the driver cannot call the program: %s", strerror(errno));
	return ms_bench_run(drive->vary, frame, repeat, NULL);
}

double ms_bench_emit(const struct ms_bench_frame *frame, uint32_t repeat)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame->bytes, .data_size_in = frame->length,
		    .repeat = (int)repeat, .flags = BPF_F_TEST_XDP_LIVE_FRAMES, .batch_size = 64);
	uint64_t began = ms_bench_busy_ns();
	int r = bpf_prog_test_run_opts(ms_bench_drive()->emit, &opts);

	if (r < 0)
		ms_bench_fail("live frames: %s", strerror(-r));
	return (double)(ms_bench_busy_ns() - began) / repeat;
}

double ms_bench_sequence(int target, int family, int reverse, uint32_t first, uint32_t count)
{
	struct ms_bench_frame frame = ms_bench_frame(family, IPPROTO_UDP, reverse, 0);
	struct ms_bench_plan *plan = ms_bench_drive()->plan;

	plan->family = (uint32_t)family;
	plan->reverse = (uint32_t)reverse;
	plan->order = MS_BENCH_SEQUENTIAL;
	plan->next = first;
	return ms_bench_stream(target, &frame, count);
}

void ms_bench_establish(int ingress, int egress, int family, uint32_t flows)
{
	for (uint32_t first = 0; first < flows; first += CHUNK) {
		uint32_t count = flows - first < CHUNK ? flows - first : CHUNK;

		ms_bench_sequence(ingress, family, 0, first, count);
		ms_bench_sequence(egress, family, 1, first, count);
	}
}

void ms_bench_establish_one(int ingress, int egress, int family, int proto)
{
	struct ms_bench_frame frame = ms_bench_frame(family, proto, 0, MS_TCP_SYN_FLAG);

	ms_bench_run(ingress, &frame, 1, NULL);
	frame = ms_bench_frame(family, proto, 1, MS_TCP_SYN_FLAG | MS_TCP_ACK_FLAG);
	ms_bench_run(egress, &frame, 1, NULL);
	frame = ms_bench_frame(family, proto, 0, MS_TCP_ACK_FLAG);
	ms_bench_run(ingress, &frame, 1, NULL);
}
