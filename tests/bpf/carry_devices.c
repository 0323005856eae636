/* SPDX-License-Identifier: GPL-2.0-or-later */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "carry_devices.skel.h"
#include "tests/bpf/carry.h"
#include "tests/harness/netns.h"

#define ETHERNET 14
#define TAG 4
#define PATIENCE_SECONDS 10

/* The interface of the differential test that has no Ethernet header; the others are the veth. */
#define L3_IFACE 2

const uint64_t ms_carry_packets = 20000;

static struct carry_devices_bpf *neighbours;
static uint32_t veth, peer, tun, upper;
static int packet_fd = -1, tun_fd = -1;

/* ---- devices ---- */

static void open_tun(void)
{
	struct ifreq request = { .ifr_name = "tun0", .ifr_flags = IFF_TUN };

	tun_fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
	ck_assert_int_ge(tun_fd, 0);
	ck_assert_int_eq(ioctl(tun_fd, TUNSETIFF, &request), 0);
	tun = if_nametoindex("tun0");
}

static void add_filter(uint32_t ifindex, enum ms_hook hook, uint32_t priority, int program)
{
	LIBBPF_OPTS(bpf_tc_hook, where, .ifindex = (int)ifindex,
		    .attach_point = hook == MS_HOOK_INGRESS ? BPF_TC_INGRESS : BPF_TC_EGRESS);
	LIBBPF_OPTS(bpf_tc_opts, what, .handle = 1, .priority = priority, .prog_fd = program);
	int r = bpf_tc_hook_create(&where);

	ck_assert_msg(r == 0 || r == -EEXIST, "clsact: %s", strerror(-r));
	ck_assert_int_eq(bpf_tc_attach(&where, &what), 0);
}

static void attach(const struct ms_dataplane *dp, uint32_t ifindex)
{
	for (int hook = MS_HOOK_INGRESS; hook <= MS_HOOK_EGRESS; hook++) {
		add_filter(ifindex, hook, 1, bpf_program__fd(neighbours->progs.first));
		add_filter(ifindex, hook, 2, ms_dataplane_program(dp, hook));
		add_filter(ifindex, hook, 3, bpf_program__fd(neighbours->progs.last));
	}
}

void ms_carry_open(const struct ms_dataplane *dp)
{
	cpu_set_t one;

	/* On one processor a packet that is seen to be there has been judged: what is between the
	 * two is not interrupted by this process. */
	CPU_ZERO(&one);
	CPU_SET(sched_getcpu(), &one);
	ck_assert_int_eq(sched_setaffinity(0, sizeof(one), &one), 0);
	/* Nobody answers: no address, no route, no IPv6 of the host's own. */
	ms_netns_run_command("echo 1 >/proc/sys/net/ipv6/conf/default/disable_ipv6 && "
			     "ip link add veth0 type veth peer name peer0 && "
			     "ip link add upper0 type veth peer name upper1");
	open_tun();
	neighbours = carry_devices_bpf__open_and_load();
	ck_assert_ptr_nonnull(neighbours);
	veth = if_nametoindex("veth0");
	peer = if_nametoindex("peer0");
	upper = if_nametoindex("upper0");
	neighbours->bss->veth_ifindex = veth;
	packet_fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	ck_assert_int_ge(packet_fd, 0);
	attach(dp, veth);
	attach(dp, tun);
	add_filter(upper, MS_HOOK_EGRESS, 1, bpf_program__fd(neighbours->progs.offload));
	ms_netns_run_command("ip link set veth0 up && ip link set peer0 up && "
			     "ip link set upper0 up && ip link set upper1 up && "
			     "ip link set tun0 up");
	ms_netns_wait_carrier("veth0");
	ms_netns_wait_carrier("peer0");
	ms_netns_wait_carrier("upper0");
}

uint32_t ms_carry_ifindex(unsigned int iface)
{
	return ms_carry_is_l3(iface) ? tun : veth;
}

bool ms_carry_is_l3(unsigned int iface)
{
	return iface == L3_IFACE;
}

/* ---- packets ---- */

static uint16_t ethertype_of(const struct ms_random_packet *packet)
{
	return packet->frame[12] << 8 | packet->frame[13];
}

