/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/bpf/rig.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bpf/lib/rules.h"
#include "core/base/cleanup.h"
#include "core/classify/compile.h"
#include "core/policy/document.h"
#include "core/policy/merge.h"
#include "tests/bpf/rig_private.h"
#include "tests/harness/ms_check.h"

#define TICK_US (1000000 / MS_RIG_TICKS_PER_SECOND)

static const char *const verdicts[] = { "allow", "deny", "audit" };
static const char *const reasons[] = {
#define REASON_TEXT(name, text, class, doc) text,
	MS_REASONS(REASON_TEXT)
#undef REASON_TEXT
};

struct ms_rig ms_rig;

/* ---- maps ---- */

int ms_rig_fd(const char *map)
{
	int fd = bpf_object__find_map_fd_by_name(ms_rig.object, map);

	ck_assert_msg(fd >= 0, "no map %s", map);
	return fd;
}

int ms_rig_program_fd(const char *name)
{
	const struct bpf_program *program = bpf_object__find_program_by_name(ms_rig.object, name);

	ck_assert_msg(program, "no program %s", name);
	return bpf_program__fd(program);
}

void ms_rig_put(const char *map, const void *key, const void *value)
{
	ck_assert_int_eq(bpf_map_update_elem(ms_rig_fd(map), key, value, BPF_ANY), 0);
}

static struct ms_control read_control(void)
{
	struct ms_control control;
	uint32_t zero = 0;

	ck_assert_int_eq(bpf_map_lookup_elem(ms_rig_fd("ms_control"), &zero, &control), 0);
	return control;
}

static void write_control(const struct ms_control *control)
{
	uint32_t zero = 0;

	ms_rig_put("ms_control", &zero, control);
}

static int on_event(void *user, void *data, size_t size)
{
	(void)user;
	ck_assert_uint_eq(size, sizeof(ms_rig.event));
	memcpy(&ms_rig.event, data, sizeof(ms_rig.event));
	ms_rig.has_event = true;
	return -EINTR; /* one at a time */
}

bool ms_rig_event(struct ms_event *ret_event)
{
	ms_rig.has_event = false;
	ring_buffer__consume(ms_rig.events);
	if (ms_rig.has_event)
		*ret_event = ms_rig.event;
	return ms_rig.has_event;
}

void ms_rig_setup(void)
{
	struct ms_control control = {
		.epoch = 1,
		.tick_us = TICK_US,
		.timeouts = {
			[MS_TIMEOUT_TCP_SYN] = 20 * MS_RIG_TICKS_PER_SECOND,
			[MS_TIMEOUT_TCP_ESTABLISHED] = 24 * 3600 * MS_RIG_TICKS_PER_SECOND,
			[MS_TIMEOUT_TCP_FIN] = 30 * MS_RIG_TICKS_PER_SECOND,
			[MS_TIMEOUT_UDP_ONEWAY] = 30 * MS_RIG_TICKS_PER_SECOND,
			[MS_TIMEOUT_UDP_TWOWAY] = 180 * MS_RIG_TICKS_PER_SECOND,
			[MS_TIMEOUT_ICMP] = 10 * MS_RIG_TICKS_PER_SECOND,
			[MS_TIMEOUT_OTHER] = 60 * MS_RIG_TICKS_PER_SECOND,
		},
	};
	uint32_t slow = MS_PROG_SLOW, resume = MS_PROG_RESUME;
	struct ms_event left;
	int program;

	ms_rig_load();
	ms_rig_clear();
	ms_rig.n_authors = 1;
	ms_rig.events = ring_buffer__new(ms_rig_fd("ms_events"), on_event, NULL, NULL);
	ck_assert_ptr_nonnull(ms_rig.events);
	while (ms_rig_event(&left))
		;
	program = ms_rig_program_fd("ms_slow");
	ms_rig_put("ms_progs", &slow, &program);
	program = ms_rig_program_fd("ms_resume");
	ms_rig_put("ms_progs", &resume, &program);
	*ms_rig.clock = 1000;
	control.session_sets = ms_rig.lines.sets;
	control.oneway_sets = ms_rig.oneway.sets;
	control.session_seed = ms_rig.lines.seed;
	write_control(&control);
}

/* ---- policy ---- */

static uint32_t slot_of(void *user, const char *id)
{
	(void)user;
	for (size_t i = 1; i < ms_rig.n_authors; i++)
		if (strcmp(ms_rig.authors[i], id) == 0)
			return (uint32_t)i;
	ck_assert_uint_lt(ms_rig.n_authors, MS_RIG_AUTHORS_MAX);
	snprintf(ms_rig.authors[ms_rig.n_authors], sizeof(ms_rig.authors[0]), "%s", id);
	return (uint32_t)ms_rig.n_authors++;
}

