/* SPDX-License-Identifier: GPL-2.0-or-later */
#define _GNU_SOURCE
#include "core/source/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/cleanup.h"
#include "microseg/plugin.h"
#include "tests/harness/netns.h"

#define FOLDER "/run/own"
#define NAMED "/run/named"
#define UNNAMED "/run/unnamed"

static const char *const reads[] = { NAMED, NULL };

/* ---- attempts: 0, or the errno of what was refused ---- */

static int told(long result)
{
	return result < 0 ? errno : 0;
}

static int read_a_file(void)
{
	return told(open(NAMED, O_RDONLY | O_CLOEXEC));
}

static int read_another_file(void)
{
	return told(open(UNNAMED, O_RDONLY | O_CLOEXEC));
}

static int write_a_file(void)
{
	return told(open("/run/written", O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
}

static int empty_a_file(void)
{
	return told(open("/run/kept", O_RDONLY | O_TRUNC | O_CLOEXEC));
}

static int remove_a_file(void)
{
	return told(unlink("/run/kept"));
}

static int open_by_openat2(void)
{
	return told(syscall(SYS_openat2, AT_FDCWD, NAMED, NULL, 0));
}

static int make_unix(void)
{
	return told(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
}

static int make_tcp(void)
{
	return told(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0));
}

static int make_udp6(void)
{
	return told(socket(AF_INET6, SOCK_DGRAM, 0));
}

static int make_raw(void)
{
	return told(socket(AF_INET, SOCK_RAW, IPPROTO_ICMP));
}

static int make_packet(void)
{
	return told(socket(AF_PACKET, SOCK_DGRAM, 0));
}

static int make_netlink(void)
{
	return told(socket(AF_NETLINK, SOCK_RAW, 0));
}

static int listen_on_it(void)
{
	int r = told(listen(-1, 1));

	return r == EBADF ? 0 : r;
}

static int run_a_program(void)
{
	return told(execl("/bin/true", "true", NULL));
}

static int make_a_process(void)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(0);
	return told(pid);
}

static void *do_nothing(void *user)
{
	return user;
}

static int make_a_thread(void)
{
	pthread_t thread;
	int r = pthread_create(&thread, NULL, do_nothing, NULL);

	return r ? r : pthread_join(thread, NULL);
}

static int make_a_pair(void)
{
	int pair[2];

	return told(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair));
}

/* As the C library asks a name server; there is no socket here. */
static int send_by_sendmmsg(void)
{
	int r = told(sendmmsg(-1, NULL, 0, 0));

	return r == EBADF ? 0 : r;
}

static int signal_another(void)
{
	return told(kill(getppid(), 0));
}

static int trace_another(void)
{
	return told(ptrace(PTRACE_SEIZE, getppid(), NULL, NULL));
}

static int ask_bpf(void)
{
	return told(syscall(SYS_bpf, 0, NULL, 0));
}

static int get_code_memory(void)
{
	return mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) ==
			       MAP_FAILED
		       ? errno
		       : 0;
}

static int make_memory_code(void)
{
	void *memory = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return told(mprotect(memory, 4096, PROT_READ | PROT_EXEC));
}

static int lift_a_limit(void)
{
	const struct rlimit more = { 1 << 20, 1 << 20 };

	return told(setrlimit(RLIMIT_FSIZE, &more));
}

#define NONE 0
#define ALL                                                                                        \
	(MS_PLUGIN_NEEDS_UNIX | MS_PLUGIN_NEEDS_INET | MS_PLUGIN_NEEDS_LISTEN |                    \
	 MS_PLUGIN_NEEDS_FILES | MS_PLUGIN_NEEDS_THREADS)

