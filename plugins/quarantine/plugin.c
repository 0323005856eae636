/* SPDX-License-Identifier: GPL-2.0-or-later */
/* quarantine: who does what a rule is for is put into a set, for a time. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "held.h"
#include "microseg/action.h"
#include "microseg/plugin.h"
#include "quarantine.h"
#include "quarantine.skel.h"

#define SETS 256          /* that one policy may name */
#define PLACES (2 * SETS) /* so that the next one may name others */
#define SET_NAME_SIZE 64
#define NS_PER_S 1000000000ull
#define CASES_AT_ONCE 32           /* then others of the daemon have their turn */
#define SAY_NS (60ull * NS_PER_S)  /* between two complaints in the log, and see SAY_MAX */
#define LOOK_NS (10ull * NS_PER_S) /* how often it is seen whether there is room again */
#define SAY_MAX 10                 /* addresses that the log names in that time */

struct quarantine_set {
	char name[SET_NAME_SIZE];
	uint64_t hash;
	bool is_in_force; /* a rule in force names it */
	bool is_asked;    /* encode_args() was asked for it in this turn */
};

struct quarantine {
	const struct ms_plugin_host *host;
	struct quarantine_bpf *object;      /* of the last load, NULL before */
	struct ring_buffer *ring;           /* of that object */
	struct ms_plugin_watch *watch;      /* NULL = not started */
	struct quarantine_set sets[PLACES]; /* that rules have named */
	size_t n_sets;
	uint32_t max;                   /* addresses that may be in at a time */
	struct ms_plugin_watch *looker; /* NULL = there was room */
	uint64_t looked_ns;             /* for whose time is over */
	int taken;                      /* cases of this turn */
	uint64_t put_in, refused, failed, turned_away;
	uint64_t said_ns;   /* of the log's last complaint, 0 = none */
	uint64_t named_ns;  /* when the first of `named` was, 0 = never */
	unsigned int named; /* addresses that the log has named since */
	uint64_t unnamed;   /* those that it has not */
};

_Static_assert(sizeof(struct quarantine_args) <= MS_PLUGIN_ARGS_SIZE, "arguments fit");

static const char *const who_words[] = { "source", "destination", NULL };
static const char *const dir_words[] = { [MS_DIR_IN] = "in", [MS_DIR_OUT] = "out", NULL };

static const struct ms_plugin_item arguments[] = {
	{ .name = "set",
	  .type = MS_PLUGIN_SET,
	  .help = "the set that the address is put into; other rules say what that means",
	  .flags = MS_PLUGIN_REQUIRED },
	{ .name = "who",
	  .type = MS_PLUGIN_ENUM,
	  .help = "whose address",
	  .words = who_words,
	  .def = "source" },
	{ .name = "dir",
	  .type = MS_PLUGIN_ENUM,
	  .help = "only packets of this direction count",
	  .words = dir_words,
	  .def = "in" },
	{ .name = "for",
	  .type = MS_PLUGIN_DURATION,
	  .help = "how long, in whole seconds, counted from the last time",
	  .min = NS_PER_S,
	  .max = 365ull * 24 * 3600 * NS_PER_S,
	  .def = "1h" },
	{ .name = "hits",
	  .type = MS_PLUGIN_UINT,
	  .help = "so many packets of one address",
	  .min = 1,
	  .max = 1000000000,
	  .def = "1" },
	{ .name = "within",
	  .type = MS_PLUGIN_DURATION,
	  .help = "in so much time, counted from the first of them",
	  .min = 1000000,
	  .max = 24ull * 3600 * NS_PER_S,
	  .def = "10s" },
};

static const struct ms_plugin_item config_items[] = {
	{ .name = "max",
	  .type = MS_PLUGIN_UINT,
	  .help = "so many addresses are in at a time, of all rules and sets together",
	  .min = 1,
	  .max = 1000000,
	  .def = "65536" },
};

/* ---- sets ---- */

/* FNV-1a: the program carries a number, the same one for the same name. */
static uint64_t hash(const char *name)
{
	uint64_t sum = 14695981039346656037ull;

	for (; *name; name++)
		sum = (sum ^ (unsigned char)*name) * 1099511628211ull;
	return sum;
}

static struct quarantine_set *find_set(struct quarantine *self, uint64_t number)
{
	for (size_t i = 0; i < self->n_sets; i++)
		if (self->sets[i].hash == number)
			return &self->sets[i];
	return NULL;
}

/* A name is forgotten when its place is needed: no rule in force has it then, nor one that may be
 * soon. */