static bool is_tagged(const struct ms_random_packet *packet)
{
	uint16_t ethertype = ethertype_of(packet);

	return ethertype == ETHERTYPE_VLAN || ethertype == 0x88a8;
}

static bool prepare_l3(struct ms_random_packet *packet, struct ms_oracle_packet *ret_seen)
{
	uint8_t version;

	while (is_tagged(packet) && packet->len > ETHERNET + TAG) {
		packet->len -= TAG;
		memmove(packet->frame + 12, packet->frame + 12 + TAG, packet->len - 12);
	}
	version = packet->frame[ETHERNET] >> 4;
	/* A tunnel knows what is in a packet by its first bits, and has no ARP. */
	if (packet->len == ETHERNET || is_tagged(packet) || ethertype_of(packet) == ETHERTYPE_ARP ||
	    (ethertype_of(packet) == ETHERTYPE_IP) != (version == 4) ||
	    (ethertype_of(packet) == ETHERTYPE_IPV6) != (version == 6))
		return false;
	ret_seen->bytes = packet->frame + ETHERNET;
	ret_seen->len = packet->len - ETHERNET;
	return true;
}

bool ms_carry_prepare(struct ms_random_packet *packet, struct ms_oracle_packet *ret_seen)
{
	static uint8_t untagged[MS_RANDOM_FRAME];

	*ret_seen = (struct ms_oracle_packet) {
		.bytes = packet->frame,
		.len = packet->len,
		.egress = packet->egress,
	};
	if (ms_carry_is_l3(packet->iface))
		return prepare_l3(packet, ret_seen);
	if (!is_tagged(packet))
		return true;
	/* The kernel itself drops frames that end within the tags it takes off. */
	if (packet->len < ETHERNET + 3 * TAG)
		return false;
	ret_seen->has_offloaded_tag = true;
	ret_seen->offloaded_tag = packet->frame[14] << 8 | packet->frame[15];
	ret_seen->len -= TAG;
	ret_seen->bytes = untagged;
	memcpy(untagged, packet->frame, 12);
	memcpy(untagged + 12, packet->frame + 12 + TAG, ret_seen->len - 12);
	return true;
}

static void send_frame(uint32_t ifindex, const uint8_t *bytes, size_t len, uint16_t ethertype)
{
	struct sockaddr_ll to = {
		.sll_family = AF_PACKET,
		.sll_ifindex = (int)ifindex,
		.sll_protocol = htons(ethertype),
	};

	/* ENOBUFS: the hook on the way out dropped it. */
	if (sendto(packet_fd, bytes, len, 0, (void *)&to, sizeof(to)) < 0)
		ck_assert_msg(errno == ENOBUFS, "send of %zu bytes: %s", len, strerror(errno));
}

static void send_packet(const struct ms_random_packet *packet)
{
	struct tun_pi head = { .proto = htons(ethertype_of(packet)) };
	struct iovec parts[] = {
		{ &head, sizeof(head) },
		{ (void *)(packet->frame + ETHERNET), packet->len - ETHERNET },
	};

	if (!ms_carry_is_l3(packet->iface))
		send_frame(packet->egress ? upper : peer, packet->frame, packet->len,
			   ethertype_of(packet));
	else if (packet->egress)
		send_frame(tun, packet->frame + ETHERNET, packet->len - ETHERNET,
			   ethertype_of(packet));
	else
		ck_assert_int_eq(writev(tun_fd, parts, 2), sizeof(head) + packet->len - ETHERNET);
}

static bool is_seen(void *user)
{
	const uint64_t *before = user;

	return neighbours->bss->seen != *before;
}

bool ms_carry(const struct ms_random_packet *packet)
{
	uint64_t seen = neighbours->bss->seen, passed = neighbours->bss->passed;

	send_packet(packet);
	ck_assert_msg(ms_netns_wait(is_seen, &seen, PATIENCE_SECONDS),
		      "a packet of %zu bytes never came", packet->len);
	ck_assert_uint_eq(neighbours->bss->seen, seen + 1);
	return neighbours->bss->passed != passed;
}
