/* SPDX-License-Identifier: GPL-2.0-or-later */
#define _GNU_SOURCE
#include "tests/bench/member.h"

#include <poll.h>
#include <stdio.h>

#include "core/base/cleanup.h"
#include "tests/bench/daemon.h"
#include "tests/bench/result.h"

#define DEADLINE_NS 10000000000ull
#define QUIET_MS 20 /* longer than a change of sets keeps the next one from its epoch */
#define TIMES 100   /* of a round, for its p99 */

enum moment { FRESH, ANSWERED, STANDING, MOMENTS };

static const char *const columns[MOMENTS] = {
	[FRESH] = "a new flow is judged by it",
	[ANSWERED] = "answered",
	[STANDING] = "a standing flow is judged again",
};

enum { ADD, DEL, METHODS };

static const char *const methods[METHODS] = { [ADD] = "set.add", [DEL] = "set.del" };

struct kind {
	const char *name;
	bool is_behind; /* right behind another one, or after quiet */
	const char *more;
};

static const struct kind kinds[] = {
	{ "alone", false, "" },
	{ "behind another", true, "" },
	{ "for an hour", false, ",\"for_ms\":3600000" },
};

static void ask(int fd, int method, const struct kind *kind, const char *address)
{
	char request[160];

	snprintf(request, sizeof(request),
		 "{\"method\":\"%s\",\"parameters\":"
		 "{\"name\":\"probes\",\"members\":[\"%s\"]%s}}",
		 methods[method], address, method == ADD ? kind->more : "");
	ms_bench_daemon_ask(fd, request);
}

static bool has_come(struct ms_bench_wire *wire, int fd, bool pass, enum moment moment)
{
	struct pollfd answer = { .fd = fd, .events = POLLIN };

	switch (moment) {
	case FRESH:
		return ms_bench_wire_passes_fresh(wire) == pass;
	case ANSWERED:
		return poll(&answer, 1, 0) == 1;
	default:
		return ms_bench_wire_passes(wire) == pass;
	}
}

/* ms from now until each. */
static void watch(struct ms_bench_wire *wire, int fd, bool pass, double *ret_took)
{
	uint64_t began = ms_bench_wall_ns(), now = began;
	bool seen[MOMENTS] = { false };
	unsigned int left = MOMENTS;

	while (left) {
		for (enum moment i = 0; i < MOMENTS; i++) {
			if (seen[i] || !has_come(wire, fd, pass, i))
				continue;
			now = ms_bench_wall_ns();
			ret_took[i] = (double)(now - began) / 1e6;
			seen[i] = true;
			left--;
		}
		if (ms_bench_wall_ns() - began > DEADLINE_NS)
			ms_bench_fail("a member of a set: the probe's packets never %s",
				      pass ? "passed" : "stopped");
		ms_bench_wire_pause();
	}
	ms_bench_daemon_answer(fd);
}

/* The probe's address comes or goes. */
static void change(struct ms_bench_wire *wire, int fd, int method, const struct kind *kind,
		   double *ret_took)
{
	bool pass;

	poll(NULL, 0, QUIET_MS);
	if (kind->is_behind) {
		ask(fd, method, kind, "10.255.0.1");
		ms_bench_daemon_answer(fd);
	}
	/* The standing flow has had the epoch of that one, too. */
	pass = ms_bench_wire_passes(wire);
	ask(fd, method, kind, "10.0.0.0");
	watch(wire, fd, !pass, ret_took);
}

static void report(const struct ms_bench *bench, const char *row, unsigned int round,
		   double took[][MOMENTS], size_t count)
{
	double values[TIMES];
	char column[64];

	for (enum moment i = 0; i < MOMENTS; i++) {
		for (size_t at = 0; at < count; at++)
			values[at] = took[at][i];
		ms_bench_sample(bench, "member", row, columns[i], round,
				ms_bench_quantile(values, count, 0.5));
		snprintf(column, sizeof(column), "%s, p99", columns[i]);
		ms_bench_sample(bench, "member", row, column, round,
				ms_bench_quantile(values, count, 0.99));
	}
}

void ms_bench_member(const struct ms_bench *bench, struct ms_bench_wire *wire, size_t rules,
		     size_t members, unsigned int round)
{
	ms_cleanup(ms_close_fd) int fd = ms_bench_daemon_connect();
	size_t count = bench->smoke ? 2 : bench->quick ? TIMES / 5 : TIMES;
	double took[METHODS][TIMES][MOMENTS];
	char row[96];

	for (size_t kind = 0; kind < ms_array_size(kinds); kind++) {
		for (size_t i = 0; i < count * METHODS; i++)
			change(wire, fd, (int)(i % METHODS), &kinds[kind],
			       took[i % METHODS][i / METHODS]);
		for (int i = 0; i < METHODS; i++) {
			snprintf(row, sizeof(row), "%s, %s, %zu rules, %zu members", methods[i],
				 kinds[kind].name, rules, members);
			report(bench, row, round, took[i], count);
		}
	}
}
