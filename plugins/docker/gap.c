/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "plugins/docker/gap.h"

#include <stddef.h>

/* ---- what is told of a container ---- */

/* A group needs its links, which its process or its address on the wire has; that is known of one
 * network alone before the start. Rules and sets need its addresses. */
static bool is_placed(const struct ms_docker_container *container)
{
	return ms_docker_container_is_alive(container) &&
	       (container->pid != 0 || (container->mac != 0 && container->network_count == 1 &&
					container->address_count > 0));
}

/* Its own links or none: labels that are left aside are never in force. */
static bool is_to_be_in_force(const struct ms_docker_container *container, bool is_cut_off)
{
	return container->network == MS_DOCKER_CONTAINER_NETWORK_OWN &&
	       (is_cut_off || container->group || container->sets || container->rules);
}

/* FNV-1a. */
static uint64_t hash_of(const void *bytes, size_t size)
{
	uint64_t hash = 14695981039346656037ULL;

	for (size_t i = 0; i < size; i++)
		hash = (hash ^ ((const unsigned char *)bytes)[i]) * 1099511628211ULL;
	return hash;
}

/* In whatever order it has its addresses. */
static uint64_t known_by(const struct ms_docker_container *container)
{
	uint64_t known = hash_of(&container->mac, sizeof(container->mac));

	known += hash_of(&container->network_count, sizeof(container->network_count));
	for (size_t i = 0; i < container->address_count; i++)
		known += hash_of(&container->addresses[i], sizeof(container->addresses[i]));
	return known;
}

/* A start of the future is by a clock that was set back since. */
static void take_start(const struct ms_docker_gaps *gaps, struct ms_docker_gap *gap,
		       uint64_t started_ns)
{
	gap->start_ns = gap->started_ns = started_ns;
	gap->is_over = started_ns < gaps->began_ns || started_ns > gaps->now_ns;
}

void ms_docker_gaps_tell(const struct ms_docker_gaps *gaps, struct ms_docker_gap *gap,
			 const struct ms_docker_container *container,
			 enum ms_docker_policy_result result, uint64_t number)
{
	uint64_t started_ns = container->pid != 0 && !container->is_new ? container->started_ns : 0;
	bool is_cut_off = result == MS_DOCKER_POLICY_REFUSED_LABEL;
	uint64_t known = known_by(container);
	bool is_told = is_placed(container) && is_to_be_in_force(container, is_cut_off);

	if (!is_told || (gap->started_ns != 0 && gap->started_ns != started_ns))
		*gap = (struct ms_docker_gap) { 0 };
	if (!is_told)
		return;
	/* What has changed is to come in force first. */
	if (gap->told == 0 || gap->known != known || gap->is_cut_off != is_cut_off) {
		gap->told = number;
		gap->known = known;
		gap->is_cut_off = is_cut_off;
		gap->in_force_ns = 0;
	}
	if (gap->started_ns == 0 && started_ns != 0)
		take_start(gaps, gap, started_ns);
}

/* ---- until it is in force ---- */

void ms_docker_gaps_end(const struct ms_docker_gaps *gaps, struct ms_docker_gap *gap,
			uint64_t number)
{
	if (gap->told != 0 && gap->told <= number && gap->in_force_ns == 0)
		gap->in_force_ns = gaps->now_ns;
}

bool ms_docker_gaps_count(struct ms_docker_gaps *gaps, struct ms_docker_gap *gap, uint64_t *ret_ns)
{
	if (gap->start_ns == 0 || gap->in_force_ns == 0 || gap->is_over)
		return false;
	gap->is_over = true;
	*ret_ns = gap->in_force_ns > gap->start_ns ? gap->in_force_ns - gap->start_ns : 0;
	if (gap->is_cut_off)
		return true;
	gaps->count++;
	gaps->last_ns = *ret_ns;
	if (gaps->last_ns > gaps->most_ns)
		gaps->most_ns = gaps->last_ns;
	return true;
}

uint64_t ms_docker_gaps_open(const struct ms_docker_gaps *gaps, const struct ms_docker_gap *gap)
{
	if (gap->start_ns == 0 || gap->in_force_ns != 0 || gap->is_over ||
	    gaps->now_ns < gap->start_ns)
		return 0;
	return gaps->now_ns - gap->start_ns;
}

/* ---- steps of the clock ---- */

static struct ms_docker_gap_ahead ahead_by(const struct ms_docker_gap_clock *clock)
{
	return (struct ms_docker_gap_ahead) {
		.least_ns = (int64_t)(clock->real_ns - clock->after_ns),
		.most_ns = (int64_t)(clock->real_ns - clock->before_ns),
	};
}

void ms_docker_gaps_begin(struct ms_docker_gaps *gaps, const struct ms_docker_gap_clock *clock)
{
	gaps->began_ns = gaps->now_ns = clock->real_ns;
	gaps->ahead = ahead_by(clock);
}

/* Slewing speeds up both clocks, so what one is ahead changes by steps alone. */
int64_t ms_docker_gaps_look(struct ms_docker_gaps *gaps, const struct ms_docker_gap_clock *clock)
{
	const struct ms_docker_gap_ahead was = gaps->ahead, is = ahead_by(clock);
	int64_t step_ns = 0;

	gaps->now_ns = clock->real_ns;
	if (is.least_ns > was.most_ns || is.most_ns < was.least_ns)
		step_ns = is.least_ns - was.least_ns;
	/* A reading that was interrupted would hide small steps. */
	if (step_ns != 0 || is.most_ns - is.least_ns < was.most_ns - was.least_ns)
		gaps->ahead = is;
	/* Up to what the old clock would show now, a start may be by that one. */
	if (step_ns != 0)
		gaps->began_ns = clock->real_ns - (step_ns > 0 ? (uint64_t)step_ns : 0);
	return step_ns;
}

void ms_docker_gap_move(struct ms_docker_gap *gap, int64_t step_ns)
{
	if (gap->start_ns != 0)
		gap->start_ns += (uint64_t)step_ns;
	if (gap->in_force_ns != 0)
		gap->in_force_ns += (uint64_t)step_ns;
}
