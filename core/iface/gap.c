/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/iface/gap.h"

void ms_gap_look(struct ms_gap *gap, uint64_t counted, uint64_t judged)
{
	bool quiet = gap->looks > 0 && counted == gap->counted && judged == gap->judged;
	uint64_t packets = counted > judged ? counted - judged : 0;

	if (quiet || gap->looks == 0 || packets < gap->packets)
		gap->packets = packets;
	gap->counted = counted;
	gap->judged = judged;
	gap->looks++;
	gap->quiet = quiet;
	if (quiet || gap->looks >= MS_GAP_LOOKS)
		gap->open = false;
}

bool ms_gap_is_exact(const struct ms_gap *gap)
{
	return !gap->open && (gap->quiet || gap->looks == 0);
}

bool ms_gap_is_counted(const struct ms_gap *gap)
{
	return !gap->open || gap->looks > 0;
}

bool ms_gap_rounds_put_off(struct ms_gap_rounds *rounds, uint64_t appeared_ns, uint64_t now_ns)
{
	if (appeared_ns == 0 || now_ns - appeared_ns >= MS_GAP_CALM_NS) {
		rounds->put_off_ns = 0;
		return false;
	}
	if (rounds->put_off_ns == 0)
		rounds->put_off_ns = now_ns;
	return now_ns - rounds->put_off_ns < MS_GAP_PUT_OFF_NS;
}

void ms_gap_rounds_step(struct ms_gap_rounds *rounds, uint64_t now_ns)
{
	if (!rounds->more)
		rounds->number++;
	rounds->more = false;
	rounds->until_ns = now_ns + MS_GAP_STEP_NS;
}

bool ms_gap_rounds_take(struct ms_gap_rounds *rounds, struct ms_gap *gap, uint64_t now_ns)
{
	if (!gap->open || gap->round == rounds->number)
		return false;
	if (now_ns >= rounds->until_ns) {
		rounds->more = true;
		return false;
	}
	gap->round = rounds->number;
	return true;
}

void ms_gap_ask(struct ms_gap *gap, struct ms_attacher *attacher, const struct ms_dataplane *dp,
		uint32_t ifindex, uint16_t zone)
{
	uint64_t received, sent;
	struct ms_zone_gap seen;

	if (ms_dataplane_zone_gap(dp, zone, &seen) == 0 &&
	    ms_attacher_read_packets(attacher, ifindex, &received, &sent) == 0)
		ms_gap_look(gap, received + sent, seen.frames[0] + seen.frames[1]);
}