/* Each thing with the need that opens it, and what it comes to with all others. */
static const struct {
	const char *what;
	int (*attempt)(void);
	uint32_t needs; /* 0 = nothing opens it */
} attempts[] = {
	{ "read a file", read_a_file, MS_PLUGIN_NEEDS_FILES },
	{ "write a file", write_a_file, NONE },
	{ "empty a file", empty_a_file, NONE },
	{ "remove a file", remove_a_file, NONE },
	{ "openat2", open_by_openat2, NONE },
	{ "a unix socket", make_unix, MS_PLUGIN_NEEDS_UNIX },
	{ "a TCP socket", make_tcp, MS_PLUGIN_NEEDS_INET },
	{ "a UDP socket", make_udp6, MS_PLUGIN_NEEDS_INET },
	{ "a raw socket", make_raw, NONE },
	{ "a packet socket", make_packet, NONE },
	{ "a netlink socket", make_netlink, NONE },
	{ "listen", listen_on_it, MS_PLUGIN_NEEDS_LISTEN },
	{ "a program", run_a_program, NONE },
	{ "a process", make_a_process, NONE },
	{ "a thread", make_a_thread, MS_PLUGIN_NEEDS_THREADS },
	{ "a pair of sockets", make_a_pair, MS_PLUGIN_NEEDS_THREADS },
	{ "sendmmsg", send_by_sendmmsg, MS_PLUGIN_NEEDS_THREADS },
	{ "another's signal", signal_another, NONE },
	{ "ptrace", trace_another, NONE },
	{ "bpf()", ask_bpf, NONE },
	{ "memory with code", get_code_memory, NONE },
	{ "memory turned code", make_memory_code, NONE },
	{ "a limit", lift_a_limit, NONE },
};

/* In a process of its own: 0, the errno of the refusal, or 255 if there is no sandbox at all. */
static int attempt_within(uint32_t needs, int (*attempt)(void))
{
	pid_t pid = fork();
	int status;

	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		if (ms_source_sandbox_drop(NULL) < 0 ||
		    ms_source_sandbox_enter(needs, FOLDER, reads, NULL) != 0)
			_exit(255);
		_exit(attempt());
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFEXITED(status));
	return WEXITSTATUS(status);
}

START_TEST(only_what_is_needed_works)
{
	uint32_t needs = attempts[_i].needs;
	/* Only with sockets is there something to listen on. */
	uint32_t with = needs == MS_PLUGIN_NEEDS_LISTEN ? needs | MS_PLUGIN_NEEDS_INET : needs;
	ms_cleanup(ms_close_fd) int kept = open("/run/kept", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	ck_assert_int_ge(kept, 0);
	ck_assert_msg(attempt_within(ALL & ~needs, attempts[_i].attempt) == EPERM,
		      "%s: not refused", attempts[_i].what);
	if (needs)
		ck_assert_msg(attempt_within(with, attempts[_i].attempt) == 0, "%s: refused",
			      attempts[_i].what);
}
END_TEST

/* ---- privileges ---- */

static int has_a_capability(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];

	if (syscall(SYS_capget, &header, data) < 0)
		return errno;
	for (size_t i = 0; i < ms_array_size(data); i++) {
		if (data[i].effective || data[i].permitted || data[i].inheritable)
			return EEXIST;
	}
	return 0;
}

/* chown() to another user needs one; a program's start gives none back to user 0. */
static int has_one_by_a_program(void)
{
	return WEXITSTATUS(system("chown 1 /run/kept 2>/dev/null")) == 0 ? EEXIST : 0;
}

static int writes(void)
{
	int fd = open("/run/kept", O_WRONLY | O_CLOEXEC);

	signal(SIGXFSZ, SIG_IGN);
	return fd < 0 ? errno : told(write(fd, "x", 1));
}

static int after_drop(int (*ask)(void))
{
	pid_t pid = fork();
	int status;

	ck_assert_int_ge(pid, 0);
	if (pid == 0)
		_exit(ms_source_sandbox_drop(NULL) < 0 ? 255 : ask());
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFEXITED(status));
	return WEXITSTATUS(status);
}

