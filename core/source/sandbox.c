/* SPDX-License-Identifier: GPL-2.0-or-later */
#define _GNU_SOURCE
#include "core/source/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <seccomp.h>
#include <stdbool.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/base/cleanup.h"
#include "core/source/landlock.h"
#include "microseg/plugin.h"

/* ---- capabilities and limits ---- */

/* The bounding set first: to take out of it is itself a capability. */
static int drop_capabilities(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = { 0 };

	for (unsigned long cap = 0; prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0; cap++) {
		if (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) < 0)
			return -errno;
	}
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0 ||
	    syscall(SYS_capset, &header, none) < 0)
		return -errno;
	return 0;
}

/* The hard limit stays until it is known whether the plugin needs to write. */
static int limit_file_size(rlim_t most)
{
	struct rlimit size;

	if (getrlimit(RLIMIT_FSIZE, &size) < 0)
		return -errno;
	size.rlim_cur = most < size.rlim_max ? most : size.rlim_max;
	return setrlimit(RLIMIT_FSIZE, &size) < 0 ? -errno : 0;
}

static int limit(void)
{
	const struct {
		__rlimit_resource_t resource;
		rlim_t most;
	} limits[] = {
		{ RLIMIT_CORE, 0 },
		{ RLIMIT_NOFILE, MS_SOURCE_SANDBOX_FILES },
#ifndef __SANITIZE_ADDRESS__ /* whose shadow alone is larger */
		{ RLIMIT_AS, MS_SOURCE_SANDBOX_MEMORY },
#endif
	};

	for (size_t i = 0; i < ms_array_size(limits); i++) {
		const struct rlimit both = { limits[i].most, limits[i].most };

		if (setrlimit(limits[i].resource, &both) < 0)
			return -errno;
	}
	return limit_file_size(0);
}

int ms_source_sandbox_drop(struct ms_error *err)
{
	int r = prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ? -errno : 0;

	if (r == 0)
		r = limit();
	if (r == 0)
		r = drop_capabilities();
	if (r < 0)
		return ms_error_set(err, r, "cannot give up this process's privileges: %s",
				    strerror(-r));
	return 0;
}

/* ---- system calls ---- */

/* Memory, time, waiting, and what is open already. */
static const int always[] = {
	SCMP_SYS(brk),
	SCMP_SYS(clock_getres),
	SCMP_SYS(clock_gettime),
	SCMP_SYS(clock_nanosleep),
	SCMP_SYS(close),
	SCMP_SYS(dup),
	SCMP_SYS(epoll_create1),
	SCMP_SYS(epoll_ctl),
	SCMP_SYS(epoll_pwait),
	SCMP_SYS(epoll_wait),
	SCMP_SYS(eventfd2),
	SCMP_SYS(exit),
	SCMP_SYS(exit_group),
	SCMP_SYS(fstat),
	SCMP_SYS(futex),
	SCMP_SYS(getpid),
	SCMP_SYS(getrandom),
	SCMP_SYS(gettid),
	SCMP_SYS(gettimeofday),
	SCMP_SYS(getuid),
	SCMP_SYS(geteuid),
	SCMP_SYS(getgid),
	SCMP_SYS(getegid),
	SCMP_SYS(lseek),
	SCMP_SYS(madvise),
	SCMP_SYS(mremap),
	SCMP_SYS(munmap),
	SCMP_SYS(nanosleep),
	SCMP_SYS(pipe2),
	SCMP_SYS(poll),
	SCMP_SYS(ppoll),
	SCMP_SYS(pread64),
	SCMP_SYS(pselect6),
	SCMP_SYS(read),
	SCMP_SYS(readv),
	SCMP_SYS(recvfrom),
	SCMP_SYS(recvmsg),
	SCMP_SYS(restart_syscall),
	SCMP_SYS(rseq),
	SCMP_SYS(rt_sigaction),
	SCMP_SYS(rt_sigprocmask),
	SCMP_SYS(rt_sigreturn),
	SCMP_SYS(sched_getaffinity),
	SCMP_SYS(sched_yield),
	SCMP_SYS(sendmsg),
	SCMP_SYS(sendto),
	SCMP_SYS(sigaltstack),
	SCMP_SYS(sysinfo),
	SCMP_SYS(timerfd_create),
	SCMP_SYS(timerfd_settime),
	SCMP_SYS(uname),
	SCMP_SYS(write),
	SCMP_SYS(writev),
};

