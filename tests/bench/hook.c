/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a packet costs at the hook: real frames into a veth device that nothing, a no-op, microseg
 * or nftables looks at. Each has a network namespace and a veth pair of its own, set up the same
 * way, and what passes is dropped behind it by the same chain, which counts it.
 */
#define _GNU_SOURCE
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/base/cleanup.h"
#include "core/event/event.h"
#include "tests/bench/daemon.h"
#include "tests/bench/drive.h"
#include "tests/bench/result.h"
#include "tests/bench/world.h"

#define CHUNK 1024 /* frames of one run: setting one up takes the kernel some milliseconds */
#define LANES 5    /* of one comparison */
#define QUIET_MS 50
#define TRIES 10
#define RULES_FILE "/run/rules.nft"
#define PARTS 5     /* placements of the tables in memory that a figure is of (result.h) */
#define FEW_PARTS 2 /* where answering all flows takes longer than measuring */

struct lane {
	const char *column;
	const char *nft; /* what nftables does in it, NULL = nothing */
	bool stateful;   /* has to see an answer of each flow first, and to know it then */
	bool slow;       /* by so much that an eighth of the frames tells as much */
	enum ms_session_table table;
	const struct ms_bench_rules *rules; /* microseg's, NULL = it is not there */
	struct ms_bench_world *world;
	uint64_t known; /* frames of flows that it knew, before the measured ones */
	unsigned int number;
	int netns;
	unsigned int out; /* ifindex of the sending end */
	uint64_t sent;
	uint32_t flows, repeat;
};

/* Of all parts. */
struct tally {
	uint64_t sent, arrived;
};

static int own_netns = -1;

static void go(int netns)
{
	if (setns(netns, CLONE_NEWNET) < 0)
		ms_bench_fail("a namespace cannot be entered: %s", strerror(errno));
}

static void write_rules(const char *text)
{
	ms_cleanup(ms_close_file) FILE *file = fopen(RULES_FILE, "we");

	if (!file || fputs(text, file) < 0 || fflush(file) != 0)
		ms_bench_fail("%s: %s", RULES_FILE, strerror(errno));
}

static void make_lane(struct lane *lane)
{
	static unsigned int lanes;
	unsigned int n = lane->number = lanes++;
	char path[64];

	ms_bench_command("ip netns add n%u && ip link add p%u type veth peer name w0 address "
			 "02:00:00:00:00:01 netns n%u && ip link set p%u up",
			 n, n, n, n);
	snprintf(path, sizeof(path), "/run/netns/n%u", n);
	lane->netns = open(path, O_RDONLY | O_CLOEXEC);
	snprintf(path, sizeof(path), "p%u", n);
	lane->out = if_nametoindex(path);
	go(lane->netns);
	ms_bench_command("ip link set lo up && ip addr add 172.16.0.1/24 dev w0 && "
			 "ip link set w0 up && ip neigh add 172.16.0.2 lladdr 02:00:00:00:00:02 "
			 "dev w0 nud permanent && ip route add 10.0.0.0/8 via 172.16.0.2 && "
			 "sysctl -qw net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.w0.rp_filter=0");
	/* The receiving end polls, and takes frames from another's transmit path. */
	if (bpf_xdp_attach((int)if_nametoindex("w0"), ms_bench_drive()->take, XDP_FLAGS_DRV_MODE,
			   NULL) < 0)
		ms_bench_fail("XDP on a veth: %s", strerror(errno));
	if (lane->nft) {
		write_rules(lane->nft);
		ms_bench_command("nft -f " RULES_FILE);
	}
	if (lane->stateful && lane->nft)
		ms_bench_command("sysctl -qw net.netfilter.nf_conntrack_udp_timeout=3600 "
				 "net.netfilter.nf_conntrack_udp_timeout_stream=3600");
	go(own_netns);
}

/* With its tables, which the next ones are not to be beside. */
static void drop_lane(struct lane *lane)
{
	close(lane->netns);
	ms_bench_command("ip link del p%u && ip netns del n%u", lane->number, lane->number);
	lane->world = ms_bench_world_close(lane->world);
}

static void hang(struct lane *lane, int ingress, int egress)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .attach_point = BPF_TC_INGRESS | BPF_TC_EGRESS);
	LIBBPF_OPTS(bpf_tc_opts, in, .prog_fd = ingress, .handle = 1, .priority = 1);
	LIBBPF_OPTS(bpf_tc_opts, out, .prog_fd = egress, .handle = 1, .priority = 1);
	int r;

	go(lane->netns);
	hook.ifindex = (int)if_nametoindex("w0");
	r = bpf_tc_hook_create(&hook);
	hook.attach_point = BPF_TC_INGRESS;
	if (r == 0)
		r = bpf_tc_attach(&hook, &in);
	hook.attach_point = BPF_TC_EGRESS;
	if (r == 0)
		r = bpf_tc_attach(&hook, &out);
	if (r < 0)
		ms_bench_fail("TC on a veth: %s", strerror(-r));
	go(own_netns);
}

