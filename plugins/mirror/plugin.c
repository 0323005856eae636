/* SPDX-License-Identifier: GPL-2.0-or-later */
/* mirror: a copy of the rule's packets out of another interface, a monitoring tap. */
#include <errno.h>
#include <linux/membarrier.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cut.h"
#include "microseg/action.h"
#include "microseg/plugin.h"
#include "mirror.h"
#include "mirror.skel.h"

#define LOOK_NS 2000000000ull /* between looks at what is protected */

/* What rules want of a tap. */
struct wish {
	bool is;
	bool cuts; /* some of them want copies shortened */
};

/* Where some rule wants its copies. */
struct tap {
	char name[MIRROR_NAME_SIZE];
	struct wish in_force; /* of the rules in force */
	struct wish asked;    /* of those that encode_args() was asked for in this turn */
	bool is_cut;          /* copies are shortened, when it was last looked at */
	int cut_error;        /* why they could not be */
	uint32_t ifindex;     /* as the program knows it, 0 = it does not */
	const char *why;      /* it takes none, NULL = it does */
};

struct mirror {
	const struct ms_plugin_host *host;
	struct mirror_bpf *object; /* of the last load, NULL before */
	struct ms_plugin_watch *watch, *timer;
	int pin_dir_fd; /* the host's; -1 while tried */
	int links_fd;   /* tells that some interface came, went or was renamed; -1 = not started */
	bool is_told;   /* of the rules in force */
	struct tap taps[MIRROR_PLACES];
	size_t n_taps;
};

_Static_assert(sizeof(struct mirror_args) <= MS_PLUGIN_ARGS_SIZE, "arguments fit");
_Static_assert(MIRROR_NAME_SIZE == IFNAMSIZ, "names fit");
_Static_assert(MIRROR_PLACES >= 2 * MIRROR_TAPS, "a policy in force and the next one");

static const struct ms_plugin_item arguments[] = {
	{ .name = "to",
	  .type = MS_PLUGIN_IFNAME,
	  .help = "the interface that gets the copies; must be in no group",
	  .flags = MS_PLUGIN_REQUIRED },
	{ .name = "one_in",
	  .type = MS_PLUGIN_UINT,
	  .help = "copy one packet in so many, by chance",
	  .min = 1,
	  .max = 1000000,
	  .def = "1" },
	{ .name = "snap",
	  .type = MS_PLUGIN_BYTES,
	  .help = "bytes of a copy, link header included, but its headers (up to 72 bytes, more "
		  "with tags or options) at least; default: all",
	  .min = 14,
	  .max = 65535 },
};

/* ---- taps ---- */

struct question {
	uint32_t ifindex;
};

static int compare_iface(void *user, const struct ms_plugin_iface *iface)
{
	const struct question *asked = user;

	return iface->ifindex == asked->ifindex;
}

/* A copy on a protected interface would be judged, and perhaps copied, once more. */
static bool is_protected(const struct mirror *self, uint32_t ifindex)
{
	struct question asked = { .ifindex = ifindex };

	return self->host->iface_foreach(self->host->state, compare_iface, &asked) != 0;
}

/* By a socket that is there: one that cannot be had now says nothing of the tap. 0 or -errno */
static int ask(const struct mirror *self, const struct tap *tap, unsigned long what,
	       struct ifreq *ret_answer)
{
	*ret_answer = (struct ifreq) { .ifr_flags = 0 };
	memcpy(ret_answer->ifr_name, tap->name, sizeof(ret_answer->ifr_name));
	return ioctl(self->links_fd, what, ret_answer) < 0 ? -errno : 0;
}

/* NULL = what is sent there arrives somewhere. */
static const char *find_fault(const struct mirror *self, const struct tap *tap)
{
	struct ifreq answer;

	if (ask(self, tap, SIOCGIFFLAGS, &answer) < 0)
		return "there is no such interface";
	if (!(answer.ifr_flags & IFF_UP))
		return "it is down";
	return answer.ifr_flags & IFF_RUNNING ? NULL : "it has no carrier";
}

static bool is_to_cut(const struct tap *tap)
{
	return tap->in_force.cuts || tap->asked.cuts;
}

