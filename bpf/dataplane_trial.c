/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A new program of an action meets a few packets of ours before it meets any of the network's. They
 * are of a list that no rule has (MS_ACTION_TRIAL_LIST), so ms_resume returns what the program
 * handed back instead of counting it, and the program can call no other.
 */
#include "bpf/dataplane_trial.h"

#include <errno.h>
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include <netinet/in.h>
#include <string.h>

#include <bpf/bpf.h>

#include "core/base/cleanup.h"
#include "microseg/abi.h"
#include "microseg/chain.h"

#define IFINDEX 1 /* lo, wherever we are */
#define FRAME_MAX 2048
#define ADDR4(last) 192, 0, 2, last
#define ADDR6(last) 0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, last
#define ETHERNET(type) 2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, (type) >> 8, (type)&0xff
/* Checksums of these packets as they stand. */
#define IP4(total, fragment, proto, sum)                                                           \
	ETHERNET(ETH_P_IP), 0x45, 0, 0, total, 0, 1, (fragment) >> 8, (fragment)&0xff, 64, proto,  \
		(sum) >> 8, (sum)&0xff, ADDR4(1), ADDR4(2)
#define IP6(payload, proto)                                                                        \
	ETHERNET(ETH_P_IPV6), 0x60, 0, 0, 0, 0, payload, proto, 64, ADDR6(1), ADDR6(2)
#define TCP_SYN(sum)                                                                               \
	0x04, 0, 0, 80, 0, 0, 0, 1, 0, 0, 0, 0, 0x50, 2, 0x20, 0, (sum) >> 8, (sum)&0xff, 0, 0
#define UDP(sum) 0x04, 0, 0, 53, 0, 12, (sum) >> 8, (sum)&0xff, 1, 2, 3, 4
#define ECHO(type, sum) type, 0, (sum) >> 8, (sum)&0xff, 0, 1, 0, 1

struct packet {
	const char *what;
	uint8_t family, proto;
	bool is_fragment;
	uint8_t size;
	uint8_t frame[80];
};

static const struct packet packets[] = {
	{ "a TCP packet",
	  4,
	  IPPROTO_TCP,
	  false,
	  54,
	  { IP4(40, 0, IPPROTO_TCP, 0xf6cb), TCP_SYN(0x078e) } },
	{ "a UDP packet",
	  4,
	  IPPROTO_UDP,
	  false,
	  46,
	  { IP4(32, 0, IPPROTO_UDP, 0xf6c8), UDP(0x7397) } },
	{ "an ICMP packet",
	  4,
	  IPPROTO_ICMP,
	  false,
	  42,
	  { IP4(28, 0, IPPROTO_ICMP, 0xf6dc), ECHO(8, 0xf7fd) } },
	{ "a later fragment",
	  4,
	  IPPROTO_UDP,
	  true,
	  38,
	  { IP4(24, 0x10, IPPROTO_UDP, 0xf6c0), 1, 2, 3, 4 } },
	{ "a TCP packet over IPv6",
	  6,
	  IPPROTO_TCP,
	  false,
	  74,
	  { IP6(20, IPPROTO_TCP), TCP_SYN(0x301d) } },
	{ "a UDP packet over IPv6",
	  6,
	  IPPROTO_UDP,
	  false,
	  66,
	  { IP6(12, IPPROTO_UDP), UDP(0x9c26) } },
	{ "an ICMPv6 packet",
	  6,
	  IPPROTO_ICMPV6,
	  false,
	  62,
	  { IP6(8, IPPROTO_ICMPV6), ECHO(128, 0x2446) } },
};

/* Directions, hooks and ends of the list, as far as they differ. */
static const struct {
	uint32_t rule, rest;
} ways[] = {
	{ 0, 0 },
	{ 0, MS_CHAIN_DENIED },
	{ MS_CHAIN_OUT | MS_CHAIN_EGRESS | MS_CHAIN_SESSION | MS_CHAIN_COUNTED, 0 },
	{ MS_CHAIN_OUT | MS_CHAIN_EGRESS, MS_CHAIN_DENIED },
	{ MS_CHAIN_AUDIT, 0 },
	{ MS_CHAIN_AUDIT, MS_CHAIN_DENIED },
};

static const char *say_end(uint32_t how)
{
	return how == MS_CHAIN_TAKEN ? "took" : "ended";
}

static bool may_hand_back(uint32_t how, uint32_t code)
{
	switch (how) {
	case MS_CHAIN_RUNS:
		return true;
	case MS_CHAIN_ENDED:
		return code == MS_VERDICT_ALLOW || code == MS_VERDICT_DENY;
	case MS_CHAIN_TAKEN:
		return code == TC_ACT_REDIRECT || code == TC_ACT_STOLEN || code == TC_ACT_SHOT;
	default:
		return false;
	}
}

