/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Packets that nobody would send, by a seed: every protocol, tag, option, extension header and
 * fragment that the datapath reads, answers to earlier packets so that sessions live, and frames
 * with bytes flipped and ends cut off. Addresses and ports come from few, so that rules meet them.
 */
#ifndef MS_TESTS_BPF_RANDOM_PACKET_H
#define MS_TESTS_BPF_RANDOM_PACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ms_random {
	uint64_t state; /* never 0 */
};
uint32_t ms_random_below(struct ms_random *random, uint32_t limit);
bool ms_random_percent(struct ms_random *random, unsigned int percent);

#define MS_RANDOM_FRAME 640
#define MS_RANDOM_FLOWS 64

struct ms_random_packet {
	uint8_t frame[MS_RANDOM_FRAME];
	size_t len;
	unsigned int iface;
	bool egress;
};

/* The addresses and ports in play: 10.0.0.0-7 and 10.1.0.0-7, 2001:db8::0-7 and 2001:db8:0:1::0-7
 */
#define MS_RANDOM_NETS 2
#define MS_RANDOM_HOSTS 8
void ms_random_address(struct ms_random *random, int family, uint8_t ret_addr[16]);
uint16_t ms_random_port(struct ms_random *random);
uint16_t ms_random_vlan(struct ms_random *random);
uint8_t ms_random_dscp(struct ms_random *random);
uint8_t ms_random_proto(struct ms_random *random, int family);
uint8_t ms_random_icmp_type(struct ms_random *random, int family);

struct ms_random_flow {
	int family;
	uint8_t src[16], dst[16];
	uint8_t proto;
	uint16_t sport, dport; /* ICMP: identifier in sport */
	uint8_t icmp_type, icmp_code;
	uint16_t tags[2];
	unsigned int n_tags;
	uint8_t ds; /* the whole field */
	unsigned int iface;
	bool egress;
	uint16_t fragment_id;
};

struct ms_random_source {
	struct ms_random random;
	unsigned int n_ifaces;
	struct ms_random_flow flows[MS_RANDOM_FLOWS];
};

void ms_random_source_init(struct ms_random_source *source, uint64_t seed, unsigned int n_ifaces);
void ms_random_packet_next(struct ms_random_source *source, struct ms_random_packet *ret_packet);

#endif
