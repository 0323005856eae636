/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/netns/etcd_server.h"

#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/harness/netns.h"
#include "tests/harness/proc.h"

#define TLS_DIR MS_NETNS_DIR "/tls"

static unsigned member_count;
static int with_tls;
static pid_t pids[MS_ETCD_SERVER_MEMBERS];
static char urls[MS_ETCD_SERVER_MEMBERS][64];
static char command_urls[MS_ETCD_SERVER_MEMBERS][64];

void ms_etcd_server_init(unsigned members, int tls)
{
	member_count = members;
	with_tls = tls;
	memset(pids, 0, sizeof(pids));
	for (unsigned i = 0; i < MS_ETCD_SERVER_MEMBERS; i++) {
		snprintf(urls[i], sizeof(urls[i]), "http%s://127.0.1.%u:2379", tls ? "s" : "",
			 i + 1);
		snprintf(command_urls[i], sizeof(command_urls[i]), "http%s://127.0.1.%u:2389",
			 tls ? "s" : "", i + 1);
	}
	if (!tls)
		return;
	ms_netns_run_command(
		"mkdir -p " TLS_DIR " && cd " TLS_DIR " && exec >/dev/null 2>&1 && "
		"new='openssl req -x509 -newkey rsa:2048 -nodes -days 2' && "
		"$new -keyout ca.key -out ca.pem -subj /CN=ca && "
		"$new -keyout other.key -out other.pem -subj /CN=other && "
		"for name in CN=server CN=client O=fleet; do who=${name#*=}; "
		"openssl req -newkey rsa:2048 -nodes -keyout $who.key -out $who.csr -subj /$name && "
		"printf 'subjectAltName=IP:127.0.1.1\\nextendedKeyUsage=serverAuth,clientAuth\\n' "
		">ext && openssl x509 -req -in $who.csr -CA ca.pem -CAkey ca.key -CAcreateserial "
		"-days 2 -extfile ext -out $who.pem || exit 1; done");
}

const char *ms_etcd_server_url(unsigned member)
{
	return urls[member];
}

static void serve(void *user)
{
	unsigned i = *(unsigned *)user;
	char name[16], data[64], peer[64], cluster[256] = "", log[64], clients[130];
	int fd, used = 0;

	for (unsigned j = 0; j < member_count; j++)
		used += snprintf(cluster + used, sizeof(cluster) - (size_t)used,
				 "%sm%u=http://127.0.1.%u:2380", j ? "," : "", j, j + 1);
	snprintf(name, sizeof(name), "m%u", i);
	snprintf(data, sizeof(data), MS_NETNS_DIR "/etcd-m%u", i);
	snprintf(log, sizeof(log), MS_NETNS_DIR "/etcd-m%u.log", i);
	snprintf(peer, sizeof(peer), "http://127.0.1.%u:2380", i + 1);
	snprintf(clients, sizeof(clients), "%s,%s", urls[i], command_urls[i]);
	fd = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	dup2(fd, STDOUT_FILENO);
	dup2(fd, STDERR_FILENO);
	/* The last ones are for TLS alone. */
	execlp("etcd", "etcd", "--name", name, "--data-dir", data, "--listen-client-urls", clients,
	       "--advertise-client-urls", urls[i], "--listen-peer-urls", peer,
	       "--initial-advertise-peer-urls", peer, "--initial-cluster", cluster, "--log-outputs",
	       "stderr", with_tls ? "--client-cert-auth" : NULL, "--trusted-ca-file",
	       TLS_DIR "/ca.pem", "--cert-file", TLS_DIR "/server.pem", "--key-file",
	       TLS_DIR "/server.key", NULL);
	_exit(127);
}

void ms_etcd_server_start(unsigned member)
{
	pids[member] = ms_proc_fork(NULL, serve, &member);
}

static int ctl(unsigned member, const char *command, int must)
{
	const char *tls = with_tls ? "--cacert " TLS_DIR "/ca.pem --cert " TLS_DIR
				     "/client.pem --key " TLS_DIR "/client.key"
				   : "";
	const char *format = "ETCDCTL_API=3 etcdctl --endpoints %s %s %s >/dev/null";

	if (!must)
		return ms_netns_try_command(format, command_urls[member], tls, command);
	ms_netns_run_command(format, command_urls[member], tls, command);
	return 0;
}

static bool answers(void *user)
{
	return ctl(*(unsigned *)user, "--command-timeout 1s get / 2>/dev/null", 0) == 0;
}

void ms_etcd_server_await(unsigned member)
{
	ck_assert_msg(ms_netns_wait(answers, &member, 60), "member %u does not answer", member);
}

void ms_etcd_server_start_all(void)
{
	for (unsigned i = 0; i < member_count; i++)
		ms_etcd_server_start(i);
	for (unsigned i = 0; i < member_count; i++)
		ms_etcd_server_await(i);
}

void ms_etcd_server_kill(unsigned member)
{
	ms_proc_end(pids[member]);
	pids[member] = 0;
}

void ms_etcd_server_kill_all(void)
{
	for (unsigned i = 0; i < member_count; i++)
		ms_etcd_server_kill(i);
}

void ms_etcd_server_wipe(unsigned member)
{
	ms_etcd_server_kill(member);
	ms_netns_run_command("rm -rf " MS_NETNS_DIR "/etcd-m%u", member);
}

void ms_etcd_server_hold(unsigned member)
{
	ck_assert_int_eq(kill(pids[member], SIGSTOP), 0);
}

void ms_etcd_server_release(unsigned member)
{
	ck_assert_int_eq(kill(pids[member], SIGCONT), 0);
}

void ms_etcd_server_cut(void)
{
	ms_netns_run_command("nft 'table inet etcd-cut { chain in { type filter hook input "
			     "priority 0 ; tcp dport 2379 drop ; tcp sport 2379 drop ; } ; }'");
}

void ms_etcd_server_mend(void)
{
	ms_netns_run_command("nft delete table inet etcd-cut");
}

void ms_etcd_server_ctl(unsigned member, const char *format, ...)
{
	char command[1024];
	va_list args;

	va_start(args, format);
	vsnprintf(command, sizeof(command), format, args);
	va_end(args);
	ctl(member, command, 1);
}
