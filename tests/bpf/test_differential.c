/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The datapath against the oracle: random packets under random policies, each one judged three
 * times, by the loaded programs, by `trace` and by the oracle. Verdict, reason and author must
 * agree packet by packet, sessions and counters after each batch. The classifier's engines take
 * turns.
 *
 * Built once for each way in which packets come (carry.h), and with a broken classifier
 * (MS_TEST_BROKEN), where the oracle must object and `trace` must not: it is the same classifier,
 * so it has to be wrong in the same way.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include <bpf/bpf.h>

#include "bpf/dataplane_private.h"
#include "core/base/cleanup.h"
#include "core/event/event.h"
#include "core/policy/document.h"
#include "core/policy/merge.h"
#include "core/session/session.h"
#include "tests/bpf/carry.h"
#include "tests/bpf/random_late.h"
#include "tests/bpf/random_policy.h"
#include "tests/bpf/tables.h"
#include "tests/bpf/told.h"
#include "tests/bpf/wide_rule.h"
#include "tests/harness/netns.h"

#define PACKETS_EMULATED 20000
#define BATCH 1000
#define AGAIN_AT_LEAST 500 /* of so many packets one is denied without a judgement */
#define IFACES 5
#define NAMES_MAX 256
#define SESSIONS_MAX 65536
#define TWO_WAY 384 /* twice what there ever is: of the table `set` the sets are shared by many */
#define HOUR_NS (3600ull * 1000000000ull)
#define COMPLAINTS_MAX 5

static const struct {
	unsigned int group;
	bool workload, loopback, adopts;
} kinds[IFACES] = {
	{ 0, false, false, false }, { 0, true, false, false }, { 1, true, false, false },
	{ 2, false, false, true },  { 1, false, true, false },
};

struct world {
	struct ms_dataplane *dp;
	struct ms_oracle *oracle;
	struct ms_random_source source;
	struct ms_random_packet last;
	struct ms_random_policy *policy, *previous;
	struct ms_oracle_iface ifaces[IFACES];
	unsigned int half, current;
	uint32_t generation;
	uint64_t late; /* rules that were */
	struct ms_told told;
	char names[NAMES_MAX][MS_ORACLE_ID];
	uint32_t n_names;
	uint64_t packets_of[NAMES_MAX], bytes_of[NAMES_MAX];
	uint64_t now_ns;
	unsigned int complaints, disagreements_with_trace;
};

static struct world *world;

/* ---- names and numbers ---- */

static uint32_t slot_of(void *user, const char *id)
{
	struct world *w = user;
	uint32_t i;

	for (i = 0; i < w->n_names; i++)
		if (!strcmp(w->names[i], id))
			return i + 1;
	ck_assert_uint_lt(w->n_names, NAMES_MAX - 1);
	snprintf(w->names[w->n_names++], MS_ORACLE_ID, "%s", id);
	return i + 1;
}

static const char *name_of(const struct world *w, uint32_t slot)
{
	return slot == 0 ? "" : slot <= w->n_names ? w->names[slot - 1] : "a slot of nobody";
}

static uint16_t group_number(void *user, const char *name)
{
	(void)user;
	return name[1] - '0' + 1;
}

static uint32_t set_number(void *user, const char *name)
{
	(void)user;
	return name[0] == 's' ? name[1] - '0' + 1 : 100; /* the host's own addresses: none */
}

/* ---- one policy, two ways ---- */

static void put_device(struct world *w, unsigned int iface)
{
	struct ms_iface line = {
		.ifindex = ms_carry_ifindex(iface),
		.zone = iface + 1,
		.group = { kinds[iface].group + 1, kinds[iface].group + 1 },
		.side = kinds[iface].workload ? 3 : 0,
		.flags = kinds[iface].loopback ? MS_IFACE_LOOPBACK : 0,
	};

	if (ms_carry_is_l3(iface))
		line.flags |= MS_IFACE_L3;
	if (kinds[iface].adopts)
		line.grace_until = ms_dataplane_tick_now(w->dp) + (1u << 30);
	ck_assert_int_eq(ms_dataplane_put_iface(w->dp, &line), 0);
	w->current = iface;
}

