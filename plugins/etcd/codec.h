/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is said to etcd's JSON gateway, and what it says. Pure. Bodies that are made are the
 * caller's to free; NULL = out of memory. What cannot be understood is -EBADMSG.
 */
#ifndef MS_PLUGINS_ETCD_CODEC_H
#define MS_PLUGINS_ETCD_CODEC_H

#include "documents.h"

/* Both prefixes are watched, and etcd watches one range a watcher. */
#define MS_ETCD_WATCHERS 2

enum ms_etcd_notice_kind {
	MS_ETCD_CREATED,   /* one of the watchers */
	MS_ETCD_CHANGED,   /* up to `revision` */
	MS_ETCD_PROGRESS,  /* nothing of ours */
	MS_ETCD_COMPACTED, /* what we wanted to go on from is no longer kept */
	MS_ETCD_ENDED      /* the watch, for the reason in `sentence` */
};

struct ms_etcd_notice {
	enum ms_etcd_notice_kind kind;
	int64_t revision;
	char sentence[256];
};

/* POST /v3/auth/authenticate, and the token of its answer. */
char *ms_etcd_codec_authenticate(const char *user, const char *password);
int ms_etcd_codec_parse_token(const char *body, size_t size, char **ret_token);

/* POST /v3/kv/txn: both ranges at one revision, host's documents first. `keys_only` leaves the
 * texts out. `ret_documents` must be zero; -ENOMEM besides. */
char *ms_etcd_codec_read(const char *hostname, bool keys_only);
int ms_etcd_codec_parse_documents(const char *body, size_t size,
				  struct ms_etcd_documents *ret_documents);

/* POST /v3/watch: both ranges from `revision` on. The answer is a line a notice, without end. */
char *ms_etcd_codec_watch(const char *hostname, int64_t revision);
int ms_etcd_codec_parse_notice(const char *line, size_t size, struct ms_etcd_notice *ret_notice);

/* The sentence of an answer that is an error, or the beginning of what is none of etcd's. */
void ms_etcd_codec_parse_error(const char *body, size_t size, unsigned status,
			       char ret_sentence[256]);
/* Does a sentence of etcd's ask for a new token? */
bool ms_etcd_codec_wants_token(const char *sentence);

#endif
