/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a packet costs in the program, without a hook: one warm flow, first packets, streams of many
 * flows in random order. Everything beside a program that does nothing and, if given, a baseline.
 */
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "bpf/lib/packet.h"
#include "core/event/event.h"
#include "tests/bench/action.h"
#include "tests/bench/baseline.h"
#include "tests/bench/drive.h"
#include "tests/bench/result.h"
#include "tests/bench/store.h"
#include "tests/bench/world.h"

#define MIN_TABLE 131072

_Static_assert(MS_REASON__COUNT <= 64, "a bit each");

struct flow_case {
	struct ms_bench_world *world; /* NULL = not ours */
	int program;
	struct ms_bench_frame frame;
	uint32_t repeat;
	uint32_t mask; /* stream: flows - 1; 0 = the one frame */
	int family;
	uint32_t *next;   /* first packets: the first flow that was never seen */
	bool answer;      /* with `next`: to be measured are the answers to those */
	uint64_t reasons; /* bits: how ours must have decided, or nothing was measured */
	enum ms_verdict verdict;
};

static uint32_t repeats(const struct ms_bench *bench, uint32_t full)
{
	return bench->smoke ? full / 100 : bench->quick ? full / 4 : full;
}

static uint64_t decided(const struct flow_case *c)
{
	struct ms_stats stats;
	uint64_t sum = 0;

	if (!c->world)
		return 0;
	if (ms_dataplane_stats(c->world->dp, &stats) < 0)
		ms_bench_fail("the datapath's counters cannot be read");
	for (unsigned int i = 0; i < MS_REASON__COUNT; i++)
		if (c->reasons >> i & 1)
			sum += stats.packets[i][c->verdict];
	return sum;
}

static int entry(const struct ms_bench_world *world, enum ms_hook hook)
{
	return ms_dataplane_program(world->dp, hook);
}

static double run_case(const struct flow_case *c)
{
	struct ms_bench_plan *plan = ms_bench_drive()->plan;

	if (c->next) {
		*c->next += c->repeat;
		return ms_bench_sequence(c->program, c->family, c->answer, *c->next - c->repeat,
					 c->repeat);
	}
	if (c->mask == 0)
		return ms_bench_run(c->program, &c->frame, c->repeat, NULL);
	plan->family = (uint32_t)c->family;
	plan->reverse = 0;
	plan->order = MS_BENCH_RANDOM;
	plan->mask = c->mask;
	return ms_bench_stream(c->program, &c->frame, c->repeat);
}

static double measure(void *user)
{
	const struct flow_case *c = user;
	uint64_t before, moved;
	double cost;

	if (c->world && c->answer)
		ms_bench_sequence(entry(c->world, MS_HOOK_INGRESS), c->family, 0, *c->next,
				  c->repeat);
	before = decided(c);
	cost = run_case(c);
	moved = decided(c) - before;
	/* A flow in a thousand may have lost its place in a full set. */
	if (c->world && (moved > c->repeat || moved < c->repeat - c->repeat / 1000))
		ms_bench_fail("of %u packets %llu were decided as expected, %s", c->repeat,
			      (unsigned long long)moved, ms_verdict_name(c->verdict));
	return cost;
}

/* The frames that make a flow two-way, one of each. */
static void establish(const struct ms_bench_world *world, int family, int proto)
{
	struct ms_bench_frame frame = ms_bench_frame(family, proto, 0, MS_TCP_SYN_FLAG);

	ms_bench_run(entry(world, MS_HOOK_INGRESS), &frame, 1, NULL);
	frame = ms_bench_frame(family, proto, 1, MS_TCP_SYN_FLAG | MS_TCP_ACK_FLAG);
	ms_bench_run(entry(world, MS_HOOK_EGRESS), &frame, 1, NULL);
	frame = ms_bench_frame(family, proto, 0, MS_TCP_ACK_FLAG);
	ms_bench_run(entry(world, MS_HOOK_INGRESS), &frame, 1, NULL);
}

static void establish_stream(const struct ms_bench_world *world, int family, uint32_t flows)
{
	ms_bench_establish(entry(world, MS_HOOK_INGRESS), entry(world, MS_HOOK_EGRESS), family,
			   flows);
}

