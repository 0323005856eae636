/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Hammers the lines of the engine `set` (docs/adr/0023, 0183): the datapath's own code, on few
 *lines, by processors that overtake one another at every access (processors.h). Packets take the
 *lean way and else the slow program's; a sweeper ends sessions, waits for a grace period and frees
 *lines; the policy changes all the time.
 *
 * What must hold:
 *	a packet is answered by its own flow's session and counted once, for its own flow
 *	no line of a two-way session becomes another flow's under a packet that found it live
 *	a one-way session that is pushed out takes nothing of another's with it, nor leaves it there
 *	a session that nobody ended is found, also while it is judged again
 *	at rest no flow has two live sessions of a kind, no line is in anybody's hands, free lines
 *	are empty and have no tag
 *
 * With MS_HAMMER_BREAKS it is a table with a fault put in (CMakeLists.txt) that is hammered, and
 * something of that must turn out not to hold.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "tests/bpf/processors.h"

#define MS_SET_TABLE
#define MS_CLOCK_INJECTED

static void *look_up(const void *map, const void *key);
static long insert(const void *key, const void *value);

#define bpf_map_lookup_elem(map, key) look_up(map, key)
#define bpf_map_update_elem(map, key, value, flags) insert(key, value)

/* Of the counters only a slot's are of interest; the datapath's own would index per processor. */
#define MS_BPF_LIB_STATS_H
static int ms_stats_slot(uint32_t slot, uint64_t packets, uint64_t bytes);
#define ms_stats_packet(reason, verdict, packets, bytes) ((void)0)
#define ms_stats_slot_here(slot, packets, bytes) ms_stats_slot(slot, packets, bytes)
#define ms_stats_note(stat) ((void)(stat))
#define ms_stats_note_here(stat) ((void)(stat))
#define ms_stats_zone(zone, dir, dropped, packets, bytes) ((void)(zone))
#define ms_stats_gap(zone, egress, frames) ((void)0)
#define ms_stats_answer(slot, now) ((void)0)

/* No rule here has actions; what hands over to them is for the BPF target only. */
#define MS_BPF_LIB_CHAIN_H
struct ms_chain {
	uint32_t rule, list, offsets, rest;
};
#define ms_chain_put(skb, chain, half, group, audited) ((void)(chain), -1)

/* Global functions have no prototypes: the verifier's only callers are in the object itself. */
#pragma GCC diagnostic ignored "-Wmissing-prototypes"
#include "bpf/lib/judge.h"
#include "bpf/lib/parse.h"

static int judge_by_dice(struct ms_query *query, struct ms_answer *answer);
#define ms_judge(query, answer) judge_by_dice(query, answer)
#define ms_parse(skb, pkt, is_l3) MS_PARSED_IP

#include "bpf/lib/lean.h"
#include "bpf/lib/reap.h"
#include "bpf/lib/slow.h"

#define FLOWS_MAX 48
#define SETS_MAX 3
#define ONEWAY_SETS_MAX 2
#define SWEPT 4
#define PACKETS 24 /* of a processor, till all of them rest */

/* ---- the world ---- */

static struct {
	struct ms_lines4 narrow[SETS_MAX];
	struct ms_lines6 wide[SETS_MAX];
	uint64_t tags[2 * SETS_MAX];
	struct ms_lines4 oneway_narrow[ONEWAY_SETS_MAX];
	struct ms_lines6 oneway_wide[ONEWAY_SETS_MAX];
	struct ms_head heads[2 * ONEWAY_SETS_MAX];
	struct ms_session seen[MS_PROCESSORS];
	struct ms_control control;
	struct ms_reap_io reap;
	struct ms_stats stats[MS_PROCESSORS];
	struct {
		uint64_t packets, bytes;
	} slots[2 * FLOWS_MAX], sent[FLOWS_MAX];
} world __attribute__((aligned(64)));

static struct {
	unsigned n_flows, n_kept; /* the first of them are never ended */
	bool is_begun;            /* they are there */
	bool ends, judges, expires;
} plan;

static struct {
	unsigned flow;
	uint32_t epoch;
} work[MS_PROCESSORS];

static const struct ms_group group = { .mode = MS_MODE_ENFORCE };
static const struct ms_policy_head policy;
static const char *violated;
static uint64_t seed;

static void violation(const char *what)
{
	if (!violated)
		violated = what;
}