/* The interface of that name if it may be a tap, 0 = none. One that is down stays what it is. */
static uint32_t find_interface(const struct mirror *self, struct tap *tap)
{
	struct ifreq answer;

	tap->why = find_fault(self, tap);
	if (ask(self, tap, SIOCGIFINDEX, &answer) < 0)
		return 0;
	if (!is_protected(self, (uint32_t)answer.ifr_ifindex))
		return (uint32_t)answer.ifr_ifindex;
	tap->why = "it is protected itself; a tap must be in no group";
	return 0;
}

/* Whether copies may go there as they are asked for. */
static bool is_usable(const struct mirror *self, struct tap *tap, uint32_t ifindex)
{
	if (is_to_cut(tap) && (ifindex != tap->ifindex || !tap->is_cut)) {
		tap->cut_error = ms_mirror_cut_put(
			self->pin_dir_fd, bpf_program__fd(self->object->progs.mirror_cut), ifindex);
		tap->is_cut = tap->cut_error == 0;
	}
	/* The rules in force have theirs, whatever one that is only asked about would want. */
	if (!tap->in_force.cuts || tap->is_cut)
		return true;
	tap->why = tap->cut_error == -EBUSY
			   ? "its copies cannot be shortened: an ingress qdisc is in the place of "
			     "clsact"
			   : "its copies cannot be shortened";
	return false;
}

/* The interface where what shortens copies has to stay, 0 = none: also where it could not be looked
 * at this time, or not be put in the place of an older one. */
static uint32_t resolve_tap(struct mirror *self, struct tap *tap)
{
	uint32_t found = find_interface(self, tap);
	uint32_t ifindex = found && is_usable(self, tap, found) ? found : 0;
	int map = bpf_map__fd(self->object->maps.taps);

	if (!ifindex)
		bpf_map_delete_elem(map, tap->name);
	else if (bpf_map_update_elem(map, tap->name, &ifindex, BPF_ANY) < 0)
		ifindex = 0;
	tap->ifindex = ifindex;
	if (found && is_to_cut(tap))
		return found;
	tap->is_cut = false;
	return 0;
}

static void tell(const struct mirror *self)
{
	const struct tap *first = NULL;
	char sentence[160], more[64] = "";
	size_t count = 0;

	for (size_t i = 0; i < self->n_taps; i++) {
		if (self->taps[i].in_force.is && self->taps[i].why && count++ == 0)
			first = &self->taps[i];
	}
	if (count > 1)
		snprintf(more, sizeof(more), " (interfaces without copies: %zu)", count);
	if (first)
		snprintf(sentence, sizeof(sentence), "nothing is copied to %s: %s%s", first->name,
			 first->why, more);
	self->host->source_trouble(self->host->state, first ? sentence : NULL);
}

static void resolve(struct mirror *self)
{
	uint32_t keep[MIRROR_PLACES];
	size_t count = 0;

	if (!self->object || self->pin_dir_fd < 0)
		return;
	for (size_t i = 0; i < self->n_taps; i++) {
		uint32_t kept = resolve_tap(self, &self->taps[i]);

		if (kept)
			keep[count++] = kept;
	}
	/* Before that, rules of the last instance are in force and want what it left. */
	if (self->is_told)
		ms_mirror_cut_sweep(self->pin_dir_fd, keep, count);
	tell(self);
}

/* ---- places ---- */

static struct tap *find_tap(struct mirror *self, const char *name)
{
	for (size_t i = 0; i < self->n_taps; i++)
		if (strncmp(self->taps[i].name, name, sizeof(self->taps[i].name)) == 0)
			return &self->taps[i];
	return NULL;
}

static struct tap *add_tap(struct mirror *self, const char *name)
{
	struct tap *tap = find_tap(self, name);

	if (tap || self->n_taps == MIRROR_PLACES)
		return tap;
	tap = &self->taps[self->n_taps++];
	*tap = (struct tap) { .ifindex = 0 };
	strncpy(tap->name, name, sizeof(tap->name) - 1);
	return tap;
}

/* What is asked for in one turn of the loop is of one policy. NULL = that names too many. */
static struct tap *ask_for(struct mirror *self, const char *name)
{
	struct tap *tap = find_tap(self, name);
	size_t count = 0;

	if (tap && tap->asked.is)
		return tap;
	for (size_t i = 0; i < self->n_taps; i++)
		count += self->taps[i].asked.is;
	tap = count < MIRROR_TAPS ? add_tap(self, name) : NULL;
	if (tap)
		tap->asked.is = true;
	return tap;
}

