/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Counts packets by address; when there are enough of them within the time, the address is told to
 * the daemon through a ring of the plugin's own. Events of the datapath would not do: those are
 * limited by rule, so a loud address would hide the others.
 */
#include "microseg/action.bpf.h"

#include <linux/ip.h>
#include <linux/ipv6.h>

#include "quarantine.h"

#define ADDRESSES 65536
#define RING_BYTES 65536

struct suspect_key {
	__u64 set;
	__u32 rule, family;
	__u8 addr[16];
};

struct suspect {
	__u64 began_ns; /* the first of these hits */
	__u64 told_ns;  /* 0 = never */
	__u32 hits, pad;
};

/* Who is pushed out is counted from the beginning when he comes again. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, ADDRESSES);
	__type(key, struct suspect_key);
	__type(value, struct suspect);
} suspects SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, RING_BYTES);
} cases SEC(".maps");

/* The plugin's alone: a map, so that the next daemon goes on from it. Its size is `max`. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, ADDRESSES);
	__type(key, struct quarantine_held);
	__type(value, __u64);
} held SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, QUARANTINE_COUNTS);
	__type(key, __u32);
	__type(value, __u64);
} counts SEC(".maps");

static __always_inline int fill_key(struct __sk_buff *skb, const struct ms_action_ctx *ctx,
				    const struct quarantine_args *args, struct suspect_key *key)
{
	__u32 at = ctx->l3_off;

	key->set = args->set;
	key->rule = ctx->rule;
	key->family = ctx->ip_version;
	if (ctx->ip_version == 4) {
		at += args->is_destination ? offsetof(struct iphdr, daddr)
					   : offsetof(struct iphdr, saddr);
		return bpf_skb_load_bytes(skb, at, key->addr, 4);
	}
	at += args->is_destination ? offsetof(struct ipv6hdr, daddr)
				   : offsetof(struct ipv6hdr, saddr);
	return bpf_skb_load_bytes(skb, at, key->addr, 16);
}

/* 0, or -1 when there is no room: it then stays as it was, and the next hit tells. */
static __always_inline int tell(const struct suspect_key *key, const struct quarantine_args *args)
{
	struct quarantine_case *told = bpf_ringbuf_reserve(&cases, sizeof(*told), 0);

	if (!told) {
		ms_action_tally(&counts, QUARANTINE_LOST);
		return -1;
	}
	__builtin_memset(told, 0, sizeof(*told));
	told->set = key->set;
	told->rule = key->rule;
	told->for_s = args->for_s;
	told->family = (__u8)key->family;
	__builtin_memcpy(told->addr, key->addr, sizeof(told->addr));
	bpf_ringbuf_submit(told, 0);
	ms_action_tally(&counts, QUARANTINE_TOLD);
	return 0;
}

static __always_inline void note_hit(const struct suspect_key *key, struct suspect *suspect,
				     const struct quarantine_args *args, __u64 now)
{
	/* He is on his way: the daemon may need a moment, or could not. */
	if (suspect->told_ns && now - suspect->told_ns < QUARANTINE_AGAIN_NS)
		return;
	if (now - suspect->began_ns > args->within_ns) {
		suspect->began_ns = now;
		suspect->hits = 0;
	}
	__sync_fetch_and_add(&suspect->hits, 1);
	if (suspect->hits < args->hits || tell(key, args) < 0)
		return;
	suspect->told_ns = now;
	suspect->hits = 0;
}

SEC("tc")
int quarantine(struct __sk_buff *skb)
{
	const struct quarantine_args *args;
	struct suspect_key key = {};
	struct suspect *suspect, fresh = {};
	struct ms_action_ctx ctx;
	__u64 now;

	if (ms_action_begin(skb, &ctx) < 0 || ctx.flags & MS_ACTION_AUDIT)
		return ms_action_next(skb);
	args = ctx.args;
	/* Answers come here, too: their source is who was asked. */
	if (!args->hits || ctx.dir != args->dir || fill_key(skb, &ctx, args, &key))
		return ms_action_next(skb);
	ms_action_tally(&counts, QUARANTINE_HITS);
	now = bpf_ktime_get_boot_ns();
	suspect = bpf_map_lookup_elem(&suspects, &key);
	if (!suspect) {
		fresh.began_ns = now;
		bpf_map_update_elem(&suspects, &key, &fresh, BPF_NOEXIST);
		suspect = bpf_map_lookup_elem(&suspects, &key);
	}
	if (suspect)
		note_hit(&key, suspect, args, now);
	return ms_action_next(skb);
}

char quarantine_license[] SEC("license") = "GPL";
