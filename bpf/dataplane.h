/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The datapath as user space sees it: programs and maps, opened, loaded, pinned or taken over from
 * the pins an earlier daemon left. The only file that sees the objects. Attaching programs to
 * interfaces is not here (netlink/tc, bpf/tcx).
 *
 * Everything below takes effect for packets at once unless it says otherwise. All calls come from
 * one thread. int results are 0 or -errno, with out-parameters untouched on failure.
 */
#ifndef MS_BPF_DATAPLANE_H
#define MS_BPF_DATAPLANE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bpf/lib/layout.h"
#include "core/base/addr.h"
#include "core/base/error.h"

struct ms_dataplane;

struct ms_dataplane_config {
	/* Directory for our pins inside a bpffs, e.g. /sys/fs/bpf/microseg. Made (0700) if absent;
	 * refused if it is not ours: a symlink, another owner, group- or world-writable, no bpffs.
	 */
	const char *pin_dir;
	uint32_t sessions;  /* two-way sessions, each family; 0 = 131072 */
	uint32_t half_open; /* one-way sessions, each family; 0 = 65536 */
	enum ms_session_table session_table;
};

enum ms_hook { MS_HOOK_INGRESS, MS_HOOK_EGRESS, MS_HOOK__COUNT };

/*
 * Loads the programs and makes or takes over the pinned maps. Maps whose layout version or size
 * differs are put beside the old ones and sessions are copied, never silently emptied.
 * `*ret_taken_over` says whether maps of an earlier run were found. `err` gets one sentence for a
 * person (no permission, no bpffs, kernel too old, foreign pin folder).
 */
int ms_dataplane_open(const struct ms_dataplane_config *config, bool *ret_taken_over,
		      struct ms_dataplane **ret_dp, struct ms_error *err);

/*
 * To be called when every hook runs ms_dataplane_program(): brings over what tables of another
 * layout or size got meanwhile, and removes those. Nothing to do if the tables stayed the same.
 */
int ms_dataplane_settle(struct ms_dataplane *dp);
/* What a person should know of the take-over, one sentence; "" = nothing. */
const char *ms_dataplane_note(const struct ms_dataplane *dp);

/* Closes our references; pins stay, packets go on being judged. NULL is fine. */
void ms_dataplane_close(struct ms_dataplane *dp);

/* Removes every pin of ours below `pin_dir` and the folder. Works without an open dataplane and
 * with a dead daemon. `-ENOENT` = nothing there. */
int ms_dataplane_unpin_all(const char *pin_dir, struct ms_error *err);

/* Borrowed fds, valid until close. */
int ms_dataplane_program(const struct ms_dataplane *dp, enum ms_hook hook);
/* Kernel's id of that program, to recognise our own on a hook. */
uint32_t ms_dataplane_program_id(const struct ms_dataplane *dp, enum ms_hook hook);
const char *ms_dataplane_pin_dir(const struct ms_dataplane *dp);
/* True if the load was done without CAP_PERFMON: `hardened load: slow` in status. */
bool ms_dataplane_is_hardened(const struct ms_dataplane *dp);
/* The one in use: without CAP_PERFMON, or where the kernel refuses the other,
 * MS_SESSION_TABLE_LRU_HASH whatever was asked for. */
enum ms_session_table ms_dataplane_session_table(const struct ms_dataplane *dp);
const char *ms_dataplane_session_table_name(enum ms_session_table table);
/* Instructions the verifier walked for each program, by name. -ENOENT = no such program. */
int ms_dataplane_verified_insns(const struct ms_dataplane *dp, const char *program,
				uint32_t *ret_insns);

/* ---- control word ---- */

/* A snapshot of the live control word. */
struct ms_control ms_dataplane_control(const struct ms_dataplane *dp);
/* The half that is not in force, free to be written: waits out packets still reading it
 * (membarrier), which is why visibility never waits but re-use does. */
int ms_dataplane_idle_half(struct ms_dataplane *dp, unsigned int *ret_half);
/* The half in force with its other bank of late rules (MS_HALF_BANK): that bank is free to be
 * written, the half is not. */