static void protect(struct lane *lane, uint32_t table)
{
	struct ms_iface line = { .zone = 2, .group = { 1, 1 }, .side = 3 };
	struct ms_bench_world *world = ms_bench_world_open_on(lane->table, table, 131072);

	if (ms_bench_world_put_rules(world, lane->rules) < 0)
		ms_bench_fail("%zu rules do not fit", lane->rules->count);
	lane->world = world;
	go(lane->netns);
	line.ifindex = if_nametoindex("w0");
	go(own_netns);
	if (ms_dataplane_put_iface(world->dp, &line) < 0)
		ms_bench_fail("the interface's line cannot be written");
	hang(lane, ms_dataplane_program(world->dp, MS_HOOK_INGRESS),
	     ms_dataplane_program(world->dp, MS_HOOK_EGRESS));
}

/* ---- traffic ---- */

static void aim(const struct lane *lane, enum ms_bench_order order)
{
	struct ms_bench_plan *plan = ms_bench_drive()->plan;

	plan->family = 4;
	plan->reverse = 0;
	plan->order = order;
	plan->mask = lane->flows - 1;
	plan->ifindex = lane->out;
}

/* Answers what comes until nothing has come for a while; how many that were. */
static uint32_t answer_some(int fd, uint32_t expected)
{
	struct pollfd wait = { .fd = fd, .events = POLLIN };
	uint32_t answered = 0;

	while (answered < expected && poll(&wait, 1, QUIET_MS) == 1) {
		struct sockaddr_in peer;
		socklen_t length = sizeof(peer);
		char text[64];

		if (recvfrom(fd, text, sizeof(text), 0, (struct sockaddr *)&peer, &length) < 0)
			continue;
		sendto(fd, text, 1, 0, (struct sockaddr *)&peer, length);
		answered++;
	}
	return answered;
}

/* Each flow's first packet reaches a socket, which answers. */
static void answer_flows(struct lane *lane, uint32_t flows)
{
	struct ms_bench_frame frame = ms_bench_frame(4, IPPROTO_UDP, 0, 0);
	struct sockaddr_in server = { .sin_family = AF_INET, .sin_port = htons(5432) };
	ms_cleanup(ms_close_fd) int fd = -1;
	int room = 32 << 20; /* a live frame is charged as a whole page */

	go(lane->netns);
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room)) < 0 ||
	    bind(fd, (struct sockaddr *)&server, sizeof(server)) < 0)
		ms_bench_fail("a socket that answers: %s", strerror(errno));
	go(own_netns);
	aim(lane, MS_BENCH_SEQUENTIAL);
	for (uint32_t first = 0; first < flows; first += CHUNK) {
		uint32_t count = flows - first < CHUNK ? flows - first : CHUNK;
		unsigned int tries = 0;

		/* Frames may find the veth's ring full; the next try finds it empty. */
		do {
			if (tries++ == TRIES)
				ms_bench_fail("%s: flows after %u are not answered", lane->column,
					      first);
			ms_bench_drive()->plan->next = first;
			ms_bench_emit(&frame, count);
		} while (answer_some(fd, count) < count);
	}
}

static void drop_behind(struct lane *lane)
{
	go(lane->netns);
	write_rules("table ip behind { chain drops { type filter hook prerouting priority 300; "
		    "counter drop;\n}\n}\n");
	ms_bench_command("nft -f " RULES_FILE);
	go(own_netns);
}

static double measure(void *user)
{
	struct ms_bench_frame frame = ms_bench_frame(4, IPPROTO_UDP, 0, 0);
	struct lane *lane = user;

	aim(lane, MS_BENCH_RANDOM);
	lane->sent += lane->repeat;
	return ms_bench_emit(&frame, lane->repeat);
}

/* Of the first rule with a counter. */
static uint64_t read_counter(const struct lane *lane, const char *chain)
{
	unsigned long long packets = 0;
	bool found = false;
	char line[256];
	FILE *pipe;

	snprintf(line, sizeof(line), "nft list chain ip %s", chain);
	go(lane->netns);
	pipe = popen(line, "re");
	go(own_netns);
	while (pipe && fgets(line, sizeof(line), pipe)) {
		const char *at = strstr(line, "counter packets ");

		if (at && !found)
			packets = strtoull(at + 16, NULL, 10);
		found = found || at;
	}
	if (!pipe || pclose(pipe) != 0 || !found)
		ms_bench_fail("%s: chain %s has no counter", lane->column, chain);
	return packets;
}