static void new_policy(struct world *w)
{
	const struct ms_numbering numbering = {
		.slot = slot_of, .group = group_number, .set = set_number, .user = w
	};
	struct ms_random_policy *policy = w->previous;
	struct ms_policy *files = ms_policy_new(), *merged = NULL;
	struct ms_merge_inputs inputs = { .files = files, .now = 1 };
	struct ms_error error = MS_ERROR_INIT;
	struct ms_image *image = NULL;
	struct ms_late late = { .count = 0 };
	char text[1024];
	bool is_wide;
	int r;

	ms_random_policy_make(&w->source.random, policy);
	r = ms_document_parse("random.yaml", policy->text, strlen(policy->text), MS_SOURCE_FILE,
			      files, &error);
	is_wide = ++w->generation % 6 == MS_ENGINE_FASTEST && ms_wide_rule_add(files);
	if (r == 0)
		r = ms_policy_merge(&inputs, &merged, &error);
	ck_assert_msg(r == 0, "%s in\n%s", ms_error_format(&error, text, sizeof(text)),
		      policy->text);
	ms_random_late_choose(&w->source.random, merged, &late);
	w->late += late.count;
	/* Each engine by turns, and the one that a policy like this gets. */
	r = ms_compile(merged, w->generation, &numbering, (enum ms_engine)(w->generation % 3),
		       &late, &image, &error);
	ck_assert_msg(r == 0, "%s", ms_error_format(&error, text, sizeof(text)));
	ck_assert_int_eq(ms_wide_rule_fell(image), is_wide);
	ck_assert_int_eq(ms_dataplane_idle_half(w->dp, &w->half), 0);
	r = ms_dataplane_load_image(w->dp, w->half, image, &error);
	ck_assert_msg(r == 0, "%s", ms_error_format(&error, text, sizeof(text)));
	ms_random_late_move(&w->source.random, w->dp, merged, &late, &numbering, image, &w->half);
	ms_told_change(&w->told, w->policy, false);
	ms_told_change(&w->told, policy, true);
	/* Of one policy addresses are told their sets, of the next they are asked. */
	ms_told_choose(&w->told, w->generation % 2);
	ms_dataplane_publish(w->dp, w->half, w->generation);
	ms_oracle_set_policy(w->oracle, &policy->oracle);
	ms_image_free(image);
	ms_policy_free(merged);
	ms_policy_free(files);
	w->previous = w->policy;
	w->policy = policy;
}

/* ---- one packet, three ways ---- */

struct answer {
	const char *verdict, *reason, *author;
};

static bool same(const struct answer *a, const struct answer *b)
{
	return !strcmp(a->verdict, b->verdict) && !strcmp(a->reason, b->reason) &&
	       !strcmp(a->author, b->author);
}

static void complain(struct world *w, const struct ms_random_packet *packet, const char *what,
		     const struct answer *expected, const struct answer *got)
{
	if (w->complaints++ >= COMPLAINTS_MAX)
		return;
	fprintf(stderr, "%s: expected %s %s \"%s\", got %s %s \"%s\"; interface %u %s, frame", what,
		expected->verdict, expected->reason, expected->author, got->verdict, got->reason,
		got->author, packet->iface, packet->egress ? "egress" : "ingress");
	for (size_t i = 0; i < packet->len; i++)
		fprintf(stderr, "%s%02x", i == 14 ? " " : "", packet->frame[i]);
	fprintf(stderr, "\n%s", w->complaints == 1 ? w->policy->text : "");
}

