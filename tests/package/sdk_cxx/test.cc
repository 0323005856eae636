// SPDX-License-Identifier: GPL-2.0-or-later OR BSD-2-Clause
#include <cstdio>

#include <microseg/action_trial.h>
#include <microseg/trial.h>

static ms_plugin_host_state host;

// Whether a frame of so many bytes went that way, where 100 pass.
static bool went(const ms_plugin_action *action, void *self, uint32_t size, ms_action_way way)
{
	ms_trial_value bytes {};
	ms_plugin_error error {};
	ms_action_packet packet {};
	ms_action_trial trial;
	ms_action_did did {};
	uint8_t frame[200] {}, blob[MS_PLUGIN_ARGS_SIZE] {};
	int prog_fd;

	bytes.name = "bytes";
	bytes.number = 100;
	const ms_plugin_values values { &bytes, 1 };
	frame[12] = 0x08; // IPv4
	frame[14] = 0x45;
	packet.data = frame;
	packet.size = size;
	packet.ip_version = 4;
	packet.l3_off = 14;
	packet.l4_off = 34;
	bool is = ms_action_trial_open(&trial) == 0 &&
		  action->encode_args(self, &values, blob, &error) == 0 &&
		  action->load(self, &trial.env, &prog_fd, &error) == 0 &&
		  ms_action_trial_run(&trial, prog_fd, blob, &packet, &did) == 0 && did.way == way;

	if (!is)
		std::fprintf(stderr, "%u bytes: %s\n", size, error.sentence);
	ms_action_trial_close(&trial);
	return is;
}

int main()
{
	const ms_plugin_values none {};
	ms_plugin_error error {};
	void *self;

	ms_trial_init(&host);
	if (ms_plugin_descriptor.create(&host.table, &none, &self, &error) != 0)
		return 1;
	const ms_plugin_action *action = &ms_plugin_descriptor.actions[0];
	const bool is = went(action, self, 100, MS_ACTION_WENT_ON) &&
			went(action, self, 101, MS_ACTION_ENDED);

	ms_plugin_descriptor.destroy(self);
	return is ? 0 : 1;
}