/* Frames that it has let through because it knew their flow, by its own account. */
static uint64_t count_known(const struct lane *lane)
{
	struct ms_stats stats;

	if (!lane->world)
		return read_counter(lane, "tracked c");
	if (ms_dataplane_stats(lane->world->dp, &stats) < 0)
		ms_bench_fail("the datapath's counters cannot be read");
	return stats.packets[MS_REASON_SESSION][MS_VERDICT_ALLOW];
}

/* How many frames arrived. Those of flows that were not known say nothing of what knowing one
 * costs; one in a thousand may have lost its place. */
static uint64_t count_arrived(const struct lane *lane)
{
	uint64_t arrived = read_counter(lane, "behind drops"), known;

	if (arrived > lane->sent)
		ms_bench_fail("%s: of %llu frames %llu arrived", lane->column,
			      (unsigned long long)lane->sent, (unsigned long long)arrived);
	if (lane->stateful) {
		known = count_known(lane) - lane->known;
		if (known > arrived || known < arrived - arrived / 1000)
			ms_bench_fail("%s: of %llu frames %llu were of a flow that it knew",
				      lane->column, (unsigned long long)arrived,
				      (unsigned long long)known);
	}
	return arrived;
}

/* What is made first lies elsewhere: in each part it is another. */
static struct lane *in_turn(struct lane *lanes, unsigned int i, unsigned int count,
			    const struct ms_bench_part *part)
{
	return &lanes[part->number % 2 ? i : count - 1 - i];
}

static void run_lanes(const struct ms_bench *bench, const struct ms_bench_part *part,
		      const char *table, const char *row, struct lane *lanes, unsigned int count,
		      struct tally *tallies, uint32_t flows)
{
	struct ms_bench_variant variants[LANES];

	for (unsigned int i = 0; i < count; i++) {
		struct lane *lane = in_turn(lanes, i, count, part);

		make_lane(lane);
		if (lane->rules)
			protect(lane, 2 * flows > 131072 ? 2 * flows : 131072);
		lane->flows = flows;
	}
	hang(&lanes[1], ms_bench_drive()->noop, ms_bench_drive()->noop);
	for (unsigned int i = 0; i < count; i++) {
		struct lane *lane = in_turn(lanes, i, count, part);

		if (lane->stateful)
			answer_flows(lane, flows);
		drop_behind(lane);
		lane->known = lane->stateful ? count_known(lane) : 0;
		lane->repeat = bench->smoke ? 6400 : bench->quick ? 64000 : 256000;
		if (lane->slow)
			lane->repeat /= 8;
	}
	for (unsigned int i = 0; i < count; i++)
		variants[i] = (struct ms_bench_variant) { lanes[i].column, measure, &lanes[i] };
	ms_bench_compare_part(bench, part, table, row, variants, count);
	for (unsigned int i = 0; i < count; i++) {
		tallies[i].sent += lanes[i].sent;
		tallies[i].arrived += count_arrived(&lanes[i]);
		/* Frames that never came were cheap: more than a few, and the figures say nothing.
		 */
		if (part->end == bench->rounds &&
		    tallies[i].arrived < tallies[i].sent - tallies[i].sent / 20)
			ms_bench_word(bench, table, row, lanes[i].column, "frames lost");
		drop_lane(&lanes[i]);
	}
}

/* ---- what is compared ---- */

/* `head`, the rules one after the other, and last the one that allows the flows. */
static char *chain_of(const char *head, const struct ms_bench_rules *rules)
{
	size_t length;
	char *text = NULL;
	FILE *out = open_memstream(&text, &length);

	if (!out)
		ms_bench_fail("out of memory");
	fputs(head, out);
	ms_bench_rules_nft(rules, out);
	fputs("ip saddr 10.0.0.0/8 accept\ndrop;\n}\n}\n", out);
	fclose(out);
	return text;
}

