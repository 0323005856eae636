/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a change costs: compiling alone, then the daemon as a process, from the command's start to
 * its end and to the first packet that is judged by what it changed.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/cleanup.h"
#include "core/classify/compile.h"
#include "core/policy/document.h"
#include "core/policy/merge.h"
#include "tests/bench/daemon.h"
#include "tests/bench/member.h"
#include "tests/bench/result.h"
#include "tests/bench/world.h"

#define DEADLINE_NS (60ull * 1000000000ull)
#define RULES_MAX 99000 /* limits.rules counts the built-in ones and the probes' as well */

/* In a child: what one measurement leaves in the heap is not the next one's. */
static void in_child(void (*work)(const struct ms_bench *bench, size_t rules, size_t more),
		     const struct ms_bench *bench, size_t rules, size_t more)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		work(bench, rules, more);
		exit(0);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid || status != 0)
		ms_bench_fail("a part of section control failed");
}

/* ---- compiling ---- */

static uint64_t status_kib(const char *key)
{
	ms_cleanup(ms_close_file) FILE *file = fopen("/proc/self/status", "re");
	size_t length = strlen(key);
	char line[256];

	while (file && fgets(line, sizeof(line), file))
		if (strncmp(line, key, length) == 0)
			return strtoull(line + length, NULL, 10);
	ms_bench_fail("/proc/self/status has no %s", key);
}

static void forget_peak(void)
{
	ms_cleanup(ms_close_file) FILE *file = fopen("/proc/self/clear_refs", "we");

	if (!file || fputs("5\n", file) < 0 || fflush(file) != 0)
		ms_bench_fail("the peak of memory cannot be reset");
}

static double since_ms(uint64_t began)
{
	return (double)(ms_bench_wall_ns() - began) / 1e6;
}

static void compile(const struct ms_bench *bench, size_t count, size_t nth)
{
	unsigned int round = (unsigned int)nth;
	struct ms_bench_rules rules = ms_bench_rules_make(MS_BENCH_SHAPE_MICRO, count, 1);
	struct ms_policy *files = ms_policy_new(), *merged = NULL;
	struct ms_merge_inputs inputs = { .files = files, .now = 1 };
	struct ms_error error = MS_ERROR_INIT;
	struct ms_image *image = NULL;
	uint64_t began, before;
	double all, part;
	size_t length;
	char *text = ms_bench_rules_document(&rules, "", &length), row[32];
	int r;

	snprintf(row, sizeof(row), "%zu", count);
	/* As the daemon, whose reader has a thread beside (core/policy/document_ahead.h). */
	ms_bench_roam();
	forget_peak();
	before = status_kib("VmRSS:");
	began = ms_bench_wall_ns();
	r = ms_document_parse("bench.yaml", text, length, MS_SOURCE_FILE, files, &error);
	if (r < 0)
		ms_bench_fail("the document: %s", error.message);
	ms_bench_sample(bench, "compile", row, "read (ms)", round, all = since_ms(began));
	began = ms_bench_wall_ns();
	r = ms_policy_merge(&inputs, &merged, &error);
	if (r < 0)
		ms_bench_fail("the merge: %s", error.message);
	ms_bench_sample(bench, "compile", row, "merge (ms)", round, part = since_ms(began));
	all += part;
	began = ms_bench_wall_ns();
	r = ms_compile(merged, 1, ms_bench_world_numbering(), MS_ENGINE_FASTEST, NULL, &image,
		       &error);
	if (r == -ENOSPC)
		ms_bench_word(bench, "compile", row, "compile (ms)", "does not fit");
	else if (r < 0)
		ms_bench_fail("the compiler: %s", error.message);
	else
		ms_bench_sample(bench, "compile", row, "compile (ms)", round,
				part = since_ms(began));
	if (r == 0)
		ms_bench_sample(bench, "compile", row, "all (ms)", round, all + part);
	ms_bench_sample(bench, "compile", row, "peak memory (MB)", round,
			(double)(status_kib("VmHWM:") - before) / 1024);
}

/* ---- commands ---- */

/* Is there a new generation's number in the folder that `state` (inotify) watches? */
static bool has_number(int state)
{
	_Alignas(struct inotify_event) char events[4096];
	const struct inotify_event *event;
	ssize_t length = read(state, events, sizeof(events));

	for (ssize_t at = 0; at < length; at += (ssize_t)(sizeof(*event) + event->len)) {
		event = (const void *)(events + at);
		if (event->len && strcmp(event->name, "generation") == 0)
			return true;
	}
	return false;
}

