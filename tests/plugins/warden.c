/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Puts members into sets, as the arguments that were encoded last say: the source of an event when
 * one comes, or a member of their own whenever somebody asks for statistics, which have the answer,
 * or while they are encoded.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "microseg/action.h"
#include "warden.skel.h"

enum way { ON_EVENT, ADD, DEL, OTHER, ON_ENCODE };

struct warden {
	const struct ms_plugin_host *host;
	struct warden_bpf *skeleton;
	uint64_t way, ttl_ns;
	char set[64];
	struct ms_plugin_cidr member;
	/* what was told */
	uint64_t events, gone, gone_rule;
	struct ms_plugin_event first;
	char rule[64], iface[16];
	int code;
	uint64_t longer; /* set_add() that left what is in as it was */
};

static int create(const struct ms_plugin_host *host, const struct ms_plugin_values *config,
		  void **ret_self, struct ms_plugin_error *error)
{
	struct warden *warden = calloc(1, sizeof(*warden));

	(void)config;
	(void)error;
	if (!warden)
		return -ENOMEM;
	warden->host = host;
	*ret_self = warden;
	return 0;
}

static void destroy(void *self)
{
	struct warden *warden = self;

	warden_bpf__destroy(warden->skeleton);
	free(warden);
}

static int load(void *self, const struct ms_plugin_env *env, int *ret_fd,
		struct ms_plugin_error *error)
{
	struct warden *warden = self;
	struct warden_bpf *skeleton = warden_bpf__open();
	int r = skeleton ? ms_action_share_maps(skeleton->obj, env) : -errno;

	if (r == 0)
		r = warden_bpf__load(skeleton);
	if (r < 0) {
		warden->host->error_set(error, "cannot load its program");
		warden_bpf__destroy(skeleton);
		return r;
	}
	warden_bpf__destroy(warden->skeleton);
	warden->skeleton = skeleton;
	*ret_fd = bpf_program__fd(skeleton->progs.warden);
	return 0;
}

/* That somebody else has it in for longer is as good as done. */
static void add(struct warden *warden, const struct ms_plugin_cidr *member)
{
	int r = warden->host->set_add(warden->host->state, warden->set, member, warden->ttl_ns);

	warden->code = r < 0 ? -r : 0;
	warden->longer += r > 0;
}

static int encode(void *self, const struct ms_plugin_values *values,
		  uint8_t ret_args[MS_PLUGIN_ARGS_SIZE], struct ms_plugin_error *error)
{
	struct warden *warden = self;

	(void)error;
	(void)ret_args;
	warden->way = warden->host->value_uint(values, "way", 0);
	warden->ttl_ns = warden->host->value_uint(values, "ttl", 0);
	snprintf(warden->set, sizeof(warden->set), "%s",
		 warden->host->value_string(values, "set", 0));
	warden->host->value_cidr(values, "member", 0, &warden->member);
	if (warden->way == ON_ENCODE)
		add(warden, &warden->member);
	return 0;
}

static void on_event(void *self, const struct ms_plugin_event *event)
{
	struct warden *warden = self;
	struct ms_plugin_cidr source = { .family = event->family, .len = 32 };

	/* A later one may be of an answer, whose flow is judged again after a change. */
	if (warden->events++ == 0) {
		warden->first = *event;
		snprintf(warden->rule, sizeof(warden->rule), "%s", event->rule);
		snprintf(warden->iface, sizeof(warden->iface), "%s", event->iface);
	}
	memcpy(source.addr, event->src, 4);
	if (warden->way == ON_EVENT)
		add(warden, &source);
}

static void rule_gone(void *self, uint32_t rule)
{
	struct warden *warden = self;

	warden->gone++;
	warden->gone_rule = rule;
}

static void stats(void *self, struct ms_plugin_emit *to)
{
	const struct ms_plugin_host *host = ((struct warden *)self)->host;
	struct warden *warden = self;

	if (warden->way == ADD)
		add(warden, &warden->member);
	else if (warden->way == DEL)
		warden->code = -host->set_del(host->state, warden->set, &warden->member);
	host->emit(to, "code", "of the last call, 0 = done", NULL, (uint64_t)warden->code, 1);
	host->emit(to, "longer", "were in for longer", NULL, warden->longer, 0);
	host->emit(to, "events", "that were told", warden->rule, warden->events, 0);
	host->emit(to, "dport", "of the first one", warden->iface, warden->first.dport, 1);
	host->emit(to, "verdict", "of the first one", NULL, warden->first.verdict, 1);
	host->emit(to, "gone", "rules", NULL, warden->gone, 0);
	host->emit(to, "gone_rule", "the last one", NULL, warden->gone_rule, 1);
}

static const char *const ways[] = { "on_event", "add", "del", "other", "on_encode", NULL };

static const struct ms_plugin_item args[] = {
	{ .name = "way",
	  .help = "when it puts in what, or takes it out",
	  .type = MS_PLUGIN_ENUM,
	  .words = ways,
	  .def = "other" },
	{ .name = "set", .help = "where", .type = MS_PLUGIN_SET },
	{ .name = "member", .help = "whom", .type = MS_PLUGIN_CIDR },
	{ .name = "ttl", .help = "for how long", .type = MS_PLUGIN_DURATION },
};

static const struct ms_plugin_action actions[] = {
	{ .name = "warden",
	  .help = "puts members into sets",
	  .arg_count = sizeof(args) / sizeof(args[0]),
	  .args = args,
	  .encode_args = encode,
	  .load = load,
	  .on_event = on_event,
	  .rule_gone = rule_gone },
};

/* To be configured otherwise: without a reconfigure() that is another instance. */
static const struct ms_plugin_item config[] = {
	{ .name = "any", .help = "nothing comes of it", .type = MS_PLUGIN_UINT },
};

MS_PLUGIN(MS_PLUGIN_ACTION, .name = "warden", .version = "1.0", .summary = "puts members into sets",
	  .license = "GPL-2.0-or-later", .config = config, .config_count = 1, .create = create,
	  .destroy = destroy, .stats = stats, .actions = actions, .action_count = 1);
