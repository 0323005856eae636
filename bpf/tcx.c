/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "bpf/tcx.h"

#include <bpf/bpf.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/base/cleanup.h"
#include "core/base/parse.h"

/* Newer than the headers we build with; numbers are the kernel's ABI. */
#define ATTACH_TCX_INGRESS 46
#define ATTACH_TCX_EGRESS 47
#define FLAG_BEFORE (1U << 3)

#define LOOPBACK_IFINDEX 1
#define PROGRAMS_MAX 64 /* the kernel's limit of one hook */

static const char *const hook_names[MS_HOOK__COUNT] = { "ingress", "egress" };
static const char *const program_names[MS_HOOK__COUNT] = { "ms_ingress", "ms_egress" };

static enum bpf_attach_type attach_type(enum ms_hook hook)
{
	return (enum bpf_attach_type)(hook == MS_HOOK_INGRESS ? ATTACH_TCX_INGRESS
							      : ATTACH_TCX_EGRESS);
}

/* ---- what is on a hook ---- */

struct hook_list {
	uint32_t program_ids[PROGRAMS_MAX];
	uint32_t link_ids[PROGRAMS_MAX]; /* 0 = attached without a link */
	uint32_t count;
};

/* BPF_PROG_QUERY as kernels with TCX read it; libbpf's call has no room for the link ids. */
struct query {
	uint32_t ifindex;
	uint32_t attach_type;
	uint32_t query_flags;
	uint32_t attach_flags;
	uint64_t program_ids;
	uint32_t count;
	uint32_t pad;
	uint64_t program_attach_flags;
	uint64_t link_ids;
	uint64_t link_attach_flags;
	uint64_t revision;
};

static int query_hook(uint32_t ifindex, enum ms_hook hook, struct hook_list *ret_list)
{
	struct query query = {
		.ifindex = ifindex,
		.attach_type = attach_type(hook),
		.program_ids = (uint64_t)(uintptr_t)ret_list->program_ids,
		.link_ids = (uint64_t)(uintptr_t)ret_list->link_ids,
		.count = PROGRAMS_MAX,
	};

	memset(ret_list, 0, sizeof(*ret_list));
	if (syscall(SYS_bpf, BPF_PROG_QUERY, &query, sizeof(query)) < 0)
		return errno == ENOENT ? 0 : -errno;
	ret_list->count = query.count;
	return 0;
}

bool ms_tcx_is_supported(void)
{
	struct hook_list list;

	return query_hook(LOOPBACK_IFINDEX, MS_HOOK_INGRESS, &list) == 0;
}

static bool is_on_hook(const struct hook_list *list, uint32_t link_id)
{
	for (uint32_t i = 0; i < list->count; i++) {
		if (list->link_ids[i] == link_id)
			return true;
	}
	return false;
}

/* By the program's name, which needs CAP_SYS_ADMIN; without it only `known_id` is recognised. */
static bool is_our_program(uint32_t id, uint32_t known_id)
{
	ms_cleanup(ms_close_fd) int fd = -1;
	struct bpf_prog_info info = { .type = 0 };
	uint32_t size = sizeof(info);

	if (known_id != 0 && id == known_id)
		return true;
	fd = bpf_prog_get_fd_by_id(id);
	if (fd < 0 || bpf_obj_get_info_by_fd(fd, &info, &size) < 0)
		return false;
	return strcmp(info.name, program_names[MS_HOOK_INGRESS]) == 0 ||
	       strcmp(info.name, program_names[MS_HOOK_EGRESS]) == 0;
}

/* ---- pins ---- */

static int links_dir(const char *pin_dir, char *path, size_t size)
{
	int n = snprintf(path, size, "%s/links", pin_dir);

	return n < 0 || (size_t)n >= size ? -ENAMETOOLONG : 0;
}

static int pin_path(const char *pin_dir, uint32_t ifindex, enum ms_hook hook, char *path,
		    size_t size)
{
	int n = snprintf(path, size, "%s/links/%u-%s", pin_dir, ifindex, hook_names[hook]);

	return n < 0 || (size_t)n >= size ? -ENAMETOOLONG : 0;
}

/* Ours or nobody's: a link, another owner's folder or one others may write to is not followed. */
static int make_links_dir(const char *pin_dir)
{
	char path[PATH_MAX];
	struct stat status;
	int r = links_dir(pin_dir, path, sizeof(path));

	if (r < 0)
		return r;
	if (mkdir(path, 0700) < 0 && errno != EEXIST)
		return -errno;
	if (lstat(path, &status) < 0)
		return -errno;
	if (!S_ISDIR(status.st_mode))
		return -ENOTDIR;
	if (status.st_uid != geteuid() || status.st_mode & (S_IWGRP | S_IWOTH))
		return -EPERM;
	return 0;
}