static struct answer ask_trace(struct world *w, const struct ms_random_packet *packet,
			       const struct answer *otherwise)
{
	struct ms_trace_request request = {
		.ifindex = ms_carry_ifindex(packet->iface),
		.hook = packet->egress ? MS_HOOK_EGRESS : MS_HOOK_INGRESS,
		.half = w->half,
		.frame = packet->frame,
		.frame_len = packet->len,
	};
	struct ms_trace_result result;
	int r;

	r = ms_dataplane_trace(w->dp, &request, &result);
	/* A test run takes no frame that ends within the IP header; a tunnel may. */
	if (r == -EINVAL && ms_carry_is_l3(packet->iface))
		return *otherwise;
	ck_assert_msg(r == 0, "trace of %zu bytes: %d", packet->len, r);
	return (struct answer) { ms_verdict_name(result.verdict), ms_reason_name(result.reason),
				 name_of(w, result.slot) };
}

/* Brings it to the loaded program; what that decided is read from the counters it moved. */
static struct answer ask_datapath(struct world *w, const struct ms_random_packet *packet,
				  size_t bytes, bool *ret_passed)
{
	static struct ms_stats before, after;
	struct answer answer = { "none", "none", "" };
	unsigned int moved = 0;

	before = after; /* nothing else moves them */
	*ret_passed = ms_carry(packet);
	ck_assert_int_eq(ms_dataplane_stats(w->dp, &after), 0);
	for (int reason = 0; reason < MS_REASON__COUNT; reason++) {
		for (int verdict = 0; verdict < MS_VERDICT__COUNT; verdict++) {
			uint64_t packets =
				after.packets[reason][verdict] - before.packets[reason][verdict];

			if (packets == 0)
				continue;
			moved += packets;
			answer.verdict = ms_verdict_name(verdict);
			answer.reason = ms_reason_name(reason);
			ck_assert_uint_eq(after.bytes[reason][verdict] -
						  before.bytes[reason][verdict],
					  bytes);
		}
	}
	ck_assert_msg(moved == 1, "one packet was counted %u times", moved);
	return answer;
}

static void judge(struct world *w)
{
	struct ms_random_packet packet;
	struct ms_oracle_packet seen;
	struct ms_oracle_judgement judgement;
	struct answer expected, traced, got;
	uint32_t author;
	bool passed;

	do {
		/* Often the last one again: what was denied is then denied without a judgement. */
		if (w->last.len && ms_random_percent(&w->source.random, 30))
			packet = w->last;
		else
			ms_random_packet_next(&w->source, &packet);
		w->last = packet;
		if (kinds[packet.iface].loopback)
			packet.egress = false; /* judged there only */
	} while (!ms_carry_prepare(&packet, &seen));
	if (packet.iface != w->current)
		put_device(w, packet.iface);
	w->now_ns = ms_dataplane_ticks_to_ns(w->dp, ms_dataplane_tick_now(w->dp));
	seen.now_ns = w->now_ns;
	ms_oracle_judge(w->oracle, &w->ifaces[packet.iface], &seen, &judgement);
	expected = (struct answer) { ms_oracle_verdict_text(judgement.verdict),
				     ms_oracle_reason_text(judgement.reason), judgement.author };
	author = judgement.author[0] ? slot_of(w, judgement.author) : 0;
	w->packets_of[author]++;
	w->bytes_of[author] += seen.len;

	traced = ask_trace(w, &packet, &expected);
	got = ask_datapath(w, &packet, seen.len, &passed);
	got.author = traced.author; /* the counters by author are compared after the batch */
	if (!same(&traced, &got)) {
		w->disagreements_with_trace++;
		complain(w, &packet, "trace against program", &traced, &got);
	}
	if (!same(&expected, &got))
		complain(w, &packet, "oracle against program", &expected, &got);
	ck_assert_int_eq(passed, strcmp(got.verdict, "deny") != 0);
}

/* ---- sessions and counters after a batch ---- */

struct session_line {
	char text[320];
	bool revived; /* what it counted before it was denied may be folded already or not */
};

struct session_list {
	struct world *world;
	struct session_line *lines;
	size_t count;
};

static char *list_next(struct session_list *list)
{
	ck_assert_uint_lt(list->count, SESSIONS_MAX);
	return list->lines[list->count++].text;
}