START_TEST(privileges_are_gone_before_code_is_loaded)
{
	ms_cleanup(ms_close_fd) int kept = open("/run/kept", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	ck_assert_int_ge(kept, 0);
	ck_assert_int_eq(has_a_capability(), EEXIST);
	ck_assert_int_eq(after_drop(has_a_capability), 0);
	ck_assert_int_eq(after_drop(has_one_by_a_program), 0);
	ck_assert_int_eq(after_drop(writes), EFBIG);
	ck_assert_int_eq(has_one_by_a_program(), EEXIST);
}
END_TEST

/* ---- writing ---- */

static int write_to(const char *path, int flags)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC | flags, 0600);

	return fd < 0 ? errno : told(write(fd, "line\n", 5));
}

static int write_within(void)
{
	int r = write_to(FOLDER "/new", O_CREAT | O_APPEND);
	struct stat is;
	int fd = open(FOLDER "/new", O_RDWR | O_CLOEXEC);

	return r ? r : told(fstat(fd, &is)) ?: told(ftruncate(fd, 3));
}

static int rename_within(void)
{
	return told(rename(FOLDER "/old", FOLDER "/old.1"));
}

static int unlink_within(void)
{
	return told(unlink(FOLDER "/old"));
}

static int mkdir_within(void)
{
	return told(mkdir(FOLDER "/deeper", 0700)) ?: write_to(FOLDER "/deeper/new", O_CREAT);
}

static int read_within(void)
{
	return told(open(FOLDER "/old", O_RDONLY | O_CLOEXEC));
}

static int bind_to(const char *path)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	strcpy(at.sun_path, path);
	return fd < 0 ? errno : told(bind(fd, (struct sockaddr *)&at, sizeof(at)));
}

static int bind_within(void)
{
	return bind_to(FOLDER "/socket");
}

static int bind_elsewhere(void)
{
	return bind_to("/run/socket");
}

static int write_elsewhere(void)
{
	return write_to("/run/kept", O_TRUNC);
}

static int create_elsewhere(void)
{
	return write_to("/run/created", O_CREAT);
}

static int write_by_dots(void)
{
	return write_to(FOLDER "/../kept", 0);
}

static int write_by_link(void)
{
	return write_to(FOLDER "/leads_out", 0);
}

static int rename_out(void)
{
	return told(rename(FOLDER "/old", "/run/moved"));
}

static int rename_in(void)
{
	return told(rename("/run/kept", FOLDER "/kept"));
}

static int truncate_elsewhere(void)
{
	return told(truncate("/run/kept", 0));
}

static int change_mode(void)
{
	return told(chmod("/run/kept", 0666));
}

static int make_a_link(void)
{
	return told(symlink("/run/kept", FOLDER "/link"));
}

static int make_a_hard_link(void)
{
	return told(link("/run/kept", FOLDER "/link"));
}

/* What a plugin that needs to write may do with files, and gets told. */
static const struct {
	const char *what;
	int (*attempt)(void);
	uint32_t also;
	int expected;
} writings[] = {
	{ "write within", write_within, 0, 0 },
	{ "rename within", rename_within, 0, 0 },
	{ "unlink within", unlink_within, 0, 0 },
	{ "mkdir within", mkdir_within, 0, 0 },
	{ "read within", read_within, 0, 0 },
	{ "bind within", bind_within, MS_PLUGIN_NEEDS_UNIX | MS_PLUGIN_NEEDS_LISTEN, 0 },
	{ "bind elsewhere", bind_elsewhere, MS_PLUGIN_NEEDS_UNIX | MS_PLUGIN_NEEDS_LISTEN, EACCES },
	{ "write elsewhere", write_elsewhere, 0, EACCES },
	{ "write elsewhere, files", write_elsewhere, MS_PLUGIN_NEEDS_FILES, EACCES },
	{ "create elsewhere", create_elsewhere, 0, EACCES },
	{ "write by ..", write_by_dots, 0, EACCES },
	{ "write by link", write_by_link, 0, EACCES },
	{ "rename out", rename_out, 0, EACCES },
	{ "rename in", rename_in, 0, EACCES },
	{ "remove elsewhere", remove_a_file, 0, EACCES },
	{ "read elsewhere", read_a_file, 0, EACCES },
	{ "read elsewhere, files", read_a_file, MS_PLUGIN_NEEDS_FILES, 0 },
	{ "read another, files", read_another_file, MS_PLUGIN_NEEDS_FILES, EACCES },
	{ "empty elsewhere", empty_a_file, 0, EPERM },
	{ "empty elsewhere, files", empty_a_file, MS_PLUGIN_NEEDS_FILES, EPERM },
	{ "truncate elsewhere", truncate_elsewhere, 0, EPERM },
	{ "chmod elsewhere", change_mode, 0, EPERM },
	{ "symlink", make_a_link, 0, EPERM },
	{ "link", make_a_hard_link, 0, EPERM },
};