static struct flow_case hit_case(struct ms_bench_world *world, int family, int proto,
				 uint32_t repeat)
{
	return (struct flow_case) {
		.world = world,
		.program = entry(world, MS_HOOK_INGRESS),
		.frame = ms_bench_frame(family, proto, 0, MS_TCP_ACK_FLAG),
		.repeat = repeat,
		.family = family,
		.reasons = 1ull << MS_REASON_SESSION,
		.verdict = MS_VERDICT_ALLOW,
	};
}

static struct flow_case like(const struct flow_case *c, int program)
{
	struct flow_case other = *c;

	other.world = NULL;
	other.program = program;
	return other;
}

static void put_rules(struct ms_bench_world *world, size_t count)
{
	struct ms_bench_rules filler =
		ms_bench_rules_make(MS_BENCH_SHAPE_MICRO, count > 2 ? count - 2 : 0, 1);

	if (ms_bench_world_put_rules(world, &filler) < 0)
		ms_bench_fail("%zu rules do not fit", count);
	ms_bench_rules_fini(&filler);
}

/* ---- one flow ---- */

static void warm(const struct ms_bench *bench)
{
	static const struct {
		const char *row;
		int family, proto;
	} rows[] = {
		{ "TCP over IPv4, hit", 4, IPPROTO_TCP },
		{ "UDP over IPv4, hit", 4, IPPROTO_UDP },
		{ "TCP over IPv6, hit", 6, IPPROTO_TCP },
	};
	uint32_t repeat = repeats(bench, 1000000);
	struct ms_bench_world *world = ms_bench_world_open(MIN_TABLE, MIN_TABLE);
	struct ms_bench_world *hash =
		ms_bench_world_open_on(MS_SESSION_TABLE_LRU_HASH, MIN_TABLE, MIN_TABLE);
	struct ms_bench_baseline baseline = ms_bench_baseline_open(bench, MIN_TABLE);

	put_rules(world, 10);
	put_rules(hash, 10);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct flow_case ours = hit_case(world, rows[i].family, rows[i].proto, repeat);
		struct flow_case hashed = hit_case(hash, rows[i].family, rows[i].proto, repeat);
		struct flow_case noop = like(&ours, ms_bench_drive()->noop);
		struct flow_case theirs = like(&ours, baseline.program);
		const struct ms_bench_variant variants[] = {
			{ "no-op", measure, &noop },
			{ "microseg", measure, &ours },
			{ "lru_hash", measure, &hashed },
			{ "baseline", measure, &theirs },
		};

		establish(world, rows[i].family, rows[i].proto);
		establish(hash, rows[i].family, rows[i].proto);
		/* The baseline has no IPv6: it lets it pass unread. */
		ms_bench_compare(bench, "warm", rows[i].row, variants,
				 baseline.program >= 0 && rows[i].family == 4 ? 4 : 3);
	}
	ms_bench_baseline_close(&baseline);
	ms_bench_world_close(hash);
	ms_bench_world_close(world);
}

/* ---- what a hit is compared with ---- */

static void against_hit(const struct ms_bench *bench)
{
	/* limits.rules counts the built-in ones as well */
	static const size_t sizes[] = { 1000, 10000, 99000 };
	uint32_t repeat = repeats(bench, 1000000);
	struct ms_bench_world *world = ms_bench_world_open(MIN_TABLE, MIN_TABLE);
	struct flow_case hit = hit_case(world, 4, IPPROTO_UDP, repeat);
	struct flow_case noop = like(&hit, ms_bench_drive()->noop);
	struct flow_case other;
	const struct ms_bench_variant variants[] = {
		{ "no-op", measure, &noop },
		{ "this", measure, &other },
		{ "IPv4 hit", measure, &hit },
	};
	char row[64];

	put_rules(world, 10);
	establish(world, 4, IPPROTO_UDP);
	establish(world, 6, IPPROTO_UDP);

	other = hit_case(world, 6, IPPROTO_UDP, repeat);
	ms_bench_compare(bench, "hit", "IPv6 hit", variants, 3);

	other = hit;
	other.frame.bytes[26] = 11; /* from 11.0.0.0, which no rule allows */
	/* Whatever answers it: a deny is a deny. */
	other.reasons = ~0ull;
	other.verdict = MS_VERDICT_DENY;
	ms_bench_compare(bench, "hit", "denied packet, repeated", variants, 3);

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct ms_bench_world *larger;

		if ((bench->quick && sizes[i] > 10000) || (bench->smoke && sizes[i] > 1000))
			continue;
		larger = ms_bench_world_open(MIN_TABLE, MIN_TABLE);
		put_rules(larger, sizes[i]);
		establish(larger, 4, IPPROTO_UDP);
		other = hit_case(larger, 4, IPPROTO_UDP, repeat);
		snprintf(row, sizeof(row), "IPv4 hit under %zu rules", sizes[i]);
		ms_bench_compare(bench, "hit", row, variants, 3);
		ms_bench_world_close(larger);
	}
	ms_bench_world_close(world);
}

