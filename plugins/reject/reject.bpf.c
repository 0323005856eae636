/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Turns a packet into the answer to it, and sends it back where it came from: a TCP packet into a
 * RST (RFC 9293, 3.5.2), any other into an ICMP error, "administratively prohibited" (RFC 1812
 * 5.2.7.1, RFC 4443 3.1).
 *
 * A packet that was made on this machine may still wait for its checksum: the kernel sums from
 * where its transport header began, with what stands in the checksum field, and puts the result
 * there. No helper tells or ends that. But such a packet holds the sum of its pseudo header in that
 * field, and its place is a field of the answer too: a RST gets the sum of its own pseudo header
 * there, and an ICMP error, where it is the unused half word, whatever makes the whole come out
 * right.
 *
 * The datapath lets an answer pass once where it meets it again: see ms_action_taken().
 */
#include "microseg/action.bpf.h"

#include <bpf/bpf_endian.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>
#include <linux/udp.h>

#include "reject.h"

#define RULES 4096
#define SECOND_NS 1000000000ull
#define BURST_NS (SECOND_NS / 10)
#define TTL 64
#define QUOTED_L4 8

/* <linux/icmp.h> needs a C library. */
#define ICMP_ECHO 8
#define ICMP_TIMESTAMP 13
#define ICMP_DEST_UNREACH 3
#define ICMP_PKT_FILTERED 13
#define ICMPV6_ECHO_REQUEST 128
#define ICMPV6_DEST_UNREACH 1
#define ICMPV6_PROHIBITED 1

struct pseudo6 {
	struct in6_addr src, dst;
	__be32 length, proto;
};

struct pseudo4 {
	__be32 src, dst;
	__u8 zero, proto;
	__be16 length;
};

struct answer4 {
	struct iphdr ip;
	union {
		struct tcphdr tcp;
		struct {
			__u8 type, code;
			__sum16 check;
			__be16 unused, summed;
			__u8 quote[sizeof(struct iphdr) + QUOTED_L4];
		} icmp;
	};
};

struct answer6 {
	struct ipv6hdr ip;
	union {
		struct tcphdr tcp;
		struct {
			__u8 type, code;
			__sum16 check;
			__be16 unused, summed;
			__u8 quote[sizeof(struct ipv6hdr) + QUOTED_L4];
		} icmp;
	};
};

/* By rule, for ms_action_pace(). */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, RULES);
	__type(key, __u32);
	__type(value, __u64);
} buckets SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, REJECT_COUNTS);
	__type(key, __u32);
	__type(value, __u64);
} counts SEC(".maps");

/* 1 = the rule may answer, and that is taken note of. */
static __always_inline int may_answer(__u32 rule, __u32 rate)
{
	__u64 *bucket = ms_action_bucket(&buckets, &rule);

	return bucket &&
	       ms_action_pace(bucket, bpf_ktime_get_boot_ns(), SECOND_NS / rate, BURST_NS);
}

static __always_inline __u16 fold(__s64 sum)
{
	__u32 folded = (__u32)sum;

	folded = (folded & 0xffff) + (folded >> 16);
	folded = (folded & 0xffff) + (folded >> 16);
	return folded;
}

static __always_inline __s64 sum_pseudo4(const struct iphdr *ip, __u16 length)
{
	struct pseudo4 pseudo = { .src = ip->saddr,
				  .dst = ip->daddr,
				  .proto = ip->protocol,
				  .length = bpf_htons(length) };

	return bpf_csum_diff(NULL, 0, (__be32 *)&pseudo, sizeof(pseudo), 0);
}

static __always_inline __s64 sum_pseudo6(const struct ipv6hdr *ip, __u16 length)
{
	struct pseudo6 pseudo = {
		.src = ip->saddr,
		.dst = ip->daddr,
		.length = bpf_htonl(length),
		.proto = bpf_htonl(ip->nexthdr),
	};

	return bpf_csum_diff(NULL, 0, (__be32 *)&pseudo, sizeof(pseudo), 0);
}

/* The answer to `tcp`, but for its checksum; `payload` bytes were behind the header. */
static __always_inline void fill_reset(struct tcphdr *reset, const struct tcphdr *tcp,
				       __u32 payload)
{
	reset->source = tcp->dest;
	reset->dest = tcp->source;
	reset->doff = sizeof(*reset) / 4;
	reset->rst = 1;
	if (tcp->ack) {
		reset->seq = tcp->ack_seq;
		return;
	}
	reset->ack = 1;
	reset->ack_seq = bpf_htonl(bpf_ntohl(tcp->seq) + payload + tcp->syn + tcp->fin);
}

/* The checksum field of a packet's transport header; `ret_check` is untouched without one. */
static __always_inline void load_check(struct __sk_buff *skb, const struct ms_action_ctx *ctx,
				       __u16 *ret_check)
{
	__u32 at = ctx->l4_proto == IPPROTO_TCP ? offsetof(struct tcphdr, check)
						: offsetof(struct udphdr, check);

	bpf_skb_load_bytes(skb, ctx->l4_off + at, ret_check, sizeof(*ret_check));
}