int ms_dataplane_idle_bank(struct ms_dataplane *dp, unsigned int *ret_half);
/* One atomic store: from now on packets are judged by `half`, under `generation`, in a new epoch.
 */
void ms_dataplane_publish(struct ms_dataplane *dp, unsigned int half, uint32_t generation);
/* Something else that changes verdicts changed: sessions are judged again. */
void ms_dataplane_bump_epoch(struct ms_dataplane *dp);
void ms_dataplane_set_panic(struct ms_dataplane *dp, enum ms_panic panic); /* bumps the epoch */
/* By enum ms_timeout, ns. */
void ms_dataplane_set_timeouts(struct ms_dataplane *dp, const uint64_t *timeouts_ns);
/* The generation that was in force in `epoch`, 0 if that is no longer known. */
uint32_t ms_dataplane_epoch_generation(const struct ms_dataplane *dp, uint32_t epoch);

/* ---- policy tables of one half ---- */

struct ms_image; /* core/classify/image.h */

/* Writes a compiled policy into an idle half. Nothing is visible before publish. -ENOSPC with a
 * sentence if it does not fit; the half may then be partly written, which is harmless. */
int ms_dataplane_load_image(struct ms_dataplane *dp, unsigned int half,
			    const struct ms_image *image, struct ms_error *err);
/* Only the image's tables, without groups and failsafe: for an idle bank. */
int ms_dataplane_load_tables(struct ms_dataplane *dp, unsigned int half,
			     const struct ms_image *image, struct ms_error *err);
int ms_dataplane_set_group(struct ms_dataplane *dp, unsigned int half, uint16_t group,
			   const struct ms_group *line);
int ms_dataplane_get_group(const struct ms_dataplane *dp, unsigned int half, uint16_t group,
			   struct ms_group *ret_line);

/*
 * ---- actions: programs that rules' lists call by slot (docs/adr/0080, 0081) ----
 *
 * MS_ACTION_SLOTS slots. Programs and names are pinned, so both outlive the daemon and an action
 * finds its slot again: lists in force call by slot. A slot without a program makes the rules that
 * call it fall back, counted `missing_action`. In tables of another layout or size every slot is
 * nobody's, since programs are bound to the tables they were loaded with: fill them before the
 * interfaces get the new programs.
 */

struct ms_dataplane_action {
	char name[MS_ACTION_NAME_MAX];
	uint32_t program_id; /* the kernel's, 0 = the slot has a name and no program */
};

/* A map that an action's object shares, under its name in <microseg/action.bpf.h>. */
struct ms_dataplane_shared_map {
	const char *name;
	int fd; /* borrowed, valid until close */
};
#define MS_DATAPLANE_SHARED_MAPS 4

void ms_dataplane_action_maps(const struct ms_dataplane *dp,
			      struct ms_dataplane_shared_map ret_maps[MS_DATAPLANE_SHARED_MAPS]);

/*
 * Names the slot and puts a program into it, in the place of one that is there without a moment of
 * neither. The program is of type sched_cls and loaded with the maps above; `program_fd` stays the
 * caller's. First it is run on packets of ours, under arguments that are all zero; one that returns
 * a code of its own, ends in a way it may not, or changes the host's words in cb[] is refused:
 * -EINVAL and a sentence, as for one that is no such program. So is one that `observes`, as its
 * plugin says, and ends the list, takes the packet or changes it. -ERANGE: no such slot.
 */
int ms_dataplane_action_set(struct ms_dataplane *dp, uint32_t slot, const char *name, bool observes,
			    int program_fd, struct ms_error *err);
/* Empties the slot; its name stays, and with it whose it is. No program there is no failure. */
int ms_dataplane_action_clear(struct ms_dataplane *dp, uint32_t slot);
/* The slots that lists call, a bit each, of both halves: a packet may be under way in the one that
 * was in force, until a commit has waited for those and writes over it. */
