/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "plugins/docker/gap.h"

/* A group needs its links, which its process or its address on the wire has; rules and sets need
 * its addresses. Of one with a process all of that is known. */
static bool is_placed(const struct ms_docker_container *container)
{
	return ms_docker_container_is_alive(container) &&
	       (container->pid != 0 || (container->mac != 0 && container->address_count > 0));
}

void ms_docker_gap_tell(struct ms_docker_gap *gap, const struct ms_docker_container *container,
			uint64_t number)
{
	uint64_t start_ns = container->pid != 0 && !container->is_new ? container->started_ns : 0;

	if (!is_placed(container)) {
		*gap = (struct ms_docker_gap) { 0 };
		return;
	}
	if (gap->told == 0 || (gap->start_ns != 0 && gap->start_ns != start_ns))
		*gap = (struct ms_docker_gap) { .told = number };
	gap->start_ns = start_ns;
}

void ms_docker_gap_end(struct ms_docker_gap *gap, uint64_t number, uint64_t now_ns)
{
	if (gap->told != 0 && gap->told <= number && gap->in_force_ns == 0)
		gap->in_force_ns = now_ns;
}

bool ms_docker_gaps_count(struct ms_docker_gaps *gaps, struct ms_docker_gap *gap)
{
	if (gap->start_ns == 0 || gap->in_force_ns == 0 || gap->is_counted)
		return false;
	gap->is_counted = true;
	if (gap->start_ns < gaps->began_ns)
		return false;
	gaps->count++;
	gaps->last_ns = gap->in_force_ns > gap->start_ns ? gap->in_force_ns - gap->start_ns : 0;
	if (gaps->last_ns > gaps->most_ns)
		gaps->most_ns = gaps->last_ns;
	return true;
}

uint64_t ms_docker_gaps_open(const struct ms_docker_gaps *gaps, const struct ms_docker_gap *gap,
			     uint64_t now_ns)
{
	if (gap->start_ns == 0 || gap->in_force_ns != 0 || gap->start_ns < gaps->began_ns ||
	    now_ns < gap->start_ns)
		return 0;
	return now_ns - gap->start_ns;
}
