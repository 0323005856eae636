/* SPDX-License-Identifier: GPL-2.0-or-later */
#define _GNU_SOURCE
#include "tests/harness/netns.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <netlink/netlink.h>
#include <netlink/route/link.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "core/base/cleanup.h"

static int home_fd = -1;

int ms_netns_run(Suite *suite)
{
	const char *fork_mode = getenv("CK_FORK");
	pid_t pid;
	int status;

	if (geteuid() != 0 || (fork_mode && !strcmp(fork_mode, "no"))) {
		fprintf(stderr, "this lane needs root and a process per test\n");
		return EXIT_FAILURE;
	}
	if (unshare(CLONE_NEWPID | CLONE_NEWNS) != 0) {
		perror("unshare");
		return EXIT_FAILURE;
	}
	pid = fork();
	if (pid < 0)
		return EXIT_FAILURE;
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
		    mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) != 0) {
			perror("mount");
			_exit(EXIT_FAILURE);
		}
		exit(ms_check_run(suite));
	}
	if (waitpid(pid, &status, 0) != pid)
		status = -1;
	/* Not by return: what this process starts now is no longer in its own pid namespace, so the
	 * leak checker's helper cannot find it. The suite itself was checked in the child. */
	_exit(status != -1 && WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_FAILURE);
}

static void mount_fresh(const char *type, const char *where)
{
	if (mkdir(where, 0755) != 0 && errno != EEXIST)
		ck_abort_msg("mkdir %s: %s", where, strerror(errno));
	if (mount(type, where, type, 0, NULL) != 0)
		ck_abort_msg("mount %s on %s: %s", type, where, strerror(errno));
}

/* Without ip(8), which a kernel's guest has not. */
static void raise_loopback(void)
{
	struct ifreq request = { .ifr_name = "lo", .ifr_flags = IFF_UP };
	ms_cleanup(ms_close_fd) int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	ck_assert_int_eq(ioctl(fd, SIOCSIFFLAGS, &request), 0);
}

