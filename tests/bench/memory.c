/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What memory is taken: by the kernel for sessions, by the daemon for rules and interfaces. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bpf/dataplane_private.h"
#include "core/base/cleanup.h"
#include "core/classify/image.h"
#include "tests/bench/daemon.h"
#include "tests/bench/drive.h"
#include "tests/bench/flood.h"
#include "tests/bench/result.h"
#include "tests/bench/world.h"

#define BATCH "/run/pairs"
#define ONE_WAY 65536

/* ---- sessions ---- */

/* As the kernel accounts for it; 0 = there is no such map in this engine. */
static double map_bytes(const struct ms_bench_world *world, const char *name)
{
	ms_cleanup(ms_close_file) FILE *file = NULL;
	int fd = ms_dataplane_map(world->dp, name);
	unsigned long long bytes;
	char line[256];

	if (fd < 0)
		return 0;
	snprintf(line, sizeof(line), "/proc/self/fdinfo/%d", fd);
	file = fopen(line, "re");
	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "memlock: %llu", &bytes) == 1)
			return (double)bytes;
	ms_bench_fail("the size of table %s is not known", name);
}

static void sessions(const struct ms_bench *bench, enum ms_session_table table)
{
	uint32_t room = bench->smoke ? 65536 : 1u << 20;
	struct ms_bench_world *world = ms_bench_world_open_on(table, room, ONE_WAY);
	struct ms_bench_rules none = { .count = 0 };
	/* The set's lines are twice the limit, which is half their load; the hash's places are as
	 * many as the limit. */
	uint32_t held = table == MS_SESSION_TABLE_SET ? room : room / 2;
	const char *row = ms_dataplane_session_table_name(table);
	struct ms_stats before, after;
	double bytes;

	if (ms_bench_world_put_rules(world, &none) < 0)
		ms_bench_fail("two rules do not fit");
	ms_bench_establish(ms_dataplane_program(world->dp, MS_HOOK_INGRESS),
			   ms_dataplane_program(world->dp, MS_HOOK_EGRESS), 4, held);
	/* Are they all there? */
	if (ms_dataplane_stats(world->dp, &before) < 0)
		ms_bench_fail("the datapath's counters cannot be read");
	ms_bench_sequence(ms_dataplane_program(world->dp, MS_HOOK_EGRESS), 4, 1, 0, held);
	if (ms_dataplane_stats(world->dp, &after) < 0)
		ms_bench_fail("the datapath's counters cannot be read");
	if (after.packets[MS_REASON_SESSION][MS_VERDICT_ALLOW] -
		    before.packets[MS_REASON_SESSION][MS_VERDICT_ALLOW] <
	    held - held / 1000)
		ms_bench_fail("%s: not all of %u sessions are held", row, held);
	/* The third one serves both families. */
	bytes = map_bytes(world, "ms_sess4") + map_bytes(world, "ms_lines4") +
		map_bytes(world, "ms_tags") / 2;
	ms_bench_sample(bench, "session_memory", row, "bytes a session at load 0.5", 0,
			bytes / held);
	ms_bench_sample(bench, "session_memory", row, "bytes for one of limits.sessions", 0,
			bytes / room);
	ms_bench_world_close(world);
}

/* ---- rules ---- */

/* Up to the last word that is not zero: blocks are taken whole, and the last one is not full. */
static size_t used_bytes(const struct ms_image_table *table)
{
	const uint32_t *words = table->rows;
	size_t count = table->n_rows * table->row_size / sizeof(*words);

	while (count > 0 && words[count - 1] == 0)
		count--;
	return count * sizeof(*words);
}

/* The two tables by the first 16 bits of an address are there from the first rule on. */
static void two_parts(const struct ms_bench *bench, const char *row, size_t bytes)
{
	const size_t roots = 2 * (sizeof(uint32_t) << 16);

	ms_bench_sample(bench, "rule_memory", row, "first 16 bits", 0, (double)roots / 1024);
	ms_bench_sample(bench, "rule_memory", row, "pairs, lists, spans", 0,
			(double)(bytes - roots) / 1024);
}