static __always_inline int turn_ethernet(struct __sk_buff *skb, const struct ms_action_ctx *ctx)
{
	__u8 ends[2 * ETH_ALEN], turned[2 * ETH_ALEN];

	if (ctx->l3_off < ETH_HLEN)
		return 0;
	if (bpf_skb_load_bytes(skb, 0, ends, sizeof(ends)))
		return -1;
	__builtin_memcpy(turned, ends + ETH_ALEN, ETH_ALEN);
	__builtin_memcpy(turned + ETH_ALEN, ends, ETH_ALEN);
	return bpf_skb_store_bytes(skb, 0, turned, sizeof(turned), 0);
}

static __always_inline int put(struct __sk_buff *skb, const struct ms_action_ctx *ctx,
			       const void *answer, __u32 size)
{
	if (bpf_skb_change_tail(skb, ctx->l3_off + size, 0) ||
	    bpf_skb_store_bytes(skb, ctx->l3_off, answer, size, BPF_F_INVALIDATE_HASH))
		return REJECT_UNANSWERED;
	return turn_ethernet(skb, ctx) ? REJECT_UNANSWERED : REJECT_ANSWERED;
}

static __always_inline int is_group4(__be32 addr)
{
	return (bpf_ntohl(addr) >> 28) == 0xe || addr == 0xffffffff;
}

/* An error is no answer to an error (RFC 1122, 3.2.2), nor a reset to a reset. `ret_tcp` is filled
 * for a TCP packet. */
static __always_inline int is_question(struct __sk_buff *skb, const struct ms_action_ctx *ctx,
				       struct tcphdr *ret_tcp)
{
	__u8 type;

	if (ctx->l4_proto == IPPROTO_TCP)
		return bpf_skb_load_bytes(skb, ctx->l4_off, ret_tcp, sizeof(*ret_tcp)) == 0 &&
		       !ret_tcp->rst;
	if (skb->len < ctx->l4_off + QUOTED_L4)
		return 0;
	if (ctx->l4_proto != (ctx->ip_version == 4 ? IPPROTO_ICMP : IPPROTO_ICMPV6))
		return 1;
	if (bpf_skb_load_bytes(skb, ctx->l4_off, &type, sizeof(type)))
		return 0;
	return ctx->ip_version == 4 ? type == ICMP_ECHO || type == ICMP_TIMESTAMP
				    : type == ICMPV6_ECHO_REQUEST;
}

/* What became of the packet, as it is counted: only as REJECT_ANSWERED it is another one now. The
 * rate is taken when nothing but the room for an answer can fail any more. */
static __always_inline int answer4(struct __sk_buff *skb, const struct ms_action_ctx *ctx,
				   __u32 rate)
{
	struct answer4 answer = {};
	struct tcphdr tcp;
	struct iphdr ip;
	__u16 check = 0, size;
	__s64 sum;

	if (bpf_skb_load_bytes(skb, ctx->l3_off, &ip, sizeof(ip)) ||
	    ctx->l4_off != ctx->l3_off + sizeof(ip) || is_group4(ip.daddr) || is_group4(ip.saddr) ||
	    ip.saddr == 0 || !is_question(skb, ctx, &tcp))
		return REJECT_UNANSWERED;
	if (!may_answer(ctx->rule, rate))
		return REJECT_OVER_RATE;
	answer.ip.version = 4;
	answer.ip.ihl = sizeof(ip) / 4;
	answer.ip.frag_off = bpf_htons(0x4000);
	answer.ip.ttl = TTL;
	answer.ip.saddr = ip.daddr;
	answer.ip.daddr = ip.saddr;
	if (ctx->l4_proto == IPPROTO_TCP) {
		answer.ip.protocol = IPPROTO_TCP;
		size = sizeof(ip) + sizeof(tcp);
		fill_reset(&answer.tcp, &tcp, bpf_ntohs(ip.tot_len) - sizeof(ip) - tcp.doff * 4);
		load_check(skb, ctx, &check);
		sum = sum_pseudo4(&answer.ip, sizeof(tcp));
		if (check == fold(sum_pseudo4(&ip, bpf_ntohs(ip.tot_len) - sizeof(ip))))
			answer.tcp.check = fold(sum);
		else
			answer.tcp.check = ~fold(bpf_csum_diff(NULL, 0, (__be32 *)&answer.tcp,
							       sizeof(tcp), (__u32)sum));
	} else {
		answer.ip.protocol = IPPROTO_ICMP;
		size = sizeof(answer);
		answer.icmp.type = ICMP_DEST_UNREACH;
		answer.icmp.code = ICMP_PKT_FILTERED;
		if (bpf_skb_load_bytes(skb, ctx->l3_off, answer.icmp.quote,
				       sizeof(answer.icmp.quote)))
			return REJECT_UNANSWERED;
		answer.icmp.check = ~fold(
			bpf_csum_diff(NULL, 0, (__be32 *)&answer.icmp, sizeof(answer.icmp), 0));
	}
	answer.ip.tot_len = bpf_htons(size);
	answer.ip.check = ~fold(bpf_csum_diff(NULL, 0, (__be32 *)&answer.ip, sizeof(answer.ip), 0));
	return ctx->l4_proto == IPPROTO_TCP ? put(skb, ctx, &answer, sizeof(ip) + sizeof(tcp))
					    : put(skb, ctx, &answer, sizeof(answer));
}

