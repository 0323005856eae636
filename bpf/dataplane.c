/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Opening and closing the datapath, the control word, events, and the programs that user space
 * runs. Packets are never a moment without: programs and tables that stand are taken over, and
 * what they use is replaced entry by entry.
 */
#define _GNU_SOURCE
#include "bpf/dataplane.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "bpf/dataplane_private.h"
#include "core/base/cleanup.h"
#include "core/base/log.h"
#include "microseg.skel.h"
#include "microseg_hardened.skel.h"
#include "microseg_set.skel.h"

#define SESSIONS_DEFAULT 131072
#define HALF_OPEN_DEFAULT 65536
#define EPOCHS_BYTES (MS_EPOCHS_MAX * sizeof(struct ms_epoch))

static const uint64_t default_timeouts_ns[] = {
	[MS_TIMEOUT_TCP_SYN] = 20000000000ull,     [MS_TIMEOUT_TCP_ESTABLISHED] = 86400000000000ull,
	[MS_TIMEOUT_TCP_FIN] = 30000000000ull,     [MS_TIMEOUT_UDP_ONEWAY] = 30000000000ull,
	[MS_TIMEOUT_UDP_TWOWAY] = 180000000000ull, [MS_TIMEOUT_ICMP] = 10000000000ull,
	[MS_TIMEOUT_OTHER] = 60000000000ull,
};
_Static_assert(ms_array_size(default_timeouts_ns) == MS_TIMEOUT__COUNT, "one each");

/* ---- may we at all ---- */

static bool has_capability(unsigned int capability)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = { 0 };

	if (syscall(SYS_capget, &header, data) < 0)
		return false;
	return data[CAP_TO_INDEX(capability)].effective & CAP_TO_MASK(capability);
}

static int check_machine(bool *ret_hardened, struct ms_error *err)
{
	bool is_admin = has_capability(CAP_SYS_ADMIN);
	unsigned int major = 0, minor = 0;
	struct utsname name;

	uname(&name);
	if (sscanf(name.release, "%u.%u", &major, &minor) == 2 &&
	    (major < 6 || (major == 6 && minor < 1)))
		return ms_error_set(err, -EOPNOTSUPP,
				    "kernel %u.%u is too old: 6.1 or newer is needed", major,
				    minor);
	if (!has_capability(CAP_BPF) && !is_admin)
		return ms_error_set(err, -EPERM,
				    "no permission to load BPF programs (CAP_BPF): run as root");
	if (!has_capability(CAP_NET_ADMIN))
		return ms_error_set(err, -EPERM,
				    "no permission to filter packets (CAP_NET_ADMIN): run as root");
	*ret_hardened = !has_capability(CAP_PERFMON) && !is_admin;
	return 0;
}

/* ---- loading ---- */

static int print_libbpf(enum libbpf_print_level level, const char *format, va_list args)
{
	char line[512];
	int length = vsnprintf(line, sizeof(line), format, args);

	(void)level;
	if (length > (int)sizeof(line) - 1)
		length = sizeof(line) - 1;
	if (length > 0 && line[length - 1] == '\n')
		line[length - 1] = '\0';
	ms_log_debug("libbpf", "%s", line);
	return 0;
}

/* Requests of user space to its own programs, and what these keep for one packet, or for the
 * moment that one is on its way back, are nobody else's. */
static bool is_private(const struct bpf_map *map)
{
	const char *name = bpf_map__name(map);
	size_t length = strlen(name);

	return bpf_map__is_internal(map) || strcmp(name, "ms_judged") == 0 ||
	       strcmp(name, "ms_seen") == 0 || strcmp(name, "ms_returned") == 0 ||
	       (length > 3 && strcmp(name + length - 3, "_io") == 0);
}

/* libbpf takes over a map whose pin is there and fits, and makes and pins it otherwise. */
static int name_pins(struct ms_dataplane *dp)
{
	struct bpf_map *map;
	char path[128];
	int r;

	bpf_object__for_each_map(map, dp->object)
	{
		if (is_private(map))
			continue;
		ms_dataplane_pins_path(dp->pins.tables_fd, bpf_map__name(map), path, sizeof(path));
		r = bpf_map__set_pin_path(map, path);
		if (r < 0)
			return r;
	}
	return 0;
}