struct pinned {
	int fd;
	uint32_t link_id, program_id;
};

static void close_pinned(struct pinned *pinned)
{
	ms_close_fd(&pinned->fd);
}

static int read_link(int fd, struct pinned *pinned)
{
	struct bpf_link_info info = { .type = 0 };
	uint32_t size = sizeof(info);

	if (bpf_obj_get_info_by_fd(fd, &info, &size) < 0)
		return -errno;
	pinned->link_id = info.id;
	pinned->program_id = info.prog_id;
	return 0;
}

/* -ENOENT: no pin. */
static int open_pinned(const char *path, struct pinned *ret_pinned)
{
	ms_cleanup(ms_close_fd) int fd = bpf_obj_get(path);
	struct pinned pinned;
	int r;

	if (fd < 0)
		return -errno;
	r = read_link(fd, &pinned);
	if (r < 0)
		return r;
	pinned.fd = ms_take_fd(&fd);
	*ret_pinned = pinned;
	return 0;
}

/* Off its hook wherever that is now, and the pin gone. */
static int drop_pinned(const char *path, const struct pinned *pinned)
{
	/* A link whose device died is detached already; the pin is all that is left of it. */
	if (bpf_link_detach(pinned->fd) < 0 && errno != ENOLINK && errno != EINVAL)
		return -errno;
	return unlink(path) < 0 && errno != ENOENT ? -errno : 0;
}

/* ---- links of ours that no pin leads to ---- */

/* Takes off every link of ours on the hook but `kept_id`; if there is none to keep yet and
 * `ret_first` is given, the first is kept and handed over. */
static int mend_strays(const struct hook_list *list, uint32_t kept_id, uint32_t known_program,
		       struct pinned *ret_first)
{
	for (uint32_t i = 0; i < list->count; i++) {
		ms_cleanup(ms_close_fd) int fd = -1;
		int r;

		if (list->link_ids[i] == 0 || list->link_ids[i] == kept_id ||
		    !is_our_program(list->program_ids[i], known_program))
			continue;
		fd = bpf_link_get_fd_by_id(list->link_ids[i]);
		if (fd < 0 && errno == ENOENT)
			continue;
		if (fd < 0)
			return -errno;
		if (ret_first && ret_first->fd < 0) {
			r = read_link(fd, ret_first);
			if (r < 0)
				return r;
			ret_first->fd = ms_take_fd(&fd);
		} else if (bpf_link_detach(fd) < 0) {
			return -errno;
		}
	}
	return 0;
}

/* ---- what is offered ---- */

static uint32_t id_of_program(int program)
{
	struct bpf_prog_info info = { .type = 0 };
	uint32_t size = sizeof(info);

	return bpf_obj_get_info_by_fd(program, &info, &size) < 0 ? 0 : info.id;
}

static int update(const struct pinned *pinned, int program)
{
	if (pinned->program_id == id_of_program(program))
		return 0;
	return bpf_link_update(pinned->fd, program, NULL) < 0 ? -errno : 0;
}

static int create(const char *path, uint32_t ifindex, enum ms_hook hook, int program)
{
	LIBBPF_OPTS(bpf_link_create_opts, options, .flags = FLAG_BEFORE);
	ms_cleanup(ms_close_fd) int fd =
		bpf_link_create(program, (int)ifindex, attach_type(hook), &options);

	if (fd < 0)
		return -errno;
	/* Closed unpinned, the link would be gone again: so a failure leaves nothing behind. */
	return bpf_obj_pin(fd, path) < 0 ? -errno : 0;
}

int ms_tcx_attach(const char *pin_dir, uint32_t ifindex, enum ms_hook hook, int program)
{
	ms_cleanup(close_pinned) struct pinned pinned = { .fd = -1 };
	uint32_t our_program;
	struct hook_list list;
	char path[PATH_MAX];
	int r;

	if (program < 0)
		return ms_tcx_detach(pin_dir, ifindex, hook);
	our_program = id_of_program(program);
	r = make_links_dir(pin_dir);
	if (r == 0)
		r = pin_path(pin_dir, ifindex, hook, path, sizeof(path));
	if (r == 0)
		r = query_hook(ifindex, hook, &list);
	if (r < 0)
		return r;

	r = open_pinned(path, &pinned);
	if (r == 0 && is_on_hook(&list, pinned.link_id)) {
		/* Strays first: the kernel refuses a program that is on the hook already. */
		r = mend_strays(&list, pinned.link_id, our_program, NULL);
		return r < 0 ? r : update(&pinned, program);
	}
	if (r == 0)
		r = drop_pinned(path, &pinned);
	if (r < 0 && r != -ENOENT)
		return r;

	close_pinned(&pinned);
	pinned.fd = -1;
	r = mend_strays(&list, 0, our_program, &pinned);
	if (r < 0)
		return r;
	if (pinned.fd < 0)
		return create(path, ifindex, hook, program);
	r = update(&pinned, program);
	return r == 0 && bpf_obj_pin(pinned.fd, path) < 0 ? -errno : r;
}