/* Returns when the daemon was first seen to write its number to `state` (inotify, -1 = nobody
 * looks), 0 = never. */
static uint64_t wait_until(const struct ms_bench_wire *wire, bool pass, int state)
{
	uint64_t began = ms_bench_wall_ns(), written = 0;
	bool is_done;

	for (;;) {
		is_done = ms_bench_wire_passes(wire) == pass;
		/* Behind the packet: both may have come since the last look. */
		if (state >= 0 && !written && has_number(state))
			written = ms_bench_wall_ns();
		if (is_done)
			return written;
		if (ms_bench_wall_ns() - began > DEADLINE_NS)
			ms_bench_fail("the probe's packets never %s", pass ? "passed" : "stopped");
		ms_bench_wire_pause();
	}
}

/* Runs the command under a stream of packets that it lets pass or stops. */
static void change(const struct ms_bench *bench, const struct ms_bench_wire *wire, const char *row,
		   unsigned int round, bool pass, const char *words)
{
	uint64_t began = ms_bench_wall_ns();
	int pid;

	if (ms_bench_wire_passes(wire) == pass)
		ms_bench_fail("%s: nothing is left to change", words);
	pid = ms_bench_daemon_ctl("%s", words);
	wait_until(wire, pass, -1);
	ms_bench_sample(bench, "change", row, "first packet under it", round, since_ms(began));
	ms_bench_daemon_ctl_end(pid);
	ms_bench_sample(bench, "change", row, "command has ended", round, since_ms(began));
}

/* What it takes to start the program: not the daemon's doing. Under the same stream of packets,
 * which takes its share of the processors and goes first. */
static void start_alone(const struct ms_bench *bench, const struct ms_bench_wire *wire,
			const char *row, unsigned int round)
{
	uint64_t began = ms_bench_wall_ns();
	int pid = ms_bench_daemon_ctl("--version");

	while (!ms_bench_daemon_ctl_has_ended(pid)) {
		ms_bench_wire_passes(wire);
		ms_bench_wire_pause();
	}
	ms_bench_sample(bench, "change", row, "version alone", round, since_ms(began));
	ms_bench_daemon_ctl_end(pid);
}

static void changes(const struct ms_bench *bench, size_t count, size_t members)
{
	static const struct {
		const char *name, *words;
		bool pass;
	} commands[] = {
		{ "rule add", "rule add --id runtime/probe --from 10.0.0.0/32 deny", false },
		{ "rule del", "rule del runtime/probe", true },
		{ "set add", "set add probes 10.0.0.0", false },
		{ "set del", "set del probes 10.0.0.0", true },
	};
	struct ms_bench_rules rules = ms_bench_rules_make(MS_BENCH_SHAPE_MICRO, count, 1);
	unsigned int rounds = bench->smoke ? 1 : bench->quick ? 5 : 10;
	bool is_asked_by_socket = count == 10 || count == RULES_MAX;
	char *text = NULL, *tail = NULL, row[64];
	size_t length;
	struct ms_bench_wire wire;
	FILE *out = open_memstream(&tail, &length);

	if (!out)
		ms_bench_fail("out of memory");
	fputs("  - { id: probes, from: \"set:probes\", priority: 1, action: deny }\n"
	      "  - { id: flows, from: 10.0.0.0/8, action: allow }\n"
	      "sets:\n"
	      "  probes:\n",
	      out);
	for (size_t i = 0; i < members; i++)
		fprintf(out, "    - 11.%zu.%zu.%zu\n", i >> 16, i >> 8 & 255, i & 255);
	fclose(out);
	text = ms_bench_rules_document(&rules, tail, &length);
	ms_bench_world_enter();
	ms_bench_wire_open(&wire);
	ms_bench_daemon_start(text, length);
	ms_bench_wire_go_first();
	wait_until(&wire, true, -1);
	for (unsigned int round = 0; round < rounds; round++) {
		for (size_t i = 0; i < ms_array_size(commands); i++) {
			snprintf(row, sizeof(row), "%s, %zu rules, %zu members", commands[i].name,
				 count, members);
			start_alone(bench, &wire, row, round);
			change(bench, &wire, row, round, commands[i].pass, commands[i].words);
		}
	}
	for (unsigned int round = 0; is_asked_by_socket && 2 * round < rounds; round++)
		ms_bench_member(bench, &wire, count, members, round);
	ms_bench_daemon_stop();
}