static void rule_tables(const struct ms_bench *bench, enum ms_bench_shape shape, size_t count)
{
	struct ms_bench_rules rules = ms_bench_rules_make(shape, count, 1);
	ms_cleanup(ms_free) char *text = NULL;
	struct ms_image *image = NULL;
	size_t length, all = 0;
	char row[64];

	snprintf(row, sizeof(row), "%s, %zu rules", rules.name, count);
	text = ms_bench_rules_document(&rules, "", &length);
	if (ms_bench_world_compile(text, length, 1, MS_ENGINE_FASTEST, &image) < 0)
		ms_bench_fail("%s do not fit", row);
	for (size_t i = 0; i < image->n_tables; i++) {
		const struct ms_image_table *table = &image->tables[i];
		bool is_blocks = strcmp(table->map, "ms_blocks") == 0;
		size_t bytes = is_blocks ? used_bytes(table) : table->n_rows * table->row_size;

		all += bytes;
		if (is_blocks)
			two_parts(bench, row, bytes);
	}
	ms_bench_sample(bench, "rule_memory", row, "all that is written", 0, (double)all / 1024);
	ms_image_free(image);
	ms_bench_rules_fini(&rules);
}

/* ---- the daemon ---- */

static void make_pairs(unsigned int pairs)
{
	ms_cleanup(ms_close_file) FILE *file = fopen(BATCH, "we");

	for (unsigned int i = 0; file && i < pairs; i++)
		fprintf(file, "link add w%u up type veth peer name p%u\n", i, i);
	if (!file || fflush(file) != 0)
		ms_bench_fail("%s: %s", BATCH, strerror(errno));
	ms_bench_command("ip -batch " BATCH);
}

static void daemon_rss(const struct ms_bench *bench, size_t count, unsigned int pairs)
{
	struct ms_bench_rules rules = ms_bench_rules_make(MS_BENCH_SHAPE_MICRO, count, 1);
	ms_cleanup(ms_free) char *text = NULL;
	size_t length;
	char row[64];

	ms_bench_world_enter();
	make_pairs(pairs);
	text = ms_bench_rules_document(&rules, "", &length);
	ms_bench_daemon_start(text, length);
	/* Every one of them is attached: a daemon that is ready has seen what was there. */
	ms_bench_daemon_ctl_end(ms_bench_daemon_ctl("iface list --state protected"));
	ms_bench_command("test $(grep -c '^w[0-9]' " MS_BENCH_DAEMON_SAID ") = %u", pairs);
	snprintf(row, sizeof(row), "%zu rules, %u interfaces", count, pairs);
	ms_bench_sample(bench, "daemon", row, "RSS (MB)", 0,
			(double)ms_bench_daemon_rss_bytes() / 1048576);
	ms_bench_daemon_stop();
	ms_bench_rules_fini(&rules);
}

void ms_bench_memory(const struct ms_bench *bench)
{
	static const struct {
		size_t rules;
		unsigned int pairs;
	} sizes[] = { { 10, 1 }, { 10000, 1 }, { 10, 1000 }, { 10000, 4000 }, { 99000, 1 } };
	/* The daemons first: their namespaces go while sessions are looked at. */
	for (size_t i = 0; i < ms_array_size(sizes); i++) {
		int status;
		pid_t pid;

		if (i >= (bench->smoke ? 1u : bench->quick ? 3u : ms_array_size(sizes)))
			break;
		pid = fork();
		if (pid == 0) {
			daemon_rss(bench, sizes[i].rules, sizes[i].pairs);
			exit(0);
		}
		if (pid < 0 || waitpid(pid, &status, 0) != pid || status != 0)
			ms_bench_fail("the daemon's memory under %zu rules is not known",
				      sizes[i].rules);
	}
	for (int shape = 0; shape < MS_BENCH_SHAPE__COUNT; shape++) {
		rule_tables(bench, shape, bench->smoke ? 1000 : 10000);
		if (!bench->quick)
			rule_tables(bench, shape, 100000);
	}
	ms_bench_world_enter();
	sessions(bench, MS_SESSION_TABLE_SET);
	sessions(bench, MS_SESSION_TABLE_LRU_HASH);
	ms_bench_flood(bench);
}
