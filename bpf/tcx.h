/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * TCX links (kernel >= 6.6): created at the head of the hook, pinned as NUMBER-ingress/-egress
 * below `pin_dir`/links, updated in place.
 *
 * A pin's name is only where we left a link. Whether that link is on the device that has this
 * number in this namespace now is asked of the hook itself, by link id: a link's own record names
 * an ifindex but not the namespace, and it goes along when its device is moved away.
 */
#ifndef MS_BPF_TCX_H
#define MS_BPF_TCX_H

#include <stdbool.h>
#include <stdint.h>

#include "bpf/dataplane.h"

/* Does this kernel know TCX? Probed once, without touching any interface but lo's query. */
bool ms_tcx_is_supported(void);

/* Attaches or updates in place our link; `program` -1 = remove ours from that hook. A pin whose
 * device died or moved away is taken off there and the link made anew; links of ours on the hook
 * that no pin leads to are taken over, more than one is mended. */
int ms_tcx_attach(const char *pin_dir, uint32_t ifindex, enum ms_hook hook, int program);
/* Success if there is nothing of ours. The pinned link is taken off wherever its device is. */
int ms_tcx_detach(const char *pin_dir, uint32_t ifindex, enum ms_hook hook);

struct ms_tcx_state {
	uint32_t program_id;                    /* of our link, 0 = none */
	unsigned int ours, before_us, after_us; /* before and after the first of ours */
};
int ms_tcx_query(const char *pin_dir, uint32_t ifindex, enum ms_hook hook,
		 struct ms_tcx_state *ret_state);

/* Takes off and unpins links whose device is gone or has moved to another namespace. Returns how
 * many, or -errno. */
int ms_tcx_collect(const char *pin_dir);

/* Every pin: whose number, which hook. `visit` may detach it. -errno; no folder = no pins. */
int ms_tcx_foreach(const char *pin_dir,
		   void (*visit)(void *user, uint32_t ifindex, enum ms_hook hook), void *user);

#endif