/* Also those of a daemon before this one. */
static void forget_names(struct mirror *self)
{
	char name[MIRROR_NAME_SIZE], before[MIRROR_NAME_SIZE];
	int map = bpf_map__fd(self->object->maps.taps);
	bool is_first = true;

	while (bpf_map_get_next_key(map, is_first ? NULL : before, name) == 0) {
		if (!find_tap(self, name) && bpf_map_delete_elem(map, name) == 0)
			continue;
		memcpy(before, name, sizeof(before));
		is_first = false;
	}
}

/* What no rule in force wants: its place is free. */
static void forget_unwanted(struct mirror *self)
{
	size_t kept = 0;

	for (size_t i = 0; i < self->n_taps; i++) {
		self->taps[i].asked = (struct wish) { .is = false };
		if (self->taps[i].in_force.is)
			self->taps[kept++] = self->taps[i];
	}
	self->n_taps = kept;
	/* Before that, a program of the last daemon's rules may need them. */
	if (self->is_told && self->object)
		forget_names(self);
	resolve(self);
}

/* ---- what is to be looked at again ---- */

static void links_changed(void *user, int fd, uint32_t what)
{
	char message[8192];

	(void)what;
	/* Which link it was does not matter, nor whether messages were lost. */
	while (recv(fd, message, sizeof(message), 0) > 0 || errno == ENOBUFS)
		;
	resolve(user);
}

/* What becomes protected, or stops to be, sends no message of the kernel's, and whoever empties
 * the hooks of a tap none that is listened to. */
static void look_again(void *user)
{
	struct mirror *self = user;

	for (size_t i = 0; i < self->n_taps; i++)
		self->taps[i].is_cut = false;
	resolve(self);
}

/* ---- lifecycle ---- */

static int create(const struct ms_plugin_host *host, const struct ms_plugin_values *config,
		  void **ret_self, struct ms_plugin_error *error)
{
	struct mirror *self = calloc(1, sizeof(*self));

	(void)config;
	if (!self) {
		host->error_set(error, "out of memory");
		return -ENOMEM;
	}
	self->host = host;
	self->pin_dir_fd = -1;
	self->links_fd = -1;
	*ret_self = self;
	return 0;
}

static int start(void *user, struct ms_plugin_error *error)
{
	struct sockaddr_nl to = { .nl_family = AF_NETLINK, .nl_groups = RTMGRP_LINK };
	struct mirror *self = user;
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE), r = 0;

	if (fd < 0 || bind(fd, (struct sockaddr *)&to, sizeof(to)) < 0)
		r = -errno;
	if (r == 0)
		r = self->host->watch_fd(self->host->state, fd, MS_PLUGIN_READABLE, links_changed,
					 self, &self->watch);
	if (r == 0)
		r = self->host->watch_time(self->host->state, LOOK_NS, LOOK_NS, look_again, self,
					   &self->timer);
	if (r < 0) {
		self->host->error_set(error, "cannot follow interfaces: %s", strerror(-r));
		if (fd >= 0)
			close(fd);
		return r;
	}
	self->links_fd = fd;
	resolve(self);
	return 0;
}

static void stop(void *user)
{
	struct mirror *self = user;

	self->host->unwatch(self->host->state, self->watch);
	self->host->unwatch(self->host->state, self->timer);
	close(self->links_fd);
	self->links_fd = -1;
}

static void destroy(void *user)
{
	struct mirror *self = user;

	mirror_bpf__destroy(self->object);
	free(self);
}

static int encode_args(void *user, const struct ms_plugin_values *values,
		       uint8_t ret_args[MS_PLUGIN_ARGS_SIZE], struct ms_plugin_error *error)
{
	struct mirror *self = user;
	const struct ms_plugin_host *host = self->host;
	struct mirror_args args = { 0 };
	const char *name = host->value_string(values, "to", 0);
	const struct tap *known = find_tap(self, name);
	struct wish before = known ? known->asked : (struct wish) { .is = false };
	struct tap *tap;

	args.snap = (uint32_t)host->value_uint(values, "snap", 0);
	tap = ask_for(self, name);
	if (!tap) {
		host->error_set(error,
				"the rules name more than %d interfaces to copy to: '%s' is one "
				"too many",
				MIRROR_TAPS, name);
		forget_unwanted(self);
		return -ENOSPC;
	}
	memcpy(args.to, tap->name, sizeof(args.to));
	args.one_in = (uint32_t)host->value_uint(values, "one_in", 0);
	if (args.snap)
		tap->asked.cuts = true;
	/* There when the rule is; what is known is followed. */
	if (self->links_fd >= 0 && (!known || tap->asked.cuts != before.cuts))
		resolve(self);
	host->wake(host->state);
	memcpy(ret_args, &args, sizeof(args));
	return 0;
}

