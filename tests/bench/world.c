/* SPDX-License-Identifier: GPL-2.0-or-later */
#define _GNU_SOURCE
#include "tests/bench/world.h"

#include <arpa/inet.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "bpf/dataplane_private.h"
#include "core/base/cleanup.h"
#include "core/classify/compile.h"
#include "core/policy/document.h"
#include "core/policy/merge.h"
#include "tests/bench/bench.h"

#define DAY_NS (86400ull * 1000000000ull)
#define GROUP 1
#define FIRST_FREE_SLOT 64

void ms_bench_world_enter(void)
{
	if (unshare(CLONE_NEWNS | CLONE_NEWNET) < 0)
		ms_bench_fail("new namespaces: %s (this needs root)", strerror(errno));
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("tmpfs", "/run", "tmpfs", 0, NULL) < 0 || mkdir(MS_BENCH_RUN_DIR, 0700) < 0 ||
	    mount("bpf", MS_BENCH_RUN_DIR, "bpf", 0, "mode=0700") < 0)
		ms_bench_fail("a bpffs of our own: %s", strerror(errno));
}

struct ms_bench_world *ms_bench_world_open(uint32_t sessions, uint32_t half_open)
{
	return ms_bench_world_open_on(MS_SESSION_TABLE_SET, sessions, half_open);
}

struct ms_bench_world *ms_bench_world_open_on(enum ms_session_table table, uint32_t sessions,
					      uint32_t half_open)
{
	static unsigned int worlds;
	struct ms_bench_world *world = calloc(1, sizeof(*world));
	const struct ms_iface device = {
		.ifindex = MS_BENCH_DEVICE,
		.zone = 1,
		.group = { GROUP, GROUP },
		.side = 3,
	};
	struct ms_dataplane_config config = {
		.sessions = sessions,
		.half_open = half_open,
		.session_table = table,
	};
	struct ms_error error = MS_ERROR_INIT;
	uint64_t timeouts[MS_TIMEOUT__COUNT];
	bool taken_over;
	char text[1024];
	int r;

	if (!world)
		ms_bench_fail("out of memory");
	snprintf(world->pin_dir, sizeof(world->pin_dir), MS_BENCH_RUN_DIR "/w%u", worlds++);
	config.pin_dir = world->pin_dir;
	r = ms_dataplane_open(&config, &taken_over, &world->dp, &error);
	if (r < 0)
		ms_bench_fail("the datapath: %s", ms_error_format(&error, text, sizeof(text)));
	for (int i = 0; i < MS_TIMEOUT__COUNT; i++)
		timeouts[i] = DAY_NS;
	ms_dataplane_set_timeouts(world->dp, timeouts);
	r = ms_dataplane_put_iface(world->dp, &device);
	if (r < 0)
		ms_bench_fail("the interface: %s", strerror(-r));
	return world;
}

struct ms_bench_world *ms_bench_world_close(struct ms_bench_world *world)
{
	struct ms_error error = MS_ERROR_INIT;

	if (world) {
		ms_member_tree_free(world->members);
		ms_dataplane_close(world->dp);
		ms_dataplane_unpin_all(world->pin_dir, &error);
		free(world);
	}
	return NULL;
}

void ms_bench_world_share(const struct ms_bench_world *world, struct bpf_object *object)
{
	struct bpf_map *map;

	bpf_object__for_each_map(map, object)
	{
		int fd = ms_dataplane_map(world->dp, bpf_map__name(map));

		if (fd >= 0 && bpf_map__reuse_fd(map, fd) < 0)
			ms_bench_fail("%s cannot be shared", bpf_map__name(map));
	}
	if (bpf_object__load(object) < 0)
		ms_bench_fail("programs beside the datapath cannot be loaded: %s", strerror(errno));
}

/* "r/7" is slot FIRST_FREE_SLOT + 7; whatever else there is gets one below. */
static uint32_t slot_of(void *user, const char *id)
{
	uint32_t slot = 1;

	(void)user;
	if (strncmp(id, "r/", 2) == 0)
		return FIRST_FREE_SLOT + (uint32_t)strtoul(id + 2, NULL, 10);
	for (; *id; id++)
		slot = slot * 31 + (unsigned char)*id;
	return 1 + slot % (FIRST_FREE_SLOT - 1);
}

uint32_t ms_bench_world_slot(long rule)
{
	return rule < 0 ? slot_of(NULL, "default/bench/out") : FIRST_FREE_SLOT + (uint32_t)rule;
}

static uint16_t group_number(void *user, const char *name)
{
	(void)user;
	(void)name;
	return GROUP;
}

/* Of "s7" and "t7" (rules.h); 1 is any other, of which there is one at most. */
static uint32_t set_number(void *user, const char *name)
{
	unsigned int number;

	(void)user;
	if ((name[0] != 's' && name[0] != 't') || sscanf(name + 1, "%u", &number) != 1)
		return 1;
	return 2 + 2 * number + (name[0] == 't');
}