static __always_inline int answer6(struct __sk_buff *skb, const struct ms_action_ctx *ctx,
				   __u32 rate)
{
	struct answer6 answer = {};
	struct ipv6hdr ip;
	struct tcphdr tcp;
	__u16 check = 0, waits;
	__s64 sum;

	if (bpf_skb_load_bytes(skb, ctx->l3_off, &ip, sizeof(ip)) ||
	    ctx->l4_off != ctx->l3_off + sizeof(ip) || ip.daddr.in6_u.u6_addr8[0] == 0xff ||
	    ip.saddr.in6_u.u6_addr8[0] == 0xff ||
	    !(ip.saddr.in6_u.u6_addr32[0] | ip.saddr.in6_u.u6_addr32[1] |
	      ip.saddr.in6_u.u6_addr32[2] | ip.saddr.in6_u.u6_addr32[3]) ||
	    !is_question(skb, ctx, &tcp))
		return REJECT_UNANSWERED;
	if (!may_answer(ctx->rule, rate))
		return REJECT_OVER_RATE;
	answer.ip.version = 6;
	answer.ip.hop_limit = TTL;
	answer.ip.saddr = ip.daddr;
	answer.ip.daddr = ip.saddr;
	load_check(skb, ctx, &check);
	waits = fold(sum_pseudo6(&ip, bpf_ntohs(ip.payload_len)));
	if (ctx->l4_proto == IPPROTO_TCP) {
		answer.ip.nexthdr = IPPROTO_TCP;
		answer.ip.payload_len = bpf_htons(sizeof(tcp));
		fill_reset(&answer.tcp, &tcp, bpf_ntohs(ip.payload_len) - tcp.doff * 4);
		sum = sum_pseudo6(&answer.ip, sizeof(tcp));
		if (check == waits)
			answer.tcp.check = fold(sum);
		else
			answer.tcp.check = ~fold(bpf_csum_diff(NULL, 0, (__be32 *)&answer.tcp,
							       sizeof(tcp), (__u32)sum));
		return put(skb, ctx, &answer, sizeof(ip) + sizeof(tcp));
	}
	answer.ip.nexthdr = IPPROTO_ICMPV6;
	answer.ip.payload_len = bpf_htons(sizeof(answer.icmp));
	answer.icmp.type = ICMPV6_DEST_UNREACH;
	answer.icmp.code = ICMPV6_PROHIBITED;
	if (bpf_skb_load_bytes(skb, ctx->l3_off, answer.icmp.quote, sizeof(answer.icmp.quote)))
		return REJECT_UNANSWERED;
	sum = sum_pseudo6(&answer.ip, sizeof(answer.icmp));
	answer.icmp.check = ~fold(
		bpf_csum_diff(NULL, 0, (__be32 *)&answer.icmp, sizeof(answer.icmp), (__u32)sum));
	if (ctx->l4_proto == IPPROTO_UDP && check == waits)
		answer.icmp.summed = fold(sum);
	return put(skb, ctx, &answer, sizeof(answer));
}

SEC("tc")
int reject(struct __sk_buff *skb)
{
	const struct reject_args *args;
	struct ms_action_ctx ctx;
	int r;

	if (ms_action_begin(skb, &ctx) < 0 || ctx.flags & MS_ACTION_AUDIT)
		return ms_action_next(skb);
	args = ctx.args;
	if (!args->rate)
		return ms_action_next(skb);
	/* SCTP waits for a checksum of another kind, in a place where the answer has none. */
	if (ctx.flags & MS_ACTION_FRAGMENT || skb->pkt_type == PACKET_BROADCAST ||
	    skb->pkt_type == PACKET_MULTICAST || ctx.l4_proto == IPPROTO_SCTP) {
		ms_action_tally(&counts, REJECT_UNANSWERED);
		return ms_action_next(skb);
	}
	r = ctx.ip_version == 4 ? answer4(skb, &ctx, args->rate) : answer6(skb, &ctx, args->rate);
	ms_action_tally(&counts, r);
	if (r != REJECT_ANSWERED)
		return ms_action_next(skb);
	bpf_redirect(ctx.ifindex, ctx.flags & MS_ACTION_EGRESS ? BPF_F_INGRESS : 0);
	return ms_action_taken(skb, TC_ACT_REDIRECT);
}

char reject_license[] SEC("license") = "GPL";