static uint16_t group_of(void *user, const char *name)
{
	const struct ms_group_def *group = ms_policy_find_group(ms_rig.policy, name);

	(void)user;
	return group ? (uint16_t)(group - ms_rig.policy->groups + 1) : 0;
}

static uint32_t set_of(void *user, const char *name)
{
	(void)user;
	for (size_t i = 0; i < ms_rig.n_sets; i++)
		if (strcmp(ms_rig.sets[i], name) == 0)
			return (uint32_t)i + 1;
	ck_assert_uint_lt(ms_rig.n_sets, MS_RIG_SETS_MAX);
	snprintf(ms_rig.sets[ms_rig.n_sets], sizeof(ms_rig.sets[0]), "%s", name);
	return (uint32_t)++ms_rig.n_sets;
}

/* Each as long as a value of the map. */
static void load_rows(const char *map, uint32_t first, uint32_t count, const void *rows)
{
	ms_cleanup(ms_free) uint32_t *keys = calloc(count + 1, sizeof(*keys));

	ck_assert_ptr_nonnull(keys);
	for (uint32_t i = 0; i < count; i++)
		keys[i] = first + i;
	if (count > 0)
		ck_assert_int_eq(bpf_map_update_batch(ms_rig_fd(map), keys, rows, &count, NULL), 0);
}

static int put_entry(void *user, const struct ms_member *member)
{
	struct ms_set_entry entry = { .expires = member->expires_tick,
				      .until = member->until_tick };
	const struct ms_cidr *cidr = &member->cidr;
	uint32_t set = *(uint32_t *)user;

	if (cidr->addr.family == 4) {
		struct ms_set_key4 key = { .prefixlen = 32 + cidr->len, .set = set };

		memcpy(&key.addr, cidr->addr.bytes, sizeof(key.addr));
		ms_rig_put("ms_set4", &key, &entry);
	} else {
		struct ms_set_key6 key = { .prefixlen = 32 + cidr->len, .set = set };

		memcpy(key.addr, cidr->addr.bytes, sizeof(key.addr));
		ms_rig_put("ms_set6", &key, &entry);
	}
	return 0;
}

static void add_set_member(uint32_t set, const struct ms_cidr *cidr, uint32_t expires)
{
	struct ms_membership *members = &ms_rig.members[set - 1];
	const struct ms_member member = { .cidr = *cidr, .expires_tick = expires };

	ck_assert_int_eq(ms_membership_put(members, &member), 0);
	ms_membership_settle(members, cidr, put_entry, &set);
	put_entry(&set, ms_membership_find(members, cidr));
}

void ms_rig_set_member(const char *set, const char *cidr, uint32_t expires_tick)
{
	struct ms_cidr parsed;

	ck_assert(ms_cidr_parse(cidr, &parsed));
	add_set_member(set_of(NULL, set), &parsed, expires_tick);
	ms_rig_bump_epoch();
}

static void put_line(void)
{
	uint32_t ifindex = ms_rig.line.ifindex;
	uint16_t group = ms_rig.group[0] ? group_of(NULL, ms_rig.group) : 0;

	ms_rig.line.group[0] = ms_rig.line.group[1] = group;
	ms_rig_put("ms_ifaces", &ifindex, &ms_rig.line);
}

void ms_rig_policy(const char *yaml)
{
	struct ms_control control = read_control();
	struct ms_policy *document = ms_policy_new(), *merged = NULL;
	struct ms_merge_inputs inputs = { .files = document };
	struct ms_numbering numbering = {
		.slot = slot_of, .group = group_of, .set = set_of, .action = ms_rig_action
	};
	struct ms_error err = MS_ERROR_INIT;
	struct ms_image *image = NULL;
	uint32_t half = !control.half;
	char text[1024];
	int r;

	ck_assert_ptr_nonnull(document);
	r = ms_document_parse("test.yaml", yaml, strlen(yaml), MS_SOURCE_FILE, document, &err);
	if (r == 0)
		r = ms_policy_merge(&inputs, &merged, &err);
	ck_assert_msg(r == 0, "%s", ms_error_format(&err, text, sizeof(text)));
	ms_policy_free(document);
	ms_policy_free(ms_rig.policy);
	ms_rig.policy = merged;
	r = ms_compile(merged, ++ms_rig.generation, &numbering, MS_ENGINE_FASTEST, NULL, &image,
		       &err);
	ck_assert_msg(r == 0, "%s", ms_error_format(&err, text, sizeof(text)));
	load_rows("ms_groups", half * MS_GROUPS_MAX, MS_GROUPS_MAX, image->groups);
	load_rows("ms_failsafe", half * MS_FAILSAFE_MAX, MS_FAILSAFE_MAX, image->failsafe);
	for (size_t i = 0; i < image->n_tables; i++)
		load_rows(image->tables[i].map, half * image->tables[i].capacity,
			  image->tables[i].n_rows, image->tables[i].rows);
	for (size_t i = 0; i < merged->n_sets; i++)
		for (size_t j = 0; j < merged->sets[i].n_members; j++)
			add_set_member(set_of(NULL, merged->sets[i].name),
				       &merged->sets[i].members[j].cidr, 0);
	ms_image_free(image);
	put_line();
	control.half = (uint8_t)half;
	control.generation = ms_rig.generation;
	control.epoch++;
	write_control(&control);
}

