/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the files bpf/dataplane*.c share, and what their tests look into. Nobody else includes it.
 */
#ifndef MS_BPF_DATAPLANE_PRIVATE_H
#define MS_BPF_DATAPLANE_PRIVATE_H

#include <stdatomic.h>

#include "bpf/dataplane.h"

struct bpf_object;
struct ms_dataplane_map;
struct ring_buffer;

/* ---- clock: jiffies and CLOCK_MONOTONIC tied together once (bpf/dataplane_clock.c) ---- */

struct ms_dataplane_clock {
	unsigned int hz;
	uint64_t jiffies, monotonic_ns; /* read together */
};

/* HZ that explains `jiffies` after `ktime_ns` of uptime; 0 = more than one does, or none. */
unsigned int ms_dataplane_clock_guess(uint64_t jiffies, uint64_t ktime_ns);
/* HZ from two samples; 0 = they are too near one another to tell, or fit no HZ. */
unsigned int ms_dataplane_clock_measure(uint64_t jiffies1, uint64_t ktime1_ns, uint64_t jiffies2,
					uint64_t ktime2_ns);
uint32_t ms_dataplane_clock_tick(const struct ms_dataplane_clock *clock, uint64_t monotonic_ns);
uint64_t ms_dataplane_clock_ns(const struct ms_dataplane_clock *clock, uint32_t ticks);
uint32_t ms_dataplane_clock_ticks(const struct ms_dataplane_clock *clock, uint64_t ns);

/* ---- pins (bpf/dataplane_pins.c) ---- */

/*
 * Below the pin folder:
 *	vLAYOUT-SESSIONS-HALFOPEN/   maps and programs that work together, engine `lru_hash`
 *	vLAYOUT-SESSIONS-HALFOPEN-set/   the same, engine `set`
 *	new-...                      the same while they take over from another such folder
 *	links/                       bpf/tcx
 */
struct ms_dataplane_pins {
	int dir_fd;    /* the pin folder */
	int tables_fd; /* ours in it */
	char tables[64];
	int old_fd; /* tables of another layout or size that ours take over from, -1 = none */
	char old[64];
	unsigned int old_layout;
};

#define MS_DATAPLANE_PINS_INIT                                                                     \
	{                                                                                          \
		.dir_fd = -1, .tables_fd = -1, .old_fd = -1                                        \
	}

/* Opens or makes the folders. Nothing else is changed in them yet. */
int ms_dataplane_pins_open(const char *pin_dir, unsigned int layout, uint32_t sessions,
			   uint32_t half_open, enum ms_session_table table,
			   struct ms_dataplane_pins *ret_pins, struct ms_error *err);
void ms_dataplane_pins_close(struct ms_dataplane_pins *pins);
/* The old tables are of no more use: removes them, and gives ours their lasting name. */
int ms_dataplane_pins_settle(struct ms_dataplane_pins *pins);
/* Path of a pin in a folder held open: whatever is renamed or mounted over the folder's own path
 * meanwhile, this one stays the folder that was checked. Returns `buf`. */
char *ms_dataplane_pins_path(int folder_fd, const char *name, char *buf, size_t size);
/* Puts a pin in the place of one of that name, without a moment of neither. */
int ms_dataplane_pins_replace(int folder_fd, const char *name, int fd);

/* ---- tables of lines (bpf/dataplane_lines.c) ---- */

struct ms_dataplane_lines_table {
	int fd;               /* ours */
	size_t size;          /* bytes; 0 = never opened */
	void *at;             /* what is mapped of it, NULL = nothing */
	size_t first, length; /* bytes, where that begins and how much it is */
};

struct ms_dataplane_lines {
	struct ms_dataplane_lines_table tables[3]; /* narrow, wide, tags */
	uint32_t sets;                             /* that each of the first two has */
	uint32_t seed;
	size_t tag_words; /* of a set: one, or a head's two (ms_heads) */
	bool half_open;   /* one-way sessions (bpf/lib/oneway.h), which have heads */
};

/* The three arrays, of two-way sessions, or of one-way ones if the third are heads; the descriptors
 * stay the caller's. Without tags (negative) two-way sessions can only be read. Nothing of them is
 * mapped: what is, counts as memory of this process, and of a large table that is more than all
 * else it has. */
int ms_dataplane_lines_open(int narrow_fd, int wide_fd, int tags_fd, uint32_t seed,
			    struct ms_dataplane_lines *ret_lines);
