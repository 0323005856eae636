/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An action that does nothing, in a world's slot 0, and a rule that names it. */
#ifndef MS_TESTS_BENCH_ACTION_H
#define MS_TESTS_BENCH_ACTION_H

#include "tests/bench/world.h"

struct ms_bench_action;

/* Puts the action into its slot and a policy in force that has the streams' IPv4 flows pass through
 * it. Ends the program if it cannot. */
struct ms_bench_action *ms_bench_action_put(struct ms_bench_world *world);
struct ms_bench_action *ms_bench_action_free(struct ms_bench_action *action); /* returns NULL */

#endif