/* On loopback a packet goes both ways at once. */
static const char *dir_text(uint16_t zone, bool out)
{
	return kinds[zone - 1].loopback ? "both" : out ? "out" : "in";
}

static bool list_real(void *user, const struct ms_session_raw *raw)
{
	struct session_list *list = user;
	struct ms_session_view view;
	char from[MS_ADDR_TEXT], to[MS_ADDR_TEXT];

	ms_session_decode(list->world->dp, raw, &view);
	if (view.expired || !ms_session_is_live(&raw->value))
		return true;
	snprintf(list_next(list), sizeof(struct session_line),
		 "zone %u vlan %u.%u proto %u %s:%u > %s:%u icmp %u %s by %s%s%s%s%s%s; "
		 "%lu+%lu packets %lu+%lu bytes",
		 view.zone, view.vlan_outer, view.vlan_inner, view.proto,
		 ms_addr_format(&view.from, from, sizeof(from)),
		 view.sport | view.icmp_code, /* the oracle has one place for both */
		 ms_addr_format(&view.to, to, sizeof(to)), view.dport, view.icmp_type,
		 dir_text(view.zone, view.dir == MS_DIR_OUT), name_of(list->world, view.slot),
		 raw->value.word & MS_SESS_REPLIED && view.proto != 6 ? " replied" : "",
		 view.log ? " log" : "", view.audit ? " audit" : "", view.adopted ? " adopted" : "",
		 view.midflow ? " midflow" : "", view.packets[0], view.packets[1], view.bytes[0],
		 view.bytes[1]);
	return true;
}

static void list_expected(void *user, const struct ms_oracle_session *s)
{
	struct session_list *list = user;
	struct session_line *line = &list->lines[list->count];
	struct ms_addr from = { .family = s->family }, to = { .family = s->family };
	char from_text[MS_ADDR_TEXT], to_text[MS_ADDR_TEXT];

	memcpy(from.bytes, s->from, 16);
	memcpy(to.bytes, s->to, 16);
	line->revived = s->revived;
	snprintf(list_next(list), sizeof(struct session_line),
		 "zone %u vlan %u.%u proto %u %s:%u > %s:%u icmp %u %s by %s%s%s%s%s%s; "
		 "%lu+%lu packets %lu+%lu bytes",
		 s->zone, s->vlan_outer, s->vlan_inner, s->proto,
		 ms_addr_format(&from, from_text, sizeof(from_text)), s->sport,
		 ms_addr_format(&to, to_text, sizeof(to_text)), s->dport, s->icmp_type,
		 dir_text(s->zone, s->dir == MS_ORACLE_OUT), s->author,
		 s->replied && s->proto != 6 ? " replied" : "", s->log ? " log" : "",
		 s->audit ? " audit" : "", s->adopted ? " adopted" : "",
		 s->midflow ? " midflow" : "", s->packets[0], s->packets[1], s->bytes[0],
		 s->bytes[1]);
}

static int by_text(const void *a, const void *b)
{
	return strcmp(a, b);
}

static bool same_but_for_counts(const char *a, const char *b)
{
	size_t length = strcspn(a, ";");

	return length == strcspn(b, ";") && !strncmp(a, b, length);
}

static void compare_sessions(struct world *w)
{
	static struct session_line real_lines[SESSIONS_MAX], expected_lines[SESSIONS_MAX];
	struct session_list real = { w, real_lines, 0 }, expected = { w, expected_lines, 0 };
	size_t r = 0, e = 0;

	ck_assert_int_eq(ms_dataplane_session_foreach(w->dp, list_real, &real), 0);
	ms_oracle_session_foreach(w->oracle, w->now_ns, list_expected, &expected);
	qsort(real_lines, real.count, sizeof(real_lines[0]), by_text);
	qsort(expected_lines, expected.count, sizeof(expected_lines[0]), by_text);
	while (r < real.count || e < expected.count) {
		bool both = r < real.count && e < expected.count;
		int order = r == real.count ? 1
			    : e == expected.count
				    ? -1
				    : strcmp(real_lines[r].text, expected_lines[e].text);

		if (both && expected_lines[e].revived &&
		    same_but_for_counts(real_lines[r].text, expected_lines[e].text))
			order = 0;
		if (order != 0 && w->complaints++ < COMPLAINTS_MAX)
			fprintf(stderr, "session only in the %s: %s\n",
				order < 0 ? "datapath" : "oracle",
				order < 0 ? real_lines[r].text : expected_lines[e].text);
		r += order <= 0;
		e += order >= 0;
	}
}