/* ---- an action on the cached path ---- */

static void through_action(const struct ms_bench *bench)
{
	uint32_t repeat = repeats(bench, 1000000);
	struct ms_bench_world *plain = ms_bench_world_open(MIN_TABLE, MIN_TABLE);
	struct ms_bench_world *acting = ms_bench_world_open(MIN_TABLE, MIN_TABLE);
	struct ms_bench_action *action = ms_bench_action_put(acting);
	struct flow_case without = hit_case(plain, 4, IPPROTO_UDP, repeat);
	struct flow_case with = hit_case(acting, 4, IPPROTO_UDP, repeat);
	const struct ms_bench_variant variants[] = {
		{ "none", measure, &without },
		{ "one that does nothing", measure, &with },
	};

	put_rules(plain, 10);
	establish(plain, 4, IPPROTO_UDP);
	establish(acting, 4, IPPROTO_UDP);
	ms_bench_compare(bench, "action", "IPv4 hit", variants, 2);
	ms_bench_action_free(action);
	ms_bench_world_close(acting);
	ms_bench_world_close(plain);
}

/* ---- first packets ---- */

static void first_packets(const struct ms_bench *bench)
{
	static const size_t sizes[] = { 10, 1000, 10000 };
	uint32_t table = bench->quick ? MIN_TABLE : 1048576;
	uint32_t repeat = table / 4 / (bench->rounds + 1);
	struct ms_bench_baseline baseline;
	uint32_t ours_next, theirs_next;
	char row[64];

	if (repeat > 16384)
		repeat = 16384;
	if (bench->smoke)
		repeat = 1024;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct ms_bench_world *world;
		struct flow_case ours, noop, theirs;
		const struct ms_bench_variant variants[] = {
			{ "no-op", measure, &noop },
			{ "microseg", measure, &ours },
			{ "baseline", measure, &theirs },
		};
		unsigned int n_variants;

		if (bench->smoke && sizes[i] > 10)
			break;
		world = ms_bench_world_open(table, table);
		ours = hit_case(world, 4, IPPROTO_UDP, repeat);
		baseline = ms_bench_baseline_open(bench, table);
		n_variants = baseline.program >= 0 ? 3 : 2;
		put_rules(world, sizes[i]);
		ours_next = theirs_next = 0;
		ours.next = &ours_next;
		ours.reasons = 1ull << MS_REASON_RULE;
		noop = like(&ours, ms_bench_drive()->noop);
		noop.next = &(uint32_t) { 0 };
		theirs = like(&ours, baseline.program);
		theirs.next = &theirs_next;
		snprintf(row, sizeof(row), "first packet, room, %zu rules", sizes[i]);
		ms_bench_compare(bench, "first", row, variants, n_variants);
		/* What was new is filled up: our lines are twice the limit. */
		ms_bench_sequence(ours.program, 4, 0, ours_next, 3 * table);
		ours_next += 3 * table;
		if (n_variants == 3) {
			ms_bench_sequence(theirs.program, 4, 0, theirs_next, 3 * table);
			theirs_next += 3 * table;
		}
		snprintf(row, sizeof(row), "first packet, full, %zu rules", sizes[i]);
		ms_bench_compare(bench, "first", row, variants, n_variants);
		ms_bench_baseline_close(&baseline);
		ms_bench_world_close(world);
	}
}

/* ---- storing ---- */

static struct flow_case insert_case(struct ms_bench_world *world, bool answer, uint32_t repeat,
				    uint32_t *next)
{
	struct flow_case c = hit_case(world, 4, IPPROTO_UDP, repeat);

	c.program = entry(world, answer ? MS_HOOK_EGRESS : MS_HOOK_INGRESS);
	c.reasons = 1ull << (answer ? MS_REASON_SESSION : MS_REASON_RULE);
	c.answer = answer;
	c.next = next;
	return c;
}

/* A flow's first packet takes a place among the flows that were not answered, its answer one among
 * those that were. */
