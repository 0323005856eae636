/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Frames for tests, built by hand: one call makes an Ethernet frame with a packet in it, others
 * change it (tags, options, extension headers, fragments, cuts). Addresses are text, the family
 * follows from them. Checksums are left out: the datapath does not look at them. A call that does
 * not fit fails the running test.
 */
#ifndef MS_TESTS_HARNESS_PKT_H
#define MS_TESTS_HARNESS_PKT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MS_PKT_MAX 2048

enum {
	MS_PKT_FIN = 0x01,
	MS_PKT_SYN = 0x02,
	MS_PKT_RST = 0x04,
	MS_PKT_PSH = 0x08,
	MS_PKT_ACK = 0x10,
};

struct ms_pkt {
	uint8_t frame[MS_PKT_MAX];
	size_t len;
	size_t l3, l4; /* offsets; l4 behind options and extension headers */
	int family;
};

/* Whole packets, with `MS_PKT_PAYLOAD` bytes behind the transport header. */
#define MS_PKT_PAYLOAD 16
struct ms_pkt ms_pkt_tcp(const char *src, uint16_t sport, const char *dst, uint16_t dport,
			 uint8_t flags);
struct ms_pkt ms_pkt_udp(const char *src, uint16_t sport, const char *dst, uint16_t dport);
struct ms_pkt ms_pkt_sctp(const char *src, uint16_t sport, const char *dst, uint16_t dport);
/* ICMP or ICMPv6 by family. */
struct ms_pkt ms_pkt_icmp(const char *src, const char *dst, uint8_t type, uint8_t code,
			  uint16_t id);
struct ms_pkt ms_pkt_proto(const char *src, const char *dst, uint8_t proto);
/* An ICMP error from `src` to the sender of `quoted`. */
struct ms_pkt ms_pkt_error(const char *src, const char *dst, uint8_t type, uint8_t code,
			   const struct ms_pkt *quoted);
/* No IP at all. */
struct ms_pkt ms_pkt_ethertype(uint16_t ethertype);

/* Pushes a tag in front of those that are there. */
void ms_pkt_tag(struct ms_pkt *pkt, uint16_t ethertype, uint16_t tci);
/* The DS field: DSCP and, in the lowest two bits, ECN. */
void ms_pkt_ds(struct ms_pkt *pkt, uint8_t ds);
/* IPv4 options, `len` a multiple of 4. */
void ms_pkt_options(struct ms_pkt *pkt, size_t len);
/* An IPv6 extension header of `len` bytes right before the transport header (behind those that
 * were added before). */
void ms_pkt_extension(struct ms_pkt *pkt, uint8_t type, size_t len);
/* Marks as a fragment: `offset` in bytes, a multiple of 8. The bytes themselves stay. */
void ms_pkt_fragment(struct ms_pkt *pkt, uint32_t id, uint16_t offset, bool more);
/* Cuts the frame to `payload` bytes behind the IP header (and extension headers), and says so in
 * the length field. */
void ms_pkt_cut(struct ms_pkt *pkt, size_t payload);
/* Cuts the frame only: the length field goes on promising the rest. */
void ms_pkt_truncate(struct ms_pkt *pkt, size_t len);

#endif
