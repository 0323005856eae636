/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A daemon that stops in the middle of a commit, of what comes before that of an offer, of reading
 * what is saved of a source, before it clears members that have ended or takes a member out of a
 * set, where a test has put two pipes into the folder that MS_TEST_HELD names: the first tells that
 * it is there, the second when it may go on. As long as there is a file `no-memory`, the first set
 * in force can be replaced and no other; with `no-tell` no prefix is told its sets, with
 * `no-set` no member is put into one, with `no-save` none is saved, and with `no-space` no number
 * of a generation. With `half` rounds that tell prefixes come no further than HELD_PLACE, which
 * each round that gets there notes in a file `halfway`.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bpf/dataplane.h"
#include "core/base/cleanup.h"
#include "core/classify/compile.h"
#include "core/committer.h"
#include "core/flips.h"
#include "core/set_table/private.h"
#include "core/source/offer.h"
#include "core/sources/sources.h"
#include "core/state/documents.h"
#include "core/state/state.h"
#include "tests/netns/held.h"

int __real_ms_compile(const struct ms_policy *policy, uint32_t generation,
		      const struct ms_numbering *numbering, enum ms_engine engine,
		      const struct ms_late *late, struct ms_image **ret_image,
		      struct ms_error *err);
int __wrap_ms_compile(const struct ms_policy *policy, uint32_t generation,
		      const struct ms_numbering *numbering, enum ms_engine engine,
		      const struct ms_late *late, struct ms_image **ret_image,
		      struct ms_error *err);
void __real_ms_committer_publish(struct ms_committer *committer);
void __wrap_ms_committer_publish(struct ms_committer *committer);
int __real_ms_dataplane_idle_half(struct ms_dataplane *dp, unsigned int *ret_half);
int __wrap_ms_dataplane_idle_half(struct ms_dataplane *dp, unsigned int *ret_half);
int __real_ms_dataplane_member_put(struct ms_dataplane *dp, const struct ms_cidr *cidr,
				   const struct ms_member_sets *sets);
int __wrap_ms_dataplane_member_put(struct ms_dataplane *dp, const struct ms_cidr *cidr,
				   const struct ms_member_sets *sets);
int __real_ms_dataplane_set_add(struct ms_dataplane *dp, uint32_t set, const struct ms_cidr *member,
				uint32_t expires_tick, uint32_t until_tick);
int __wrap_ms_dataplane_set_add(struct ms_dataplane *dp, uint32_t set, const struct ms_cidr *member,
				uint32_t expires_tick, uint32_t until_tick);
int __real_ms_dataplane_set_remove(struct ms_dataplane *dp, uint32_t set,
				   const struct ms_cidr *member);
int __wrap_ms_dataplane_set_remove(struct ms_dataplane *dp, uint32_t set,
				   const struct ms_cidr *member);
bool __real_ms_set_table_tell_some(struct ms_set_table *table, size_t most);
bool __wrap_ms_set_table_tell_some(struct ms_set_table *table, size_t most);
int __real_ms_sources_save_members(struct ms_sources *sources,
				   const struct ms_runtime_change *change, struct ms_error *err);
int __wrap_ms_sources_save_members(struct ms_sources *sources,
				   const struct ms_runtime_change *change, struct ms_error *err);
int __real_ms_documents_read(const char *path, struct ms_documents *ret_documents,
			     struct ms_error *err);
int __wrap_ms_documents_read(const char *path, struct ms_documents *ret_documents,
			     struct ms_error *err);
int __real_ms_documents_parse(const struct ms_documents *documents, enum ms_source source,
			      struct ms_policy **ret_policy, struct ms_error *err);
int __wrap_ms_documents_parse(const struct ms_documents *documents, enum ms_source source,
			      struct ms_policy **ret_policy, struct ms_error *err);
int __real_ms_flips_count(const struct ms_flips *flips, unsigned int half, unsigned int *ret_count,
			  bool *ret_is_minimum);
int __wrap_ms_flips_count(const struct ms_flips *flips, unsigned int half, unsigned int *ret_count,
			  bool *ret_is_minimum);
int __real_ms_source_offer_policy(const struct ms_source_offer *offer, const char *name,
				  const atomic_bool *is_given_up, struct ms_policy **ret_policy,
				  struct ms_error *err);
int __wrap_ms_source_offer_policy(const struct ms_source_offer *offer, const char *name,
				  const atomic_bool *is_given_up, struct ms_policy **ret_policy,
				  struct ms_error *err);
