/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What etcd had at one revision: the policy documents of this host and of the fleet. Pure. */
#ifndef MS_PLUGINS_ETCD_DOCUMENTS_H
#define MS_PLUGINS_ETCD_DOCUMENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Below these keys, the host's first: so the order of judgement. */
#define MS_ETCD_HOSTS "/microseg/v1/hosts/"
#define MS_ETCD_FLEET "/microseg/v1/policy/"
/* A key is the origin that is shown with every verdict, which has 127 bytes. */
#define MS_ETCD_KEY_MAX 127
#define MS_ETCD_HOSTNAME_MAX 64

struct ms_etcd_document {
	char *key;
	char *text; /* followed by a NUL that does not count */
	size_t size;
	int64_t revision; /* of its last change */
};

/* All zero = none; made by ms_etcd_codec_parse_documents(). */
struct ms_etcd_documents {
	uint64_t cluster; /* whose revisions these are */
	int64_t revision;
	struct ms_etcd_document *list;
	size_t count, room;
};

void ms_etcd_documents_fini(struct ms_etcd_documents *documents);
/* Appends; takes over `key` and `text` even on failure. -ENOMEM. */
int ms_etcd_documents_add(struct ms_etcd_documents *documents, char *key, char *text, size_t size,
			  int64_t revision);

/* The same keys of the same revisions, so the same texts? */
bool ms_etcd_documents_same(const struct ms_etcd_documents *a, const struct ms_etcd_documents *b);
/* The first document whose key has no fit NAME ([A-Za-z0-9._-]+ and nothing below it), or NULL. */
const struct ms_etcd_document *
ms_etcd_documents_find_unfit(const struct ms_etcd_documents *documents, const char *hostname);
/*
 * `next` has nothing, and not because somebody was seen to delete it: it is the first answer, or
 * that of another or an older store than `now` is from. Such a nothing is no policy.
 */
bool ms_etcd_documents_are_lost(const struct ms_etcd_documents *now,
				const struct ms_etcd_documents *next);
/* Is `next` of another history than `now`: another cluster, or one that has gone back? */
bool ms_etcd_documents_is_other(const struct ms_etcd_documents *now,
				const struct ms_etcd_documents *next);

#endif
