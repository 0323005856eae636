/* SPDX-License-Identifier: GPL-2.0-or-later OR BSD-2-Clause */
/*
 * Runs an action's BPF program on a packet, for a plugin's own tests: needs root and libbpf,
 * but no daemon and no interface. The maps of the datapath are throw-away ones.
 *
 *	struct ms_action_trial trial;
 *	struct ms_action_packet packet = { .data = frame, .size = sizeof(frame), .l3_off = 14 };
 *
 *	ms_action_trial_open(&trial);
 *	action->load(self, &trial.env, &prog_fd, &error);
 *	ms_action_trial_run(&trial, prog_fd, args, &packet, &ret_did);
 */
#ifndef MICROSEG_ACTION_TRIAL_H
#define MICROSEG_ACTION_TRIAL_H

#include <errno.h>
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "microseg/chain.h"
#include "microseg/plugin.h"

enum { MS_ACTION_TRIAL_MAPS = 4 };

struct ms_action_trial {
	struct ms_plugin_env env; /* what load() gets */
	struct ms_plugin_map maps[MS_ACTION_TRIAL_MAPS];
};

/* A frame, and what the host has found out about it. */
struct ms_action_packet {
	void *data; /* Ethernet; the program may change it in place */
	uint32_t size;
	uint32_t rule;     /* what ctx.rule shall be */
	uint32_t mark;     /* skb->mark; what the program left there afterwards */
	uint32_t priority; /* as mark */
	uint16_t l3_off, l4_off;
	uint8_t dir;        /* enum ms_dir */
	uint8_t ip_version; /* 4 or 6 */
	uint8_t l4_proto;
	uint8_t is_audit, is_session, is_fragment, is_denied, is_egress; /* MS_ACTION_* */
};

enum ms_action_way {
	MS_ACTION_WENT_ON = 0, /* ms_action_next() */
	MS_ACTION_ENDED,       /* ms_action_end(): `code` is an enum ms_verdict */
	MS_ACTION_TOOK,        /* ms_action_taken(): `code` is what it said */
	/* None of them, or it changed a word of skb->cb that is the host's: refused. `code` is what
	 * it returned. */
	MS_ACTION_STRAYED
};

struct ms_action_did {
	enum ms_action_way way;
	uint32_t code;
};

static inline void ms_action_trial_close(struct ms_action_trial *trial)
{
	for (uint32_t i = 0; i < trial->env.map_count; i++)
		close(trial->maps[i].fd);
	trial->env.map_count = 0;
}

/* 0 or -errno; after a failure there is nothing to close. `env.pin_dir_fd` is -1, a test may put a
 * directory in bpffs there. */
static inline int ms_action_trial_open(struct ms_action_trial *trial)
{
	static const struct {
		const char *name;
		enum bpf_map_type type;
		uint32_t value_size, entries;
	} wanted[MS_ACTION_TRIAL_MAPS] = {
		{ "ms_progs", BPF_MAP_TYPE_PROG_ARRAY, 4, 64 },
		{ "ms_actions", BPF_MAP_TYPE_PROG_ARRAY, 4, MS_ACTION_SLOTS },
		{ "ms_action_lists", BPF_MAP_TYPE_ARRAY, sizeof(struct ms_action_list),
		  2 * MS_ACTION_LISTS },
		{ "ms_action_args", BPF_MAP_TYPE_ARRAY, sizeof(struct ms_action_args),
		  2 * MS_ACTION_LISTS * MS_ACTION_LIST_MAX },
	};

	memset(trial, 0, sizeof(*trial));
	trial->env.struct_size = sizeof(trial->env);
	trial->env.maps = trial->maps;
	trial->env.pin_dir_fd = -1;
	for (size_t i = 0; i < MS_ACTION_TRIAL_MAPS; i++) {
		int fd = bpf_map_create(wanted[i].type, wanted[i].name, 4, wanted[i].value_size,
					wanted[i].entries, NULL);

		if (fd < 0) {
			fd = -errno;
			ms_action_trial_close(trial);
			return fd;
		}
		trial->maps[i].name = wanted[i].name;
		trial->maps[i].fd = fd;
		trial->env.map_count++;
	}
	return 0;
}

