/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Preloaded into a daemon: the kernel has no TCX, as before 6.6. What the daemon starts has an
 * environment of its own and does not see it.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <linux/bpf.h>
#include <stdarg.h>
#include <stdbool.h>
#include <sys/syscall.h>
#include <unistd.h>

#define TCX_INGRESS 46 /* newer than the headers */
#define TCX_EGRESS 47
#define ARGUMENTS 6

static bool is_tcx(long command, const union bpf_attr *attr)
{
	unsigned int type = 0;

	if (command == BPF_LINK_CREATE)
		type = attr->link_create.attach_type;
	else if (command == BPF_PROG_QUERY)
		type = attr->query.attach_type;
	return type == TCX_INGRESS || type == TCX_EGRESS;
}

__attribute__((visibility("default"))) long syscall(long number, ...)
{
	static long (*next)(long number, ...);
	long arguments[ARGUMENTS];
	va_list list;

	va_start(list, number);
	for (int i = 0; i < ARGUMENTS; i++)
		arguments[i] = va_arg(list, long);
	va_end(list);
	if (!next)
		*(void **)&next = dlsym(RTLD_NEXT, "syscall");
	if (number == SYS_bpf && is_tcx(arguments[0], (const union bpf_attr *)arguments[1])) {
		errno = EINVAL;
		return -1;
	}
	return next(number, arguments[0], arguments[1], arguments[2], arguments[3], arguments[4],
		    arguments[5]);
}