static void compare_counters(struct world *w)
{
	static struct ms_slot_count counts[NAMES_MAX];
	struct ms_session_live live = { .by_slot = counts, .n_slots = NAMES_MAX };
	int r;

	for (uint32_t slot = 0; slot <= w->n_names; slot++) {
		struct ms_slot_meta meta;

		ck_assert_int_eq(ms_dataplane_slot_count(w->dp, slot, &counts[slot], &meta), 0);
	}
	while ((r = ms_session_live_step(w->dp, &live)) > 0)
		;
	ck_assert_int_eq(r, 0);
	for (uint32_t slot = 1; slot <= w->n_names; slot++) {
		if (counts[slot].packets == w->packets_of[slot] &&
		    counts[slot].bytes == w->bytes_of[slot])
			continue;
		if (w->complaints++ < COMPLAINTS_MAX)
			fprintf(stderr, "%s: expected %lu packets %lu bytes, counted %lu, %lu\n",
				name_of(w, slot), w->packets_of[slot], w->bytes_of[slot],
				(unsigned long)counts[slot].packets,
				(unsigned long)counts[slot].bytes);
	}
}

/* Slice by slice, as the sweeper does: a walk leaves out what stands for a denied flow. */
static void forget_sessions(struct world *w)
{
	static struct ms_session_raw slice[512];
	struct ms_session_cursor cursor = { 0 };
	size_t count, deleted;
	bool done = false;

	while (!done) {
		ck_assert_int_eq(ms_dataplane_session_slice(w->dp, &cursor, slice,
							    ms_array_size(slice), &count, &done),
				 0);
		ck_assert_int_eq(ms_dataplane_session_reap(w->dp, slice, count, true, &deleted), 0);
	}
	ms_oracle_forget_sessions(w->oracle);
}

/* Packets that were denied without a judgement; counted in the lines themselves (denied.h). */
static uint64_t denied_again(const struct world *w)
{
	ms_cleanup(ms_free) struct ms_denied *lines = calloc(w->dp->n_cpus, sizeof(*lines));
	uint64_t sum = 0;

	ck_assert_ptr_nonnull(lines);
	for (uint32_t i = 0; i < MS_DENIED_LINES; i++) {
		ck_assert_int_eq(
			bpf_map_lookup_elem(ms_dataplane_map(w->dp, "ms_denied"), &i, lines), 0);
		for (unsigned int cpu = 0; cpu < w->dp->n_cpus; cpu++)
			sum += lines[cpu].hits;
	}
	return sum;
}

/* ---- time ---- */

static void set_timeouts(struct world *w, uint64_t ns)
{
	uint64_t timeouts[MS_TIMEOUT__COUNT];

	for (int i = 0; i < MS_TIMEOUT__COUNT; i++)
		timeouts[i] = ns;
	ms_dataplane_set_timeouts(w->dp, timeouts);
	for (int i = 0; i < MS_ORACLE_TIMEOUTS; i++)
		ms_oracle_set_timeout(w->oracle, i, ns);
}