static int set_sizes(struct ms_dataplane *dp)
{
	uint32_t sets = MS_SET_COUNT(dp->sessions), oneway = MS_SET_COUNT(dp->half_open);
	const struct {
		const char *map;
		uint32_t entries;
	} sizes[] = {
		{ "ms_sess4", dp->sessions },  { "ms_sess6", dp->sessions },
		{ "ms_lines4", sets },         { "ms_lines6", sets },
		{ "ms_tags", 2 * sets },       { "ms_half4", dp->half_open },
		{ "ms_half6", dp->half_open }, { "ms_oneway4", oneway },
		{ "ms_oneway6", oneway },      { "ms_heads", 2 * oneway },
	};

	for (size_t i = 0; i < ms_array_size(sizes); i++) {
		struct bpf_map *map = bpf_object__find_map_by_name(dp->object, sizes[i].map);
		int r = map ? bpf_map__set_max_entries(map, sizes[i].entries) : 0;

		if (r < 0)
			return r;
	}
	return 0;
}

/* The hardened object is the same datapath in the shape that the verifier takes from a loader it
 * does not trust with pointers (docs/adr/0014). */
static int open_object(struct ms_dataplane *dp)
{
	const void *bytes;
	size_t size;

	if (dp->hardened)
		bytes = microseg_hardened_bpf__elf_bytes(&size);
	else if (dp->session_table == MS_SESSION_TABLE_SET)
		bytes = microseg_set_bpf__elf_bytes(&size);
	else
		bytes = microseg_bpf__elf_bytes(&size);
	dp->object = bpf_object__open_mem(bytes, size, NULL);
	return dp->object ? 0 : -errno;
}

/* What the verifier says to a program it does not take. */
static bool is_refusal(int r)
{
	return r == -EACCES || r == -E2BIG || r == -EFAULT;
}

static int load(struct ms_dataplane *dp, struct ms_error *err)
{
	int r;

	libbpf_set_print(print_libbpf);
	r = open_object(dp);
	if (r < 0)
		return ms_error_set(err, r, "the datapath's programs cannot be opened: %s",
				    strerror(-r));
	r = set_sizes(dp);
	if (r == 0)
		r = name_pins(dp);
	if (r == 0)
		r = bpf_object__load(dp->object);
	if (r == -EINVAL)
		return ms_error_set(
			err, r,
			"the datapath cannot be loaded: its programs were refused, or a pinned map in %s has another shape (--cleanup removes them)",
			dp->pin_dir);
	/* In what words, depends on where its patience ended. */
	if (is_refusal(r) && dp->hardened)
		return ms_error_set(
			err, -EACCES,
			"the kernel refused the datapath's programs: CAP_PERFMON is missing, and this kernel needs it");
	if (r < 0)
		return ms_error_set(err, r, "the kernel refused the datapath's programs: %s",
				    strerror(-r));
	return ms_dataplane_maps_index(dp);
}

/* NULL and errno. */
static void *map_table(const struct ms_dataplane *dp, const char *name, size_t size)
{
	void *at =
		mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, ms_dataplane_map(dp, name), 0);

	return at == MAP_FAILED ? NULL : at;
}

static int map_tables(struct ms_dataplane *dp)
{
	dp->control = map_table(dp, "ms_control", sizeof(*dp->control));
	if (dp->control)
		dp->epochs = map_table(dp, "ms_epochs", EPOCHS_BYTES);
	if (dp->epochs)
		dp->asked = map_table(dp, "ms_asked", sizeof(*dp->asked));
	return dp->asked ? 0 : -errno;
}

/* The seed is as old as the tables: with another one nothing would be found in them. */
static int open_lines(struct ms_dataplane *dp)
{
	uint32_t seed = dp->control->session_seed;
	int r;

	if (dp->session_table != MS_SESSION_TABLE_SET)
		return 0;
	if (!dp->control->session_sets && getrandom(&seed, sizeof(seed), 0) != sizeof(seed))
		return -errno;
	r = ms_dataplane_lines_open(ms_dataplane_map(dp, "ms_lines4"),
				    ms_dataplane_map(dp, "ms_lines6"),
				    ms_dataplane_map(dp, "ms_tags"), seed, &dp->lines);
	if (r < 0)
		return r;
	return ms_dataplane_lines_open(ms_dataplane_map(dp, "ms_oneway4"),
				       ms_dataplane_map(dp, "ms_oneway6"),
				       ms_dataplane_map(dp, "ms_heads"), seed, &dp->oneway);
}

