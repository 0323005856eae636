/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * TCX links (kernel >= 6.6): created at the head of the hook, pinned as NUMBER-ingress/-egress
 * below `pin_dir`/links, updated in place.
 */
#ifndef MS_BPF_TCX_H
#define MS_BPF_TCX_H

#include <stdbool.h>
#include <stdint.h>

#include "bpf/dataplane.h"

/* Does this kernel know TCX? Probed once, without touching any interface but lo's query. */
bool ms_tcx_is_supported(void);

/* Attaches or updates in place our pinned link; `program` -1 = remove ours from that hook.
 * -ENOLINK is handled: a pin whose device died is unpinned and the link made anew. */
int ms_tcx_attach(const char *pin_dir, uint32_t ifindex, enum ms_hook hook, int program);
int ms_tcx_detach(const char *pin_dir, uint32_t ifindex, enum ms_hook hook);

struct ms_tcx_state {
	uint32_t program_id; /* of our link, 0 = none */
	unsigned int ours, before_us, after_us;
};
int ms_tcx_query(const char *pin_dir, uint32_t ifindex, enum ms_hook hook,
		 struct ms_tcx_state *ret_state);

/* Unpins links whose device is gone. Returns how many, or -errno. */
int ms_tcx_collect(const char *pin_dir);

#endif
