/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "complaint.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

uint64_t ms_etcd_complaint_make(struct ms_etcd_complaint *complaint, const char *why,
				uint64_t now_ns)
{
	bool is_new = strncmp(complaint->why, why, sizeof(complaint->why) - 1) != 0;
	uint64_t count = ++complaint->untold;

	if (!is_new && now_ns - complaint->told_ns < MS_ETCD_COMPLAINT_EVERY_NS)
		return 0;
	snprintf(complaint->why, sizeof(complaint->why), "%s", why);
	complaint->told_ns = now_ns;
	complaint->untold = 0;
	return count;
}
