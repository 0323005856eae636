/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Real containers inside a test's own machine: podman with storage, network state and runtime
 * folder on the test's tmpfs, an image made of busybox alone. Call after ms_netns_setup(). The
 * containers die with the test. Functions without a result fail the test.
 */
#ifndef MS_TESTS_HARNESS_PODMAN_H
#define MS_TESTS_HARNESS_PODMAN_H

#include <stddef.h>
#include <sys/types.h>

#include "tests/harness/ms_check.h"

/* The bridge that podman makes for its default network, 10.88.0.0/16. */
#define MS_PODMAN_BRIDGE "cni-podman0"

/* Instead of ms_netns_run(): the same, and the cgroups of the containers go with it. */
int ms_podman_run_suite(Suite *suite);

void ms_podman_setup(void);
/* A container at `address` that serves its own name over HTTP on port 80. `publish`, if given, is
 * "HOSTPORT:80". */
void ms_podman_run(const char *name, const char *address, const char *publish);
/* A container that does nothing, from "run -d" or "create" and more options. */
void ms_podman_make(const char *verb, const char *name, const char *options);
/* Any other command, which must succeed. */
void ms_podman_command(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* First `size` - 1 bytes of what it writes. Returns `buf`. */
char *ms_podman_read(char *buf, size_t size, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* Starts the service that speaks Docker's API on a unix socket, and waits for it. End it with
 * ms_proc_end(). */
pid_t ms_podman_serve(const char *socket_path);
/* For ms_readme_follow(): its `podman` is this one, and there is an image of this name, whose
 * containers do nothing. */
void ms_podman_put_command(const char *image);
/* Runs a command inside; its exit status. */
int ms_podman_exec(const char *name, const char *command);
/* wget inside the container: 0 = the page came within two seconds. */
int ms_podman_wget(const char *name, const char *url);
/* The host's end of its link. Returns `buf`. */
char *ms_podman_link(const char *name, char *buf, size_t size);

#endif