void ms_rig_bump_epoch(void)
{
	struct ms_control control = read_control();

	control.epoch++;
	write_control(&control);
}

void ms_rig_set_tick(uint32_t tick_us)
{
	struct ms_control control = read_control();

	control.tick_us = tick_us;
	write_control(&control);
}

void ms_rig_set_panic(enum ms_panic panic)
{
	struct ms_control control = read_control();

	control.panic = panic;
	control.epoch++;
	write_control(&control);
}

void ms_rig_set_group_panic(const char *group, enum ms_panic panic)
{
	uint32_t key = read_control().half * MS_GROUPS_MAX + group_of(NULL, group);
	struct ms_group line;

	ck_assert_int_eq(bpf_map_lookup_elem(ms_rig_fd("ms_groups"), &key, &line), 0);
	line.panic = panic;
	ms_rig_put("ms_groups", &key, &line);
	ms_rig_bump_epoch();
}

void ms_rig_iface(const struct ms_rig_iface *iface)
{
	snprintf(ms_rig.group, sizeof(ms_rig.group), "%s", iface->group ? iface->group : "");
	ms_rig.line = (struct ms_iface) {
		.ifindex = iface->ifindex ? iface->ifindex : MS_RIG_IFINDEX,
		.zone = iface->zone,
		.side = iface->side == MS_SIDE_WORKLOAD ? 3 : 0,
		.flags = iface->flags,
		.grace_until = iface->grace_until,
	};
	put_line();
}

void ms_rig_remove_iface(void)
{
	const struct ms_iface none = { 0 };
	uint32_t ifindex = ms_rig.line.ifindex;

	ms_rig_put("ms_ifaces", &ifindex, &none);
}

uint32_t ms_rig_now(void)
{
	return *ms_rig.clock;
}

void ms_rig_advance(uint32_t ticks)
{
	*ms_rig.clock += ticks;
}

static void remove_program(uint32_t slot)
{
	ck_assert_int_eq(bpf_map_delete_elem(ms_rig_fd("ms_progs"), &slot), 0);
}

void ms_rig_remove_slow(void)
{
	remove_program(MS_PROG_SLOW);
}

void ms_rig_remove_resume(void)
{
	remove_program(MS_PROG_RESUME);
}

/* ---- packets ---- */

int ms_rig_program(enum ms_rig_hook hook)
{
	return ms_rig_program_fd(hook == MS_RIG_INGRESS ? "ms_ingress" : "ms_egress");
}

static int run(int program, const struct ms_pkt *pkt, uint32_t segments, uint32_t wire_len)
{
	struct __sk_buff context = { .ifindex = ms_rig.line.ifindex };
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = pkt->frame,
		    .data_size_in = (uint32_t)pkt->len, .ctx_in = &context,
		    .ctx_size_in = sizeof(context));
	int r;

	if (segments) {
		context.gso_segs = segments;
		context.gso_size = MS_PKT_PAYLOAD;
		context.wire_len = wire_len;
	}
	r = bpf_prog_test_run_opts(program, &opts);
	ck_assert_msg(r == 0, "test run of %zu bytes: %s", pkt->len, strerror(-r));
	return (int)opts.retval;
}

int ms_rig_run_plain(int program, const struct ms_pkt *pkt)
{
	return run(program, pkt, 0, 0);
}

int ms_rig_run_changed(enum ms_rig_hook hook, const struct ms_pkt *pkt, struct ms_pkt *ret_pkt,
		       struct __sk_buff *ret_context)
{
	struct __sk_buff context = { .ifindex = ms_rig.line.ifindex };
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = pkt->frame,
		    .data_size_in = (uint32_t)pkt->len, .data_out = ret_pkt->frame,
		    .data_size_out = sizeof(ret_pkt->frame), .ctx_in = &context,
		    .ctx_size_in = sizeof(context), .ctx_out = ret_context,
		    .ctx_size_out = sizeof(*ret_context));

	ck_assert_int_eq(bpf_prog_test_run_opts(ms_rig_program(hook), &opts), 0);
	ret_pkt->len = opts.data_size_out;
	return (int)opts.retval;
}