int ms_dataplane_action_called(const struct ms_dataplane *dp, uint64_t *ret_slots);
/* Gives the slot's name away too. For a slot that no list in either half calls. */
int ms_dataplane_action_forget(struct ms_dataplane *dp, uint32_t slot);
/* The rules that have a list in the generation in force, by their numbers, twice if they have two,
 * and maybe some that had one before; none in new tables. `*ret_rules` is the caller's. */
int ms_dataplane_action_rules(const struct ms_dataplane *dp, uint32_t **ret_rules,
			      size_t *ret_count);
/* A folder beside our pins, made if need be, in which the plugin of this name ([a-z0-9_]) pins maps
 * that are to outlive the daemon. `*ret_fd` is the caller's; ms_dataplane_unpin_all() removes it.
 */
int ms_dataplane_action_folder(const struct ms_dataplane *dp, const char *plugin, int *ret_fd);
/* As the kernel has it. -ENOENT: nobody's. */
int ms_dataplane_action_get(const struct ms_dataplane *dp, uint32_t slot,
			    struct ms_dataplane_action *ret_action);

/* ---- sets: membership by set id, in force at once; the caller bumps the epoch ---- */

/* Ticks, 0 = never: the member's own end, and the latest of that and the ends of all members of the
 * set that cover it, which is the one that packets see. Adding a member again replaces both. */
int ms_dataplane_set_add(struct ms_dataplane *dp, uint32_t set, const struct ms_cidr *member,
			 uint32_t expires_tick, uint32_t until_tick);
int ms_dataplane_set_remove(struct ms_dataplane *dp, uint32_t set, const struct ms_cidr *member);
/* Walks every stored member of every set, for take-over. `visit` returns false to stop. */
int ms_dataplane_set_foreach(const struct ms_dataplane *dp,
			     bool (*visit)(void *user, uint32_t set, const struct ms_cidr *member,
					   uint32_t expires_tick),
			     void *user);

/* ---- members: of which sets an address is one, besides what the sets themselves say; one write
 * after the other ---- */

/* Replaces what is said of the prefix. */
int ms_dataplane_member_put(struct ms_dataplane *dp, const struct ms_cidr *cidr,
			    const struct ms_member_sets *sets);
/* -ENOENT if nothing is said of it. */
int ms_dataplane_member_remove(struct ms_dataplane *dp, const struct ms_cidr *cidr);
/* Nothing is said of any. */
int ms_dataplane_members_clear(struct ms_dataplane *dp);
void ms_dataplane_asked_get(const struct ms_dataplane *dp, struct ms_asked *ret_asked);
/* All but `writes`, `lengths` and `bits`, which go by what is done here. Packets may see a part of
 * it, but `count` and `is_ready` behind all else. */
void ms_dataplane_asked_put(struct ms_dataplane *dp, const struct ms_asked *asked);

/* Every packet that began before the call has been judged when it returns. */
int ms_dataplane_wait_grace(void);

/* ---- interfaces ---- */

int ms_dataplane_put_iface(struct ms_dataplane *dp, const struct ms_iface *line);
int ms_dataplane_get_iface(const struct ms_dataplane *dp, uint32_t ifindex,
			   struct ms_iface *ret_line);
/* -ENOENT if there was no line. */
int ms_dataplane_remove_iface(struct ms_dataplane *dp, uint32_t ifindex);

/* ---- slots' names, pinned so that attribution survives the daemon ---- */

struct ms_slot_name; /* bpf/lib/layout.h */

int ms_dataplane_put_slot(struct ms_dataplane *dp, uint32_t slot, const struct ms_slot_name *name);
int ms_dataplane_get_slot(const struct ms_dataplane *dp, uint32_t slot,
			  struct ms_slot_name *ret_name);
/* Also zeroes the slot's counters and log state, so its next owner starts at 0. */
int ms_dataplane_remove_slot(struct ms_dataplane *dp, uint32_t slot);
int ms_dataplane_slot_foreach(const struct ms_dataplane *dp,
			      bool (*visit)(void *user, uint32_t slot,
					    const struct ms_slot_name *name),
			      void *user);