/* Lets every session grow older than its timeout, then sees that packets find none of them. */
static unsigned int judge_the_expired(struct world *w)
{
	uint32_t start = ms_dataplane_tick_now(w->dp);
	unsigned int packets = 0;

	while ((int32_t)(ms_dataplane_tick_now(w->dp) - start) < 4)
		poll(NULL, 0, 5);
	set_timeouts(w, ms_dataplane_ticks_to_ns(w->dp, 2));
	start = ms_dataplane_tick_now(w->dp);
	/* All within one tick, where old means more than two. */
	while (packets < 200 && ms_dataplane_tick_now(w->dp) == start) {
		judge(w);
		packets++;
	}
	set_timeouts(w, 1000 * HOUR_NS);
	forget_sessions(w);
	return packets;
}

/* ---- the test ---- */

static uint64_t number_from(const char *variable, uint64_t otherwise)
{
	const char *text = getenv(variable);

	return text ? strtoull(text, NULL, 10) : otherwise;
}

static void open_world(uint64_t seed)
{
	const struct ms_dataplane_config config = { .pin_dir = MS_NETNS_BPFFS "/microseg",
						    .sessions = TWO_WAY };

	ms_netns_setup();
	world = calloc(1, sizeof(*world));
	world->previous = calloc(1, sizeof(*world->previous));
	world->dp = ms_tables_open(&config, &(bool) { false });
	ms_carry_open(world->dp);
	ms_told_open(&world->told, world->dp);
	world->oracle = ms_oracle_new();
	ms_random_source_init(&world->source, seed, IFACES);
	set_timeouts(world, 1000 * HOUR_NS);
	for (unsigned int i = 0; i < IFACES; i++)
		world->ifaces[i] = (struct ms_oracle_iface) {
			.zone = i + 1,
			.group = kinds[i].group,
			.workload = kinds[i].workload,
			.loopback = kinds[i].loopback,
			.no_ethernet = ms_carry_is_l3(i),
			.adopt_until_ns = kinds[i].adopts ? UINT64_MAX : 0,
		};
	new_policy(world);
	world->previous = calloc(1, sizeof(*world->previous));
	put_device(world, 0);
}

static void close_world(void)
{
	ms_told_close(&world->told);
	ms_dataplane_close(world->dp);
	ms_oracle_free(world->oracle);
	free(world->policy);
	free(world->previous);
	free(world);
}

START_TEST(random_packets_are_judged_as_the_design_says)
{
	bool emulated = getenv("MS_TEST_EMULATED") != NULL;
	uint64_t total = number_from("MS_DIFFERENTIAL_PACKETS",
				     emulated ? PACKETS_EMULATED : ms_carry_packets);
	uint64_t seed = number_from("MS_DIFFERENTIAL_SEED", 20261123);
	uint64_t done = 0, again;

	open_world(seed);
	for (unsigned int batch = 1; done < total; batch++) {
		for (unsigned int i = 0; i < BATCH; i++)
			judge(world);
		done += BATCH;
		compare_sessions(world);
		if (batch % 10 == 0)
			compare_counters(world);
		if (batch % 50 == 0 && !emulated)
			done += judge_the_expired(world);
		else if (batch % 7 == 0)
			forget_sessions(world);
		if (world->complaints >= COMPLAINTS_MAX)
			break;
		new_policy(world);
	}
	again = denied_again(world);
	fprintf(stderr, "%s: %lu packets, %u policies, seed %lu: %lu denied again, %u complaints\n",
		ms_dataplane_session_table_name(ms_dataplane_session_table(world->dp)), done,
		world->generation, seed, again, world->complaints);
	ck_assert_uint_gt(again, done / AGAIN_AT_LEAST);
	ck_assert_uint_gt(world->late, world->generation);
#ifdef MS_TEST_BROKEN
	ck_assert_msg(world->complaints > 0,
		      "the oracle does not see that the classifier is broken");
#else
	ck_assert_uint_eq(world->complaints, 0);
#endif
	ck_assert_uint_eq(world->disagreements_with_trace, 0);
	close_world();
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("differential");
	TCase *tcase = tcase_create("differential");

	tcase_set_timeout(tcase, 300);
	tcase_add_test(tcase, random_packets_are_judged_as_the_design_says);
	suite_add_tcase(suite, tcase);
	return ms_netns_run(suite);
}