/* There is one action at most, and it has no arguments. */
static int action_of(void *user, const struct ms_rule_action *action,
		     struct ms_rule_action_call *ret_call, struct ms_error *err)
{
	(void)user, (void)action, (void)err;
	ret_call->slot = 0;
	return 0;
}

const struct ms_numbering *ms_bench_world_numbering(void)
{
	static const struct ms_numbering numbering = {
		.slot = slot_of,
		.group = group_number,
		.set = set_number,
		.action = action_of,
		.user = NULL,
	};

	return &numbering;
}

static void free_policy(struct ms_policy **policy)
{
	ms_policy_free(*policy);
}

static void free_image(struct ms_image **image)
{
	ms_image_free(*image);
}

int ms_bench_world_compile(const char *document, size_t length, uint32_t generation,
			   enum ms_engine engine, struct ms_image **ret_image)
{
	ms_cleanup(free_policy) struct ms_policy *files = ms_policy_new();
	ms_cleanup(free_policy) struct ms_policy *merged = NULL;
	struct ms_merge_inputs inputs = { .files = files, .now = 1 };
	struct ms_error error = MS_ERROR_INIT;
	char text[1024];
	int r;

	if (!files)
		ms_bench_fail("out of memory");
	r = ms_document_parse("bench.yaml", document, length, MS_SOURCE_FILE, files, &error);
	if (r == 0)
		r = ms_policy_merge(&inputs, &merged, &error);
	if (r == 0)
		r = ms_compile(merged, generation, ms_bench_world_numbering(), engine, NULL,
			       ret_image, &error);
	if (r < 0 && r != -ENOSPC)
		ms_bench_fail("the policy: %s (%s)", ms_error_format(&error, text, sizeof(text)),
			      strerror(-r));
	return r;
}

int ms_bench_world_put(struct ms_bench_world *world, const char *document, size_t length)
{
	ms_cleanup(free_image) struct ms_image *image = NULL;
	struct ms_error error = MS_ERROR_INIT;
	unsigned int half;
	char text[1024];
	int r = ms_bench_world_compile(document, length, ++world->generation, MS_ENGINE_FASTEST,
				       &image);

	if (r < 0)
		return r;
	r = ms_dataplane_idle_half(world->dp, &half);
	if (r == 0)
		r = ms_dataplane_load_image(world->dp, half, image, &error);
	if (r < 0)
		ms_bench_fail("the policy: %s (%s)", ms_error_format(&error, text, sizeof(text)),
			      strerror(-r));
	ms_dataplane_publish(world->dp, half, world->generation);
	ms_engine_describe(image->engines, world->engine, sizeof(world->engine));
	return 0;
}

static int store_member(void *user, const struct ms_cidr *cidr, const struct ms_member_sets *sets)
{
	return ms_dataplane_member_put(user, cidr, sets);
}

static void put_members(struct ms_bench_world *world, char side, size_t set, uint32_t addr,
			unsigned int len)
{
	char name[32];

	snprintf(name, sizeof(name), "%c%zu", side, set);
	for (uint32_t i = 0; i < 1u << MS_BENCH_SET_BITS; i++) {
		unsigned int longer = len + MS_BENCH_SET_BITS;
		__be32 at = htonl(addr | i << (32 - longer));
		struct ms_cidr member = { .addr.family = 4, .len = (uint8_t)longer };

		memcpy(member.addr.bytes, &at, sizeof(at));
		if (ms_dataplane_set_add(world->dp, set_number(NULL, name), &member, 0, 0) < 0 ||
		    ms_member_tree_put(world->members, set_number(NULL, name), &member, 0) < 0)
			ms_bench_fail("set %s has no room", name);
	}
}

void ms_bench_world_put_members(struct ms_bench_world *world, const struct ms_bench_rules *rules)
{
	const struct ms_member_tree_hooks hooks = { .store = store_member, .user = world->dp };
	const struct ms_asked asked = { .is_ready = 1 };

	world->members = ms_member_tree_new(&hooks);
	if (!world->members)
		ms_bench_fail("members have no room");
	ms_dataplane_asked_put(world->dp, &asked);
	for (size_t i = 0; i < rules->n_sets; i++) {
		const struct ms_bench_rule *of_src =
			&rules->rules[ms_bench_rules_of_src_set(rules, i)];
		const struct ms_bench_rule *of_dst = &rules->rules[i];

		put_members(world, 's', i, of_src->src, of_src->src_len);
		put_members(world, 't', i, of_dst->dst, of_dst->dst_len);
	}
}

int ms_bench_world_put_rules(struct ms_bench_world *world, const struct ms_bench_rules *filler)
{
	ms_cleanup(ms_free) char *text = NULL;
	size_t length;

	text = ms_bench_rules_document(filler,
				       "  - { id: flows4, from: 10.0.0.0/8, action: allow }\n"
				       "  - { id: flows6, from: \"fd00::/8\", action: allow }\n",
				       &length);
	return ms_bench_world_put(world, text, length);
}
