/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A list of addresses while it is read, piece by piece, and after. One address or prefix a line;
 * what follows # or ; is a comment. It may come packed by gzip, which its first bytes tell.
 *
 * A line that is something else is left out, counted, and the first one remembered: one slip of
 * somebody far away must not keep the other thousands of lines out. But a text that is mostly
 * something else is no list (an error page, another format), and is refused as a whole. A prefix
 * that holds every address of its family is such a line, too, unless it may be one.
 */
#ifndef MS_PLUGINS_FEED_LIST_H
#define MS_PLUGINS_FEED_LIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "microseg/plugin.h"

struct ms_feed_list;

struct ms_feed_limits {
	uint64_t max_bytes; /* of text, unpacked */
	uint64_t max_entries;
	bool may_be_empty;
	bool may_match_all;    /* whether a prefix of no length is an entry */
	bool bad_lines_refuse; /* one bad line refuses the whole list */
};

/* `limits` is copied. NULL without memory; free takes NULL. */
struct ms_feed_list *ms_feed_list_new(const struct ms_feed_limits *limits);
void ms_feed_list_free(struct ms_feed_list *list);

/*
 * add takes the next piece, end says that there is no more and judges the whole. After a failure,
 * or after end, the list takes no more. -EFBIG: past a limit; -EBADMSG: no list;
 * ms_feed_list_sentence() tells which.
 */
int ms_feed_list_add(struct ms_feed_list *list, const void *data, size_t size);
int ms_feed_list_end(struct ms_feed_list *list);
/* What failed, to follow "URL: "; "" = nothing did. Lent until free. */
const char *ms_feed_list_sentence(const struct ms_feed_list *list);

/* In the order of the text. Host bits are zero: 10.0.0.1/8 in a list means 10.0.0.0/8. */
size_t ms_feed_list_count(const struct ms_feed_list *list);
struct ms_plugin_cidr ms_feed_list_get(const struct ms_feed_list *list, size_t nth);
/* Same entries in the same order. NULL is equal to nothing. */
bool ms_feed_list_equal(const struct ms_feed_list *a, const struct ms_feed_list *b);

/* Lines left out, and a sentence of the first ("" = none was). */
size_t ms_feed_list_bad(const struct ms_feed_list *list);
const char *ms_feed_list_bad_sentence(const struct ms_feed_list *list);

#endif