/* Also of one that was never opened. */
void ms_dataplane_lines_close(struct ms_dataplane_lines *lines);
/* All of them, until unmap() or map_some(). */
int ms_dataplane_lines_map(struct ms_dataplane_lines *lines);
/* At least lines `number` to below `end` of one table, in the place of what was mapped of it. */
int ms_dataplane_lines_map_some(struct ms_dataplane_lines *lines, bool wide, uint32_t number,
				uint32_t end);
/* The first line from `*number` on, and below `end`, whose set holds anything by its tags; `end` =
 * none does. Maps the tags of these sets alone, and knows an empty one from eight bytes.
 * -EINVAL = these were opened without tags, or -errno of the mapping. */
int ms_dataplane_lines_seek(struct ms_dataplane_lines *lines, bool wide, uint32_t *number,
			    uint32_t end);
void ms_dataplane_lines_unmap(struct ms_dataplane_lines *lines);
/* Line `number`, below sets * MS_SET_WAYS and mapped, as its head is; false = there is no session
 * in it. Dead ones are told. */
bool ms_dataplane_lines_read(const struct ms_dataplane_lines *lines, bool wide, uint32_t number,
			     struct ms_session_raw *ret_raw);
/* Stores a session, under traffic or not; leaves everything mapped. -EEXIST, -E2BIG = no room where
 * it may lie, -EINVAL = these were opened without tags, or -errno of the mapping. */
int ms_dataplane_lines_put(struct ms_dataplane_lines *lines, const struct ms_session_raw *session);

/* ---- the object ---- */

#define MS_DATAPLANE_DEAD_MAX 4096

struct ms_dataplane {
	char *pin_dir;
	struct ms_dataplane_pins pins;
	struct bpf_object *object;
	struct ms_dataplane_map *maps; /* of the object, by name (bpf/dataplane_maps.c) */
	size_t n_maps;
	struct ms_control *control; /* mapped */
	struct ms_epoch *epochs;    /* mapped */
	struct ms_asked *asked;     /* mapped */
	/* By family, prefixes in ms_told4/6: of the full length, and of that other one. */
	uint32_t told[2][2];
	uint8_t told_length[2];
	struct ms_dataplane_clock clock;
	struct ring_buffer *events;
	ms_dataplane_on_event on_event;
	void *on_event_user;
	bool hardened;
	enum ms_session_table session_table;
	struct ms_dataplane_lines lines, oneway; /* MS_SESSION_TABLE_SET */
	uint32_t sessions, half_open;            /* entries a table holds */
	int programs[MS_HOOK__COUNT];
	uint32_t program_ids[MS_HOOK__COUNT];
	unsigned int n_cpus; /* possible ones: entries of a per-CPU value */
	char note[256];
	/* Ended sessions, to be deleted when no packet can hold them any more. */
	struct ms_session_raw *dead; /* MS_DATAPLANE_DEAD_MAX */
	size_t n_dead;
};

int ms_dataplane_open_layout(const struct ms_dataplane_config *config, unsigned int layout,
			     bool *ret_taken_over, struct ms_dataplane **ret_dp,
			     struct ms_error *err);
/* Of the loaded object; before it no map is found. -ENOMEM. */
int ms_dataplane_maps_index(struct ms_dataplane *dp);
void ms_dataplane_maps_forget(struct ms_dataplane *dp);
/* Of this machine's processors; what is read without a lock depends on it. */
bool ms_dataplane_loads_in_order(void);
/* fd of a map of the object, -ENOENT. */
int ms_dataplane_map(const struct ms_dataplane *dp, const char *name);
int ms_dataplane_find_program(const struct ms_dataplane *dp, const char *name);
/* Runs one of the programs made for user space. */
int ms_dataplane_run(int program, const void *data, size_t length);
/* As ms_dataplane_wait_grace(), on any kernel. */
int ms_dataplane_wait_grace_by_map(void);
/* A step of the epoch that skips the numbers with a meaning of their own. */
uint32_t ms_dataplane_next_epoch(uint32_t epoch);

/* ---- state that moves to tables of another layout or size (bpf/dataplane_migrate.c) ---- */

/* Before our programs see a packet: everything. -ENOTSUP: the old tables cannot be read. */
int ms_dataplane_migrate(struct ms_dataplane *dp);
/* When the old programs are off every hook: sessions made meanwhile. */
int ms_dataplane_migrate_rest(struct ms_dataplane *dp);

#endif