/* The first of the host's words that is not as it was, MS_CHAIN_END and the code aside; -1 = all
 * are. */
static int find_changed_word(const uint32_t *before, const uint32_t *after)
{
	const uint32_t own[] = {
		[MS_CHAIN_RULE] = MS_CHAIN_END_MASK,
		[MS_CHAIN_LIST] = MS_CHAIN_CODE_MASK,
		[MS_CHAIN_OFFSETS] = 0,
		[MS_CHAIN_REST] = 0,
	};

	for (size_t i = 0; i < ms_array_size(own); i++)
		if ((before[i] ^ after[i]) & ~own[i])
			return (int)i;
	return -1;
}

/* Whether what only looks has left the packet alone. */
static bool is_as_it_was(const struct packet *packet, const uint8_t *frame, uint32_t size,
			 const struct __sk_buff *before, const struct __sk_buff *after)
{
	return size == packet->size && memcmp(frame, packet->frame, size) == 0 &&
	       after->mark == before->mark && after->priority == before->priority;
}

static int run(int program_fd, const char *name, bool observes, const struct packet *packet,
	       size_t way, struct ms_error *err)
{
	struct __sk_buff before = { .ifindex = IFINDEX }, after = { 0 };
	uint8_t frame[FRAME_MAX];
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = packet->frame, .data_size_in = packet->size,
		    .data_out = observes ? frame : NULL,
		    .data_size_out = observes ? sizeof(frame) : 0, .ctx_in = &before,
		    .ctx_size_in = sizeof(before), .ctx_out = &after, .ctx_size_out = sizeof(after),
		    .repeat = 1);
	uint32_t l4_off = ETH_HLEN + (packet->family == 6 ? 40 : 20), how, code;
	int r, word;

	before.cb[MS_CHAIN_RULE] = ways[way].rule | (packet->family == 6 ? MS_CHAIN_IP6 : 0) |
				   (packet->is_fragment ? MS_CHAIN_FRAGMENT : 0);
	before.cb[MS_CHAIN_LIST] = MS_ACTION_TRIAL_LIST;
	before.cb[MS_CHAIN_OFFSETS] = ETH_HLEN | l4_off << 16;
	before.cb[MS_CHAIN_REST] = ways[way].rest | packet->proto;
	r = bpf_prog_test_run_opts(program_fd, &opts);
	if (r < 0)
		return ms_error_set(err, -EINVAL, "action %s cannot be tried: %s", name,
				    strerror(-r));
	how = opts.retval >> 8 & 0xff;
	code = opts.retval & 0xff;
	if ((opts.retval & MS_CHAIN_TRIED_MASK) != MS_CHAIN_TRIED)
		return ms_error_set(
			err, -EINVAL,
			"action %s ended %s with a code of its own, %d, which no action may", name,
			packet->what, (int)opts.retval);
	if (!may_hand_back(how, code))
		return ms_error_set(
			err, -EINVAL, "action %s ended %s with %s %u, which there is not", name,
			packet->what, how == MS_CHAIN_TAKEN ? "the TC code" : "verdict", code);
	word = find_changed_word(before.cb, after.cb);
	if (word >= 0)
		return ms_error_set(err, -EINVAL,
				    "action %s changed cb[%d], which is the host's, for %s", name,
				    word, packet->what);
	if (observes && how != MS_CHAIN_RUNS)
		return ms_error_set(err, -EINVAL, "action %s says that it only observes, and %s %s",
				    name, say_end(how), packet->what);
	if (observes && !is_as_it_was(packet, frame, opts.data_size_out, &before, &after))
		return ms_error_set(err, -EINVAL,
				    "action %s says that it only observes, and changed %s", name,
				    packet->what);
	return 0;
}

static int check_type(int program_fd, const char *name, struct ms_error *err)
{
	struct bpf_prog_info info = { 0 };
	uint32_t length = sizeof(info);

	if (bpf_obj_get_info_by_fd(program_fd, &info, &length) < 0)
		return ms_error_set(err, -EINVAL, "action %s gave no BPF program: %s", name,
				    strerror(errno));
	if (info.type != BPF_PROG_TYPE_SCHED_CLS)
		return ms_error_set(
			err, -EINVAL,
			"action %s gave a BPF program of type %u, not of type sched_cls", name,
			info.type);
	return 0;
}

int ms_dataplane_trial(int program_fd, const char *name, bool observes, struct ms_error *err)
{
	int r = check_type(program_fd, name, err);

	for (size_t i = 0; r == 0 && i < ms_array_size(packets); i++)
		for (size_t way = 0; r == 0 && way < ms_array_size(ways); way++)
			r = run(program_fd, name, observes, &packets[i], way, err);
	return r;
}
