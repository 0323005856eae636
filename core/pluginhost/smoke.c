/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/pluginhost/smoke.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/cleanup.h"
#include "microseg/chain.h"

#define RESUMED 0x4d53 /* no TC code */
#define PACKET_MAX 256

/* By the names and sizes of <microseg/action.bpf.h>. */
static const struct {
	const char *name;
	enum bpf_map_type type;
	uint32_t value_size, entries;
} wanted[] = {
	{ "ms_progs", BPF_MAP_TYPE_PROG_ARRAY, 4, 64 },
	{ "ms_actions", BPF_MAP_TYPE_PROG_ARRAY, 4, MS_ACTION_SLOTS },
	{ "ms_action_lists", BPF_MAP_TYPE_ARRAY, sizeof(struct ms_action_list), 1 },
	{ "ms_action_args", BPF_MAP_TYPE_ARRAY, MS_ACTION_ARGS_SIZE, MS_ACTION_LIST_MAX },
};

struct ms_pluginhost_smoke {
	struct ms_plugin_env env;
	struct ms_plugin_map maps[ms_array_size(wanted)];
};

void ms_pluginhost_smoke_free(struct ms_pluginhost_smoke **smoke)
{
	for (size_t i = 0; *smoke && i < (*smoke)->env.map_count; i++)
		close((*smoke)->maps[i].fd);
	free(*smoke);
}

/* A program that says that it was come to. */
static int make_resume(int progs)
{
	const struct bpf_insn code[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = RESUMED },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	const uint32_t slot = MS_CHAIN_RESUME;
	ms_cleanup(ms_close_fd) int fd = bpf_prog_load(BPF_PROG_TYPE_SCHED_CLS, "ms_resume", "GPL",
						       code, ms_array_size(code), NULL);

	if (fd < 0)
		return fd;
	return bpf_map_update_elem(progs, &slot, &fd, BPF_ANY) < 0 ? -errno : 0;
}

int ms_pluginhost_smoke_new(struct ms_pluginhost_smoke **ret_smoke, struct ms_error *err)
{
	ms_cleanup(ms_pluginhost_smoke_free) struct ms_pluginhost_smoke *smoke =
		calloc(1, sizeof(*smoke));
	int r;

	if (!smoke)
		return -ENOMEM;
	smoke->env.struct_size = sizeof(smoke->env);
	smoke->env.maps = smoke->maps;
	smoke->env.pin_dir_fd = -1;
	for (size_t i = 0; i < ms_array_size(wanted); i++) {
		int fd = bpf_map_create(wanted[i].type, wanted[i].name, 4, wanted[i].value_size,
					wanted[i].entries, NULL);

		if (fd < 0)
			return ms_error_set(err, fd, "cannot make maps for a trial: %s",
					    fd == -EPERM ? "that needs root" : strerror(-fd));
		smoke->maps[i] = (struct ms_plugin_map) { .name = wanted[i].name, .fd = fd };
		smoke->env.map_count++;
	}
	r = make_resume(smoke->maps[0].fd);
	if (r < 0)
		return ms_error_set(err, r, "cannot load a program for a trial: %s", strerror(-r));
	*ret_smoke = ms_take_ptr(smoke);
	return 0;
}

const struct ms_plugin_env *ms_pluginhost_smoke_env(const struct ms_pluginhost_smoke *smoke)
{
	return &smoke->env;
}

/* ---- packets ---- */

struct packet {
	bool is_ip6;
	uint8_t proto;
	uint16_t payload; /* bytes behind the IP header */
};

/* Frame of `packet` into `frame`; its length. What actions read of it is right: types, lengths,
 * the first bytes of TCP, UDP and ICMP. */
static uint32_t build(const struct packet *packet, uint8_t frame[PACKET_MAX])
{
	uint8_t *ip = frame + ETH_HLEN;
	uint32_t header = packet->is_ip6 ? 40 : 20, length = header + packet->payload;

	memset(frame, 0, PACKET_MAX);
	frame[0] = frame[6] = 2;
	frame[12] = packet->is_ip6 ? 0x86 : 0x08;
	frame[13] = packet->is_ip6 ? 0xdd : 0x00;
	if (packet->is_ip6) {
		ip[0] = 0x60;
		ip[5] = (uint8_t)packet->payload;
		ip[6] = packet->proto;
		ip[7] = 64;
		ip[8] = ip[24] = 0xfd;
		ip[23] = 1;
		ip[39] = 2;
	} else {
		ip[0] = 0x45;
		ip[3] = (uint8_t)length;
		ip[8] = 64;
		ip[9] = packet->proto;
		ip[12] = ip[16] = 10;
		ip[15] = 1;
		ip[19] = 2;
	}
	if (packet->proto == 6 && packet->payload >= 20) {
		ip[header + 12] = 0x50;
		ip[header + 13] = 0x02;
	}
	return ETH_HLEN + length;
}

static int run_one(int fd, const struct packet *packet, uint32_t *ret_code)
{
	uint8_t frame[PACKET_MAX], out[PACKET_MAX + 256];
	uint32_t header = packet->is_ip6 ? 40 : 20;
	struct __sk_buff skb = { .cb = { [MS_CHAIN_OFFSETS] = ETH_HLEN | (ETH_HLEN + header) << 16,
					 [MS_CHAIN_REST] = packet->proto } };
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame, .data_size_in = build(packet, frame),
		    .data_out = out, .data_size_out = sizeof(out), .ctx_in = &skb,
		    .ctx_size_in = sizeof(skb));
	int r;

	if (packet->is_ip6)
		skb.cb[MS_CHAIN_RULE] = MS_CHAIN_IP6;
	r = bpf_prog_test_run_opts(fd, &opts);
	if (r == 0)
		*ret_code = opts.retval;
	/* It wrote the packet longer than the room for it: that is no fault. */
	return r == -ENOSPC ? 0 : r;
}

static int check_type(int fd, const char *plugin, const char *action, struct ms_error *err)
{
	struct bpf_prog_info info = { 0 };
	uint32_t length = sizeof(info);

	if (bpf_obj_get_info_by_fd(fd, &info, &length) < 0 || info.type != BPF_PROG_TYPE_SCHED_CLS)
		return ms_error_set(err, -EPROTO,
				    "%s: what its action %s loads is no program for packets of an "
				    "interface (type sched_cls)",
				    plugin, action);
	return 0;
}

int ms_pluginhost_smoke_run(int fd, const char *plugin, const char *action, struct ms_error *err)
{
	static const struct packet packets[] = {
		{ false, 6, 20 }, { false, 6, 200 }, { false, 17, 8 }, { false, 17, 100 },
		{ false, 1, 8 },  { false, 47, 0 },  { true, 6, 20 },  { true, 6, 200 },
		{ true, 17, 8 },  { true, 58, 8 },   { true, 59, 0 },
	};
	int r = check_type(fd, plugin, action, err);

	for (size_t i = 0; r == 0 && i < ms_array_size(packets); i++) {
		uint32_t code = RESUMED;

		r = run_one(fd, &packets[i], &code);
		if (r < 0)
			return ms_error_set(err, r, "%s: cannot run the program of action %s: %s",
					    plugin, action, strerror(-r));
		if (code != RESUMED)
			return ms_error_set(err, -EPROTO,
					    "%s: the program of action %s ended with a code of its "
					    "own, %u, which no action may",
					    plugin, action, code);
	}
	return r;
}