void ms_netns_setup(void)
{
	ck_assert_int_eq(unshare(CLONE_NEWNET | CLONE_NEWNS), 0);
	ck_assert_int_eq(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
	mount_fresh("tmpfs", "/run");
	/* sysfs shows the network namespace it was mounted in; the cgroup tree stays below. */
	ck_assert_int_eq(mkdir(MS_NETNS_DIR, 0755), 0);
	mount_fresh("bpf", MS_NETNS_BPFFS);
	home_fd = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	ck_assert_int_ge(home_fd, 0);
	raise_loopback();
}

static int run_shell(char *output, size_t size, const char *format, va_list args)
{
	char command[2048];
	size_t n = 0;
	FILE *pipe;
	int c;

	ck_assert_int_lt(vsnprintf(command, sizeof(command) - 8, format, args),
			 (int)sizeof(command) - 8);
	strcat(command, " 2>&1");
	pipe = popen(command, "re");
	ck_assert_ptr_nonnull(pipe);
	while ((c = fgetc(pipe)) != EOF)
		if (n + 1 < size)
			output[n++] = c;
	while (n && output[n - 1] == '\n')
		n--;
	output[n] = 0;
	return pclose(pipe);
}

void ms_netns_run_command(const char *format, ...)
{
	char output[2048];
	va_list args;
	int status;

	va_start(args, format);
	status = run_shell(output, sizeof(output), format, args);
	va_end(args);
	ck_assert_msg(status == 0, "%s: exit %d: %s", format, WEXITSTATUS(status), output);
}

int ms_netns_try_command(const char *format, ...)
{
	char output[2048];
	va_list args;
	int status;

	va_start(args, format);
	status = run_shell(output, sizeof(output), format, args);
	va_end(args);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

char *ms_netns_read_command(char *buf, size_t size, const char *format, ...)
{
	va_list args;
	int status;

	va_start(args, format);
	status = run_shell(buf, size, format, args);
	va_end(args);
	ck_assert_msg(status == 0, "%s: exit %d: %s", format, WEXITSTATUS(status), buf);
	return buf;
}

void ms_netns_put_file(const char *path, const char *text)
{
	char new[256];
	FILE *file;

	snprintf(new, sizeof(new), "%s.new", path);
	file = fopen(new, "we");
	ck_assert_msg(file != NULL, "%s: %s", new, strerror(errno));
	ck_assert_int_ge(fputs(text, file), 0);
	ck_assert_int_eq(fclose(file), 0);
	ck_assert_int_eq(rename(new, path), 0);
}

void ms_netns_add(const char *name)
{
	ms_netns_run_command("ip netns add %s && ip -n %s link set lo up", name, name);
}

void ms_netns_go(const char *name)
{
	char path[128];
	ms_cleanup(ms_close_fd) int fd = -1;

	if (!name) {
		ck_assert_int_eq(setns(home_fd, CLONE_NEWNET), 0);
		return;
	}
	snprintf(path, sizeof(path), "/run/netns/%s", name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	ck_assert_msg(fd >= 0, "no namespace %s", name);
	ck_assert_int_eq(setns(fd, CLONE_NEWNET), 0);
}

/* An end of a device, and a socket of its namespace. */
struct end {
	struct nl_sock *sock;
	const char *name;
};

/*
 * Running is told before the kernel has made the queue one that sends, but both are done under the
 * lock of the network's configuration (linkwatch_do_dev()), which this request waits for too.
 */
static bool carries(void *user)
{
	const struct end *end = user;
	struct rtnl_link *link;
	bool is_running;

	ck_assert_int_eq(rtnl_link_get_kernel(end->sock, 0, end->name, &link), 0);
	is_running = rtnl_link_get_flags(link) & IFF_RUNNING;
	rtnl_link_put(link);
	return is_running;
}

void ms_netns_wait_carrier(const char *name)
{
	struct end end = { nl_socket_alloc(), name };

	ck_assert_ptr_nonnull(end.sock);
	ck_assert_int_eq(nl_connect(end.sock, NETLINK_ROUTE), 0);
	ck_assert_msg(ms_netns_wait(carries, &end, 10), "%s has no carrier", name);
	nl_socket_free(end.sock);
}

/*
 * The kernel notes the carriers in a work of its own, and puts that off for up to a second if it
 * takes the two ends for one device, which it does if their indexes are the same number
 * (linkwatch_urgent_event() of net/core/link_watch.c).
 */
void ms_netns_veth(const char *name, const char *ns, const char *prefix, const char *prefix6)
{
	static unsigned int index = 1000;

	ms_netns_run_command("ip link add %s index %u type veth peer name eth0 netns %s", name,
			     index++, ns);
	ms_netns_run_command("ip addr add %s1/24 dev %s && ip -n %s addr add %s2/24 dev eth0",
			     prefix, name, ns, prefix);
	if (prefix6)
		ms_netns_run_command("ip addr add %s1/64 dev %s nodad && "
				     "ip -n %s addr add %s2/64 dev eth0 nodad",
				     prefix6, name, ns, prefix6);
	ms_netns_run_command("ip link set %s up && ip -n %s link set eth0 up", name, ns);
	ms_netns_wait_carrier(name);
	ms_netns_go(ns);
	ms_netns_wait_carrier("eth0");
	ms_netns_go(NULL);
	ms_netns_run_command("ip -n %s route add default via %s1", ns, prefix);
	if (prefix6)
		ms_netns_run_command("ip -n %s -6 route add default via %s1", ns, prefix6);
}

void ms_netns_tap(void)
{
	ms_netns_run_command("sysctl -qw net.ipv6.conf.default.disable_ipv6=1; "
			     "ip link add tap0 type veth peer name tap1; "
			     "ip link set tap1 up; ip link set tap0 up");
}

uint64_t ms_netns_now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ull + ts.tv_nsec;
}

unsigned int ms_netns_patience(void)
{
	const char *multiplier = getenv("CK_TIMEOUT_MULTIPLIER");
	unsigned long times = multiplier ? strtoul(multiplier, NULL, 10) : 1;

	return times >= 1 && times <= 100 ? (unsigned int)times : 1;
}

bool ms_netns_wait(bool (*is_so)(void *user), void *user, unsigned int seconds)
{
	return ms_netns_wait_exactly(is_so, user, seconds * ms_netns_patience());
}

bool ms_netns_wait_exactly(bool (*is_so)(void *user), void *user, unsigned int seconds)
{
	uint64_t deadline = ms_netns_now_ns() + seconds * 1000000000ull;

	while (!is_so(user)) {
		if (ms_netns_now_ns() >= deadline)
			return false;
		poll(NULL, 0, 3);
	}
	return true;
}