/* ---- counters; those of live sessions are added by core/session ---- */

int ms_dataplane_stats(const struct ms_dataplane *dp, struct ms_stats *ret_sum);
int ms_dataplane_slot_count(const struct ms_dataplane *dp, uint32_t slot,
			    struct ms_slot_count *ret_count, struct ms_slot_meta *ret_meta);
int ms_dataplane_zone_count(const struct ms_dataplane *dp, uint16_t zone,
			    struct ms_zone_count *ret_count);
int ms_dataplane_clear_zone(struct ms_dataplane *dp, uint16_t zone);
int ms_dataplane_zone_gap(const struct ms_dataplane *dp, uint16_t zone,
			  struct ms_zone_gap *ret_gap);

/* ---- sessions: raw access for core/session ---- */

struct ms_session_raw {
	uint8_t family; /* 4 or 6 */
	bool half_open; /* from the one-way table */
	union {
		struct ms_key4 k4;
		struct ms_key6 k6;
	} key;
	struct ms_session value;
};

/* Walks all four tables in batches. `visit` returns false to stop early. Under traffic a session
 * may be seen twice or not at all; at a quiet moment exactly once. */
int ms_dataplane_session_foreach(struct ms_dataplane *dp,
				 bool (*visit)(void *user, const struct ms_session_raw *session),
				 void *user);

/* Entries that one table of a family holds. */
void ms_dataplane_session_capacity(const struct ms_dataplane *dp, uint32_t *ret_sessions,
				   uint32_t *ret_half_open);

/* One slice of a resumable walk: up to `max` sessions, `*cursor` zeroed before the first slice.
 * `*ret_done` = the walk has been all round. */
struct ms_session_cursor {
	unsigned int table;
	bool started;
	uint8_t batch[16]; /* opaque */
};
int ms_dataplane_session_slice(struct ms_dataplane *dp, struct ms_session_cursor *cursor,
			       struct ms_session_raw *sessions, size_t max, size_t *ret_count,
			       bool *ret_done);

/* Deletes sessions that are still exactly as judged (same last_seen and epoch) unless `force`, and
 * folds their counters into their slot and zone, in the kernel (program ms_reap), so no packet
 * counted meanwhile is lost. `*ret_deleted` = how many went. */
int ms_dataplane_session_reap(struct ms_dataplane *dp, const struct ms_session_raw *sessions,
			      size_t count, bool force, size_t *ret_deleted);

/* ---- events ---- */

/* Pollable; call ms_dataplane_consume_events() when readable. */
int ms_dataplane_events_fd(const struct ms_dataplane *dp);
typedef void (*ms_dataplane_on_event)(void *user, const struct ms_event *event);
void ms_dataplane_on_events(struct ms_dataplane *dp, ms_dataplane_on_event on_event, void *user);
/* Returns how many were handled, or -errno. */
int ms_dataplane_consume_events(struct ms_dataplane *dp);

/* ---- trace: the same classifier on a packet that nobody sent ---- */

struct ms_trace_request {
	uint32_t ifindex; /* whose line is used; it must have one */
	enum ms_hook hook;
	unsigned int half; /* usually the live one */
	const void *frame; /* Ethernet frame */
	size_t frame_len;
};

struct ms_trace_result {
	uint8_t verdict, reason, dir, family;
	uint32_t slot;
	uint32_t generation;
	uint8_t session; /* 1 = a live session would have answered */
	uint8_t would_log;
};

int ms_dataplane_trace(struct ms_dataplane *dp, const struct ms_trace_request *request,
		       struct ms_trace_result *ret_result);

/* ---- clock ---- */

uint32_t ms_dataplane_tick_now(const struct ms_dataplane *dp);
uint64_t ms_dataplane_ticks_to_ns(const struct ms_dataplane *dp, uint32_t ticks);
uint32_t ms_dataplane_ns_to_ticks(const struct ms_dataplane *dp, uint64_t ns); /* rounds up */

#endif
