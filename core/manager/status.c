/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How the daemon is, in one piece. */
#include <stdio.h>
#include <string.h>

#include "core/manager/internal.h"

static bool has_plugin_problem(const struct ms_manager *manager)
{
	size_t plugin = 0, source = 0;
	char sentence[640];

	return ms_manager_next_plugin_problem(manager, &plugin, sentence, sizeof(sentence)) ||
	       ms_manager_next_source_problem(manager, &source, sentence, sizeof(sentence));
}

void ms_manager_status(struct ms_manager *manager, struct ms_manager_status *ret_status)
{
	struct ms_control control = ms_dataplane_control(manager->dp);
	struct ms_keeper_counts counts = ms_keeper_counts(manager->keeper);
	struct ms_manager_status status = {
		.generation_applied = control.generation,
		.generation_desired = control.generation + (manager->last_error[0] != '\0'),
		.policy_is_applied = ms_sources_are_applied(manager->sources),
		.applied_at = manager->applied_at,
		.started_at = manager->started_at,
		.panic = (enum ms_panic)control.panic,
		.events_lost = ms_event_stream_lost(manager->stream),
		.events_suppressed_in_log = manager->suppressed_in_log,
		.repairs = (uint32_t)counts.repaired,
		.rules_on_fallback = manager->n_on_fallback,
	};

	ms_sources_describe(manager->sources, status.policy_source, sizeof(status.policy_source));
	memcpy(status.last_error, manager->last_error, sizeof(status.last_error));
	memcpy(status.engines, ms_committer_engines(manager->committer), sizeof(status.engines));
	snprintf(status.session_table, sizeof(status.session_table), "%s",
		 ms_dataplane_session_table_name(ms_dataplane_session_table(manager->dp)));
	memcpy(status.pins_problem, manager->pins_problem, sizeof(status.pins_problem));
	memcpy(status.unsaved, manager->unsaved, sizeof(status.unsaved));
	memcpy(status.sweep_problem, manager->sweep_problem, sizeof(status.sweep_problem));
	memcpy(status.host_problem, manager->host_problem, sizeof(status.host_problem));
	memcpy(status.fallback_problem, manager->on_fallback, sizeof(status.fallback_problem));
	status.unobserved = *ms_committer_unobserved(manager->committer);
	status.sets_are_torn = manager->is_torn;
	status.sets_are_asked = !ms_set_table_is_told(ms_committer_sets(manager->committer));
	status.degraded = manager->last_error[0] || has_plugin_problem(manager) ||
			  status.pins_problem[0] || status.unsaved[0] || status.sweep_problem[0] ||
			  status.host_problem[0] || status.fallback_problem[0] ||
			  status.unobserved.count || status.sets_are_torn ||
			  status.sets_are_asked || status.panic != MS_PANIC_OFF ||
			  counts.by_state[MS_IFACE_FAILED] || counts.by_state[MS_IFACE_PENDING];
	*ret_status = status;
}
