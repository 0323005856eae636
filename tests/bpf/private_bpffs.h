/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A checked fixture for tests that load the datapath: a network and a mount namespace of the
 * test's own with a bpffs in it, which die with the test's process.
 */
#ifndef MS_TESTS_BPF_PRIVATE_BPFFS_H
#define MS_TESTS_BPF_PRIVATE_BPFFS_H

#include <stdbool.h>

#define MS_PRIVATE_BPFFS "/run/bpf"

void ms_private_bpffs_setup(void);

/* From now on the verifier takes the caller for one who is not trusted with pointers. */
void ms_private_bpffs_drop_perfmon(void);
/* Linux 6.18 loads the datapath then, 6.12 does not yet (docs/adr/0014). */
bool ms_private_bpffs_loads_hardened(void);

#endif