struct ms_rig_result ms_rig_run_segments(enum ms_rig_hook hook, const struct ms_pkt *pkt,
					 uint32_t segments, uint32_t wire_len)
{
	struct ms_slot_count before[MS_RIG_AUTHORS_MAX], after[MS_RIG_AUTHORS_MAX];
	uint64_t packets = segments ? segments : 1, bytes = segments ? wire_len : pkt->len;
	struct ms_rig_result result = { .verdict = "none", .reason = "none", .author = "" };
	struct ms_stats stats_before, stats_after;
	size_t known = ms_rig.n_authors;
	int moved = 0;

	ms_rig_take_totals(before, &result.half, &result.sess);
	ms_rig_take_stats(&stats_before);
	result.code = run(ms_rig_program(hook), pkt, segments, wire_len);
	ms_rig_take_stats(&stats_after);
	ms_rig_take_totals(after, &result.half, &result.sess);
	for (int reason = 0; reason < MS_REASON__COUNT; reason++) {
		for (int verdict = 0; verdict < MS_VERDICT__COUNT; verdict++) {
			uint64_t n = stats_after.packets[reason][verdict] -
				     stats_before.packets[reason][verdict];

			if (n == 0)
				continue;
			ck_assert_uint_eq(n, packets);
			ck_assert_uint_eq(stats_after.bytes[reason][verdict] -
						  stats_before.bytes[reason][verdict],
					  bytes);
			ck_assert_int_eq(moved++, 0);
			result.verdict = verdicts[verdict];
			result.reason = reasons[reason];
		}
	}
	for (size_t slot = 0, authors = 0; slot < known; slot++) {
		if (after[slot].packets == before[slot].packets)
			continue;
		ck_assert_msg(moved == 1 && authors++ == 0 &&
				      after[slot].packets - before[slot].packets == packets &&
				      after[slot].bytes - before[slot].bytes == bytes,
			      "author %s moved by %llu", ms_rig.authors[slot],
			      after[slot].packets - before[slot].packets);
		result.author = ms_rig.authors[slot];
	}
	return result;
}

struct ms_rig_result ms_rig_run(enum ms_rig_hook hook, const struct ms_pkt *pkt)
{
	return ms_rig_run_segments(hook, pkt, 0, 0);
}

struct ms_rig_result ms_rig_expect_at(const char *file, int line, enum ms_rig_hook hook,
				      const struct ms_pkt *pkt, const char *text)
{
	char got[128], traced[128];
	struct ms_rig_result result;
	int code;

	snprintf(traced, sizeof(traced), "%s", ms_rig_trace(hook, pkt, NULL));
	result = ms_rig_run(hook, pkt);
	code = strcmp(result.verdict, "deny") == 0 ? 2 : -1;

	snprintf(got, sizeof(got), "%s %s%s%s", result.verdict, result.reason,
		 result.author[0] ? " " : "", result.author);
	ck_assert_msg(strcmp(got, text) == 0, "%s:%d: expected \"%s\", got \"%s\"", file, line,
		      text, got);
	ck_assert_msg(strcmp(traced, text) == 0, "%s:%d: trace had said \"%s\", not \"%s\"", file,
		      line, traced, text);
	ck_assert_msg(result.code == code, "%s:%d: %s returned %d", file, line, got, result.code);
	return result;
}

const char *ms_rig_trace(enum ms_rig_hook hook, const struct ms_pkt *pkt, bool *ret_session)
{
	static char text[128];
	struct ms_trace_io io = {
		.ifindex = ms_rig.line.ifindex,
		.egress = hook == MS_RIG_EGRESS,
		.half = read_control().half,
	};
	uint32_t zero = 0;

	ms_rig_put("ms_trace_io", &zero, &io);
	run(ms_rig_program_fd("ms_trace"), pkt, 0, 0);
	ck_assert_int_eq(bpf_map_lookup_elem(ms_rig_fd("ms_trace_io"), &zero, &io), 0);
	ck_assert_uint_eq(io.generation, ms_rig.generation);
	if (ret_session)
		*ret_session = io.session;
	snprintf(text, sizeof(text), "%s %s%s%s", verdicts[io.verdict], reasons[io.reason],
		 io.slot ? " " : "", ms_rig.authors[io.slot]);
	return text;
}

uint32_t ms_rig_verified_insns(const char *program)
{
	struct bpf_program *found = bpf_object__find_program_by_name(ms_rig.object, program);
	struct bpf_prog_info info = { 0 };
	uint32_t length = sizeof(info);

	ck_assert_ptr_nonnull(found);
	ck_assert_int_eq(bpf_obj_get_info_by_fd(bpf_program__fd(found), &info, &length), 0);
	return info.verified_insns;
}