/* ---- documents ---- */

#define PROBE MS_BENCH_DAEMON_DIR "/policy/00-probe.yaml"

static bool put_probe(void)
{
	ms_cleanup(ms_close_file) FILE *file = fopen(PROBE, "we");

	return file && fputs("version: 1\nrules:\n"
			     "  - { id: probe, from: 10.0.0.0, priority: 1, action: deny }\n",
			     file) >= 0;
}

static int watch_state(void)
{
	int fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);

	if (fd < 0 || inotify_add_watch(fd, MS_BENCH_DAEMON_DIR "/state", IN_MOVED_TO) < 0)
		ms_bench_fail("the daemon's state cannot be watched: %s", strerror(errno));
	return fd;
}

/* All documents anew, with one more that stops the probe's packets, or without it. What comes in
 * force has its number written first, when all is read, compiled and in the tables. */
static void apply(const struct ms_bench *bench, const struct ms_bench_wire *wire, const char *row,
		  unsigned int round, bool pass)
{
	ms_cleanup(ms_close_fd) int state = watch_state();
	uint64_t began, written;
	int pid;

	if (pass ? unlink(PROBE) < 0 : !put_probe())
		ms_bench_fail(PROBE ": %s", strerror(errno));
	if (ms_bench_wire_passes(wire) == pass)
		ms_bench_fail("a document: nothing is left to change");
	began = ms_bench_wall_ns();
	pid = ms_bench_daemon_ctl("policy apply");
	written = wait_until(wire, pass, state);
	if (!written)
		ms_bench_fail("a generation came in force whose number was not written before");
	ms_bench_sample(bench, "commit", row, "read, compiled, in the tables", round,
			(double)(written - began) / 1e6);
	ms_bench_sample(bench, "commit", row, "from then to the first packet under it", round,
			since_ms(written));
	ms_bench_sample(bench, "commit", row, "first packet under it", round, since_ms(began));
	ms_bench_daemon_ctl_end(pid);
	ms_bench_sample(bench, "commit", row, "command has ended", round, since_ms(began));
}

static void applies(const struct ms_bench *bench, size_t count, size_t unused)
{
	struct ms_bench_rules rules = ms_bench_rules_make(MS_BENCH_SHAPE_MICRO, count, 1);
	unsigned int rounds = bench->smoke ? 1 : bench->quick ? 5 : 10;
	char *text, row[32];
	size_t length;
	struct ms_bench_wire wire;

	(void)unused;
	text = ms_bench_rules_document(
		&rules, "  - { id: flows, from: 10.0.0.0/8, action: allow }\n", &length);
	snprintf(row, sizeof(row), "%zu", count);
	ms_bench_world_enter();
	ms_bench_wire_open(&wire);
	ms_bench_daemon_start(text, length);
	ms_bench_wire_go_first();
	wait_until(&wire, true, -1);
	for (unsigned int round = 0; round < 2 * rounds; round++)
		apply(bench, &wire, row, round, round % 2);
	ms_bench_daemon_stop();
}

void ms_bench_control(const struct ms_bench *bench)
{
	static const size_t sizes[] = { 1000, 10000, 100000 };
	unsigned int rounds = bench->smoke ? 1 : bench->quick ? 3 : 10;

	for (size_t i = 0; i < ms_array_size(sizes); i++)
		for (unsigned int round = 0; round < rounds; round++)
			if (sizes[i] < 100000 || !bench->quick)
				in_child(compile, bench, sizes[i], round);
	in_child(changes, bench, 10, 1000);
	in_child(applies, bench, 10, 0);
	if (bench->smoke)
		return;
	in_child(applies, bench, 1000, 0);
	in_child(applies, bench, 10000, 0);
	in_child(changes, bench, 1000, 1000);
	in_child(changes, bench, 10000, 1000);
	in_child(changes, bench, 10, 100000);
	if (!bench->quick) {
		in_child(changes, bench, RULES_MAX, 1000);
		in_child(applies, bench, RULES_MAX, 0);
	}
}