int ms_tcx_detach(const char *pin_dir, uint32_t ifindex, enum ms_hook hook)
{
	ms_cleanup(close_pinned) struct pinned pinned = { .fd = -1 };
	struct hook_list list;
	char path[PATH_MAX];
	int r = pin_path(pin_dir, ifindex, hook, path, sizeof(path));

	if (r < 0)
		return r;
	r = open_pinned(path, &pinned);
	if (r == 0)
		r = drop_pinned(path, &pinned);
	if (r < 0 && r != -ENOENT)
		return r;
	/* Without the device, or on a kernel that has no such hooks, there is nothing more. */
	if (query_hook(ifindex, hook, &list) < 0)
		return 0;
	return mend_strays(&list, pinned.fd < 0 ? 0 : pinned.link_id, pinned.program_id, NULL);
}

int ms_tcx_query(const char *pin_dir, uint32_t ifindex, enum ms_hook hook,
		 struct ms_tcx_state *ret_state)
{
	ms_cleanup(close_pinned) struct pinned pinned = { .fd = -1 };
	struct ms_tcx_state state = { .program_id = 0 };
	struct hook_list list;
	char path[PATH_MAX];
	int r = query_hook(ifindex, hook, &list);

	if (r < 0)
		return r;
	if (list.count > 0) {
		r = pin_path(pin_dir, ifindex, hook, path, sizeof(path));
		if (r == 0)
			r = open_pinned(path, &pinned);
		if (r < 0 && r != -ENOENT)
			return r;
	}
	for (uint32_t i = 0; i < list.count; i++) {
		bool ours = (pinned.fd >= 0 && list.link_ids[i] == pinned.link_id) ||
			    is_our_program(list.program_ids[i], pinned.program_id);

		if (ours && state.ours++ == 0)
			state.program_id = list.program_ids[i];
		else if (!ours && state.ours == 0)
			state.before_us++;
		else if (!ours)
			state.after_us++;
	}
	*ret_state = state;
	return 0;
}

/* ---- all pins ---- */

static bool parse_pin_name(const char *name, uint32_t *ret_ifindex, enum ms_hook *ret_hook)
{
	const char *dash = strchr(name, '-');
	char number[16] = "";
	uint64_t ifindex;

	if (!dash || (size_t)(dash - name) >= sizeof(number))
		return false;
	memcpy(number, name, (size_t)(dash - name));
	if (!ms_parse_uint(number, 1, INT32_MAX, &ifindex))
		return false;
	for (int hook = 0; hook < MS_HOOK__COUNT; hook++) {
		if (strcmp(dash + 1, hook_names[hook]) == 0) {
			*ret_ifindex = (uint32_t)ifindex;
			*ret_hook = (enum ms_hook)hook;
			return true;
		}
	}
	return false;
}

int ms_tcx_foreach(const char *pin_dir,
		   void (*visit)(void *user, uint32_t ifindex, enum ms_hook hook), void *user)
{
	char path[PATH_MAX];
	struct dirent *line;
	DIR *dir;
	int fd, r = links_dir(pin_dir, path, sizeof(path));

	if (r < 0)
		return r;
	fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? 0 : -errno;
	dir = fdopendir(fd);
	if (!dir) {
		close(fd);
		return -ENOMEM;
	}
	while ((line = readdir(dir))) {
		uint32_t ifindex;
		enum ms_hook hook;

		if (parse_pin_name(line->d_name, &ifindex, &hook))
			visit(user, ifindex, hook);
	}
	closedir(dir);
	return 0;
}

struct collection {
	const char *pin_dir;
	int dropped;
	int error;
};

static void collect_if_lost(void *user, uint32_t ifindex, enum ms_hook hook)
{
	struct collection *collection = user;
	ms_cleanup(close_pinned) struct pinned pinned = { .fd = -1 };
	struct hook_list list;
	char path[PATH_MAX];
	int r = pin_path(collection->pin_dir, ifindex, hook, path, sizeof(path));

	if (r == 0)
		r = open_pinned(path, &pinned);
	if (r == 0 && query_hook(ifindex, hook, &list) == 0 && is_on_hook(&list, pinned.link_id))
		return;
	if (r == 0)
		r = drop_pinned(path, &pinned);
	if (r == 0)
		collection->dropped++;
	else if (r != -ENOENT)
		collection->error = r;
}

int ms_tcx_collect(const char *pin_dir)
{
	struct collection collection = { .pin_dir = pin_dir };
	int r = ms_tcx_foreach(pin_dir, collect_if_lost, &collection);

	if (r < 0)
		return r;
	return collection.error < 0 ? collection.error : collection.dropped;
}
