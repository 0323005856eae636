/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The bench's command line. Called by run.sh, which makes tables and plots of what it writes. */
#define _GNU_SOURCE
#include <argp.h>
#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/cleanup.h"
#include "tests/bench/bench.h"

static const struct {
	const char *name;
	void (*run)(const struct ms_bench *bench);
} sections[] = {
	{ "costs", ms_bench_costs },       { "program", ms_bench_program },
	{ "classify", ms_bench_classify }, { "lines", ms_bench_lines },
	{ "control", ms_bench_control },   { "attach", ms_bench_attach },
	{ "hook", ms_bench_hook },         { "stream", ms_bench_tcp },
	{ "memory", ms_bench_memory },     { "reload", ms_bench_reload },
	{ "gap", ms_bench_gap },
};

#define ALL ((1u << ms_array_size(sections)) - 1)

struct arguments {
	struct ms_bench bench;
	unsigned int sections; /* bit per section, 0 = all */
	const char *out;
};

static const struct argp_option options[] = {
	{ "quick", 'q', NULL, 0, "Fewer and shorter runs", 0 },
	{ "smoke", 's', NULL, 0, "Only to see that it runs: the figures mean nothing", 0 },
	{ "only", 'o', "SECTION", 0, "This section (repeatable)", 0 },
	{ "baseline", 'b', "OBJ:PROG", 0, "A TC program to compare with", 0 },
	{ "rules", 'r', "DIR", 0, "ClassBench files: acl1, fw1, ipc1, each NAME.rules", 0 },
	{ "out", 'O', "FILE", 0, "Where samples go (standard output)", 0 },
	{ NULL, 0, NULL, 0, NULL, 0 },
};

static void take_section(struct argp_state *state, struct arguments *arguments, const char *name)
{
	for (size_t i = 0; i < ms_array_size(sections); i++) {
		if (strcmp(sections[i].name, name) == 0) {
			arguments->sections |= 1u << i;
			return;
		}
	}
	argp_error(state, "there is no section \"%s\"", name);
}

static error_t take(int key, char *text, struct argp_state *state)
{
	struct arguments *arguments = state->input;
	char *colon;

	switch (key) {
	case 'q':
		arguments->bench.quick = true;
		return 0;
	case 's':
		arguments->bench.quick = arguments->bench.smoke = true;
		return 0;
	case 'o':
		take_section(state, arguments, text);
		return 0;
	case 'b':
		colon = strrchr(text, ':');
		if (!colon)
			argp_error(state, "--baseline takes OBJ:PROG");
		*colon = '\0';
		arguments->bench.baseline_obj = text;
		arguments->bench.baseline_prog = colon + 1;
		return 0;
	case 'r':
		arguments->bench.rules_dir = text;
		return 0;
	case 'O':
		arguments->out = text;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* On one CPU, so that no run pays for another's move. */
static void stay(void)
{
	cpu_set_t cpus;

	CPU_ZERO(&cpus);
	CPU_SET(sched_getcpu(), &cpus);
	sched_setaffinity(0, sizeof(cpus), &cpus);
}

void ms_bench_roam(void)
{
	cpu_set_t all;

	memset(&all, 0xff, sizeof(all));
	sched_setaffinity(0, sizeof(all), &all);
}

static int run_section(const struct ms_bench *bench, size_t section)
{
	int status;
	pid_t pid = fork();

	if (pid < 0)
		ms_bench_fail("fork: %s", strerror(errno));
	if (pid == 0) {
		stay();
		sections[section].run(bench);
		exit(0);
	}
	if (waitpid(pid, &status, 0) < 0 || !WIFEXITED(status))
		return 1;
	return WEXITSTATUS(status);
}

int main(int argc, char **argv)
{
	static const struct argp argp = { options, take, NULL, "Measures microseg's datapath.",
					  NULL,    NULL, NULL };
	struct arguments arguments = { .bench.out = stdout };
	int failed = 0;

	argp_parse(&argp, argc, argv, 0, NULL, &arguments);
	if (arguments.out) {
		arguments.bench.out = fopen(arguments.out, "we");
		if (!arguments.bench.out)
			ms_bench_fail("%s cannot be written: %s", arguments.out, strerror(errno));
	}
	arguments.bench.rounds = arguments.bench.smoke ? 2 : arguments.bench.quick ? 10 : 15;
	for (size_t i = 0; i < ms_array_size(sections); i++)
		if ((arguments.sections ? arguments.sections : ALL) & 1u << i)
			failed |= run_section(&arguments.bench, i);
	return failed;
}
