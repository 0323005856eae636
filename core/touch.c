/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/touch.h"

#define NS_PER_MS 1000000ull

static void judge(struct ms_touch *touch, uint64_t now_ns)
{
	touch->next_ns = now_ns + MS_TOUCH_NS;
	touch->waits = false;
}

bool ms_touch_change(struct ms_touch *touch, uint64_t now_ns)
{
	if (now_ns < touch->next_ns) {
		touch->waits = true;
		return false;
	}
	judge(touch, now_ns);
	return true;
}

bool ms_touch_take(struct ms_touch *touch, uint64_t now_ns)
{
	if (!touch->waits)
		return false;
	judge(touch, now_ns);
	return true;
}

uint64_t ms_touch_wait_ms(const struct ms_touch *touch, uint64_t now_ns)
{
	return touch->next_ns > now_ns ? (touch->next_ns - now_ns + NS_PER_MS - 1) / NS_PER_MS : 0;
}