static uint64_t monotonic_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static int read_clocks(struct ms_dataplane *dp, struct ms_clock_io *ret_io)
{
	uint32_t zero = 0;
	int r = ms_dataplane_run(ms_dataplane_find_program(dp, "ms_clock"), NULL, 0);

	if (r < 0)
		return r;
	return bpf_map_lookup_elem(ms_dataplane_map(dp, "ms_clock_io"), &zero, ret_io);
}

static int start_clock(struct ms_dataplane *dp)
{
	const struct timespec pause = { .tv_nsec = 150000000 };
	struct ms_clock_io first, second;
	int r;

	dp->clock.monotonic_ns = monotonic_now();
	r = read_clocks(dp, &first);
	if (r < 0)
		return r;
	dp->clock.jiffies = first.jiffies;
	dp->clock.hz = ms_dataplane_clock_guess(first.jiffies, first.ktime_ns);
	for (unsigned int tries = 0; dp->clock.hz == 0 && tries < 10; tries++) {
		nanosleep(&pause, NULL);
		r = read_clocks(dp, &second);
		if (r < 0)
			return r;
		dp->clock.hz = ms_dataplane_clock_measure(first.jiffies, first.ktime_ns,
							  second.jiffies, second.ktime_ns);
		/* Where one look came late, the next two are held against each other. */
		first = second;
	}
	return dp->clock.hz ? 0 : -ENODATA;
}

static void start_control(struct ms_dataplane *dp)
{
	dp->control->tick_us = (uint32_t)(ms_dataplane_clock_ns(&dp->clock, 1) / 1000);
	if (dp->control->epoch != MS_EPOCH_DEAD)
		return;
	ms_dataplane_set_timeouts(dp, default_timeouts_ns);
	dp->control->session_sets = dp->lines.sets;
	dp->control->oneway_sets = dp->oneway.sets;
	dp->control->session_seed = dp->lines.seed;
	ms_dataplane_bump_epoch(dp); /* to 1: from now on the tables count as taken over */
}

static int put_program(int array, uint32_t slot, int program)
{
	return bpf_map_update_elem(array, &slot, &program, BPF_ANY) < 0 ? -errno : 0;
}

/* Programs that are attached already find the new slow path in the array they share; callers put
 * the new entry programs on the hooks. */
static int install_programs(struct ms_dataplane *dp)
{
	static const char *const names[] = { [MS_HOOK_INGRESS] = "ms_ingress",
					     [MS_HOOK_EGRESS] = "ms_egress",
					     "ms_slow",
					     "ms_resume" };
	int progs = ms_dataplane_map(dp, "ms_progs");
	int r;

	/* What comes last first: a program never finds the one it hands over to missing. */
	r = put_program(progs, MS_PROG_RESUME, ms_dataplane_find_program(dp, "ms_resume"));
	if (r == 0)
		r = put_program(progs, MS_PROG_SLOW, ms_dataplane_find_program(dp, "ms_slow"));
	if (r < 0)
		return r;
	for (size_t i = 0; i < ms_array_size(names); i++) {
		r = ms_dataplane_pins_replace(dp->pins.tables_fd, names[i],
					      ms_dataplane_find_program(dp, names[i]));
		if (r < 0)
			return r;
	}
	for (int hook = 0; hook < MS_HOOK__COUNT; hook++) {
		struct bpf_prog_info info = { 0 };
		uint32_t length = sizeof(info);

		dp->programs[hook] = ms_dataplane_find_program(dp, names[hook]);
		if (bpf_obj_get_info_by_fd(dp->programs[hook], &info, &length) < 0)
			return -errno;
		dp->program_ids[hook] = info.id;
	}
	return 0;
}

