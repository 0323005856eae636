// SPDX-License-Identifier: GPL-2.0-or-later OR BSD-2-Clause
/* The plugin against the stand-in host: arguments, the program on packets, numbers, forgetting. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>

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

/* A directory in a bpffs of this process's own, as the host gives one: its descriptor. */
static int open_pin_dir(void)
{
	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("bpf", "/sys/fs/bpf", "bpf", 0, NULL) < 0)
		return -1;
	return open("/sys/fs/bpf", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

/* The plugin's whole life in one daemon, with one packet in the middle; its numbers at the end. */
static void live(struct ms_action_trial *trial, struct ms_plugin_emit *emit)
{
	static struct ms_plugin_host_state host;
	const struct ms_plugin_action *count = &ms_plugin_descriptor.actions[0];
	const struct ms_plugin_values none = { NULL, 0 };
	uint8_t frame[100] = { [12] = 0x08, [14] = 0x45 };
	struct ms_action_packet packet = { .data = frame, .size = sizeof(frame), .rule = 7 };
	struct ms_action_did did;
	int prog_fd = -1;
	void *self;

	ms_trial_init(&host);
	emit->text[0] = '\0';
	CHECK(ms_plugin_descriptor.create(&host.table, &none, &self, &error) == 0);
	CHECK(count->load(self, &trial->env, &prog_fd, &error) == 0);
	CHECK(ms_action_trial_run(trial, prog_fd, NULL, &packet, &did) == 0);
	CHECK(count->load(self, &trial->env, &prog_fd, &error) == 0);
	ms_plugin_descriptor.stats(self, emit);
	ms_plugin_descriptor.destroy(self);
}

int main(void)
{
	static struct ms_plugin_host_state host;
	static struct ms_plugin_emit emit, after;
	const struct ms_plugin_action *count = &ms_plugin_descriptor.actions[0];
	const struct ms_trial_value over[] = { { .name = "over", .number = 100 } };
	const struct ms_plugin_values values = { over, 1 }, none = { NULL, 0 };
	uint8_t frame[200] = { [12] = 0x08, [14] = 0x45 }, args[MS_PLUGIN_ARGS_SIZE] = { 0 };
	struct ms_action_packet packet = {
		.data = frame, .rule = 7, .l3_off = 14, .l4_off = 34, .ip_version = 4
	};
	struct ms_action_trial trial;
	struct ms_action_did did;
	int prog_fd = -1;
	void *self;

	ms_trial_init(&host);
	CHECK(ms_plugin_descriptor.create(&host.table, &none, &self, &error) == 0);
	CHECK(count->encode_args(self, &values, args, &error) == 0);
	CHECK(ms_action_trial_open(&trial) == 0);
	CHECK(count->load(self, &trial.env, &prog_fd, &error) == 0);

	packet.size = 100;
	CHECK(ms_action_trial_run(&trial, prog_fd, args, &packet, &did) == 0);
	CHECK(did.way == MS_ACTION_WENT_ON);
	packet.size = 101;
	CHECK(ms_action_trial_run(&trial, prog_fd, args, &packet, &did) == 0);
	CHECK(did.way == MS_ACTION_WENT_ON);

	ms_plugin_descriptor.stats(self, &emit);
	CHECK(strcmp(emit.text, "packets{rule 7} 2\nbytes{rule 7} 201\nlarge{rule 7} 1\n") == 0);
	count->rule_gone(self, 7);
	ms_plugin_descriptor.stats(self, &after);
	CHECK(strcmp(after.text, "") == 0);

	ms_plugin_descriptor.destroy(self);

	/* In a trial nothing is kept; with a place to pin, a reload and the next daemon go on. */
	live(&trial, &emit);
	CHECK(strcmp(emit.text, "") == 0);
	trial.env.pin_dir_fd = open_pin_dir();
	CHECK(trial.env.pin_dir_fd >= 0);
	live(&trial, &emit);
	CHECK(strstr(emit.text, "packets{rule 7} 1\n"));
	live(&trial, &emit);
	CHECK(strstr(emit.text, "packets{rule 7} 2\n"));
	close(trial.env.pin_dir_fd);
	ms_action_trial_close(&trial);
	puts("example_count: all is as it should be");
	return 0;
}
