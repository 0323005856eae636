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
#include "tests/bench/parts.h"
#include "tests/bench/result.h"
#include "tests/bench/store.h"
#include "tests/bench/world.h"

#define MIN_TABLE 131072
#define PARTS 5     /* placements of the tables in memory that a figure is of (result.h) */
#define FEW_PARTS 3 /* where making them takes longer than measuring */

_Static_assert(MS_REASON__COUNT <= 64, "a bit each");

struct flow_case {
	struct ms_bench_world *world; /* NULL = not ours */
	int program;
	struct ms_bench_frame frame;
	uint32_t repeat;
	bool streams;  /* flow after flow, else the one frame */
	uint32_t mask; /* with `streams`: flows - 1 */
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
	if (!c->streams)
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

static void establish(const struct ms_bench_world *world, int family, int proto)
{
	ms_bench_establish_one(entry(world, MS_HOOK_INGRESS), entry(world, MS_HOOK_EGRESS), family,
			       proto);
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

/* ---- contenders ---- */

/* Datapaths with tables of the same size, one after the other, and a baseline's. */
struct contenders {
	struct ms_bench_world *worlds[2];
	struct ms_bench_baseline baseline;
};

/* In each part the other way round: what is made first lies elsewhere. `bench` NULL = without a
 * baseline. */
static struct contenders open_contenders(const struct ms_bench *bench, enum ms_session_table second,
					 uint32_t sessions, const struct ms_bench_part *part)
{
	const enum ms_session_table tables[] = { MS_SESSION_TABLE_SET, second };
	struct contenders made = { .baseline = { .program = -1 } };
	bool turned = part->number % 2 == 0;

	if (bench && turned)
		made.baseline = ms_bench_baseline_open(bench, sessions);
	for (unsigned int i = 0; i < 2; i++)
		made.worlds[i ^ turned] =
			ms_bench_world_open_on(tables[i ^ turned], sessions, MIN_TABLE);
	if (bench && !turned)
		made.baseline = ms_bench_baseline_open(bench, sessions);
	put_rules(made.worlds[0], 10);
	return made;
}

static void close_contenders(struct contenders *made)
{
	ms_bench_baseline_close(&made->baseline);
	ms_bench_world_close(made->worlds[1]);
	ms_bench_world_close(made->worlds[0]);
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

	for (struct ms_bench_part part = { 0 }; ms_bench_next_part(bench, PARTS, &part);) {
		struct contenders made =
			open_contenders(bench, MS_SESSION_TABLE_LRU_HASH, MIN_TABLE, &part);

		put_rules(made.worlds[1], 10);
		for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
			int family = rows[i].family, proto = rows[i].proto;
			struct flow_case ours = hit_case(made.worlds[0], family, proto, repeat);
			struct flow_case hashed = hit_case(made.worlds[1], family, proto, repeat);
			struct flow_case noop = like(&ours, ms_bench_drive()->noop);
			struct flow_case theirs = like(&ours, made.baseline.program);
			const struct ms_bench_variant variants[] = {
				{ "no-op", measure, &noop },
				{ "microseg", measure, &ours },
				{ "lru_hash", measure, &hashed },
				{ "baseline", measure, &theirs },
			};
			/* The baseline has no IPv6: it lets it pass unread. */
			bool compared = made.baseline.program >= 0 && family == 4;

			establish(made.worlds[0], family, proto);
			establish(made.worlds[1], family, proto);
			ms_bench_compare_part(bench, &part, "warm", rows[i].row, variants,
					      compared ? 4 : 3);
			if (compared)
				ms_bench_baseline_holds(&made.baseline, (uint32_t)i + 1);
		}
		close_contenders(&made);
	}
}

/* ---- what a hit is compared with ---- */

static void against_hit(const struct ms_bench *bench, const struct ms_bench_part *part)
{
	/* limits.rules counts the built-in ones as well */
	static const size_t sizes[] = { 1000, 10000, 99000 };
	uint32_t repeat = repeats(bench, 1000000);

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct contenders made;
		struct flow_case hit, noop, other;
		const struct ms_bench_variant variants[] = {
			{ "no-op", measure, &noop },
			{ "this", measure, &other },
			{ "IPv4 hit", measure, &hit },
		};
		char row[64];

		if ((bench->quick && sizes[i] > 10000) || (bench->smoke && sizes[i] > 1000))
			continue;
		made = open_contenders(NULL, MS_SESSION_TABLE_SET, MIN_TABLE, part);
		put_rules(made.worlds[1], sizes[i]);
		establish(made.worlds[0], 4, IPPROTO_UDP);
		establish(made.worlds[0], 6, IPPROTO_UDP);
		establish(made.worlds[1], 4, IPPROTO_UDP);
		hit = hit_case(made.worlds[0], 4, IPPROTO_UDP, repeat);
		noop = like(&hit, ms_bench_drive()->noop);
		if (i == 0) {
			other = hit_case(made.worlds[0], 6, IPPROTO_UDP, repeat);
			ms_bench_compare_part(bench, part, "hit", "IPv6 hit", variants, 3);

			other = hit;
			other.frame.bytes[26] = 11; /* from 11.0.0.0, which no rule allows */
			/* Whatever answers it: a deny is a deny. */
			other.reasons = ~0ull;
			other.verdict = MS_VERDICT_DENY;
			ms_bench_compare_part(bench, part, "hit", "denied packet, repeated",
					      variants, 3);
		}
		other = hit_case(made.worlds[1], 4, IPPROTO_UDP, repeat);
		snprintf(row, sizeof(row), "IPv4 hit under %zu rules", sizes[i]);
		ms_bench_compare_part(bench, part, "hit", row, variants, 3);
		close_contenders(&made);
	}
}

