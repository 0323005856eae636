/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The README of a plugin, followed as it is written, in the test's own machine. What it has below
 * /etc/microseg/ is below MS_NETNS_DIR/etc/ there. `readme` is the file's path; functions without a
 * result fail the test.
 */
#ifndef MS_TESTS_HARNESS_README_H
#define MS_TESTS_HARNESS_README_H

#include <stddef.h>

#include "tests/harness/netns.h"
#include "tests/harness/proc.h"

/* Commands of a test's own, which a README's lines find before all others. */
#define MS_README_BIN MS_NETNS_DIR "/bin"

/* The nth block of YAML. */
void ms_readme_yaml(char *buf, size_t size, const char *readme, int nth);
/* All commands, a line each: what is broken into several is one. */
void ms_readme_commands(char *buf, size_t size, const char *readme);
/* An executable in MS_README_BIN, which it makes. */
void ms_readme_put_command(const char *name, const char *script);

/* sudo and microsegctl of a README are for this daemon from now on, and so is what it checks. */
void ms_readme_serve(const struct ms_proc *daemon);
/*
 * All its commands, the one after the other; each must succeed. `shown` has for each of `count`
 * NULL, or an extended regular expression that what it shows comes to match.
 */
void ms_readme_follow(const char *readme, const char *const *shown, size_t count);

#endif
