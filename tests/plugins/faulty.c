/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A plugin with one fault, chosen by a macro; without one it is fine. Its constructor leaves a
 * file, so that a test sees whether any of its code has run.
 */
#include <bpf/bpf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <signal.h>
#include <stddef.h>
#include <unistd.h>

#include "microseg/chain.h"
#include "microseg/plugin.h"
#include "tests/plugins/faulty.h"

#define CB(word) offsetof(struct __sk_buff, cb[word])

#ifdef NO_HELP
#define HELP NULL
#else
#define HELP "one line"
#endif

#ifndef ACTION_NAME
#define ACTION_NAME PLUGIN_NAME
#endif

static const struct ms_plugin_host *the_host;

__attribute__((unused)) static void crash(void)
{
	signal(SIGSEGV, SIG_DFL); /* a sanitizer would make it an exit */
	*(volatile int *)0 = 0;
}

__attribute__((unused)) static void hang(void)
{
	for (;;)
		pause();
}

/* Pipes: whoever opens the first one's other end knows that it stands still here. */
__attribute__((unused)) static void wait_for_go(void)
{
	close(open(MS_TEST_START_THERE, O_WRONLY | O_CLOEXEC));
	close(open(MS_TEST_START_GO, O_RDONLY | O_CLOEXEC));
}

