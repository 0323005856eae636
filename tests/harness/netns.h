/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A machine of its own for each test: network, mount and (for the whole program) process
 * namespace, a private tmpfs on /run and a private bpffs below it. All of it dies with the test's
 * process; nothing is attached, mounted or written outside.
 *
 * Functions without a result fail the running test when they cannot do their work.
 */
#ifndef MS_TESTS_HARNESS_NETNS_H
#define MS_TESTS_HARNESS_NETNS_H

#include <stdbool.h>
#include <stdint.h>

#include "tests/harness/ms_check.h"

#define MS_NETNS_DIR "/run/ms-test"
#define MS_NETNS_BPFFS MS_NETNS_DIR "/bpf"

/* Instead of ms_check_run(), for suites that need root: the suite runs as the first process of a
 * process namespace, so that no daemon or container outlives it. Without root it fails, it does
 * not skip; CK_FORK=no is refused, since namespaces would pile up. */
int ms_netns_run(Suite *suite);

/* For a checked fixture: enters the fresh namespaces, lo up, bpffs at MS_NETNS_BPFFS. */
void ms_netns_setup(void);

/* Another network namespace, by name, lo up. */
void ms_netns_add(const char *name);
/* The calling thread moves there; NULL = back to the test's own. Sockets stay where they are
 * made. */
void ms_netns_go(const char *name);

/* A shell command that must succeed; its output is shown if it does not. */
void ms_netns_run_command(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* The same for one that may fail: its exit status. */
int ms_netns_try_command(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* First `size` - 1 bytes of what it writes, without the last newline. Returns `buf`. */
char *ms_netns_read_command(char *buf, size_t size, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* `text` is in the file's place at once, by a rename: nobody reads half of it. */
void ms_netns_put_file(const char *path, const char *text);

/* A veth pair: `name` here with addresses A.1 of `prefix` ("10.1.0.") and fd00::... if `prefix6`
 * ("fd01::") is given, its peer "eth0" in namespace `ns` with A.2, default route through us. */
void ms_netns_veth(const char *name, const char *ns, const char *prefix, const char *prefix6);

/* "tap0" that copies are sent to, and "tap1" where they come out; devices made here from now on
 * have no IPv6, as their own router solicitations would be copies that nobody sent. */
void ms_netns_tap(void);

/* Until the device `name`, where the calling thread is, has a carrier that the kernel has noted:
 * before, it has no IPv6, and drops without a word what is sent over it. */
void ms_netns_wait_carrier(const char *name);

/* How many times longer than here a test may take: what check multiplies its own limits by. */
unsigned int ms_netns_patience(void);

/* Waits until `is_so` says yes, at most `seconds` times the patience; false = it never did. Never
 * sleeps longer than a few milliseconds, so tests take as long as what they wait for. */
bool ms_netns_wait(bool (*is_so)(void *user), void *user, unsigned int seconds);

/* The same without patience: for what is likely never to be so. */
bool ms_netns_wait_exactly(bool (*is_so)(void *user), void *user, unsigned int seconds);
uint64_t ms_netns_now_ns(void);

#endif
