/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A real etcd of one or three members on loopback, in the test's own namespaces. */
#ifndef MS_TESTS_NETNS_ETCD_SERVER_H
#define MS_TESTS_NETNS_ETCD_SERVER_H

#define MS_ETCD_SERVER_MEMBERS 3

/* Which cluster it is; before the first start. `tls`: certificates for servers and clients, of an
 * authority that signs both, are made in MS_NETNS_DIR "/tls" and asked for. Of the clients', that
 * of "client" has it as a common name, and that of "fleet" has none. */
void ms_etcd_server_init(unsigned members, int tls);
/* Begins all members and waits until they answer. */
void ms_etcd_server_start_all(void);
void ms_etcd_server_start(unsigned member);
/* Waits until it serves a read with a majority. */
void ms_etcd_server_await(unsigned member);
/* SIGKILL; what it wrote stays for the next start. */
void ms_etcd_server_kill(unsigned member);
void ms_etcd_server_kill_all(void);
/* Its data are lost, too. */
void ms_etcd_server_wipe(unsigned member);
/* Takes connections and answers nothing, as one that hangs; and does again. */
void ms_etcd_server_hold(unsigned member);
void ms_etcd_server_release(unsigned member);
/* A broken network between all members and their clients: what stands is silent, nothing new comes
 * to stand. Members reach each other, and ms_etcd_server_ctl() them. Mended, what was dropped is
 * sent again as TCP does. */
void ms_etcd_server_cut(void);
void ms_etcd_server_mend(void);
/* "http://127.0.1.1:2379", lent. */
const char *ms_etcd_server_url(unsigned member);
/* An etcdctl command with one member, at a port of its own, its arguments as for a shell. Must
 * succeed. */
void ms_etcd_server_ctl(unsigned member, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

#endif
