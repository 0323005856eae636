/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A datapath to measure: loaded as the daemon loads it, in network and mount namespaces of this
 * process, with device 1 (lo, which carries nothing) as a workload's link.
 */
#ifndef MS_TESTS_BENCH_WORLD_H
#define MS_TESTS_BENCH_WORLD_H

#include "bpf/dataplane.h"
#include "core/classify/engine.h"
#include "core/set_table/member_tree.h"
#include "tests/bench/rules.h"

#define MS_BENCH_DEVICE 1
#define MS_BENCH_RUN_DIR "/run/microseg-bench" /* a bpffs */

struct ms_bench_world {
	struct ms_dataplane *dp;
	char pin_dir[64];
	uint32_t generation;
	char engine[MS_ENGINE_NAMES];   /* that holds the policy in force */
	struct ms_member_tree *members; /* what addresses are told of sets */
};

/* New namespaces for this process, a bpffs in them. */
void ms_bench_world_enter(void);

/* Timeouts are a day, so that nothing ends by itself. What is called "microseg" beside others has
 * the session table `set`. */
struct ms_bench_world *ms_bench_world_open(uint32_t sessions, uint32_t half_open);
struct ms_bench_world *ms_bench_world_open_on(enum ms_session_table table, uint32_t sessions,
					      uint32_t half_open);
struct ms_bench_world *ms_bench_world_close(struct ms_bench_world *world);

struct ms_image;
/* A document read, merged and compiled. As ms_compile(); a document that cannot be read ends the
 * bench. */
int ms_bench_world_compile(const char *document, size_t length, uint32_t generation,
			   enum ms_engine engine, struct ms_image **ret_image);
/* Puts a document in force. -ENOSPC = the engine cannot hold it, the policy before stays. */
int ms_bench_world_put(struct ms_bench_world *world, const char *document, size_t length);
struct ms_numbering; /* core/classify/compile.h */
/* The numbers that the documents of rules.h need. */
const struct ms_numbering *ms_bench_world_numbering(void);
struct bpf_object;
/* Loads programs that work on this datapath's maps, by their names. */
void ms_bench_world_share(const struct ms_bench_world *world, struct bpf_object *object);
/* The slot of rule "r/NUMBER"; of the default where `rule` is negative. */
uint32_t ms_bench_world_slot(long rule);
/* The members of the sets that `rules` name; once, before they are put in force. */
void ms_bench_world_put_members(struct ms_bench_world *world, const struct ms_bench_rules *rules);
/* The rules `filler` and, last, one that allows the streams' flows (10/8 and fd00::/8). */
int ms_bench_world_put_rules(struct ms_bench_world *world, const struct ms_bench_rules *filler);

#endif