static void hits(const struct ms_bench *bench, uint32_t flows)
{
	struct ms_bench_rules rules = ms_bench_rules_make(MS_BENCH_SHAPE_MICRO, 8, 1);
	ms_cleanup(ms_free) char *tracked =
		chain_of("table ip tracked { chain c { type filter hook prerouting priority 0;\n"
			 "ct state established,related counter accept;\n",
			 &rules);
	unsigned int parts = flows >= 1u << 20 ? FEW_PARTS : PARTS;
	struct tally tallies[LANES] = { 0 };
	char row[32];

	snprintf(row, sizeof(row), "%u", flows);
	for (struct ms_bench_part part = { 0 }; ms_bench_next_part(bench, parts, &part);) {
		struct lane lanes[LANES] = {
			{ .column = "nothing" },
			{ .column = "no-op" },
			{ .column = "microseg",
			  .stateful = true,
			  .table = MS_SESSION_TABLE_SET,
			  .rules = &rules },
			{ .column = "lru_hash",
			  .stateful = true,
			  .table = MS_SESSION_TABLE_LRU_HASH,
			  .rules = &rules },
			{ .column = "nft ct state", .stateful = true, .nft = tracked },
		};

		run_lanes(bench, &part, "hook", row, lanes, LANES, tallies, flows);
	}
	ms_bench_rules_fini(&rules);
}

/* One look-up in a map of intervals, which knows no order: rules that overlap are not possible, so
 * these are one service port each for a network of their own. */
static char *verdict_map(size_t count)
{
	size_t length;
	char *text = NULL;
	FILE *out = open_memstream(&text, &length);

	if (!out)
		ms_bench_fail("out of memory");
	fputs("table netdev m {\n"
	      "map v { type ipv4_addr . ipv4_addr . inet_service : verdict; flags interval;\n"
	      "elements = { 10.0.0.0/8 . 172.16.0.1 . 5432 : accept",
	      out);
	for (size_t i = 0; i + 1 < count; i++)
		fprintf(out, ",\n11.%zu.%zu.0/24 . 172.16.0.1 . %zu-%zu : accept", i >> 8, i & 255,
			1024 + i % 1000, 1034 + i % 1000);
	fputs("\n}\n}\n"
	      "chain c { type filter hook ingress device w0 priority 0;\n"
	      "ip saddr . ip daddr . th dport vmap @v; drop;\n}\n}\n",
	      out);
	fclose(out);
	return text;
}

static void against_rules(const struct ms_bench *bench, size_t count)
{
	struct ms_bench_rules rules = ms_bench_rules_make(MS_BENCH_SHAPE_MICRO, count - 2, 1);
	ms_cleanup(ms_free) char *linear = chain_of(
		"table netdev m { chain c { type filter hook ingress device w0 priority 0;\n",
		&rules);
	ms_cleanup(ms_free) char *map = verdict_map(count);
	struct tally tallies[LANES] = { 0 };
	char row[32];

	snprintf(row, sizeof(row), "%zu", count);
	for (struct ms_bench_part part = { 0 }; ms_bench_next_part(bench, PARTS, &part);) {
		struct lane lanes[LANES] = {
			{ .column = "nothing" },
			{ .column = "no-op" },
			{ .column = "microseg",
			  .stateful = true,
			  .table = MS_SESSION_TABLE_SET,
			  .rules = &rules },
			{ .column = "nft linear", .nft = linear, .slow = count >= 1000 },
			{ .column = "nft map", .nft = map },
		};

		run_lanes(bench, &part, "hook_rules", row, lanes, LANES, tallies, 1024);
	}
	ms_bench_rules_fini(&rules);
}

/* As many flows as the kernel tracks in one namespace (run.sh has asked for more). */
static unsigned long tracked_max(void)
{
	ms_cleanup(ms_close_file) FILE *file =
		fopen("/proc/sys/net/netfilter/nf_conntrack_max", "re");
	unsigned long max;

	/* 0 = no limit; without the file the module is not there yet. */
	return file && fscanf(file, "%lu", &max) == 1 && max ? max : UINT32_MAX;
}

void ms_bench_hook(const struct ms_bench *bench)
{
	static const uint32_t flows[] = { 1, 1u << 10, 1u << 14, 1u << 16, 1u << 20 };
	static const size_t quickly = 3; /* the first so many */

	ms_bench_world_enter();
	own_netns = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	if (own_netns < 0)
		ms_bench_fail("our own namespace: %s", strerror(errno));
	for (size_t i = 0; i < ms_array_size(flows); i++) {
		if (i >= (bench->smoke ? 1 : bench->quick ? quickly : ms_array_size(flows)))
			break;
		if (flows[i] > tracked_max()) {
			fprintf(stderr, "bench: conntrack holds less than %u flows: left out\n",
				flows[i]);
			break;
		}
		hits(bench, flows[i]);
	}
	against_rules(bench, 10);
	if (bench->smoke)
		return;
	against_rules(bench, 1000);
}
