/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a trial says on the first screen, and what the daemon says when it goes. */
#ifndef MS_CORE_BANNER_H
#define MS_CORE_BANNER_H

#include <stdio.h>

#include "core/manager/manager.h"

void ms_banner_print(struct ms_manager *manager, FILE *out);

#endif
