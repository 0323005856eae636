/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The state directory: what the daemon must know again after a restart or a reboot. Every save is
 * on disk when it returns and replaces the old file whole, but for the journal, which grows.
 *
 *	runtime.json    rules, set members, modes and panic given by the CLI
 *	runtime.journal members of sets that came and went since runtime.json was saved
 *	applied.json    documents of `policy apply PATH...`, absent = the policy directory counts
 *	last-good.json  the documents of the last policy that was in force
 *	source-NAME     the last good transaction of a policy source, as it came from its process
 *	generation      number of the last generation, so that numbers never repeat
 */
#ifndef MS_CORE_STATE_STATE_H
#define MS_CORE_STATE_STATE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/error.h"
#include "core/state/documents.h"
#include "core/state/runtime.h"

struct ms_state;

/* Makes the directory (0700) if its parent exists. Refused: a symlink, another owner's, writable
 * by others. */
int ms_state_open(const char *dir, struct ms_state **ret_state, struct ms_error *err);
struct ms_state *ms_state_close(struct ms_state *state);

/* Absent files: -ENOENT. */
int ms_state_load_runtime(struct ms_state *state, struct ms_runtime *runtime, struct ms_error *err);
int ms_state_save_runtime(struct ms_state *state, const struct ms_runtime *runtime);
/* One change to what was saved or loaded last, at the cost of a line. */
int ms_state_append_runtime(struct ms_state *state, const struct ms_runtime_change *change);
/* All is to be saved instead: there are many lines, or the last such save failed. */
bool ms_state_wants_runtime(const struct ms_state *state);

/* -ENOENT, without a sentence, if and only if the file is absent; anything else is a file that
 * cannot be read or is damaged. */
enum ms_state_documents { MS_STATE_APPLIED, MS_STATE_LAST_GOOD };
int ms_state_load_documents(struct ms_state *state, enum ms_state_documents which,
			    struct ms_documents *ret_documents, struct ms_error *err);
/* In two halves; after the first, what is loaded is what was. */
int ms_state_stage_documents(struct ms_state *state, enum ms_state_documents which,
			     const struct ms_documents *documents);
int ms_state_settle_documents(struct ms_state *state, enum ms_state_documents which);
void ms_state_unstage_documents(struct ms_state *state, enum ms_state_documents which);
int ms_state_forget_documents(struct ms_state *state, enum ms_state_documents which);

/* A source's transaction, as bytes. `*ret_saved_at` is in seconds since 1970. */
int ms_state_load_source(struct ms_state *state, const char *name, char **ret_bytes,
			 size_t *ret_length, int64_t *ret_saved_at);
int ms_state_stage_source(struct ms_state *state, const char *name, const char *bytes,
			  size_t length);
int ms_state_settle_source(struct ms_state *state, const char *name);
void ms_state_unstage_source(struct ms_state *state, const char *name);
int ms_state_forget_source(struct ms_state *state, const char *name);
/* What cannot be read becomes source-NAME.damaged, in the place of one that was before. */
int ms_state_set_source_aside(struct ms_state *state, const char *name);

/* Says the full path of a plugin's own folder, whether or not it is there. -ENAMETOOLONG */
int ms_state_plugin_path(const struct ms_state *state, const char *name, char *ret_path,
			 size_t size);
/* Makes the folder that a plugin may write below, if need be, and says its full path. */
int ms_state_plugin_folder(struct ms_state *state, const char *name, char *ret_path, size_t size);

uint32_t ms_state_load_generation(struct ms_state *state); /* 0 = none yet */
int ms_state_save_generation(struct ms_state *state, uint32_t generation);

#endif