static const int files[] = {
	SCMP_SYS(access),     SCMP_SYS(faccessat),  SCMP_SYS(faccessat2), SCMP_SYS(getcwd),
	SCMP_SYS(getdents64), SCMP_SYS(newfstatat), SCMP_SYS(readlink),   SCMP_SYS(readlinkat),
	SCMP_SYS(statfs),     SCMP_SYS(fstatfs),    SCMP_SYS(statx),
};

/* Not truncate() and none that change a mode, an owner, a time: Landlock lets them through. */
static const int writing[] = {
	SCMP_SYS(fallocate),  SCMP_SYS(fdatasync), SCMP_SYS(fsync),    SCMP_SYS(ftruncate),
	SCMP_SYS(getdents64), SCMP_SYS(mkdir),     SCMP_SYS(mkdirat),  SCMP_SYS(newfstatat),
	SCMP_SYS(pwrite64),   SCMP_SYS(rename),    SCMP_SYS(renameat), SCMP_SYS(renameat2),
	SCMP_SYS(rmdir),      SCMP_SYS(unlink),    SCMP_SYS(unlinkat),
};

static const int sockets[] = {
	SCMP_SYS(connect),     SCMP_SYS(getsockopt),  SCMP_SYS(setsockopt),
	SCMP_SYS(getsockname), SCMP_SYS(getpeername), SCMP_SYS(shutdown),
};

static const int listening[] = { SCMP_SYS(bind), SCMP_SYS(listen), SCMP_SYS(accept4) };

/* sendmmsg() is what the C library asks a name server by. */
static const int threads[] = { SCMP_SYS(set_robust_list), SCMP_SYS(membarrier),
			       SCMP_SYS(sendmmsg) };

static int allow_all(scmp_filter_ctx filter, const int *calls, size_t count)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < count; i++)
		r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, calls[i], 0);
	return r;
}

/* `call` if its argument `nth`, under `mask`, is `value`. */
static int allow_if(scmp_filter_ctx filter, int call, unsigned int nth, uint64_t mask,
		    uint64_t value)
{
	return seccomp_rule_add(filter, SCMP_ACT_ALLOW, call, 1,
				SCMP_CMP(nth, SCMP_CMP_MASKED_EQ, mask, value));
}

/* Calls of which only some uses are harmless. */
static int allow_some(scmp_filter_ctx filter)
{
	static const int fcntls[] = { F_GETFD, F_SETFD, F_GETFL, F_SETFL, F_DUPFD_CLOEXEC };
	int r = allow_if(filter, SCMP_SYS(mmap), 2, PROT_EXEC, 0);

	if (r == 0)
		r = allow_if(filter, SCMP_SYS(mprotect), 2, PROT_EXEC, 0);
	/* abort() */
	if (r == 0)
		r = allow_if(filter, SCMP_SYS(tgkill), 0, UINT32_MAX, (uint64_t)getpid());
	if (r == 0)
		r = allow_if(filter, SCMP_SYS(ioctl), 1, UINT32_MAX, FIONBIO);
	if (r == 0)
		r = allow_if(filter, SCMP_SYS(ioctl), 1, UINT32_MAX, FIONREAD);
	for (size_t i = 0; r == 0 && i < ms_array_size(fcntls); i++)
		r = allow_if(filter, SCMP_SYS(fcntl), 1, UINT32_MAX, (uint64_t)fcntls[i]);
	return r;
}

static int allow_files(scmp_filter_ctx filter)
{
	/* openat2() has its flags in memory, where no filter sees them. */
	int r = allow_if(filter, SCMP_SYS(openat), 2, O_ACCMODE | O_CREAT | O_TRUNC, O_RDONLY);

	return r < 0 ? r : allow_all(filter, files, ms_array_size(files));
}

/* Opening to write is Landlock's to judge, with whatever other flags; to read one's own is part. */
static int allow_writing(scmp_filter_ctx filter)
{
	int r = allow_if(filter, SCMP_SYS(openat), 2, O_ACCMODE | O_TRUNC, O_RDONLY);

	if (r == 0)
		r = allow_if(filter, SCMP_SYS(openat), 2, O_ACCMODE, O_WRONLY);
	if (r == 0)
		r = allow_if(filter, SCMP_SYS(openat), 2, O_ACCMODE, O_RDWR);
	return r < 0 ? r : allow_all(filter, writing, ms_array_size(writing));
}