static void make_files(void)
{
	ck_assert_int_eq(mkdir(FOLDER, 0700), 0);
	ck_assert_int_eq(write_to(FOLDER "/old", O_CREAT), 0);
	ck_assert_int_eq(write_to("/run/kept", O_CREAT), 0);
	ck_assert_int_eq(symlink("/run/kept", FOLDER "/leads_out"), 0);
}

START_TEST(who_may_write_does_so_in_one_folder)
{
	struct stat kept;
	int r;

	make_files();
	r = attempt_within(MS_PLUGIN_NEEDS_WRITE | writings[_i].also, writings[_i].attempt);
	ck_assert_msg(r == writings[_i].expected, "%s: %s", writings[_i].what, strerror(r));
	ck_assert_int_eq(stat("/run/kept", &kept), 0);
	ck_assert_int_eq(kept.st_size, 5);
	ck_assert_int_eq(kept.st_mode & 0777, 0600);
	ck_assert_int_ne(access("/run/created", F_OK), 0);
	ck_assert_int_ne(access("/run/moved", F_OK), 0);
}
END_TEST

/* The folder alone is no leave to write. */
START_TEST(who_does_not_need_it_writes_nowhere)
{
	make_files();
	ck_assert_int_eq(attempt_within(ALL, write_within), EPERM);
	ck_assert_int_eq(attempt_within(ALL, rename_within), EPERM);
}
END_TEST

START_TEST(without_a_folder_nothing_is_entered)
{
	struct ms_error err = MS_ERROR_INIT;

	ck_assert_int_eq(ms_source_sandbox_enter(MS_PLUGIN_NEEDS_WRITE, NULL, NULL, &err), -EINVAL);
	ck_assert_str_ne(err.message, "");
	err = (struct ms_error)MS_ERROR_INIT;
	ck_assert_int_eq(ms_source_sandbox_enter(MS_PLUGIN_NEEDS_WRITE, "/run/none", NULL, &err),
			 -ENOENT);
	ck_assert_ptr_nonnull(strstr(err.message, "/run/none"));
	ck_assert_int_eq(make_netlink(), 0);
}
END_TEST

static void setup(void)
{
	ms_netns_setup();
	ck_assert_int_eq(write_to(NAMED, O_CREAT), 0);
	ck_assert_int_eq(write_to(UNNAMED, O_CREAT), 0);
}

int main(void)
{
	Suite *suite = suite_create("source_sandbox");
	TCase *cases = tcase_create("sandbox");

	tcase_add_checked_fixture(cases, setup, NULL);
	tcase_add_loop_test(cases, only_what_is_needed_works, 0, (int)ms_array_size(attempts));
	tcase_add_test(cases, privileges_are_gone_before_code_is_loaded);
	tcase_add_loop_test(cases, who_may_write_does_so_in_one_folder, 0,
			    (int)ms_array_size(writings));
	tcase_add_test(cases, who_does_not_need_it_writes_nowhere);
	tcase_add_test(cases, without_a_folder_nothing_is_entered);
	suite_add_tcase(suite, cases);
	return ms_netns_run(suite);
}
