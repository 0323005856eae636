/* SPDX-License-Identifier: GPL-2.0-or-later */
#define _GNU_SOURCE
#include "core/state/documents.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "core/base/cleanup.h"
#include "core/policy/document.h"
#include "core/state/file.h"

void ms_documents_fini(struct ms_documents *documents)
{
	for (size_t i = 0; i < documents->count; i++) {
		free(documents->items[i].name);
		free(documents->items[i].text);
	}
	free(documents->items);
	*documents = (struct ms_documents)MS_DOCUMENTS_INIT;
}

/* Takes over `text` on success only. */
static int append(struct ms_documents *documents, const char *name, char *text, size_t length)
{
	struct ms_document *items;
	char *copy = strdup(name);

	if (!copy)
		return -ENOMEM;
	items = reallocarray(documents->items, documents->count + 1, sizeof(*items));
	if (!items) {
		free(copy);
		return -ENOMEM;
	}
	documents->items = items;
	items[documents->count++] =
		(struct ms_document) { .name = copy, .text = text, .length = length };
	return 0;
}

int ms_documents_add(struct ms_documents *documents, const char *name, const char *text,
		     size_t length)
{
	ms_cleanup(ms_free) char *copy = malloc(length + 1);
	int r;

	if (!copy)
		return -ENOMEM;
	memcpy(copy, text, length);
	copy[length] = '\0';
	r = append(documents, name, copy, length);
	if (r == 0)
		copy = NULL;
	return r;
}

int ms_documents_copy(const struct ms_document *items, size_t count,
		      struct ms_documents *ret_documents)
{
	struct ms_documents copy = MS_DOCUMENTS_INIT;

	for (size_t i = 0; i < count; i++) {
		int r = ms_documents_add(&copy, items[i].name, items[i].text, items[i].length);

		if (r < 0) {
			ms_documents_fini(&copy);
			return r;
		}
	}
	*ret_documents = copy;
	return 0;
}

static int is_document(const struct dirent *entry)
{
	static const char *const endings[] = { ".yaml", ".yml", ".json" };
	size_t length = strlen(entry->d_name);

	if (entry->d_name[0] == '.')
		return 0;
	for (size_t i = 0; i < ms_array_size(endings); i++) {
		size_t n = strlen(endings[i]);

		if (length > n && strcmp(entry->d_name + length - n, endings[i]) == 0)
			return 1;
	}
	return 0;
}

static int by_bytes(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static int read_one(int dir_fd, const char *path, const char *name, struct ms_documents *documents,
		    struct ms_error *err)
{
	ms_cleanup(ms_free) char *text = NULL;
	size_t length;
	int r = ms_state_file_read(dir_fd, path, MS_DOCUMENT_SIZE_MAX, &text, &length);

	if (r < 0)
		return ms_error_set(err, r, "cannot read %s: %s", path,
				    r == -EINVAL ? "it is not a regular file" : strerror(-r));
	r = append(documents, name, text, length);
	if (r < 0)
		return r;
	text = NULL;
	return 0;
}

static int read_directory(const char *path, struct ms_documents *documents, struct ms_error *err)
{
	ms_cleanup(ms_close_fd) int dir_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct dirent **entries = NULL;
	int n, r = 0;

	if (dir_fd < 0)
		return ms_error_set(err, -errno, "cannot open %s: %s", path, strerror(errno));
	n = scandirat(dir_fd, ".", &entries, is_document, by_bytes);
	if (n < 0)
		return ms_error_set(err, -errno, "cannot list %s: %s", path, strerror(errno));
	for (int i = 0; i < n; i++) {
		if (r == 0)
			r = read_one(dir_fd, entries[i]->d_name, entries[i]->d_name, documents,
				     err);
		free(entries[i]);
	}
	free(entries);
	/* -ENOENT says that there is no policy; one whose file points nowhere is a broken one. */
	return r == -ENOENT ? -EIO : r;
}

int ms_documents_read(const char *path, struct ms_documents *ret_documents, struct ms_error *err)
{
	struct ms_documents documents = MS_DOCUMENTS_INIT;
	struct stat st;
	int r;

	if (stat(path, &st) < 0) {
		r = errno == ENOENT && lstat(path, &st) == 0 ? -EIO : -errno;
		return ms_error_set(err, r, "cannot read %s: %s", path,
				    r == -EIO ? "it points nowhere" : strerror(-r));
	}
	if (S_ISDIR(st.st_mode))
		r = read_directory(path, &documents, err);
	else
		r = read_one(AT_FDCWD, path, basename(path), &documents, err);
	if (r < 0) {
		ms_documents_fini(&documents);
		return r;
	}
	*ret_documents = documents;
	return 0;
}

int ms_documents_parse(const struct ms_documents *documents, enum ms_source source,
		       struct ms_policy **ret_policy, struct ms_error *err)
{
	struct ms_policy *policy = ms_policy_new();

	if (!policy)
		return -ENOMEM;
	for (size_t i = 0; i < documents->count; i++) {
		const struct ms_document *document = &documents->items[i];
		int r = ms_document_parse(document->name, document->text, document->length, source,
					  policy, err);

		if (r < 0) {
			ms_policy_free(policy);
			return r;
		}
	}
	*ret_policy = policy;
	return 0;
}

char *ms_documents_names(const struct ms_documents *documents, char *buf, size_t size)
{
	size_t used = 0;

	buf[0] = '\0';
	for (size_t i = 0; i < documents->count && used < size; i++)
		used += (size_t)snprintf(buf + used, size - used, "%s%s", i ? " " : "",
					 documents->items[i].name);
	return buf;
}