static int ms_stats_slot(uint32_t slot, uint64_t packets, uint64_t bytes)
{
	if (slot >= 2 * FLOWS_MAX) {
		violation("a session of a slot that is none");
		return 0;
	}
	__sync_fetch_and_add(&world.slots[slot].packets, packets);
	__sync_fetch_and_add(&world.slots[slot].bytes, bytes);
	return 0;
}

static void *look_up(const void *map, const void *key)
{
	uint32_t index = *(const uint32_t *)key;

	ms_processors_turn();
	if (map == &ms_lines4)
		return index < world.control.session_sets ? &world.narrow[index] : NULL;
	if (map == &ms_lines6)
		return index < world.control.session_sets ? &world.wide[index] : NULL;
	if (map == &ms_tags)
		return index < 2 * world.control.session_sets ? &world.tags[index] : NULL;
	if (map == &ms_oneway4)
		return index < world.control.oneway_sets ? &world.oneway_narrow[index] : NULL;
	if (map == &ms_oneway6)
		return index < world.control.oneway_sets ? &world.oneway_wide[index] : NULL;
	if (map == &ms_heads)
		return index < 2 * world.control.oneway_sets ? &world.heads[index] : NULL;
	if (map == &ms_seen)
		return &world.seen[ms_processors_self()];
	if (map == &ms_control)
		return &world.control;
	if (map == &ms_groups)
		return (void *)&group;
	if (map == &ms_policy)
		return (void *)&policy;
	if (map == &ms_reap_io)
		return &world.reap;
	if (map == &ms_stats)
		return &world.stats[ms_processors_self()];
	return NULL;
}

/* What else is stored is of no interest here. */
static long insert(const void *key, const void *value)
{
	(void)key;
	(void)value;
	return 0;
}

static int judge_by_dice(struct ms_query *query, struct ms_answer *answer)
{
	unsigned flow = work[ms_processors_self()].flow;

	(void)query;
	memset(answer, 0, sizeof(*answer));
	answer->slot = flow + (work[ms_processors_self()].epoch & 1) * FLOWS_MAX;
	answer->established = ms_processors_die(4);
	answer->mode = MS_MODE_ENFORCE; /* or a deny would be none */
	answer->verdict = MS_VERDICT_ALLOW;
	if (plan.judges && flow >= plan.n_kept && ms_processors_die(8) == 0)
		answer->verdict = MS_VERDICT_DENY;
	return 0;
}

/* ---- packets ---- */

static bool is_wide(unsigned flow)
{
	return flow % 3 == 2;
}

static uint32_t bytes_of(unsigned flow)
{
	return 100 + flow;
}

static void fill_packet(unsigned flow, unsigned index, struct ms_pkt *pkt)
{
	uint32_t ends[2] = { 1 + flow, 1000 + flow };
	uint16_t ports[2] = { (uint16_t)flow, (uint16_t)(2000 + flow) };

	memset(pkt, 0, sizeof(*pkt));
	pkt->family = is_wide(flow) ? 6 : 4;
	pkt->ethertype = is_wide(flow) ? ETH_P_IPV6 : ETH_P_IP;
	pkt->proto = flow % 4 == 3 ? MS_PROTO_TCP : MS_PROTO_UDP;
	pkt->src[0] = ends[index];
	pkt->dst[0] = ends[!index];
	pkt->sport = ports[index];
	pkt->dport = ports[!index];
	if (pkt->proto == MS_PROTO_TCP)
		pkt->tcp_flags = flow < plan.n_kept || ms_processors_die(16) ? MS_TCP_ACK_FLAG
									     : MS_TCP_SYN_FLAG;
}

static bool is_of(const struct ms_session *line, const struct ms_flow *flow)
{
	size_t words = flow->key.mark == MS_KEY_NARROW ? MS_LINE4_WORDS : MS_LINE6_WORDS;

	return memcmp(line + 1, flow->key.words, words * sizeof(uint64_t)) == 0;
}