static int on_sample(void *user, void *data, size_t size)
{
	struct ms_dataplane *dp = user;

	if (dp->on_event && size >= sizeof(struct ms_event))
		dp->on_event(dp->on_event_user, data);
	return 0;
}

static int start(struct ms_dataplane *dp, bool *ret_taken_over, struct ms_error *err)
{
	bool moved = false;
	int r;

	r = load(dp, err);
	if (r < 0)
		return r;
	r = map_tables(dp);
	if (r < 0)
		return ms_error_set(err, r, "the control word cannot be mapped: %s", strerror(-r));
	r = open_lines(dp);
	if (r < 0)
		return ms_error_set(err, r, "the sessions cannot be mapped: %s", strerror(-r));
	r = start_clock(dp);
	if (r < 0)
		return ms_error_set(err, r, "the kernel's clock cannot be read: %s", strerror(-r));
	if (dp->pins.old_fd >= 0) {
		r = ms_dataplane_migrate(dp);
		if (r < 0 && r != -ENOTSUP)
			return ms_error_set(err, r, "the tables in %s/%s cannot be copied: %s",
					    dp->pin_dir, dp->pins.old, strerror(-r));
		moved = r == 0;
	}
	*ret_taken_over = moved || dp->control->epoch != MS_EPOCH_DEAD;
	start_control(dp);
	r = install_programs(dp);
	if (r < 0)
		return ms_error_set(err, r, "the programs cannot be pinned in %s: %s", dp->pin_dir,
				    strerror(-r));
	dp->events = ring_buffer__new(ms_dataplane_map(dp, "ms_events"), on_sample, dp, NULL);
	if (!dp->events)
		return ms_error_set(err, -errno, "the event ring cannot be read: %s",
				    strerror(errno));
	return 0;
}

bool ms_dataplane_loads_in_order(void)
{
#ifdef __x86_64__
	return true;
#else
	return false;
#endif
}

static int open_with(const struct ms_dataplane_config *config, unsigned int layout,
		     enum ms_session_table table, bool *ret_taken_over,
		     struct ms_dataplane **ret_dp, struct ms_error *err)
{
	uint32_t sessions = config->sessions ? config->sessions : SESSIONS_DEFAULT;
	uint32_t half_open = config->half_open ? config->half_open : HALF_OPEN_DEFAULT;
	struct ms_dataplane *dp;
	bool taken_over = false;
	int r;

	dp = calloc(1, sizeof(*dp));
	if (!dp)
		return -ENOMEM;
	dp->sessions = sessions;
	dp->half_open = half_open;
	dp->pins = (struct ms_dataplane_pins)MS_DATAPLANE_PINS_INIT;
	dp->pin_dir = strdup(config->pin_dir);
	dp->dead = calloc(MS_DATAPLANE_DEAD_MAX, sizeof(*dp->dead));
	r = dp->pin_dir && dp->dead ? 0 : -ENOMEM;
	if (r == 0)
		r = libbpf_num_possible_cpus();
	if (r > 0) {
		dp->n_cpus = (unsigned int)r;
		r = check_machine(&dp->hardened, err);
	}
	dp->session_table = dp->hardened ? MS_SESSION_TABLE_LRU_HASH : table;
	if (r == 0)
		r = ms_dataplane_pins_open(config->pin_dir, layout, sessions, half_open,
					   dp->session_table, &dp->pins, err);
	if (r == 0)
		r = start(dp, &taken_over, err);
	if (r < 0) {
		/* Goes if it is empty, that is, if we made it for nothing. */
		if (dp->session_table == MS_SESSION_TABLE_SET && dp->pins.tables_fd >= 0)
			unlinkat(dp->pins.dir_fd, dp->pins.tables, AT_REMOVEDIR);
		ms_dataplane_close(dp);
		return r;
	}
	*ret_taken_over = taken_over;
	*ret_dp = dp;
	return 0;
}

int ms_dataplane_open_layout(const struct ms_dataplane_config *config, unsigned int layout,
			     bool *ret_taken_over, struct ms_dataplane **ret_dp,
			     struct ms_error *err)
{
	/* Lines are written for that (bpf/lib/lines.h). */
	enum ms_session_table table =
		ms_dataplane_loads_in_order() ? config->session_table : MS_SESSION_TABLE_LRU_HASH;
	struct ms_error refusal = MS_ERROR_INIT;
	int r;