__attribute__((constructor)) static void leave_a_mark(void)
{
	int fd = open(MS_TEST_CONSTRUCTOR_MARK, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	if (fd >= 0)
		close(fd);
#ifdef CONSTRUCTOR_CRASHES
	crash();
#endif
#ifdef CONSTRUCTOR_HANGS
	hang();
#endif
}

#ifdef TEXTREL
__asm__(".pushsection .text\n.quad ms_plugin_descriptor\n.popsection\n");
#endif

__attribute__((unused)) static int create(const struct ms_plugin_host *host,
					  const struct ms_plugin_values *config, void **ret_self,
					  struct ms_plugin_error *error)
{
	the_host = host;
#ifdef RECONFIGURES
	host->log(host->state, MS_PLUGIN_LOG_INFO, "made with a rate of %u",
		  (unsigned int)host->value_uint(config, "rate", 0));
#endif
	(void)config;
	*ret_self = NULL;
#ifdef CREATE_FAILS
	host->error_set(error, "no more of these");
	return -ENOSPC;
#endif
#ifdef CREATED_ONCE
	int fd = open(MS_TEST_CREATED_MARK, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	if (fd < 0) {
		host->error_set(error, "once was enough");
		return -errno;
	}
	close(fd);
#endif
#ifdef CREATE_CRASHES
	crash();
#endif
#ifdef CREATE_EXITS
	_exit(7);
#endif
#ifdef CREATE_HANGS
	hang();
#endif
#ifdef CREATE_WAITS
	if (!host->state_dir) /* in its trial */
		wait_for_go();
#endif
	(void)error;
	return 0;
}

__attribute__((unused)) static int reconfigure(void *self, const struct ms_plugin_values *config,
					       struct ms_plugin_error *error)
{
	unsigned int rate = (unsigned int)the_host->value_uint(config, "rate", 0);

	(void)self;
	if (rate == 13) {
		the_host->error_set(error, "13 brings no luck");
		return -EINVAL;
	}
	the_host->log(the_host->state, MS_PLUGIN_LOG_INFO, "goes on with a rate of %u", rate);
	return 0;
}

#if defined(LATER_HANGS) || defined(LATER_CRASHES)
static void due(void *self)
{
	(void)self;
#ifdef LATER_CRASHES
	crash();
#else
	hang();
#endif
}
#endif

__attribute__((unused)) static int start(void *self, struct ms_plugin_error *error)
{
	(void)self, (void)error;
#if defined(LATER_HANGS) || defined(LATER_CRASHES)
	struct ms_plugin_watch *watch;

	return the_host->watch_time(the_host->state, 300000000, 0, due, self, &watch);
#endif
#ifdef START_FAILS
	/* With a name that whoever shows it puts there, too. */
	the_host->error_set(error, PLUGIN_NAME ": not today");
	return -EAGAIN;
#endif
#ifdef START_CRASHES
	crash();
#endif
#ifdef START_WAITS
	wait_for_go();
#endif
	return 0;
}

__attribute__((unused)) static void destroy(void *self)
{
	(void)self;
#ifdef DESTROY_CRASHES
	crash();
#endif
#ifdef DESTROY_HANGS
	hang();
#endif
}

__attribute__((unused)) static int load(void *self, const struct ms_plugin_env *env, int *ret_fd,
					struct ms_plugin_error *error)
{
	__attribute__((unused)) int progs = -1;

	(void)self;
#ifdef LOAD_FAILS
	the_host->error_set(error, "out of\nluck");
	return -EIO;
#endif
#ifdef LOAD_CRASHES
	crash();
#endif
#ifdef LOAD_HANGS
	hang();
#endif
	for (uint32_t i = 0; i < env->map_count; i++) {
		if (env->maps[i].name[3] == 'p') /* ms_progs */
			progs = env->maps[i].fd;
	}
	{
		const struct bpf_insn code[] = {
#ifdef UNVERIFIABLE
			{ .code = BPF_ALU64 | BPF_MOV | BPF_X,
			  .dst_reg = BPF_REG_0,
			  .src_reg = BPF_REG_5 },
#endif
#ifdef BAD_WORD /* of the host's */
			{ .code = BPF_ST | BPF_MEM | BPF_W,
			  .dst_reg = BPF_REG_1,
			  .off = CB(MS_CHAIN_OFFSETS),
			  .imm = 99 },
#endif
#ifdef BAD_END /* as ms_action_end() and _taken() write it */
			{ .code = BPF_LDX | BPF_MEM | BPF_W,
			  .dst_reg = BPF_REG_3,
			  .src_reg = BPF_REG_1,
			  .off = CB(MS_CHAIN_RULE) },
			{ .code = BPF_ALU64 | BPF_OR | BPF_K,
			  .dst_reg = BPF_REG_3,
			  .imm = BAD_END << MS_CHAIN_END_SHIFT },
			{ .code = BPF_STX | BPF_MEM | BPF_W,
			  .dst_reg = BPF_REG_1,
			  .src_reg = BPF_REG_3,
			  .off = CB(MS_CHAIN_RULE) },
			{ .code = BPF_LDX | BPF_MEM | BPF_W,
			  .dst_reg = BPF_REG_3,
			  .src_reg = BPF_REG_1,
			  .off = CB(MS_CHAIN_LIST) },
			{ .code = BPF_ALU64 | BPF_OR | BPF_K,
			  .dst_reg = BPF_REG_3,
			  .imm = BAD_CODE << MS_CHAIN_CODE_SHIFT },
			{ .code = BPF_STX | BPF_MEM | BPF_W,
			  .dst_reg = BPF_REG_1,
			  .src_reg = BPF_REG_3,
			  .off = CB(MS_CHAIN_LIST) },
#endif
#ifndef OWN_CODE
			/* r2 = the map, r3 = the slot of resume; r1 is the packet already */
			{ .code = BPF_LD | BPF_IMM | BPF_DW,
			  .dst_reg = BPF_REG_2,
			  .src_reg = BPF_PSEUDO_MAP_FD,
			  .imm = progs },
			{ .code = 0 },
			{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_3, .imm = 1 },
			{ .code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_tail_call },
#endif
			{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = 2 },
			{ .code = BPF_JMP | BPF_EXIT },
		};
		int fd = bpf_prog_load(BPF_PROG_TYPE_SCHED_CLS, "faulty", "GPL", code,
				       sizeof(code) / sizeof(code[0]), NULL);

		if (fd < 0) {
			the_host->error_set(error, "the verifier said no");
			return fd;
		}
		*ret_fd = fd;
	}
	return 0;
}

__attribute__((unused)) static int encode(void *self, const struct ms_plugin_values *values,
					  uint8_t ret_args[MS_PLUGIN_ARGS_SIZE],
					  struct ms_plugin_error *error)
{
	(void)self, (void)values, (void)ret_args, (void)error;
#ifdef ENCODE_CRASHES
	if (the_host->value_uint(values, "rate", 0) == 13)
		crash();
#endif
#ifdef ENCODE_HANGS
	if (the_host->value_uint(values, "rate", 0) == 13)
		hang();
#endif
	return 0;
}

static const struct ms_plugin_item items[] = {
	{ .name = "rate",
	  .help = HELP,
#ifdef BAD_TYPE
	  .type = 99,
#else
	  .type = MS_PLUGIN_RATE,
#endif
	  .min = 1,
#ifdef BAD_FILE
	  .flags = MS_PLUGIN_FILE,
#endif
#ifdef BAD_DEFAULT
	  .def = "0"
#else
	  .def = "10k"
#endif
	},
#ifdef TWICE_THE_ITEM
	{ .name = "rate", .help = HELP, .type = MS_PLUGIN_RATE },
#endif
};

static const struct ms_plugin_action actions[] = {
	{
		.name = ACTION_NAME,
		.help = "does nothing",
#if defined(TWO_MINDS)
		.flags = MS_PLUGIN_ACTION_OBSERVES | MS_PLUGIN_ACTION_ENDS,
#elif defined(OBSERVES)
		.flags = MS_PLUGIN_ACTION_OBSERVES,
#endif
		.arg_count = sizeof(items) / sizeof(items[0]),
		.args = items,
#ifdef SHORT_ARG
		.short_arg = "pace",
#endif
		.encode_args = encode,
#ifndef NO_LOAD
		.load = load,
#endif
	},
};

#ifdef ABI_MAJOR
#undef MS_PLUGIN_ABI_MAJOR
#define MS_PLUGIN_ABI_MAJOR 9
#endif
#ifdef ABI_MINOR
#undef MS_PLUGIN_ABI_MINOR
#define MS_PLUGIN_ABI_MINOR 77
#endif

#ifdef OLDER
#undef MS_PLUGIN_ABI_MINOR
#define MS_PLUGIN_ABI_MINOR OLDER
#endif

#if defined(NO_NOTE)
const struct ms_plugin ms_plugin_descriptor = { .struct_size = sizeof(struct ms_plugin),
						.abi_major = MS_PLUGIN_ABI_MAJOR,
						.abi_minor = MS_PLUGIN_ABI_MINOR,
						.provides = MS_PLUGIN_ACTION,
#elif defined(STRUCT_SIZE)
static const struct ms_plugin_note_record note
	__attribute__((used, aligned(4), section(".note.microseg"))) = {
		sizeof(MS_PLUGIN_NOTE_OWNER),
		sizeof(struct ms_plugin_note),
		MS_PLUGIN_NOTE_TYPE,
		MS_PLUGIN_NOTE_OWNER,
		{ MS_PLUGIN_ABI_MAJOR, MS_PLUGIN_ABI_MINOR, MS_PLUGIN_ACTION, 4096, 8, 8, 8, 8 }
	};
const struct ms_plugin ms_plugin_descriptor = {
#else
MS_PLUGIN(MS_PLUGIN_ACTION,
#endif
#ifdef OTHER_NAME
						.name = "somebody",
#else
	.name = PLUGIN_NAME,
#endif
						.version = "1",
						.summary = "a plugin for tests",
						.license = "GPL-2.0-or-later",
#ifndef NO_CREATE
						.create = create,
#endif
#ifndef NO_DESTROY
						.destroy = destroy,
#endif
						.start = start,
#ifdef RECONFIGURES
						.reconfigure = reconfigure,
#endif
						.config = items,
						.config_count = sizeof(items) / sizeof(items[0]),
						.actions = actions,
						.action_count = 1
#if defined(NO_NOTE) || defined(STRUCT_SIZE)
};
#else
);
#endif