static struct quarantine_set *find_place(struct quarantine *self)
{
	if (self->n_sets < PLACES)
		return &self->sets[self->n_sets++];
	for (size_t i = 0; i < PLACES; i++)
		if (!self->sets[i].is_in_force && !self->sets[i].is_asked)
			return &self->sets[i];
	return NULL;
}

static void end_turn(struct quarantine *self)
{
	for (size_t i = 0; i < self->n_sets; i++)
		self->sets[i].is_asked = false;
}

/* What is asked for in one turn of the loop is of one policy. NULL = that names too many. */
static struct quarantine_set *ask_for(struct quarantine *self, const char *name)
{
	struct quarantine_set *set = find_set(self, hash(name));
	size_t count = 0;

	if (set && set->is_asked)
		return set;
	for (size_t i = 0; i < self->n_sets; i++)
		count += self->sets[i].is_asked;
	if (count == SETS)
		return NULL;
	if (!set)
		set = find_place(self);
	if (!set)
		return NULL;
	set->hash = hash(name);
	set->is_asked = true;
	memcpy(set->name, name, strlen(name) + 1);
	return set;
}

static int add_set(struct quarantine *self, const char *name, uint64_t *ret_hash,
		   struct ms_plugin_error *error)
{
	const struct quarantine_set *known = find_set(self, hash(name));

	if (strlen(name) >= SET_NAME_SIZE || (known && strcmp(known->name, name) != 0)) {
		self->host->error_set(error, "the set needs another name than '%s'", name);
		return -EINVAL;
	}
	if (!ask_for(self, name)) {
		self->host->error_set(error,
				      "the rules name more than %d sets to put addresses into: "
				      "'%s' is one too many",
				      SETS, name);
		end_turn(self);
		return -ENOSPC;
	}
	self->host->wake(self->host->state);
	*ret_hash = hash(name);
	return 0;
}

/* What was asked for is in force, or will not be: a policy is refused, or was only tried. */
static void woken(void *user)
{
	end_turn(user);
}

static void in_force(void *user, const struct ms_plugin_in_force *rules, size_t count)
{
	struct quarantine *self = user;

	for (size_t i = 0; i < self->n_sets; i++)
		self->sets[i].is_in_force = false;
	for (size_t i = 0; i < count; i++) {
		struct quarantine_args args; /* as bytes they lie anywhere */
		struct quarantine_set *set;

		memcpy(&args, rules[i].args, sizeof(args));
		set = find_set(self, args.set);
		if (set)
			set->is_in_force = true;
	}
}

/* ---- cases ---- */

static void complain(struct quarantine *self, const char *set, int r)
{
	const struct ms_plugin_host *host = self->host;
	uint64_t now = host->now_ns(host->state);

	if (self->said_ns && now - self->said_ns < SAY_NS)
		return;
	self->said_ns = now;
	if (r == -ENOENT)
		host->log(host->state, MS_PLUGIN_LOG_ERROR,
			  "there is no set '%s': nobody is put into it", set);
	else
		host->log(host->state, MS_PLUGIN_LOG_ERROR, "cannot put an address into set %s: %s",
			  set, strerror(-r));
}

/* A line for each address that is put in, unless there are many: then the next line that is written
 * has their number. */
static void name_case(struct quarantine *self, const struct quarantine_case *told, const char *set)
{
	const struct ms_plugin_host *host = self->host;
	const char *rule = host->rule_id(host->state, told->rule);
	uint64_t now = host->now_ns(host->state);
	char addr[INET6_ADDRSTRLEN], more[64] = "";

	if (!self->named_ns || now - self->named_ns >= SAY_NS) {
		self->named_ns = now;
		self->named = 0;
	}
	if (self->named == SAY_MAX) {
		self->unnamed++;
		return;
	}
	self->named++;
	if (self->unnamed)
		snprintf(more, sizeof(more), " (and %llu before that %s not logged)",
			 (unsigned long long)self->unnamed, self->unnamed == 1 ? "was" : "were");
	self->unnamed = 0;
	inet_ntop(told->family == 4 ? AF_INET : AF_INET6, told->addr, addr, sizeof(addr));
	host->log(host->state, MS_PLUGIN_LOG_NOTICE, "%s is put into set %s for %us by rule %s%s",
		  addr, set, told->for_s, rule ? rule : "that is gone", more);
}

/* ---- room ---- */

static size_t forget_ended(struct quarantine *self)
{
	self->looked_ns = self->host->now_ns(self->host->state);
	return ms_quarantine_held_clear(bpf_map__fd(self->object->maps.held), self->looked_ns);
}