/*
 * Runs the program once, as the only action of a rule. `args` is what encode_args() made, or NULL =
 * zeroes. 0 or -errno (no root, a packet the kernel refuses).
 */
static inline int ms_action_trial_run(const struct ms_action_trial *trial, int prog_fd,
				      const uint8_t args[MS_ACTION_ARGS_SIZE],
				      struct ms_action_packet *packet,
				      struct ms_action_did *ret_did)
{
	struct bpf_test_run_opts run;
	struct ms_action_list list;
	struct ms_action_args blob;
	struct __sk_buff in, out;
	const uint32_t first = 0;
	uint32_t end;

	/* No designated initializer: C++ has none before C++20. */
	memset(&run, 0, sizeof(run));
	memset(&list, 0, sizeof(list));
	memset(&blob, 0, sizeof(blob));
	memset(&in, 0, sizeof(in));
	list.count = 1;
	list.rule = packet->rule;
	if (args)
		memcpy(blob.bytes, args, sizeof(blob.bytes));
	if (bpf_map_update_elem(trial->maps[2].fd, &first, &list, BPF_ANY) < 0 ||
	    bpf_map_update_elem(trial->maps[3].fd, &first, &blob, BPF_ANY) < 0)
		return -errno;
	in.mark = packet->mark;
	in.priority = packet->priority;
	/* An end that no function of action.bpf.h writes shows a program that called none. */
	in.cb[MS_CHAIN_RULE] = (packet->rule & MS_CHAIN_RULE_MASK) | MS_CHAIN_END_MASK |
			       (packet->is_egress ? MS_CHAIN_EGRESS : 0) |
			       (packet->dir == MS_DIR_OUT ? MS_CHAIN_OUT : 0) |
			       (packet->ip_version == 6 ? MS_CHAIN_IP6 : 0) |
			       (packet->is_audit ? MS_CHAIN_AUDIT : 0) |
			       (packet->is_fragment ? MS_CHAIN_FRAGMENT : 0) |
			       (packet->is_session ? MS_CHAIN_SESSION : 0);
	in.cb[MS_CHAIN_OFFSETS] = packet->l3_off | (uint32_t)packet->l4_off << 16;
	in.cb[MS_CHAIN_REST] = packet->l4_proto | (packet->is_denied ? MS_CHAIN_DENIED : 0);
	memset(&out, 0, sizeof(out));
	run.sz = sizeof(run);
	run.data_in = run.data_out = packet->data;
	run.data_size_in = run.data_size_out = packet->size;
	run.ctx_in = &in;
	run.ctx_size_in = sizeof(in);
	run.ctx_out = &out;
	run.ctx_size_out = sizeof(out);
	if (bpf_prog_test_run_opts(prog_fd, &run) < 0)
		return -errno;
	packet->size = run.data_size_out;
	packet->mark = out.mark;
	packet->priority = out.priority;
	end = (out.cb[MS_CHAIN_RULE] & MS_CHAIN_END_MASK) >> MS_CHAIN_END_SHIFT;
	/* Nobody is there to resume, so each of the functions comes to its last line. */
	if (end > MS_CHAIN_TAKEN || run.retval != TC_ACT_SHOT ||
	    (in.cb[MS_CHAIN_RULE] ^ out.cb[MS_CHAIN_RULE]) & ~MS_CHAIN_END_MASK ||
	    (in.cb[MS_CHAIN_LIST] ^ out.cb[MS_CHAIN_LIST]) & ~MS_CHAIN_CODE_MASK ||
	    in.cb[MS_CHAIN_OFFSETS] != out.cb[MS_CHAIN_OFFSETS] ||
	    in.cb[MS_CHAIN_REST] != out.cb[MS_CHAIN_REST]) {
		ret_did->way = MS_ACTION_STRAYED;
		ret_did->code = run.retval;
		return 0;
	}
	ret_did->way = (enum ms_action_way)end;
	ret_did->code = (out.cb[MS_CHAIN_LIST] & MS_CHAIN_CODE_MASK) >> MS_CHAIN_CODE_SHIFT;
	return 0;
}

#endif
