/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "documents.h"

void ms_etcd_documents_fini(struct ms_etcd_documents *documents)
{
	for (size_t i = 0; i < documents->count; i++) {
		free(documents->list[i].key);
		free(documents->list[i].text);
	}
	free(documents->list);
	memset(documents, 0, sizeof(*documents));
}

static int make_room(struct ms_etcd_documents *documents)
{
	size_t room = documents->room ? 2 * documents->room : 16;
	struct ms_etcd_document *list;

	if (documents->count < documents->room)
		return 0;
	list = reallocarray(documents->list, room, sizeof(*list));
	if (!list)
		return -ENOMEM;
	documents->list = list;
	documents->room = room;
	return 0;
}

int ms_etcd_documents_add(struct ms_etcd_documents *documents, char *key, char *text, size_t size,
			  int64_t revision)
{
	int r = key && text ? make_room(documents) : -ENOMEM;

	if (r < 0) {
		free(key);
		free(text);
		return r;
	}
	documents->list[documents->count++] = (struct ms_etcd_document) {
		.key = key, .text = text, .size = size, .revision = revision
	};
	return 0;
}

bool ms_etcd_documents_same(const struct ms_etcd_documents *a, const struct ms_etcd_documents *b)
{
	if (a->cluster != b->cluster || a->count != b->count)
		return false;
	for (size_t i = 0; i < a->count; i++)
		if (a->list[i].revision != b->list[i].revision ||
		    strcmp(a->list[i].key, b->list[i].key) != 0)
			return false;
	return true;
}

/* What stands behind the prefix that the key was asked by, or NULL if it is of neither. */
static const char *find_name(const char *key, const char *hostname)
{
	const char *fleet = MS_ETCD_FLEET, *hosts = MS_ETCD_HOSTS, *policy = "/policy/";
	size_t length = strlen(hostname);

	if (strncmp(key, fleet, strlen(fleet)) == 0)
		return key + strlen(fleet);
	if (strncmp(key, hosts, strlen(hosts)) != 0)
		return NULL;
	key += strlen(hosts);
	if (strncmp(key, hostname, length) != 0 ||
	    strncmp(key + length, policy, strlen(policy)) != 0)
		return NULL;
	return key + length + strlen(policy);
}

static bool is_fit(const char *key, const char *hostname)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "0123456789._-";
	const char *name = find_name(key, hostname);

	return name && name[0] && strlen(key) <= MS_ETCD_KEY_MAX &&
	       name[strspn(name, allowed)] == '\0';
}

const struct ms_etcd_document *
ms_etcd_documents_find_unfit(const struct ms_etcd_documents *documents, const char *hostname)
{
	for (size_t i = 0; i < documents->count; i++)
		if (!is_fit(documents->list[i].key, hostname))
			return &documents->list[i];
	return NULL;
}

bool ms_etcd_documents_is_other(const struct ms_etcd_documents *now,
				const struct ms_etcd_documents *next)
{
	return now->revision && (now->cluster != next->cluster || next->revision < now->revision);
}

bool ms_etcd_documents_are_lost(const struct ms_etcd_documents *now,
				const struct ms_etcd_documents *next)
{
	return next->count == 0 && (!now->revision || ms_etcd_documents_is_other(now, next));
}