static void look_for_room(void *user)
{
	struct quarantine *self = user;
	const struct ms_plugin_host *host = self->host;

	if (forget_ended(self) >= self->max)
		return;
	host->unwatch(host->state, self->looker);
	self->looker = NULL;
	host->source_trouble(host->state, NULL);
}

static void turn_away(struct quarantine *self)
{
	const struct ms_plugin_host *host = self->host;
	char sentence[128];

	self->turned_away++;
	if (self->looker ||
	    host->watch_time(host->state, LOOK_NS, LOOK_NS, look_for_room, self, &self->looker) < 0)
		return;
	snprintf(sentence, sizeof(sentence),
		 "%u address%s in, which is `max`: others are not put in", self->max,
		 self->max == 1 ? " is" : "es are");
	host->source_trouble(host->state, sentence);
}

static int hold(struct quarantine *self, const struct quarantine_case *told, bool *ret_is_new)
{
	int map_fd = bpf_map__fd(self->object->maps.held);
	uint64_t now = self->host->now_ns(self->host->state);
	uint64_t until_ns = now + told->for_s * NS_PER_S;
	int r = ms_quarantine_held_add(map_fd, told, until_ns, ret_is_new);

	if (r != -E2BIG || now - self->looked_ns < LOOK_NS)
		return r;
	forget_ended(self);
	return ms_quarantine_held_add(map_fd, told, until_ns, ret_is_new);
}

/* As set_add(), or -E2BIG. */
static int put_in(struct quarantine *self, const struct quarantine_case *told, const char *set)
{
	struct ms_plugin_cidr member = {
		.family = told->family,
		.len = told->family == 4 ? 32 : 128,
	};
	bool is_new = false;
	int r = hold(self, told, &is_new);

	if (r < 0)
		return r;
	memcpy(member.addr, told->addr, sizeof(member.addr));
	r = self->host->set_add(self->host->state, set, &member, told->for_s * NS_PER_S);
	/* 1: somebody else has it in for longer. */
	if (r != 0 && is_new)
		ms_quarantine_held_remove(bpf_map__fd(self->object->maps.held), told);
	return r;
}

static int take_case(void *user, void *record, size_t size)
{
	struct quarantine *self = user;
	const struct quarantine_case *told = record;
	const struct quarantine_set *set = find_set(self, told->set);
	int r;

	(void)size;
	if (set) {
		r = put_in(self, told, set->name);
		if (r == 0) {
			self->put_in++;
			name_case(self, told, set->name);
		} else if (r == -EPERM) {
			self->refused++;
		} else if (r == -E2BIG) {
			turn_away(self);
		} else if (r < 0) {
			self->failed++;
			complain(self, set->name, r);
		}
	}
	return ++self->taken < CASES_AT_ONCE ? 0 : -EAGAIN;
}

/* What is left in the ring has it called again. */
static void cases_came(void *user, int fd, uint32_t what)
{
	struct quarantine *self = user;

	(void)fd;
	(void)what;
	self->taken = 0;
	ring_buffer__consume(self->ring);
}

/* ---- lifecycle ---- */

static int create(const struct ms_plugin_host *host, const struct ms_plugin_values *config,
		  void **ret_self, struct ms_plugin_error *error)
{
	int r = ms_action_new(host, sizeof(struct quarantine), ret_self, error);

	if (r == 0)
		((struct quarantine *)*ret_self)->max =
			(uint32_t)host->value_uint(config, "max", 0);
	return r;
}

static int follow(struct quarantine *self, struct ring_buffer *ring,
		  struct ms_plugin_watch **ret_watch)
{
	return self->host->watch_fd(self->host->state, ring_buffer__epoll_fd(ring),
				    MS_PLUGIN_READABLE | MS_PLUGIN_URGENT, cases_came, self,
				    ret_watch);
}

static int start(void *user, struct ms_plugin_error *error)
{
	struct quarantine *self = user;
	int r = follow(self, self->ring, &self->watch);

	if (r < 0)
		self->host->error_set(error, "cannot follow its ring: %s", strerror(-r));
	return r;
}

static void stop(void *user)
{
	struct quarantine *self = user;

	self->host->unwatch(self->host->state, self->watch);
	self->host->unwatch(self->host->state, self->looker);
	self->watch = self->looker = NULL;
}

static void destroy(void *user)
{
	struct quarantine *self = user;

	ring_buffer__free(self->ring);
	quarantine_bpf__destroy(self->object);
	free(self);
}