static bool take_slow_way(struct __sk_buff *skb, struct ms_scene *scene, struct ms_pkt *pkt,
			  unsigned number)
{
	struct ms_answer answer = { 0 };
	struct ms_query query = { 0 };
	struct ms_flow flow = { 0 };
	int result = ms_slow_consider(skb, scene, pkt, &flow, &query, &answer, 0);

	if (answer.slot % FLOWS_MAX != number)
		violation("a packet was answered by another flow's session");
	if (!(result & MS_SLOW_COUNTED) && answer.verdict != MS_VERDICT_DENY)
		ms_stats_slot(answer.slot, scene->packets, scene->bytes);
	return (result & MS_SLOW_COUNTED) || answer.verdict != MS_VERDICT_DENY;
}

static void send_packet(unsigned number, unsigned index)
{
	unsigned self = ms_processors_self();
	struct __sk_buff skb = { .gso_segs = 1, .len = bytes_of(number) };
	struct ms_scene scene = { .packets = 1, .bytes = bytes_of(number), .zone = 1, .group = 1 };
	struct ms_lean lean = { .skb = &skb, .control = &world.control, .zone = 1 };
	struct ms_flow flow;
	struct ms_session *line;
	struct ms_pkt pkt;
	bool counted;

	ms_processors_enter();
	fill_packet(number, index, &pkt);
	/* Which way it goes does not matter, but each of the ends sends its own. */
	scene.dir = index ? MS_DIR_IN : MS_DIR_OUT;
	scene.now = ms_clock_tick();
	scene.epoch = MS_READ_ONCE(world.control.epoch);
	lean.epoch = scene.epoch;
	work[self].flow = number;
	work[self].epoch = scene.epoch;
	ms_flow_place(&flow, &scene, &pkt, scene.dir);
	if (is_wide(number))
		line = ms_lines_find_wide(flow.key.words);
	else
		line = ms_lines_find(&world.control, flow.key.words, 0);
	if (!line && plan.is_begun && number < plan.n_kept)
		violation("a session that nobody ended was not found");
	counted = line && !(pkt.tcp_flags & MS_TCP_SYN_FLAG) &&
		  ms_lean_take(line, &lean, pkt.proto, flow.index, flow.flags);
	if (!counted)
		counted = take_slow_way(&skb, &scene, &pkt, number);
	if (line && !is_of(line, &flow))
		violation("a line became another flow's under a packet");
	world.sent[number].packets += counted;
	world.sent[number].bytes += counted * bytes_of(number);
	ms_processors_leave();
}

/* ---- the sweeper ---- */

/* Of one kind of sessions. */
struct table {
	struct ms_lines4 *narrow;
	struct ms_lines6 *wide;
	bool one_way;
};

static const struct table two_way = { world.narrow, world.wide, false };
static const struct table one_way = { world.oneway_narrow, world.oneway_wide, true };

static unsigned sets_of(const struct table *table)
{
	return table->one_way ? world.control.oneway_sets : world.control.session_sets;
}

static uint8_t byte_of(const struct table *table, unsigned number)
{
	uint64_t tags = table->one_way ? world.heads[number / MS_SET_WAYS].tags
				       : world.tags[number / MS_SET_WAYS];

	return (uint8_t)(tags >> (number % MS_SET_WAYS * 8));
}

/* Line `number` of all, its key; false = it is not a session's. */
static bool read_line(const struct table *table, unsigned number, union ms_key *ret_key,
		      struct ms_session **ret_line)
{
	unsigned narrow = sets_of(table) * MS_SET_WAYS;
	union ms_key key = { .mark = MS_KEY_NARROW };
	const void *own;

	if (number < narrow) {
		struct ms_line4 *line =
			&table->narrow[number / MS_SET_WAYS].way[number % MS_SET_WAYS];

		*ret_line = &line->session;
		own = line->key;
		memcpy(key.words, own, sizeof(line->key));
	} else {
		struct ms_line6 *line =
			&table->wide[(number - narrow) / MS_SET_WAYS].way[number % MS_SET_WAYS];

		*ret_line = &line->session;
		own = line->key;
		memcpy(key.words, own, sizeof(line->key));
	}
	*ret_key = key;
	/* Of a free one-way line the key stays. */
	if (table->one_way && !(byte_of(table, number) & MS_TAG_MASK))
		return false;
	return key.words[number < narrow ? MS_LINE4_WORDS - 1 : MS_LINE6_WORDS - 1] != 0;
}

static unsigned lines_in_all(const struct table *table)
{
	return 2 * sets_of(table) * MS_SET_WAYS;
}

static unsigned number_of(const union ms_key *key)
{
	return key->mark == MS_KEY_WIDE6 ? key->k6.lo_port : key->k4.lo_port;
}