	if (table == MS_SESSION_TABLE_SET) {
		r = open_with(config, layout, table, ret_taken_over, ret_dp, &refusal);
		if (!is_refusal(r)) {
			if (r < 0)
				*err = refusal;
			return r;
		}
		ms_log_notice("dataplane",
			      "the kernel refused the session table set: lru_hash is used");
	}
	return open_with(config, layout, MS_SESSION_TABLE_LRU_HASH, ret_taken_over, ret_dp, err);
}

int ms_dataplane_open(const struct ms_dataplane_config *config, bool *ret_taken_over,
		      struct ms_dataplane **ret_dp, struct ms_error *err)
{
	return ms_dataplane_open_layout(config, MS_LAYOUT_VERSION, ret_taken_over, ret_dp, err);
}

int ms_dataplane_settle(struct ms_dataplane *dp)
{
	int r = 0;

	if (dp->pins.old_fd < 0)
		return 0;
	r = ms_dataplane_migrate_rest(dp);
	if (r < 0 && r != -ENOTSUP)
		return r;
	return ms_dataplane_pins_settle(&dp->pins);
}

void ms_dataplane_close(struct ms_dataplane *dp)
{
	if (!dp)
		return;
	ring_buffer__free(dp->events);
	if (dp->control)
		munmap(dp->control, sizeof(*dp->control));
	if (dp->epochs)
		munmap(dp->epochs, EPOCHS_BYTES);
	if (dp->asked)
		munmap(dp->asked, sizeof(*dp->asked));
	ms_dataplane_lines_close(&dp->oneway);
	ms_dataplane_lines_close(&dp->lines);
	ms_dataplane_maps_forget(dp);
	bpf_object__close(dp->object);
	ms_dataplane_pins_close(&dp->pins);
	free(dp->dead);
	free(dp->pin_dir);
	free(dp);
}

/* ---- what it is ---- */

int ms_dataplane_program(const struct ms_dataplane *dp, enum ms_hook hook)
{
	return dp->programs[hook];
}

uint32_t ms_dataplane_program_id(const struct ms_dataplane *dp, enum ms_hook hook)
{
	return dp->program_ids[hook];
}

const char *ms_dataplane_pin_dir(const struct ms_dataplane *dp)
{
	return dp->pin_dir;
}

const char *ms_dataplane_note(const struct ms_dataplane *dp)
{
	return dp->note;
}

enum ms_session_table ms_dataplane_session_table(const struct ms_dataplane *dp)
{
	return dp->session_table;
}

const char *ms_dataplane_session_table_name(enum ms_session_table table)
{
	return table == MS_SESSION_TABLE_SET ? "set" : "lru_hash";
}

bool ms_dataplane_is_hardened(const struct ms_dataplane *dp)
{
	return dp->hardened;
}

int ms_dataplane_verified_insns(const struct ms_dataplane *dp, const char *program,
				uint32_t *ret_insns)
{
	int fd = ms_dataplane_find_program(dp, program);
	struct bpf_prog_info info = { 0 };
	uint32_t length = sizeof(info);

	if (fd < 0)
		return fd;
	if (bpf_obj_get_info_by_fd(fd, &info, &length) < 0)
		return -errno;
	*ret_insns = info.verified_insns;
	return 0;
}

int ms_dataplane_find_program(const struct ms_dataplane *dp, const char *name)
{
	const struct bpf_program *program = bpf_object__find_program_by_name(dp->object, name);

	return program ? bpf_program__fd(program) : -ENOENT;
}

/* ---- events ---- */

int ms_dataplane_events_fd(const struct ms_dataplane *dp)
{
	return ring_buffer__epoll_fd(dp->events);
}

void ms_dataplane_on_events(struct ms_dataplane *dp, ms_dataplane_on_event on_event, void *user)
{
	dp->on_event = on_event;
	dp->on_event_user = user;
}

int ms_dataplane_consume_events(struct ms_dataplane *dp)
{
	return ring_buffer__consume(dp->events);
}