int __real_ms_set_table_replace(struct ms_set_table *table, const struct ms_set_def *def,
				struct ms_error *err);
int __wrap_ms_set_table_replace(struct ms_set_table *table, const struct ms_set_def *def,
				struct ms_error *err);
int __real_ms_set_table_build(const struct ms_set_table *table, const struct ms_set_def *def,
			      struct ms_membership *ret_set);
int __wrap_ms_set_table_build(const struct ms_set_table *table, const struct ms_set_def *def,
			      struct ms_membership *ret_set);
void __real_ms_set_table_pause(struct ms_set_table *table);
void __wrap_ms_set_table_pause(struct ms_set_table *table);
void __real_ms_set_table_end_turn(struct ms_set_table *table);
void __wrap_ms_set_table_end_turn(struct ms_set_table *table);
void __real_ms_set_table_abandon(struct ms_set_table *table);
void __wrap_ms_set_table_abandon(struct ms_set_table *table);
void __real_ms_set_table_clear_ended(struct ms_set_table *table);
void __wrap_ms_set_table_clear_ended(struct ms_set_table *table);
int __real_ms_state_load_source(struct ms_state *state, const char *name, char **ret_bytes,
				size_t *ret_length, int64_t *ret_saved_at);
int __wrap_ms_state_load_source(struct ms_state *state, const char *name, char **ret_bytes,
				size_t *ret_length, int64_t *ret_saved_at);
int __real_ms_state_save_generation(struct ms_state *state, uint32_t generation);
int __wrap_ms_state_save_generation(struct ms_state *state, uint32_t generation);
int __real_ms_state_stage_documents(struct ms_state *state, enum ms_state_documents which,
				    const struct ms_documents *documents);
int __wrap_ms_state_stage_documents(struct ms_state *state, enum ms_state_documents which,
				    const struct ms_documents *documents);

/* Opening a pipe waits for its other end. */
static void hold(const char *stage)
{
	const char *dir = getenv("MS_TEST_HELD");
	char path[256];

	snprintf(path, sizeof(path), "%s/%s-there", dir ? dir : "", stage);
	if (!dir || access(path, F_OK) < 0)
		return;
	close(open(path, O_WRONLY | O_CLOEXEC));
	snprintf(path, sizeof(path), "%s/%s-go", dir, stage);
	close(open(path, O_RDONLY | O_CLOEXEC));
}

/* Whether the test has put it into the folder. */
static bool is_there(const char *file)
{
	const char *dir = getenv("MS_TEST_HELD");
	char path[256];

	snprintf(path, sizeof(path), "%s/%s", dir ? dir : "", file);
	return dir && access(path, F_OK) == 0;
}

int __wrap_ms_compile(const struct ms_policy *policy, uint32_t generation,
		      const struct ms_numbering *numbering, enum ms_engine engine,
		      const struct ms_late *late, struct ms_image **ret_image, struct ms_error *err)
{
	hold("compile");
	return __real_ms_compile(policy, generation, numbering, engine, late, ret_image, err);
}

int __wrap_ms_source_offer_policy(const struct ms_source_offer *offer, const char *name,
				  const atomic_bool *is_given_up, struct ms_policy **ret_policy,
				  struct ms_error *err)
{
	hold("offer");
	return __real_ms_source_offer_policy(offer, name, is_given_up, ret_policy, err);
}

int __wrap_ms_set_table_replace(struct ms_set_table *table, const struct ms_set_def *def,
				struct ms_error *err)
{
	static unsigned int calls;

	if (is_there("no-memory") && calls++ > 0)
		return -ENOMEM;
	return __real_ms_set_table_replace(table, def, err);
}

/* While sets are loaded, and what addresses are told of them is held back. */
int __wrap_ms_set_table_build(const struct ms_set_table *table, const struct ms_set_def *def,
			      struct ms_membership *ret_set)
{
	hold("sets");
	return __real_ms_set_table_build(table, def, ret_set);
}

static bool has_dropped;

/* While what a policy no longer has goes, and who comes meanwhile has his turn; "dropped" if
 * something has gone. */
void __wrap_ms_set_table_pause(struct ms_set_table *table)
{
	ms_set_table_exit(table);
	hold(has_dropped ? "dropped" : "pause");
	ms_set_table_enter(table);
	__real_ms_set_table_pause(table);
}