/* ---- an action on the cached path ---- */

static void through_action(const struct ms_bench *bench, const struct ms_bench_part *part)
{
	uint32_t repeat = repeats(bench, 1000000);
	struct contenders made = open_contenders(NULL, MS_SESSION_TABLE_SET, MIN_TABLE, part);
	struct ms_bench_action *action = ms_bench_action_put(made.worlds[1]);
	struct flow_case without = hit_case(made.worlds[0], 4, IPPROTO_UDP, repeat);
	struct flow_case with = hit_case(made.worlds[1], 4, IPPROTO_UDP, repeat);
	const struct ms_bench_variant variants[] = {
		{ "none", measure, &without },
		{ "one that does nothing", measure, &with },
	};

	establish(made.worlds[0], 4, IPPROTO_UDP);
	establish(made.worlds[1], 4, IPPROTO_UDP);
	ms_bench_compare_part(bench, part, "action", "IPv4 hit", variants, 2);
	ms_bench_action_free(action);
	close_contenders(&made);
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
		if (n_variants == 3)
			ms_bench_baseline_holds(&baseline, theirs_next);
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

/* Flows of one family, by everybody; `theirs` if it is known there. */
struct stream {
	char row[32];
	struct flow_case noop, ours, hashed, theirs;
};

static struct stream make_stream(const struct contenders *made, int family, uint32_t flows,
				 uint32_t repeat)
{
	struct stream stream = {
		.ours = hit_case(made->worlds[0], family, IPPROTO_UDP, repeat),
		.hashed = hit_case(made->worlds[1], family, IPPROTO_UDP, repeat),
	};

	snprintf(stream.row, sizeof(stream.row), "IPv%d, %u", family, flows);
	stream.ours.streams = stream.hashed.streams = true;
	stream.ours.mask = stream.hashed.mask = flows - 1;
	stream.noop = like(&stream.ours, ms_bench_drive()->noop);
	stream.theirs = like(&stream.ours, made->baseline.program);
	establish_stream(made->worlds[0], family, flows);
	establish_stream(made->worlds[1], family, flows);
	return stream;
}

/* Both families in the same rounds, and beside our hit over IPv6 the one over IPv4, which is net of
 * its own no-op. */
static void compare_streams(const struct ms_bench *bench, const struct ms_bench_part *part,
			    struct stream *v4, struct stream *v6, bool compared)
{
	struct ms_bench_variant variants[7] = {
		{ "no-op", measure, &v4->noop },
		{ "microseg", measure, &v4->ours },
		{ "lru_hash", measure, &v4->hashed },
	};
	unsigned int n = 3, n_v4;
	double values[7];

	if (compared)
		variants[n++] = (struct ms_bench_variant) { "baseline", measure, &v4->theirs };
	n_v4 = n;
	if (v6) {
		variants[n++] = (struct ms_bench_variant) { "no-op", measure, &v6->noop };
		variants[n++] = (struct ms_bench_variant) { "microseg", measure, &v6->ours };
		variants[n++] = (struct ms_bench_variant) { "lru_hash", measure, &v6->hashed };
	}
	ms_bench_round(variants, n, 0, values);
	for (unsigned int round = part->next; round < part->end; round++) {
		ms_bench_round(variants, n, round, values);
		for (unsigned int i = 0; i < n; i++)
			ms_bench_sample(bench, "stream", i < n_v4 ? v4->row : v6->row,
					variants[i].column, round, values[i]);
		if (v6)
			ms_bench_sample(bench, "stream", v6->row, "IPv4 hit", round,
					values[1] - values[0] + values[n_v4]);
	}
}

static void stream(const struct ms_bench *bench, uint32_t flows)
{
	uint32_t table = 2 * flows > MIN_TABLE ? 2 * flows : MIN_TABLE;
	uint32_t repeat = repeats(bench, 320000);
	bool large = flows >= 1u << 20;

	for (struct ms_bench_part part = { 0 };
	     ms_bench_next_part(bench, large ? FEW_PARTS : PARTS, &part);) {
		struct contenders made =
			open_contenders(bench, MS_SESSION_TABLE_LRU_HASH, table, &part);
		bool compared = made.baseline.program >= 0;
		struct stream v4, v6;

		put_rules(made.worlds[1], 10);
		v4 = make_stream(&made, 4, flows, repeat);
		if (compared) {
			ms_bench_sequence(made.baseline.program, 4, 0, 0, flows);
			ms_bench_baseline_holds(&made.baseline, flows);
		}
		if (large && bench->quick) {
			compare_streams(bench, &part, &v4, NULL, compared);
		} else {
			v6 = make_stream(&made, 6, flows, repeat);
			compare_streams(bench, &part, &v4, &v6, compared);
		}
		if (compared)
			ms_bench_baseline_holds(&made.baseline, flows);
		close_contenders(&made);
	}
}

void ms_bench_program(const struct ms_bench *bench)
{
	static const uint32_t flows[] = { 1, 1u << 10, 1u << 16, 1u << 20 };

	ms_bench_world_enter();
	warm(bench);
	ms_bench_parts(bench);
	for (struct ms_bench_part part = { 0 }; ms_bench_next_part(bench, FEW_PARTS, &part);)
		against_hit(bench, &part);
	for (struct ms_bench_part part = { 0 }; ms_bench_next_part(bench, FEW_PARTS, &part);)
		through_action(bench, &part);
	first_packets(bench);
	insert(bench);
	ms_bench_store(bench);
	for (size_t i = 0; i < sizeof(flows) / sizeof(flows[0]); i++) {
		if (!bench->smoke || i == 1)
			stream(bench, flows[i]);
	}
}
