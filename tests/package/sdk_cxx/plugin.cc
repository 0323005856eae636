// SPDX-License-Identifier: GPL-2.0-or-later OR BSD-2-Clause
// An action in C++17, out of tree. Templates of that language's library, as of a map, are compiled
// into the file, and none of their symbols may be exported.
#include <cstring>
#include <map>
#include <memory>
#include <new>
#include <string>

#include <microseg/action.h>
#include <microseg/plugin.h>

#include "cxx_length.skel.h"

namespace
{
struct destroyer {
	void operator()(cxx_length_bpf *bpf) const
	{
		cxx_length_bpf__destroy(bpf);
	}
};

struct state {
	const ms_plugin_host *host;
	std::map<std::string, uint32_t> last; // what rules said, by item
	std::unique_ptr<cxx_length_bpf, destroyer> bpf;
};

int create(const ms_plugin_host *host, const ms_plugin_values *, void **ret_self,
	   ms_plugin_error *error)
{
	auto *self = new (std::nothrow) state { host, {}, nullptr };

	if (!self) {
		host->error_set(error, "out of memory");
		return -ENOMEM;
	}
	*ret_self = self;
	return 0;
}

void destroy(void *self)
{
	delete static_cast<state *>(self);
}

int encode_args(void *self, const ms_plugin_values *values, uint8_t ret_args[MS_PLUGIN_ARGS_SIZE],
		ms_plugin_error *)
{
	auto *own = static_cast<state *>(self);
	const auto longest = static_cast<uint32_t>(own->host->value_uint(values, "bytes", 0));

	own->last["bytes"] = longest;
	std::memcpy(ret_args, &longest, sizeof(longest));
	return 0;
}

int load(void *self, const ms_plugin_env *env, int *ret_prog_fd, ms_plugin_error *error)
{
	auto *own = static_cast<state *>(self);
	std::unique_ptr<cxx_length_bpf, destroyer> bpf(cxx_length_bpf__open());
	const int r = ms_action_load(own->host, bpf ? bpf->skeleton : nullptr, nullptr, env, error);

	if (r < 0)
		return r;
	own->bpf = std::move(bpf);
	*ret_prog_fd = bpf_program__fd(own->bpf->progs.cxx_length);
	return 0;
}

const ms_plugin_item args[] = {
	{ "bytes", "the longest frame that passes", MS_PLUGIN_BYTES, MS_PLUGIN_REQUIRED, 14, 65535,
	  nullptr, nullptr },
};

const ms_plugin_action actions[] = {
	{ "cxx_length", "deny what is longer than this", MS_PLUGIN_ACTION_ENDS, 1, args, "bytes",
	  encode_args, load, nullptr, nullptr, nullptr },
};
} // namespace

MS_PLUGIN(MS_PLUGIN_ACTION, "cxx_length", "1.0", "denies long packets, in C++",
	  "GPL-2.0-or-later OR BSD-2-Clause", 0, 0, nullptr, create, nullptr, nullptr, nullptr,
	  destroy, nullptr, nullptr, actions, 1, 0, nullptr, nullptr);
