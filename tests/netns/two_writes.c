/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What ms_dataplane_publish() must not be: first the half, then, a moment later, the epoch and the
 * generation. In between packets are judged by the new rules in the old one's name.
 */
#include <poll.h>

#include "bpf/dataplane_private.h"

void __real_ms_dataplane_publish(struct ms_dataplane *dp, unsigned int half, uint32_t generation);
void __wrap_ms_dataplane_publish(struct ms_dataplane *dp, unsigned int half, uint32_t generation);

void __wrap_ms_dataplane_publish(struct ms_dataplane *dp, unsigned int half, uint32_t generation)
{
	__atomic_store_n(&((union ms_control_word *)dp->control)->half, (uint8_t)half,
			 __ATOMIC_SEQ_CST);
	poll(NULL, 0, 1);
	__real_ms_dataplane_publish(dp, half, generation);
}
