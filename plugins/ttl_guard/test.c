// SPDX-License-Identifier: GPL-2.0-or-later OR BSD-2-Clause
/* The guard at its edge, IPv4 and IPv6, a packet without a TTL, and what it counted. */
#include <stdio.h>
#include <stdlib.h>

#include <microseg/action_trial.h>
#include <microseg/trial.h>

#define CHECK(is)                                                                                  \
	do {                                                                                       \
		if (!(is)) {                                                                       \
			fprintf(stderr, "%s:%d: not so: %s (%s)\n", __FILE__, __LINE__, #is,       \
				error.sentence);                                                   \
			exit(1);                                                                   \
		}                                                                                  \
	} while (0)

static struct ms_plugin_error error;
static struct ms_action_trial trial;
static int prog_fd = -1;

/* Runs the program; whether the packet goes on. Otherwise it must have been denied. */
static int run(struct ms_action_packet *packet, const uint8_t *args)
{
	struct ms_action_did did;

	CHECK(ms_action_trial_run(&trial, prog_fd, args, packet, &did) == 0);
	CHECK(did.way == MS_ACTION_WENT_ON ||
	      (did.way == MS_ACTION_ENDED && did.code == MS_VERDICT_DENY));
	return did.way == MS_ACTION_WENT_ON;
}

/* A packet of this version, way and TTL. */
static int goes_on(uint8_t version, enum ms_dir dir, uint8_t ttl, const uint8_t *args)
{
	uint8_t frame[64] = { [14] = (uint8_t)(version << 4 | 5) };
	struct ms_action_packet packet = { .data = frame,
					   .size = sizeof(frame),
					   .rule = 7,
					   .l3_off = 14,
					   .l4_off = version == 6 ? 54 : 34,
					   .dir = (uint8_t)dir,
					   .ip_version = version };

	frame[12] = version == 6 ? 0x86 : 0x08;
	frame[13] = version == 6 ? 0xdd : 0x00;
	frame[14 + (version == 6 ? 7 : 8)] = ttl;
	return run(&packet, args);
}

/* Its IP header begins so late that the frame ends before the TTL. */
static int short_one_goes_on(const uint8_t *args)
{
	uint8_t frame[64] = { [12] = 0x08, [14] = 0x45 };
	struct ms_action_packet packet = {
		.data = frame, .size = sizeof(frame), .rule = 7, .l3_off = 60, .ip_version = 4
	};

	return run(&packet, args);
}

int main(void)
{
	static struct ms_plugin_host_state host;
	static struct ms_plugin_emit emit;
	const struct ms_plugin_action *guard = &ms_plugin_descriptor.actions[0];
	const struct ms_trial_value in[] = { { .name = "min", .number = 60 }, { .name = "dir" } };
	const struct ms_trial_value out[] = { { .name = "min", .number = 60 },
					      { .name = "dir", .number = 1 } };
	const struct ms_trial_value both[] = { { .name = "min", .number = 60 },
					       { .name = "dir", .number = 2 } };
	const struct ms_plugin_values none = { NULL, 0 };
	const struct ms_plugin_values values[] = { { in, 2 }, { out, 2 }, { both, 2 } };
	uint8_t args[3][MS_PLUGIN_ARGS_SIZE] = { { 0 } };
	void *self;

	ms_trial_init(&host);
	CHECK(ms_plugin_descriptor.create(&host.table, &none, &self, &error) == 0);
	for (int i = 0; i < 3; i++)
		CHECK(guard->encode_args(self, &values[i], args[i], &error) == 0);
	CHECK(ms_action_trial_open(&trial) == 0);
	CHECK(guard->load(self, &trial.env, &prog_fd, &error) == 0);

	CHECK(!goes_on(4, MS_DIR_IN, 59, args[0]));
	CHECK(goes_on(4, MS_DIR_IN, 60, args[0]));
	CHECK(!goes_on(6, MS_DIR_IN, 59, args[0]));
	CHECK(goes_on(6, MS_DIR_IN, 60, args[0]));
	CHECK(goes_on(6, MS_DIR_IN, 255, args[0]));
	CHECK(!short_one_goes_on(args[0]));
	ms_plugin_descriptor.stats(self, &emit);
	CHECK(strcmp(emit.text, "low{rule 7} 2\nfine{rule 7} 3\nunread{rule 7} 1\n") == 0);

	CHECK(goes_on(4, MS_DIR_OUT, 59, args[0]));
	CHECK(goes_on(4, MS_DIR_IN, 59, args[1]));
	CHECK(!goes_on(4, MS_DIR_OUT, 59, args[1]));
	CHECK(!goes_on(4, MS_DIR_IN, 59, args[2]));
	CHECK(!goes_on(4, MS_DIR_OUT, 59, args[2]));
	guard->rule_gone(self, 7);
	emit.text[0] = '\0';
	ms_plugin_descriptor.stats(self, &emit);
	CHECK(strcmp(emit.text, "") == 0);

	ms_plugin_descriptor.destroy(self);
	ms_action_trial_close(&trial);
	puts("ttl_guard: all is as it should be");
	return 0;
}