struct noted {
	union ms_key key;
	uint32_t epoch, last_seen;
};

static void reap(const struct table *table, const struct noted *keys, size_t count, uint8_t step)
{
	for (size_t i = 0; i < count; i++) {
		bool wide = keys[i].key.mark == MS_KEY_WIDE6;

		memset(&world.reap, 0, sizeof(world.reap));
		world.reap.count = 1;
		world.reap.family = wide ? 6 : 4;
		world.reap.step = step;
		world.reap.half_open = table->one_way;
		world.reap.force = ms_processors_die(2) == 0;
		world.reap.keys[0].epoch = keys[i].epoch;
		world.reap.keys[0].last_seen = keys[i].last_seen;
		if (wide)
			world.reap.keys[0].k6 = keys[i].key.k6;
		else
			world.reap.keys[0].k4 = keys[i].key.k4;
		ms_processors_enter();
		ms_reap_one(0);
		ms_processors_leave();
	}
}

/* As dataplane_sessions.c does it. */
static void sweep(const struct table *table)
{
	unsigned start = ms_processors_die(lines_in_all(table));
	struct noted keys[SWEPT];
	size_t count = 0;

	for (unsigned i = 0; i < lines_in_all(table) && count < SWEPT; i++) {
		struct noted *key = &keys[count];
		struct ms_session *line;

		if (!read_line(table, (start + i) % lines_in_all(table), &key->key, &line))
			continue;
		key->epoch = line->epoch;
		key->last_seen = line->last_seen;
		if (number_of(&key->key) < plan.n_kept || key->epoch == MS_EPOCH_HELD)
			continue;
		count++;
		if (key->epoch != MS_EPOCH_DEAD)
			reap(table, key, 1, MS_REAP_END);
	}
	if (table->one_way)
		return;
	reap(table, keys, count, MS_REAP_MARK);
#ifndef MS_HAMMER_WITHOUT_GRACE
	ms_processors_wait_grace();
#endif
	reap(table, keys, count, MS_REAP_DELETE);
}

/* A two-way session that was nobody's one-way one: user space stores such when it moves them in
 * from other tables. */
static void move_in(unsigned number)
{
	struct ms_session fresh = {
		.epoch = MS_READ_ONCE(world.control.epoch),
		.last_seen = ms_clock_tick(),
		.first_seen = 1,
		.word = number | MS_SESS_REPLIED,
	};
	struct ms_scene scene = { .zone = 1, .group = 1, .dir = MS_DIR_OUT };
	struct ms_flow flow;
	struct ms_pkt pkt;

	ms_processors_enter();
	fill_packet(number, 0, &pkt);
	ms_flow_place(&flow, &scene, &pkt, scene.dir);
	if (pkt.proto == MS_PROTO_TCP)
		fresh.word |= (uint32_t)MS_TCP_ESTABLISHED << MS_SESS_TCP_SHIFT;
	if (ms_session_insert(&flow, &fresh) == MS_LINES_EXISTS) {
		struct ms_session *dead = ms_session_find_dead(&flow);

		if (dead)
			ms_session_revive(dead, &flow, &fresh);
	}
	ms_processors_leave();
}

/* ---- the hammer ---- */

static void run_processor(unsigned processor)
{
	for (int i = 0; i < PACKETS && !violated; i++) {
		if (processor != MS_PROCESSORS - 1) {
			send_packet(ms_processors_die(plan.n_flows), ms_processors_die(2));
			continue;
		}
		if (plan.ends)
			sweep(ms_processors_die(4) ? &two_way : &one_way);
		if (ms_processors_die(4) == 0)
			move_in(ms_processors_die(plan.n_flows));
		if (ms_processors_die(3) == 0) {
			world.control.epoch++;
			ms_processors_turn();
		}
		if (plan.expires && ms_processors_die(3) == 0)
			ms_clock_injected += 1 + ms_processors_die(3);
	}
}

