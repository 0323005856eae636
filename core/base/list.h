/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Intrusive doubly linked list. A head is a node that points at itself; an unlinked node does too,
 * so removing a node twice is harmless.
 */
#ifndef MS_CORE_BASE_LIST_H
#define MS_CORE_BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct ms_list {
	struct ms_list *prev, *next;
};

#define MS_LIST_INIT(name)                                                                         \
	{                                                                                          \
		&(name), &(name)                                                                   \
	}

static inline void ms_list_init(struct ms_list *node)
{
	node->prev = node->next = node;
}

static inline bool ms_list_is_empty(const struct ms_list *head)
{
	return head->next == head;
}

static inline void ms_list_append(struct ms_list *head, struct ms_list *node)
{
	node->prev = head->prev;
	node->next = head;
	head->prev->next = node;
	head->prev = node;
}

static inline void ms_list_remove(struct ms_list *node)
{
	node->prev->next = node->next;
	node->next->prev = node->prev;
	ms_list_init(node);
}

#define ms_list_entry(node, type, member) ((type *)((char *)(node)-offsetof(type, member)))

/* The body may remove the entry it is given, not its neighbours. */
#define ms_list_foreach(head, pos, type, member)                                                   \
	for (struct ms_list *ms_it_ = (head)->next, *ms_next_ = ms_it_->next;                      \
	     ms_it_ != (head) && ((pos) = ms_list_entry(ms_it_, type, member), 1);                 \
	     ms_it_ = ms_next_, ms_next_ = ms_it_->next)

#endif
