/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Programs that user space runs on itself: each takes its request from a map and answers there.
 */
#include <errno.h>

#include <bpf/bpf.h>

#include "bpf/dataplane_private.h"

int ms_dataplane_run(int program, const void *data, size_t length)
{
	static const uint8_t nothing[64];
	struct __sk_buff like_a_packet = { 0 }; /* given at all, the kernel fills in the length */
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = data ? data : nothing,
		    .data_size_in = (uint32_t)(data ? length : sizeof(nothing)),
		    .ctx_in = &like_a_packet, .ctx_size_in = sizeof(like_a_packet), .repeat = 1);

	return bpf_prog_test_run_opts(program, &opts);
}

int ms_dataplane_trace(struct ms_dataplane *dp, const struct ms_trace_request *request,
		       struct ms_trace_result *ret_result)
{
	int fd = ms_dataplane_map(dp, "ms_trace_io");
	struct ms_trace_io io = {
		.ifindex = request->ifindex,
		.egress = request->hook == MS_HOOK_EGRESS,
		.half = (uint8_t)request->half,
	};
	struct ms_iface line;
	uint32_t zero = 0;
	int r;

	r = ms_dataplane_get_iface(dp, request->ifindex, &line);
	if (r < 0)
		return r;
	if (bpf_map_update_elem(fd, &zero, &io, BPF_ANY) < 0)
		return -errno;
	r = ms_dataplane_run(ms_dataplane_find_program(dp, "ms_trace"), request->frame,
			     request->frame_len);
	if (r < 0)
		return r;
	if (bpf_map_lookup_elem(fd, &zero, &io) < 0)
		return -errno;
	*ret_result = (struct ms_trace_result) {
		.verdict = io.verdict,
		.reason = io.reason,
		.dir = io.dir,
		.family = io.family,
		.slot = io.slot,
		.generation = io.generation,
		.session = io.session,
		.would_log = io.would_log,
	};
	return 0;
}