/* Behind the first members of many that come meanwhile, and behind the next. */
void __wrap_ms_set_table_end_turn(struct ms_set_table *table)
{
	static unsigned int turns;

	__real_ms_set_table_end_turn(table);
	hold(turns++ == 0 ? "turn" : "next-turn");
}

void __wrap_ms_set_table_abandon(struct ms_set_table *table)
{
	hold("abandon");
	__real_ms_set_table_abandon(table);
}

void __wrap_ms_set_table_clear_ended(struct ms_set_table *table)
{
	hold("clear");
	if (is_there("half")) /* it would tell the rest */
		return;
	__real_ms_set_table_clear_ended(table);
}

int __wrap_ms_dataplane_idle_half(struct ms_dataplane *dp, unsigned int *ret_half)
{
	hold("grace");
	return __real_ms_dataplane_idle_half(dp, ret_half);
}

static bool is_halfway;

static void note_halfway(void)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/halfway", getenv("MS_TEST_HELD"));
	close(open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
}

bool __wrap_ms_set_table_tell_some(struct ms_set_table *table, size_t most)
{
	static bool was_half;
	bool is_half = is_there("half"), is_more = true;

	is_halfway &= is_half && was_half;
	was_half = is_half;
	/* It is only asked, or by who cannot wait. */
	if (!is_half || most == 0 || most == SIZE_MAX)
		return __real_ms_set_table_tell_some(table, most);
	while (is_more && !is_halfway)
		is_more = __real_ms_set_table_tell_some(table, 1);
	if (!is_halfway)
		return false;
	note_halfway();
	/* Somebody else may have told the rest. */
	return __real_ms_set_table_tell_some(table, 0);
}

int __wrap_ms_dataplane_member_put(struct ms_dataplane *dp, const struct ms_cidr *cidr,
				   const struct ms_member_sets *sets)
{
	char text[MS_CIDR_TEXT];

	is_halfway |= strcmp(ms_cidr_format(cidr, text, sizeof(text)), HELD_PLACE) == 0;
	return is_there("no-tell") ? -ENOMEM : __real_ms_dataplane_member_put(dp, cidr, sets);
}

int __wrap_ms_dataplane_set_add(struct ms_dataplane *dp, uint32_t set, const struct ms_cidr *member,
				uint32_t expires_tick, uint32_t until_tick)
{
	return is_there("no-set")
		       ? -ENOMEM
		       : __real_ms_dataplane_set_add(dp, set, member, expires_tick, until_tick);
}

int __wrap_ms_sources_save_members(struct ms_sources *sources,
				   const struct ms_runtime_change *change, struct ms_error *err)
{
	return is_there("no-save") ? -EIO : __real_ms_sources_save_members(sources, change, err);
}

int __wrap_ms_dataplane_set_remove(struct ms_dataplane *dp, uint32_t set,
				   const struct ms_cidr *member)
{
	hold("drop");
	has_dropped = true;
	return __real_ms_dataplane_set_remove(dp, set, member);
}

int __wrap_ms_documents_read(const char *path, struct ms_documents *ret_documents,
			     struct ms_error *err)
{
	hold("read");
	return __real_ms_documents_read(path, ret_documents, err);
}

int __wrap_ms_documents_parse(const struct ms_documents *documents, enum ms_source source,
			      struct ms_policy **ret_policy, struct ms_error *err)
{
	hold("parse");
	return __real_ms_documents_parse(documents, source, ret_policy, err);
}

int __wrap_ms_flips_count(const struct ms_flips *flips, unsigned int half, unsigned int *ret_count,
			  bool *ret_is_minimum)
{
	hold("flips");
	return __real_ms_flips_count(flips, half, ret_count, ret_is_minimum);
}

int __wrap_ms_state_save_generation(struct ms_state *state, uint32_t generation)
{
	hold("save");
	if (is_there("no-space"))
		return -ENOSPC;
	return __real_ms_state_save_generation(state, generation);
}

int __wrap_ms_state_stage_documents(struct ms_state *state, enum ms_state_documents which,
				    const struct ms_documents *documents)
{
	hold("stage");
	return __real_ms_state_stage_documents(state, which, documents);
}

void __wrap_ms_committer_publish(struct ms_committer *committer)
{
	hold("switch");
	__real_ms_committer_publish(committer);
}

int __wrap_ms_state_load_source(struct ms_state *state, const char *name, char **ret_bytes,
				size_t *ret_length, int64_t *ret_saved_at)
{
	hold("load");
	return __real_ms_state_load_source(state, name, ret_bytes, ret_length, ret_saved_at);
}
