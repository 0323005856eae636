/* SPDX-License-Identifier: GPL-2.0-or-later OR BSD-2-Clause */
/*
 * The contract between microseg and a plugin. A plugin is a shared object that exports one constant
 * datum, ms_plugin_descriptor, and nothing else. It finds everything it may call in the host table
 * that create() is given; it links no part of microseg.
 *
 * Versions. MS_PLUGIN_ABI_MAJOR must be equal on both sides, the plugin's minor at most the host's.
 * Structs grow at their end only. The host copies the smaller of both sizes and zeroes the rest, so
 * a field an older plugin does not know is zero. A plugin does the same with the host's structs:
 * MS_PLUGIN_HAS(host, field) tells whether a field of a later minor is there.
 *
 * Lifecycle, per plugin:
 *	create -> [load, per action] -> start -> { reconfigure | callbacks }* -> stop -> destroy
 * A create() that fails has cleaned up after itself and gets no further call. After a create() that
 * succeeded every later failure leads to stop() (if start() succeeded) and destroy().
 *
 * Threads. All callbacks of a plugin come on one thread and none within another, not even when a
 * callback calls the host. What takes longer than a few milliseconds belongs on a thread of the
 * plugin's own (made in start(), joined in stop()); such a thread may call wake() and nothing else.
 *
 * Memory. Who allocates frees. Arguments, and what they point to, are lent until the callback
 * returns unless said otherwise; the host copies what it keeps. Strings are UTF-8, NUL-terminated.
 *
 * Errors. Callbacks that return int return 0, or a negative errno after one error_set() with a
 * sentence for the operator ("cannot open /run/x: ..."). On failure nothing has changed and outputs
 * are untouched. A callback never exits, aborts, changes signal handling, the working directory,
 * the umask or the locale. -EINVAL of create() says that the configuration is wrong, whoever tries
 * it. A refusal stands at the item that its sentence has in quotes (`NAME` or 'NAME').
 *
 * Units. Times and durations are nanoseconds, rates are per second, sizes are bytes. Addresses are
 * in wire order, everything else (ports too) in host order.
 */
#ifndef MICROSEG_PLUGIN_H
#define MICROSEG_PLUGIN_H

#include <stddef.h>
#include <stdint.h>

#include "microseg/abi.h"