/* What the lines of one kind carry, by flow. */
static void check_lines(const struct table *table, uint64_t *packets, uint64_t *bytes)
{
	unsigned live[FLOWS_MAX] = { 0 };

	for (unsigned i = 0; i < lines_in_all(table); i++) {
		struct ms_session *line;
		union ms_key key;
		bool used = read_line(table, i, &key, &line);
		unsigned number = number_of(&key);

		if (line->epoch == MS_EPOCH_HELD || line->epoch == MS_EPOCH_BUSY ||
		    (table->one_way && byte_of(table, i) & MS_HEAD_HELD))
			violation("a line was left in somebody's hands");
		if (used != !!(byte_of(table, i) & MS_TAG_MASK))
			violation("a line that has a key has no tag, or a free one has");
		if (!used && table->one_way)
			continue;
		if (!used) {
			if (line->epoch != MS_EPOCH_DEAD)
				violation("a line without a key lives");
			if (line->packets[0] || line->packets[1])
				violation("a free line has counts");
			continue;
		}
		if (number >= plan.n_flows ||
		    (line->word & MS_SESS_SLOT_MASK) % FLOWS_MAX != number) {
			violation("a line's key and its session are not the same flow's");
			continue;
		}
		live[number] += line->epoch != MS_EPOCH_DEAD;
		packets[number] += line->packets[0] + line->packets[1];
		bytes[number] += line->bytes[0] + line->bytes[1];
		/* (What a session has added to packets may be folded before it adds to bytes.) */
		for (int end = 0; end < 2; end++)
			if (table->one_way
				    ? line->bytes[end] != line->packets[end] * bytes_of(number)
				    : line->bytes[end] % bytes_of(number) != 0)
				violation("a session has counted another flow's packet");
	}
	for (unsigned i = 0; i < plan.n_flows; i++)
		if (live[i] > 1)
			violation("a flow has two live sessions");
}

static void check_at_rest(void)
{
	uint64_t packets[FLOWS_MAX], bytes[FLOWS_MAX];

	/* What a one-way session has counted is in its slot as well. */
	memset(packets, 0, sizeof(packets));
	memset(bytes, 0, sizeof(bytes));
	check_lines(&one_way, packets, bytes);
	for (unsigned i = 0; i < FLOWS_MAX; i++) {
		if (packets[i] > world.sent[i].packets)
			violation("a one-way session has more packets than were sent");
		packets[i] = world.slots[i].packets + world.slots[i + FLOWS_MAX].packets;
		bytes[i] = world.slots[i].bytes + world.slots[i + FLOWS_MAX].bytes;
	}
	check_lines(&two_way, packets, bytes);
	for (unsigned i = 0; i < plan.n_flows; i++) {
		if (packets[i] != world.sent[i].packets || bytes[i] != world.sent[i].bytes)
			violation("packets of a flow are counted twice, or not, or for another");
	}
}

/* One plan on an empty table, some rests. False = something did not hold. */
static bool hammer(void)
{
	memset(&world, 0, sizeof(world));
	world.control.epoch = 2;
	world.control.session_seed = (uint32_t)(seed * 2654435761u);
	world.control.session_sets = 1 + seed % SETS_MAX;
	world.control.oneway_sets = 1 + seed / 2 % ONEWAY_SETS_MAX;
	for (int i = 0; i < MS_TIMEOUT__COUNT; i++)
		world.control.timeouts[i] = 2;
	plan.n_flows = (unsigned[]) { 3, 6, 12, FLOWS_MAX }[seed / SETS_MAX % 4];
	plan.n_kept = seed % 5 == 0 ? 3 : 0;
	plan.is_begun = false;
	plan.ends = seed % 7 != 0;
	plan.judges = seed % 2;
	plan.expires = !plan.n_kept && seed % 3 == 0;
	for (unsigned i = 0; i < plan.n_kept; i++) {
		send_packet(i, 0);
		send_packet(i, 1);
		send_packet(i, 0);
	}
	plan.is_begun = true;
	for (int rest = 0; rest < 4 && !violated; rest++) {
		ms_processors_run(run_processor, seed * 4 + rest);
		check_at_rest();
	}
	return !violated;
}

int main(int argc, char **argv)
{
	uint64_t first = argc > 1 ? strtoull(argv[1], NULL, 0) : 1;
	uint64_t last = argc > 2 ? strtoull(argv[2], NULL, 0) : first + 4000 - 1;

	for (seed = first; seed <= last; seed++)
		if (!hammer())
			break;
	if (violated)
		printf("seed %llu: %s\n", (unsigned long long)seed, violated);
#ifdef MS_HAMMER_BREAKS
	return violated ? 0 : 1;
#else
	return violated ? 1 : 0;
#endif
}
