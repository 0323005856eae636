/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a person is told when something they asked for is refused. Caller-owned, always optional
 * (NULL is fine), and the first writer wins: the innermost function knows best what was wrong.
 * Used only on paths a person starts (documents, control commands, start-up).
 */
#ifndef MS_CORE_BASE_ERROR_H
#define MS_CORE_BASE_ERROR_H

#include <stdbool.h>

struct ms_error {
	int code;            /* -errno, 0 = unset */
	char file[256];      /* document the complaint is about, "" = none */
	unsigned int line;   /* from 1, 0 = none */
	unsigned int column; /* from 1, in bytes, 0 = none */
	char word[128];      /* the offending word as written, "" = none */
	char message[512];   /* one sentence, no trailing stop, no file:line prefix */
};

#define MS_ERROR_INIT                                                                              \
	{                                                                                          \
		.code = 0                                                                          \
	}

/* Returns `code`, so that `return ms_error_set(err, -EINVAL, "...")` reads well. */
int ms_error_set(struct ms_error *err, int code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* The same with a place in a document; `word` may be NULL. */
int ms_error_set_at(struct ms_error *err, int code, const char *file, unsigned int line,
		    unsigned int column, const char *word, const char *format, ...)
	__attribute__((format(printf, 7, 8)));

bool ms_error_is_set(const struct ms_error *err);

/* "10-db.yaml:14:9: message" or "message", as a line of UTF-8 whatever is quoted. Returns `buf`. */
char *ms_error_format(const struct ms_error *err, char *buf, unsigned long size);

#endif