#ifdef __cplusplus
extern "C" {
#endif

#define MS_PLUGIN_ABI_MAJOR 1
#define MS_PLUGIN_ABI_MINOR 4

/* Longest name of plugin, action, source, sink or item, without its NUL: [a-z0-9_]{1,31}. */
#define MS_PLUGIN_NAME_MAX 31
#define MS_PLUGIN_VALUE_MAX 1024 /* bytes of one value that an operator writes */
/* Bytes of arguments one action has for one place of one rule. */
#define MS_PLUGIN_ARGS_SIZE 32

/* Does the struct at `ptr`, as its maker knows it, have `field`? Its first field is struct_size. */
#define MS_PLUGIN_HAS(ptr, field)                                                                  \
	((ptr)->struct_size >= (size_t)((const char *)(&(ptr)->field + 1) - (const char *)(ptr)))

/* Checks a printf call. */
#define MS_PLUGIN_PRINTF(nth, first) __attribute__((format(printf, nth, first)))

/* Made and owned by the host; a plugin only hands them back. */
struct ms_plugin_host_state; /* whose call it is */
struct ms_plugin_values;     /* configuration or arguments, already checked against their items */
struct ms_plugin_error;      /* where a failed callback says why */
struct ms_plugin_watch;      /* a file descriptor or timer the host watches */
struct ms_plugin_builder;    /* one transaction of a source */
struct ms_plugin_emit;       /* where statistics go */

/* ---- items: the schema of configuration and arguments ---- */

/*
 * What the operator may write, and through which function of the host table it is read. The host
 * refuses everything else with file, line and column before any code of the plugin runs.
 *
 *	type      written as                           read by
 *	BOOL      true, false                          value_uint: 0 or 1
 *	UINT      a number, 256 or 0x100               value_uint
 *	DURATION  500us, 20ms, 10s, 5m, 2h, 1d         value_uint, nanoseconds
 *	RATE      100, 10k, 2M (1000s)                 value_uint, per second
 *	BYTES     1500, 64KiB, 10MiB, 1GiB (1024s)     value_uint, bytes
 *	STRING    any scalar                           value_string
 *	ENUM      one of `words`                       value_uint: index, value_string: word
 *	CIDR      an address or prefix, host bits zero value_cidr
 *	IFNAME    an interface's name, 1 to 15 bytes   value_string
 *	SET       the name of a set of the policy      value_string
 *	GROUP     the name of a group of the policy    value_string
 */
enum ms_plugin_type {
	MS_PLUGIN_BOOL = 1,
	MS_PLUGIN_UINT,
	MS_PLUGIN_DURATION,
	MS_PLUGIN_RATE,
	MS_PLUGIN_BYTES,
	MS_PLUGIN_STRING,
	MS_PLUGIN_ENUM,
	MS_PLUGIN_CIDR,
	MS_PLUGIN_IFNAME,
	MS_PLUGIN_SET,
	MS_PLUGIN_GROUP
};

/* ms_plugin_item.flags */
#define MS_PLUGIN_REQUIRED (1u << 0) /* must be written; has no default */
#define MS_PLUGIN_LIST (1u << 1)     /* a list of such values, or one that stands for itself */
#define MS_PLUGIN_SECRET (1u << 2)   /* never shown or logged */
/*
 * A STRING of configuration that names a file or a folder of them: the whole text if it begins with
 * a slash, or what follows the `file://` of a URL, in front of which a `NAME=` may stand. Any other
 * text names none. What is named is what a source or sink with MS_PLUGIN_NEEDS_FILES may read.
 */
#define MS_PLUGIN_FILE (1u << 3)

struct ms_plugin_item {
	const char *name;
	const char *help;         /* one line, shown by `plugin show` */
	uint32_t type;            /* enum ms_plugin_type */
	uint32_t flags;           /* MS_PLUGIN_REQUIRED ... */
	uint64_t min, max;        /* of a number, or of a string's length; max 0 = no limit */
	const char *const *words; /* ENUM: its words, NULL-terminated; else NULL */
	/* As the operator would write it; NULL = absent, then value_count() is 0 and the other
	 * value functions give 0, "" or -ENOENT. Not with REQUIRED or LIST. */
	const char *def;
};

/* An address or prefix. IPv4 in the first four bytes, the rest zero. */
struct ms_plugin_cidr {
	uint8_t addr[16];
	uint8_t family; /* 4 or 6 */
	uint8_t len;    /* of the prefix, in bits */
	uint8_t pad[6];
};

/* ---- the host table ---- */

/* Severity of a log line. */
enum ms_plugin_level {
	MS_PLUGIN_LOG_ERROR = 0,
	MS_PLUGIN_LOG_WARNING,
	MS_PLUGIN_LOG_NOTICE,
	MS_PLUGIN_LOG_INFO,
	MS_PLUGIN_LOG_DEBUG
};

#define MS_PLUGIN_READABLE (1u << 0)
#define MS_PLUGIN_WRITABLE (1u << 1)
#define MS_PLUGIN_URGENT (1u << 2) /* of minor 4; beside MS_PLUGIN_READABLE, see watch_fd() */

/* An interface the policy protects, during iface_foreach(). */
struct ms_plugin_iface {
	uint32_t struct_size;
	uint32_t ifindex;
	const char *name;
	const char *group;
	uint32_t workload; /* 1 = leads to a workload, 0 = the host's own */
	uint32_t pad;
};

/*
 * Valid from create() until destroy() returns. `state` is host->state, the first argument of each
 * call. `from` says in which process a call works: actions run in the daemon, sources and sinks in
 * a child of their own (D = daemon, C = child).
 */
struct ms_plugin_host {
	uint32_t struct_size;
	uint32_t abi_minor;
	struct ms_plugin_host_state *state;

	/* from D, C. One line, without a newline; the host puts the plugin's name before it. */
	void (*log)(struct ms_plugin_host_state *state, uint32_t level, const char *format, ...)
		MS_PLUGIN_PRINTF(3, 4);
	/* from D, C. Sets the sentence of a failure; the last one counts. `error` may be NULL. */
	void (*error_set)(struct ms_plugin_error *error, const char *format, ...)
		MS_PLUGIN_PRINTF(2, 3);
	/* from D, C. CLOCK_BOOTTIME. */
	uint64_t (*now_ns)(struct ms_plugin_host_state *state);

	/*
	 * from D, C. Reading of values, during the callback that got them. `index` counts the
	 * values of a LIST item, and is 0 for any other. A name that is no item of the schema, or
	 * an index at or past value_count(), is as if absent. value_string() stays valid as long as
	 * `values`.
	 */
	uint32_t (*value_count)(const struct ms_plugin_values *values, const char *name);
	uint64_t (*value_uint)(const struct ms_plugin_values *values, const char *name,
			       uint32_t index);
	const char *(*value_string)(const struct ms_plugin_values *values, const char *name,
				    uint32_t index);
	int (*value_cidr)(const struct ms_plugin_values *values, const char *name, uint32_t index,
			  struct ms_plugin_cidr *ret_cidr);

	/*
	 * from D, C. Calls ready(self, fd, MS_PLUGIN_READABLE | ...) while `fd` is ready (level
	 * triggered). The descriptor stays the plugin's and is closed after unwatch(). unwatch()
	 * may be called from the watch's own callback. All watches end by themselves after stop().
	 * Of minor 4: with MS_PLUGIN_URGENT it is called while the daemon works out a new policy,
	 * too, when other callbacks wait; set_del() is -EAGAIN then. In a source or sink it makes
	 * no difference.
	 */
	int (*watch_fd)(struct ms_plugin_host_state *state, int fd, uint32_t wanted,
			void (*ready)(void *self, int fd, uint32_t what), void *self,
			struct ms_plugin_watch **ret_watch);
	/* from D, C. Calls due(self) after `first_ns`, then every `every_ns`; 0 = once, and the
	 * watch is then there still, for unwatch(). */
	int (*watch_time)(struct ms_plugin_host_state *state, uint64_t first_ns, uint64_t every_ns,
			  void (*due)(void *self), void *self, struct ms_plugin_watch **ret_watch);
	void (*unwatch)(struct ms_plugin_host_state *state, struct ms_plugin_watch *watch);
	/* from D, C, and any thread. Has ms_plugin.woken called soon; calls may be merged. */
	void (*wake)(struct ms_plugin_host_state *state);

	/* from D. Calls `each` for every protected interface until it returns non-zero; returns
	 * that. `iface` is lent. */
	int (*iface_foreach)(struct ms_plugin_host_state *state,
			     int (*each)(void *user, const struct ms_plugin_iface *iface),
			     void *user);

	/*
	 * from D. Puts an address or prefix into a set of the policy for `ttl_ns` (0 = until
	 * set_del()), in force when it returns; it outlives the daemon, as what the CLI puts in.
	 * Again = the time is counted anew. 0: it is in; 1: so it was, put in by somebody else
	 * for at least as long, and nothing has changed. Files and sources hold their members
	 * beside it, whatever their time: it is in until the last who holds it lets it go.
	 * -ENOENT: no such set (there is none until the daemon has started); -EPERM: it covers, or
	 * lies within, a peer of the failsafe or a member of an allow-listed set, that is another
	 * set that a rule which allows names; -ENOSPC: the set is full; -EINVAL: no prefix. Another
	 * -errno: it cannot be saved. set_del() takes out only what this plugin put in, be it
	 * before a restart, and nobody else changed (-ENOENT; -EAGAIN: see watch_fd()); in force
	 * when it returns, but of a prefix with many others within it some tenths of a second
	 * later.
	 */
	int (*set_add)(struct ms_plugin_host_state *state, const char *set,
		       const struct ms_plugin_cidr *member, uint64_t ttl_ns);
	int (*set_del)(struct ms_plugin_host_state *state, const char *set,
		       const struct ms_plugin_cidr *member);

	/* from D, C. One number for `plugin show` and metrics, during stats(). `rule` is the rule's
	 * id or NULL. `help` one line. The number only grows (counter) unless `is_gauge`. */
	void (*emit)(struct ms_plugin_emit *to, const char *name, const char *help,
		     const char *rule, uint64_t value, uint32_t is_gauge);

	/* from C. The source has something new: snapshot() is called soon; calls may be merged. */
	void (*source_changed)(struct ms_plugin_host_state *state);
	/*
	 * from D, C. It cannot do its work, and why; NULL = it can again. A problem of `status`
	 * while that lasts, and in the log when it changes. Of a source: it cannot reach what it
	 * follows, or had to leave out what is wrong there, which `source show` has with its age;
	 * the last good transaction stays in force, and what a process before this one said is over
	 * with the first transaction. Of an action: `plugin show` has it.
	 */
	void (*source_trouble)(struct ms_plugin_host_state *state, const char *sentence);

	/*
	 * from C, during snapshot(). What makes up the whole transaction; order within a kind is
	 * the order of judgement. `origin` says where it is from in the source's own words
	 * ("container web", "/microseg/v1/policy/base:12"), at most 127 bytes without control
	 * characters (anything else: -EINVAL), shown with every verdict, a long one without its
	 * middle. `text` is policy language (YAML or JSON), `size` bytes, need not end in a NUL.
	 * A text that does not parse: -EINVAL, and error_set() is done, with "NAME:ORIGIN:" and
	 * line and column within `text` in front of the reason; the plugin leaves that one out and
	 * goes on, or fails as a whole. Every call here may get a NULL `error`, or that of
	 * snapshot(), which counts only if that fails; a call that failed has added nothing.
	 */
	/* A whole document: version, groups, sets, rules. */
	int (*add_document)(struct ms_plugin_builder *builder, const char *origin, const char *text,
			    size_t size, struct ms_plugin_error *error);
	/* One mapping as below `groups:`. Its `match` may be absent: then only bind() fills it. */
	int (*add_group)(struct ms_plugin_builder *builder, const char *origin, const char *text,
			 size_t size, struct ms_plugin_error *error);
	/* One mapping as below `rules:`. `id` may be absent: origin and position make one. `group`
	 * is what confines a rule to certain links. -EPERM: the daemon refused a transaction that
	 * had it, for this rule or another one of its origin; snapshot() was called again for that.
	 * What comes from there is best left out: the rest is then in force. */
	int (*add_rule)(struct ms_plugin_builder *builder, const char *origin, const char *text,
			size_t size, struct ms_plugin_error *error);
	/* An empty set, which rules name as they name one of a file. -EEXIST if the transaction has
	 * it: harmless, members go to that one. */
	int (*add_set)(struct ms_plugin_builder *builder, const char *name,
		       struct ms_plugin_error *error);
	/* `timeout_ns` from now, 0 = none; re-asserted by each transaction that has the member.
	 * -ENOENT: the transaction has no such set. -EINVAL: no prefix, or host bits that are not
	 * zero. Twice the same: the longer timeout, and none is the longest. */
	int (*add_member)(struct ms_plugin_builder *builder, const char *set,
			  const struct ms_plugin_cidr *member, uint64_t timeout_ns,
			  struct ms_plugin_error *error);
	/* The workload's links on the host belong to `group`, before any `match` of files is asked.
	 * A workload that is gone is no error. */
	int (*bind)(struct ms_plugin_builder *builder, const char *group, uint32_t kind,
		    uint64_t workload, struct ms_plugin_error *error);

	/* from D. The id of the rule that programs know by this number (ctx.rule), as emit() wants
	 * it; lent until the callback returns. NULL: no rule in force has this number. */
	const char *(*rule_id)(struct ms_plugin_host_state *state, uint32_t rule);

	/* from D, C. Full path of the plugin's own directory below the daemon's --state-dir; what
	 * is in it outlives the process. A source or sink may write below it if it needs
	 * MS_PLUGIN_NEEDS_WRITE, and it is there; an action makes it when it needs it. NULL = it
	 * has none, as in a trial. */
	const char *state_dir;

	/* from C. Full path of the control socket of the daemon that it serves, if it needs
	 * MS_PLUGIN_NEEDS_UNIX: there it may ask what anybody in the group may. NULL = it is told
	 * of none, as in a trial. */
	const char *control_socket;

	/* Of minor 1. from D, C. The sentence that is set, by error_set() or by a call of the host
	 * that failed; "" = none, or `error` is NULL. Lent until another one is set. */
	const char *(*error_get)(const struct ms_plugin_error *error);

	/*
	 * Of minor 2. from C, during snapshot(). A set that stays as it is in force of this source,
	 * of this process or one before it: what the source cannot tell now is not given up. One of
	 * which nothing is in force is left out. Times of its members count anew, as though the
	 * transaction had them. -EEXIST if the transaction has the set; it takes no members.
	 */
	int (*keep_set)(struct ms_plugin_builder *builder, const char *name,
			struct ms_plugin_error *error);
	/*
	 * Of minor 2. from C, during snapshot(). What is wrong at `origin` and therefore not, or
	 * not as its author wants it, in this transaction: `source show` has it while that is in
	 * force. `why` is a line. -E2BIG past the first 256.
	 */
	int (*leave_out)(struct ms_plugin_builder *builder, const char *origin, const char *why,
			 struct ms_plugin_error *error);
	/*
	 * Of minor 3. from C, during snapshot(). The rules that add_rule() took last, as far back
	 * as they are from `origin`, are not in the transaction: one that comes from there is
	 * wrong, and what its author meant is all of them or none.
	 */
	int (*take_back)(struct ms_plugin_builder *builder, const char *origin,
			 struct ms_plugin_error *error);
	/*
	 * Of minor 4. from C, during snapshot(). The number of this transaction, larger than that
	 * of any that this process told before. From now on, and until another one is given,
	 * `in_force(self, number)` is called when the transaction of that number is in force: every
	 * earlier one was before, or never will be. NULL ends it. Not during snapshot(). A plugin
	 * that is a sink too is not told.
	 */
	uint64_t (*watch_in_force)(struct ms_plugin_builder *builder,
				   void (*in_force)(void *self, uint64_t number), void *self);
};

/* What bind() calls a workload. */
enum ms_plugin_workload {
	MS_PLUGIN_WORKLOAD_PID = 1, /* any process in its network namespace, by the host's number */
	MS_PLUGIN_WORKLOAD_IFINDEX, /* of the host's end of the link */
	MS_PLUGIN_WORKLOAD_MAC /* of the workload's end: 48 bits, first byte on the wire highest */
};

/* ---- events ---- */

/* What a packet's verdict tells. Lent, as its strings. */
struct ms_plugin_event {
	uint32_t struct_size;
	uint32_t ifindex;
	uint64_t time_ns;    /* CLOCK_REALTIME */
	uint64_t seq;        /* per cpu; a gap = events lost */
	uint32_t suppressed; /* events of the rule held back since its last one */
	uint32_t generation; /* of the policy that judged */
	uint32_t length;     /* bytes on the wire */
	uint32_t cpu;
	const char *rule;         /* its id, "" = no rule said so */
	const char *origin;       /* file:line, "runtime", "builtin", or a source's words */
	const char *iface;        /* its name, "" if it is gone */
	const char *group;        /* "" = none */
	uint8_t src[16], dst[16]; /* IPv4 in the first four bytes */
	uint16_t sport, dport;    /* 0 without ports */
	uint16_t ethertype;
	uint16_t vlan_outer, vlan_inner; /* VID, 0 = untagged */
	uint8_t family;                  /* 4, 6, 0 = not IP */
	uint8_t proto;
	uint8_t tcp_flags;
	uint8_t icmp_type, icmp_code;
	uint8_t dscp;
	uint8_t dir;     /* enum ms_dir */
	uint8_t verdict; /* enum ms_verdict */
	uint8_t reason;  /* enum ms_reason */
	uint8_t pad[5];
};

/* ---- actions: in the daemon; the work itself is a BPF program ---- */

/* A map of the datapath that a program shares by its name (<microseg/action.bpf.h>). */
struct ms_plugin_map {
	const char *name;
	int fd; /* the host's: duplicated by bpf_map__reuse_fd(), not closed by the plugin */
};

/* What load() works with. Lent until destroy(). */
struct ms_plugin_env {
	uint32_t struct_size;
	uint32_t map_count;
	const struct ms_plugin_map *maps; /* every map that action.bpf.h declares */
	/* A directory in bpffs of the plugin's own, to pin maps that are to survive the daemon; -1
	 * while the plugin is only tried. What is not used after a load is the plugin's to unpin.
	 */
	int pin_dir_fd;
	uint32_t pad;
};

/* One place of a rule in force that names an action. */
struct ms_plugin_in_force {
	uint32_t rule;                     /* ctx.rule */
	uint8_t args[MS_PLUGIN_ARGS_SIZE]; /* as encode_args() made them */
};

/* ms_plugin_action.flags */
#define MS_PLUGIN_ACTION_ENDS (1u << 0)   /* may end with a verdict of its own (ms_action_end) */
#define MS_PLUGIN_ACTION_TAKES (1u << 1)  /* may take the packet (ms_action_taken) */
#define MS_PLUGIN_ACTION_MODIFY (1u << 2) /* may change the packet or its mark */
/*
 * Of minor 3, and with none of the above. It only looks: neither what becomes of this packet nor of
 * any other, nor what any of them is, hangs on whether its program ran. In audit mode it runs under
 * a list that ends in deny as well, where others are passed over (MS_ACTION_AUDIT and
 * MS_ACTION_DENIED are both set).
 */
#define MS_PLUGIN_ACTION_OBSERVES (1u << 3)

struct ms_plugin_action {
	const char *name; /* as rules name it; unique over all plugins that are loaded */
	const char *help; /* one line */
	uint32_t flags;   /* MS_PLUGIN_ACTION_* */
	uint32_t arg_count;
	const struct ms_plugin_item *args;
	/* The operator may write `NAME: value` instead of `NAME: { ITEM: value }`; NULL = not. */
	const char *short_arg;
	/*
	 * Makes what the program finds in ctx.args for one place of one rule. `ret_args` comes
	 * zeroed. Refuse here what items cannot say ("burst must not be below 1"). Pure: the same
	 * values give the same bytes. It needs nothing but create(): `policy check` has it called
	 * in a trial, without load(). NULL = the program has no arguments, arg_count is 0.
	 */
	int (*encode_args)(void *self, const struct ms_plugin_values *values,
			   uint8_t ret_args[MS_PLUGIN_ARGS_SIZE], struct ms_plugin_error *error);
	/*
	 * Opens, shares maps, loads, and gives the file descriptor of a BPF_PROG_TYPE_SCHED_CLS
	 * program. The host duplicates it at once; the plugin closes its own in destroy(). Called
	 * again by `plugin reload` while the program of the last call still runs: then the new one
	 * must go on from the same maps. In a trial the maps of `env` are throw-away ones.
	 */
	int (*load)(void *self, const struct ms_plugin_env *env, int *ret_prog_fd,
		    struct ms_plugin_error *error);
	/* Told of events of rules that name this action; few per second and rule, as `log` is.
	 * NULL = not told. */
	void (*on_event)(void *self, const struct ms_plugin_event *event);
	/* A rule in force no longer has this action, by its number (ctx.rule): forget its state.
	 * After a load also of rules that had actions when the daemon started, some of them others.
	 * NULL = there is none. */
	void (*rule_gone)(void *self, uint32_t rule);
	/* All that names this action, after each change of the rules in force, and of one that
	 * comes to a running daemon before its encode_args() is asked; `rules` are lent. What
	 * encode_args() was asked for may never come in force. NULL = not told. */
	void (*in_force)(void *self, const struct ms_plugin_in_force *rules, size_t count);
};

/* ---- sources and sinks: in a child without capabilities ---- */

struct ms_plugin_source {
	const char *help; /* one line */
	/*
	 * Adds all there is to `builder`, not what changed; the host finds the difference and puts
	 * it in force as one generation, or nothing of it. Called once after start(), then after
	 * source_changed(). On failure the last good transaction stays in force; so it does on
	 * -EAGAIN, which is no failure: there is nothing to say yet, and source_changed() follows.
	 */
	int (*snapshot)(void *self, struct ms_plugin_builder *builder,
			struct ms_plugin_error *error);
};

struct ms_plugin_sink {
	const char *help; /* one line */
	/*
	 * `events` are `count` pointers, oldest first, lent. `lost` events came before them and
	 * were dropped because this sink was slow: the daemon never waits for a sink.
	 */
	void (*on_events)(void *self, const struct ms_plugin_event *const *events, size_t count,
			  uint64_t lost);
};

/* ---- the descriptor ---- */

/* ms_plugin.provides */
#define MS_PLUGIN_ACTION (1u << 0)
#define MS_PLUGIN_SOURCE (1u << 1)
#define MS_PLUGIN_SINK (1u << 2)

/* ms_plugin.needs: what the sandbox of a source or sink leaves open. Nothing else works there. */
#define MS_PLUGIN_NEEDS_UNIX (1u << 0)    /* connect to unix sockets */
#define MS_PLUGIN_NEEDS_INET (1u << 1)    /* connect by TCP and UDP */
#define MS_PLUGIN_NEEDS_LISTEN (1u << 2)  /* listen too */
#define MS_PLUGIN_NEEDS_FILES (1u << 3)   /* read files that MS_PLUGIN_FILE items name */
#define MS_PLUGIN_NEEDS_WRITE (1u << 4)   /* write below its own state directory */
#define MS_PLUGIN_NEEDS_THREADS (1u << 5) /* make threads */

/*
 * Everything is constant data: reading it runs no code of the plugin. A plugin provides actions, or
 * a source, or a sink; a source and a sink may be together, actions stand alone. The first eight
 * fields are MS_PLUGIN()'s.
 */
struct ms_plugin {
	uint32_t struct_size;
	uint16_t abi_major, abi_minor;
	uint32_t provides;  /* MS_PLUGIN_ACTION | ... */
	uint32_t item_size; /* sizeof(struct ms_plugin_item) as compiled, and so on */
	uint32_t action_size;
	uint32_t source_size;
	uint32_t sink_size;

	const char *name;    /* that of the file: NAME.so */
	const char *version; /* of the plugin, in its own way of counting */
	const char *summary; /* one line */
	const char *license; /* SPDX */
	uint32_t needs;      /* MS_PLUGIN_NEEDS_* */
	uint32_t config_count;
	const struct ms_plugin_item *config; /* what `plugins: NAME:` in microseg.yaml may say */

	/*
	 * Required. Checks `config` and makes the plugin's state, whose address every later
	 * callback gets as `self` (may be NULL). Nothing outside is touched yet: it runs in trials
	 * too.
	 */
	int (*create)(const struct ms_plugin_host *host, const struct ms_plugin_values *config,
		      void **ret_self, struct ms_plugin_error *error);
	/* Begins work: connects, watches, makes threads. NULL = nothing to begin. */
	int (*start)(void *self, struct ms_plugin_error *error);
	/* New configuration while it runs. On failure the old one goes on. NULL = the plugin is
	 * stopped, destroyed and created anew instead. */
	int (*reconfigure)(void *self, const struct ms_plugin_values *config,
			   struct ms_plugin_error *error);
	/* Ends what start() began, within a second. NULL = nothing to end. */
	void (*stop)(void *self);
	/* Required. Frees all. */
	void (*destroy)(void *self);
	/* wake() was called. NULL = never. */
	void (*woken)(void *self);
	/* Numbers of its own, each by one emit(). NULL = none. */
	void (*stats)(void *self, struct ms_plugin_emit *to);

	const struct ms_plugin_action *actions; /* NULL unless provided, as the two below */
	uint32_t action_count;
	uint32_t pad;
	const struct ms_plugin_source *source;
	const struct ms_plugin_sink *sink;
};

/*
 * The ELF note by which a file is known before any of its code can run: section .note.microseg,
 * owner "microseg", this type, and as its content these words in the byte order of the machine.
 */
#define MS_PLUGIN_NOTE_OWNER "microseg"
#define MS_PLUGIN_NOTE_TYPE 0x4d534547 /* "MSEG" */

struct ms_plugin_note {
	uint32_t abi_major, abi_minor;
	uint32_t provides;
	uint32_t plugin_size, item_size, action_size, source_size, sink_size;
};

struct ms_plugin_note_record {
	uint32_t owner_size, content_size, type;
	char owner[12]; /* padded to a multiple of four */
	struct ms_plugin_note note;
};

/* The one symbol a plugin exports. */
__attribute__((visibility("default"))) extern const struct ms_plugin ms_plugin_descriptor;

/*
 * Once per plugin, at file scope, followed by a semicolon:
 *	MS_PLUGIN(MS_PLUGIN_ACTION, .name = "mark", .version = "1.0", ...);
 * The fields from `name` on may be named in C; C++ before C++20 gives them in their order.
 */
#define MS_PLUGIN(kinds, ...)                                                                      \
	static const struct ms_plugin_note_record ms_plugin_note_record __attribute__((            \
		used, aligned(4), section(".note.microseg"))) = {                                  \
		sizeof(MS_PLUGIN_NOTE_OWNER),                                                      \
		sizeof(struct ms_plugin_note),                                                     \
		MS_PLUGIN_NOTE_TYPE,                                                               \
		MS_PLUGIN_NOTE_OWNER,                                                              \
		{ MS_PLUGIN_ABI_MAJOR, MS_PLUGIN_ABI_MINOR, (kinds), sizeof(struct ms_plugin),     \
		  sizeof(struct ms_plugin_item), sizeof(struct ms_plugin_action),                  \
		  sizeof(struct ms_plugin_source), sizeof(struct ms_plugin_sink) }                 \
	};                                                                                         \
	const struct ms_plugin ms_plugin_descriptor = { sizeof(struct ms_plugin),                  \
							MS_PLUGIN_ABI_MAJOR,                       \
							MS_PLUGIN_ABI_MINOR,                       \
							(kinds),                                   \
							sizeof(struct ms_plugin_item),             \
							sizeof(struct ms_plugin_action),           \
							sizeof(struct ms_plugin_source),           \
							sizeof(struct ms_plugin_sink),             \
							__VA_ARGS__ }

#ifdef __cplusplus
}
#endif

#endif
