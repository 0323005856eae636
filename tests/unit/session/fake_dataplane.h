/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A dataplane of plain memory: the calls core/session makes, answered from one array of sessions.
 * A tick is 128 ms, as with HZ=250.
 */
#ifndef MS_TESTS_UNIT_SESSION_FAKE_DATAPLANE_H
#define MS_TESTS_UNIT_SESSION_FAKE_DATAPLANE_H

#include "bpf/dataplane.h"

#define FAKE_MAX 64
#define FAKE_TICK_NS 128000000ull

struct ms_dataplane {
	struct ms_control control;
	uint32_t now;
	uint32_t epoch, generation; /* the one that is remembered */
	struct ms_session_raw sessions[FAKE_MAX];
	size_t n_sessions;
	size_t per_slice;
	/* The reaper does not end this one: a packet came. SIZE_MAX = it ends all. */
	size_t saved;
	int slice_error, reap_error; /* answered once */
};

#endif