static void insert(const struct ms_bench *bench)
{
	static const struct {
		const char *row;
		bool answer, full;
	} rows[] = {
		{ "first packet, room", false, false },
		{ "answer, room", true, false },
		{ "first packet, full", false, true },
	};
	uint32_t table = bench->quick ? MIN_TABLE : 1048576;
	uint32_t repeat = bench->smoke ? 1024 : table / 4 / (bench->rounds + 1) & ~1023u;
	struct ms_bench_world *worlds[] = {
		ms_bench_world_open(table, table),
		ms_bench_world_open_on(MS_SESSION_TABLE_LRU_HASH, table, table),
	};
	uint32_t fill = 3 * table, next[3] = { 0 };

	put_rules(worlds[0], 10);
	put_rules(worlds[1], 10);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct flow_case ours = insert_case(worlds[0], rows[i].answer, repeat, &next[0]);
		struct flow_case hashed = insert_case(worlds[1], rows[i].answer, repeat, &next[1]);
		struct flow_case noop = like(&ours, ms_bench_drive()->noop);
		const struct ms_bench_variant variants[] = {
			{ "no-op", measure, &noop },
			{ "microseg", measure, &ours },
			{ "lru_hash", measure, &hashed },
		};

		noop.next = &next[2];
		for (size_t w = 0; rows[i].full && w < 2; w++) {
			ms_bench_sequence(entry(worlds[w], MS_HOOK_INGRESS), 4, 0, next[w], fill);
			next[w] += fill;
		}
		ms_bench_compare(bench, "insert", rows[i].row, variants, 3);
	}
	ms_bench_world_close(worlds[1]);
	ms_bench_world_close(worlds[0]);
}

/* ---- streams ---- */

static void stream(const struct ms_bench *bench, uint32_t flows, int family)
{
	uint32_t table = 2 * flows > MIN_TABLE ? 2 * flows : MIN_TABLE;
	uint32_t repeat = repeats(bench, 400000);
	struct ms_bench_world *world = ms_bench_world_open(table, MIN_TABLE);
	struct ms_bench_world *hash =
		ms_bench_world_open_on(MS_SESSION_TABLE_LRU_HASH, table, MIN_TABLE);
	struct ms_bench_baseline baseline = ms_bench_baseline_open(bench, table);
	struct flow_case ours = hit_case(world, family, IPPROTO_UDP, repeat);
	struct flow_case hashed = hit_case(hash, family, IPPROTO_UDP, repeat);
	struct flow_case noop = like(&ours, ms_bench_drive()->noop);
	struct flow_case theirs = like(&ours, baseline.program);
	const struct ms_bench_variant variants[] = {
		{ "no-op", measure, &noop },
		{ "microseg", measure, &ours },
		{ "lru_hash", measure, &hashed },
		{ "baseline", measure, &theirs },
	};
	int compared = baseline.program >= 0 && family == 4;
	char row[64];

	put_rules(world, 10);
	put_rules(hash, 10);
	establish_stream(world, family, flows);
	establish_stream(hash, family, flows);
	if (compared)
		ms_bench_sequence(baseline.program, family, 0, 0, flows);
	ours.mask = hashed.mask = noop.mask = theirs.mask = flows - 1;
	if (flows == 1) {
		/* The driver's way also for one flow, so that the rows compare. */
		ours.mask = hashed.mask = noop.mask = theirs.mask = 1;
		establish_stream(world, family, 2);
		establish_stream(hash, family, 2);
		if (compared)
			ms_bench_sequence(baseline.program, family, 0, 0, 2);
	}
	snprintf(row, sizeof(row), "IPv%d, %u", family, flows);
	ms_bench_compare(bench, "stream", row, variants, compared ? 4 : 3);
	ms_bench_baseline_close(&baseline);
	ms_bench_world_close(hash);
	ms_bench_world_close(world);
}

void ms_bench_program(const struct ms_bench *bench)
{
	static const uint32_t flows[] = { 1, 1u << 10, 1u << 16, 1u << 20 };

	ms_bench_world_enter();
	warm(bench);
	against_hit(bench);
	through_action(bench);
	first_packets(bench);
	insert(bench);
	ms_bench_store(bench);
	for (size_t i = 0; i < sizeof(flows) / sizeof(flows[0]); i++) {
		bool large = flows[i] >= 1u << 20;

		if (bench->smoke && i != 1)
			continue;
		stream(bench, flows[i], 4);
		if (!large || !bench->quick)
			stream(bench, flows[i], 6);
	}
}