/* What was asked for is in force, or will not be: a policy is refused, or was only tried. */
static void woken(void *user)
{
	forget_unwanted(user);
}

/* Until no program can have the place of a tap in its hands that the rules before named: the next
 * interface that gets it must not have that one's copies. */
static void wait_for_programs(void)
{
	syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0);
}

static bool is_any_gone(const struct mirror *self)
{
	for (size_t i = 0; i < self->n_taps; i++)
		if (!self->taps[i].in_force.is && self->taps[i].ifindex)
			return true;
	return !self->is_told; /* who knows what the rules of the last daemon named */
}

/* Only then is it a problem that there is no such interface. */
static void in_force(void *user, const struct ms_plugin_in_force *rules, size_t count)
{
	struct mirror *self = user;

	for (size_t i = 0; i < self->n_taps; i++)
		self->taps[i].in_force = (struct wish) { .is = false };
	for (size_t i = 0; i < count; i++) {
		const struct mirror_args *args = (const struct mirror_args *)rules[i].args;
		struct tap *tap = add_tap(self, args->to);

		if (!tap)
			continue;
		tap->in_force.is = true;
		tap->in_force.cuts |= args->snap != 0;
	}
	if (is_any_gone(self))
		wait_for_programs();
	self->is_told = true;
	forget_unwanted(self);
}

static int load(void *user, const struct ms_plugin_env *env, int *ret_prog_fd,
		struct ms_plugin_error *error)
{
	static const char *const kept[] = { "taps", "counts", NULL };
	struct mirror *self = user;
	struct mirror_bpf *object = mirror_bpf__open();
	int r = ms_action_load(self->host, object ? object->skeleton : NULL, kept, env, error);

	if (r < 0) {
		mirror_bpf__destroy(object);
		return r;
	}
	mirror_bpf__destroy(self->object);
	self->object = object;
	self->pin_dir_fd = env->pin_dir_fd;
	for (size_t i = 0; i < self->n_taps; i++)
		self->taps[i].is_cut = false; /* by the program of the load before */
	if (self->links_fd >= 0)
		resolve(self);
	*ret_prog_fd = bpf_program__fd(object->progs.mirror);
	return 0;
}

static void stats(void *user, struct ms_plugin_emit *to)
{
	const struct mirror *self = user;

	if (!self->object)
		return;
	self->host->emit(to, "copied", "packets copied", NULL,
			 ms_action_count(self->object->maps.counts, MIRROR_COPIED), 0);
	self->host->emit(to, "failed", "packets that could not be copied", NULL,
			 ms_action_count(self->object->maps.counts, MIRROR_FAILED), 0);
	self->host->emit(to, "unframed",
			 "packets without a link header, not copied to an interface that has them",
			 NULL, ms_action_count(self->object->maps.counts, MIRROR_UNFRAMED), 0);
}

static const struct ms_plugin_action actions[] = {
	{ .name = "mirror",
	  .help = "sends a copy out of another interface",
	  .flags = MS_PLUGIN_ACTION_OBSERVES,
	  .args = arguments,
	  .arg_count = sizeof(arguments) / sizeof(arguments[0]),
	  .short_arg = "to",
	  .encode_args = encode_args,
	  .load = load,
	  .in_force = in_force },
};

MS_PLUGIN(MS_PLUGIN_ACTION, .name = "mirror", .version = "1.0",
	  .summary = "copies packets to a monitoring interface", .license = "GPL-2.0-or-later",
	  .create = create, .start = start, .stop = stop, .destroy = destroy, .woken = woken,
	  .stats = stats, .actions = actions, .action_count = sizeof(actions) / sizeof(actions[0]));