static int allow_socket(scmp_filter_ctx filter, int family, int type)
{
	return seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(socket), 2,
				SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)family),
				SCMP_A1(SCMP_CMP_MASKED_EQ, 0xf, (scmp_datum_t)type));
}

static int allow_sockets(scmp_filter_ctx filter, uint32_t needs)
{
	static const struct {
		uint32_t need;
		int family;
	} families[] = {
		{ MS_PLUGIN_NEEDS_UNIX, AF_UNIX },
		{ MS_PLUGIN_NEEDS_INET, AF_INET },
		{ MS_PLUGIN_NEEDS_INET, AF_INET6 },
	};
	int r = allow_all(filter, sockets, ms_array_size(sockets));

	for (size_t i = 0; r == 0 && i < ms_array_size(families); i++) {
		if (!(needs & families[i].need))
			continue;
		r = allow_socket(filter, families[i].family, SOCK_STREAM);
		if (r == 0)
			r = allow_socket(filter, families[i].family, SOCK_DGRAM);
	}
	if (r == 0 && (needs & MS_PLUGIN_NEEDS_LISTEN))
		r = allow_all(filter, listening, ms_array_size(listening));
	return r;
}

static int allow_threads(scmp_filter_ctx filter)
{
	int r = allow_if(filter, SCMP_SYS(clone), 0, CLONE_THREAD, CLONE_THREAD);

	/* By which libcurl's thread that looks up a name says that it has it. */
	if (r == 0)
		r = allow_if(filter, SCMP_SYS(socketpair), 0, UINT32_MAX, AF_UNIX);
	return r < 0 ? r : allow_all(filter, threads, ms_array_size(threads));
}

static int load_filter(scmp_filter_ctx filter, uint32_t needs)
{
	int r = allow_all(filter, always, ms_array_size(always));

	if (r == 0)
		r = allow_some(filter);
	/* As on a kernel without it: its flags are in memory. */
	if (r == 0)
		r = seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
	if (r == 0 && (needs & MS_PLUGIN_NEEDS_FILES))
		r = allow_files(filter);
	if (r == 0 && (needs & MS_PLUGIN_NEEDS_WRITE))
		r = allow_writing(filter);
	if (r == 0 && (needs & (MS_PLUGIN_NEEDS_UNIX | MS_PLUGIN_NEEDS_INET)))
		r = allow_sockets(filter, needs);
	if (r == 0 && (needs & MS_PLUGIN_NEEDS_THREADS))
		r = allow_threads(filter);
	return r < 0 ? r : seccomp_load(filter);
}

/* Before the filter, which leaves none of these calls. 1: it is not held to what it may read. */
static int confine(uint32_t needs, const char *folder, const char *const *reads,
		   struct ms_error *err)
{
	bool writes = needs & MS_PLUGIN_NEEDS_WRITE, looks = needs & MS_PLUGIN_NEEDS_FILES;
	int r;

	if (!writes && !looks)
		return 0;
	if (writes && !folder)
		return ms_error_set(err, -EINVAL, "it needs to write files and has no folder");
	r = ms_source_landlock_confine(writes ? folder : NULL, looks ? reads : NULL,
				       writes ? err : NULL);
	if (r == -ENOTSUP && !writes)
		return 1;
	if (r == 0 && writes)
		r = limit_file_size(RLIM_INFINITY);
	return r < 0 ? ms_error_set(err, r, "cannot hold it to its files: %s", strerror(-r)) : 0;
}

static int filter_calls(uint32_t needs, struct ms_error *err)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	int r = -ENOMEM;

	if (filter) {
		r = load_filter(filter, needs);
		seccomp_release(filter);
	}
	if (r < 0)
		return ms_error_set(err, r, "cannot filter this process's system calls: %s",
				    strerror(-r));
	return 0;
}

int ms_source_sandbox_enter(uint32_t needs, const char *folder, const char *const *reads,
			    struct ms_error *err)
{
	int confined = confine(needs, folder, reads, err);
	int r = confined < 0 ? confined : filter_calls(needs, err);

	return r < 0 ? r : confined;
}
