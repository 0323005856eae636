/* SPDX-License-Identifier: GPL-2.0-or-later */
#define _GNU_SOURCE
#include "tests/harness/podman.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/harness/netns.h"
#include "tests/harness/proc.h"
#include "tests/harness/readme.h"

#define DIR MS_NETNS_DIR "/podman"
#define PODMAN                                                                                     \
	"podman --root " DIR "/root --runroot " DIR "/run --tmpdir " DIR "/tmp "                   \
	"--runtime /usr/sbin/runc --cgroup-manager cgroupfs --storage-driver vfs "                 \
	"--events-backend file "

#define LIMITS                                                                                     \
	"--ulimit nofile=1024:1024 --ulimit nproc=1024:1024 --cgroup-parent \"/$" CGROUP "\" "

#define CGROUP "MS_PODMAN_CGROUP" /* environment: this suite's own cgroup parent */

int ms_podman_run_suite(Suite *suite)
{
	char parent[64], command[160];
	int status = 0;
	pid_t pid;

	snprintf(parent, sizeof(parent), "ms-test-%d", (int)getpid());
	setenv(CGROUP, parent, 1);
	/* In a child: who has moved into a process namespace cannot start a program after its end.
	 */
	pid = fork();
	if (pid == 0)
		exit(ms_netns_run(suite));
	waitpid(pid, &status, 0);
	/* Empty by now: everything in them was in the suite's process namespace. */
	snprintf(command, sizeof(command),
		 "find /sys/fs/cgroup -depth -type d -path '*/%s*' -exec rmdir {} +", parent);
	if (system(command) != 0 || !WIFEXITED(status))
		_exit(EXIT_FAILURE);
	/* The suite was run and freed in the child: here it only looks like a leak. */
	_exit(WEXITSTATUS(status));
}

void ms_podman_setup(void)
{
	/* Network definitions and leases of the machine are neither used nor touched. */
	ms_netns_run_command("mkdir -p " DIR "/net " DIR "/cni /var/lib/cni && "
			     "cp /etc/cni/net.d/*.conflist " DIR "/net/ && "
			     "mount --bind " DIR "/net /etc/cni/net.d && "
			     "mount --bind " DIR "/cni /var/lib/cni");
	ms_netns_run_command("mkdir -p " DIR "/image/bin && cp /bin/busybox " DIR "/image/bin/ && "
			     "for tool in sh wget httpd mkdir echo timeout cat sleep; do "
			     "ln -s busybox " DIR "/image/bin/$tool; done");
	ms_netns_run_command("tar -C " DIR "/image -c . | " PODMAN "import - busybox");
}

void ms_podman_run(const char *name, const char *address, const char *publish)
{
	ms_netns_run_command(PODMAN "run -d --name %s " LIMITS
				    "--network podman --ip %s %s %s busybox sh -c "
				    "'mkdir -p /www && echo this is %s >/www/index.html && "
				    "exec httpd -f -p 80 -h /www'",
			     name, address, publish ? "-p" : "", publish ? publish : "", name);
}

void ms_podman_make(const char *verb, const char *name, const char *options)
{
	ms_netns_run_command(PODMAN "%s --name %s " LIMITS "%s busybox sh -c 'exec sleep 1000'",
			     verb, name, options);
}

void ms_podman_command(const char *format, ...)
{
	char arguments[1024];
	va_list args;

	va_start(args, format);
	vsnprintf(arguments, sizeof(arguments), format, args);
	va_end(args);
	ms_netns_run_command(PODMAN "%s", arguments);
}

char *ms_podman_read(char *buf, size_t size, const char *format, ...)
{
	char arguments[1024];
	va_list args;

	va_start(args, format);
	vsnprintf(arguments, sizeof(arguments), format, args);
	va_end(args);
	return ms_netns_read_command(buf, size, PODMAN "%s", arguments);
}

static void serve(void *user)
{
	char command[1024];

	snprintf(command, sizeof(command), "exec " PODMAN "system service --time=0 unix://%s",
		 (const char *)user);
	execl("/bin/sh", "sh", "-c", command, (char *)NULL);
	_exit(127);
}

static bool answers(void *user)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), r;

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", (const char *)user);
	r = connect(fd, (struct sockaddr *)&address, sizeof(address));
	close(fd);
	return r == 0;
}

pid_t ms_podman_serve(const char *socket_path)
{
	pid_t pid = ms_proc_fork(NULL, serve, (void *)socket_path);

	ck_assert_msg(ms_netns_wait(answers, (void *)socket_path, 30), "podman does not serve %s",
		      socket_path);
	return pid;
}

void ms_podman_put_command(const char *image)
{
	ms_netns_run_command("tar -C " DIR "/image -c . | " PODMAN
			     "import --change 'CMD [\"sleep\", \"1000\"]' - %s",
			     image);
	ms_readme_put_command("podman", "#!/bin/sh\n"
					"PATH=${PATH#*:}\n"
					"verb=$1\n"
					"shift\n"
					"[ \"$verb\" = run ] && set -- " LIMITS "\"$@\"\n"
					"exec " PODMAN "\"$verb\" \"$@\"\n");
}

int ms_podman_exec(const char *name, const char *command)
{
	return ms_netns_try_command(PODMAN "exec %s %s", name, command);
}

int ms_podman_wget(const char *name, const char *url)
{
	return ms_netns_try_command(PODMAN "exec %s timeout 2 wget -qO /dev/null %s", name, url);
}

char *ms_podman_link(const char *name, char *buf, size_t size)
{
	ms_netns_read_command(buf, size, PODMAN "exec %s cat /sys/class/net/eth0/iflink", name);
	ck_assert_msg(isdigit((unsigned char)buf[0]), "%s: no link: %s", name, buf);
	return ms_netns_read_command(buf, size, "ip -o link | sed -n 's/^%d: \\([^@:]*\\).*/\\1/p'",
				     atoi(buf));
}