static int encode_args(void *user, const struct ms_plugin_values *values,
		       uint8_t ret_args[MS_PLUGIN_ARGS_SIZE], struct ms_plugin_error *error)
{
	struct quarantine *self = user;
	const struct ms_plugin_host *host = self->host;
	uint64_t for_ns = host->value_uint(values, "for", 0);
	struct quarantine_args args = {
		.within_ns = host->value_uint(values, "within", 0),
		.hits = (uint32_t)host->value_uint(values, "hits", 0),
		.for_s = (uint32_t)(for_ns / NS_PER_S),
		.is_destination = (uint8_t)host->value_uint(values, "who", 0),
		.dir = (uint8_t)host->value_uint(values, "dir", 0),
	};
	uint64_t set;
	int r;

	if (for_ns % NS_PER_S) {
		host->error_set(error, "'for' must be whole seconds");
		return -EINVAL;
	}
	r = add_set(self, host->value_string(values, "set", 0), &set, error);
	if (r < 0)
		return r;
	args.set = set;
	memcpy(ret_args, &args, sizeof(args));
	return 0;
}

static int load(void *user, const struct ms_plugin_env *env, int *ret_prog_fd,
		struct ms_plugin_error *error)
{
	/* What was told in `cases` while there was no daemon is taken by the next one. */
	static const char *const kept[] = { "suspects", "cases", "counts", "held", NULL };
	struct quarantine *self = user;
	struct ms_plugin_watch *watch = NULL;
	struct quarantine_bpf *object = quarantine_bpf__open();
	struct ring_buffer *ring;
	int r = 0;

	if (object)
		r = bpf_map__set_max_entries(object->maps.held, self->max);
	if (r == 0)
		r = ms_action_load(self->host, object ? object->skeleton : NULL, kept, env, error);

	if (r < 0) {
		quarantine_bpf__destroy(object);
		return r;
	}
	ring = ring_buffer__new(bpf_map__fd(object->maps.cases), take_case, self, NULL);
	if (!ring)
		r = -errno;
	else if (self->watch)
		r = follow(self, ring, &watch);
	if (r < 0) {
		self->host->error_set(error, "cannot follow its ring: %s", strerror(-r));
		ring_buffer__free(ring);
		quarantine_bpf__destroy(object);
		return r;
	}
	self->host->unwatch(self->host->state, self->watch);
	ring_buffer__free(self->ring);
	quarantine_bpf__destroy(self->object);
	self->watch = watch;
	self->ring = ring;
	self->object = object;
	*ret_prog_fd = bpf_program__fd(object->progs.quarantine);
	return 0;
}

static void stats(void *user, struct ms_plugin_emit *to)
{
	const struct quarantine *self = user;
	const struct ms_plugin_host *host = self->host;

	if (!self->object)
		return;
	host->emit(to, "hits", "packets that counted", NULL,
		   ms_action_count(self->object->maps.counts, QUARANTINE_HITS), 0);
	host->emit(to, "told", "addresses that had enough of them", NULL,
		   ms_action_count(self->object->maps.counts, QUARANTINE_TOLD), 0);
	host->emit(to, "lost", "times the ring to the daemon was full", NULL,
		   ms_action_count(self->object->maps.counts, QUARANTINE_LOST), 0);
	host->emit(to, "put_in", "addresses put into a set, or for longer", NULL, self->put_in, 0);
	host->emit(to, "protected", "of the failsafe or an allow-listed set, and left alone", NULL,
		   self->refused, 0);
	host->emit(to, "turned_away", "times an address was not put in, since `max` were", NULL,
		   self->turned_away, 0);
	host->emit(to, "failed", "addresses that could not be put in", NULL, self->failed, 0);
}

static const struct ms_plugin_action actions[] = {
	{ .name = "quarantine",
	  .help = "puts the source or destination into a set for a time",
	  .args = arguments,
	  .arg_count = sizeof(arguments) / sizeof(arguments[0]),
	  .short_arg = "set",
	  .encode_args = encode_args,
	  .load = load,
	  .in_force = in_force },
};

MS_PLUGIN(MS_PLUGIN_ACTION, .name = "quarantine", .version = "1.0",
	  .summary = "puts addresses into sets", .license = "GPL-2.0-or-later",
	  .config = config_items, .config_count = sizeof(config_items) / sizeof(config_items[0]),
	  .create = create, .start = start, .stop = stop, .destroy = destroy, .woken = woken,
	  .stats = stats, .actions = actions, .action_count = sizeof(actions) / sizeof(actions[0]));
