/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Every method of the control protocol, in one list: who may call it, whether its requests may be
 * long and whether it answers with a stream. The daemon's handlers, the documentation test and the
 * authorisation test are all held against this list. Pure.
 */
#ifndef MS_CORE_CONTROL_METHOD_H
#define MS_CORE_CONTROL_METHOD_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

enum {
	MS_METHOD_READS = 0,
	MS_METHOD_CHANGES = 1 << 0, /* root only; one audit line in the log */
	MS_METHOD_LARGE = 1 << 1,   /* carries documents: frames beyond MS_MESSAGE_SMALL_MAX */
	MS_METHOD_STREAMS = 1 << 2, /* several replies: the request must say `more` */
};

/* X(NAME, "object.action", handler's name, flags) */
#define MS_METHODS(X)                                                                              \
	X(STATUS, "status", status, MS_METHOD_READS)                                               \
	X(STATS, "stats", stats, MS_METHOD_READS)                                                  \
	X(VERSION, "version", version, MS_METHOD_READS)                                            \
	X(RELOAD, "reload", reload, MS_METHOD_CHANGES)                                             \
	X(PANIC, "panic", panic, MS_METHOD_CHANGES)                                                \
	X(IFACE_LIST, "iface.list", iface_list, MS_METHOD_STREAMS)                                 \
	X(IFACE_SHOW, "iface.show", iface_show, MS_METHOD_READS)                                   \
	X(IFACE_EXPLAIN, "iface.explain", iface_explain, MS_METHOD_READS)                          \
	X(GROUP_LIST, "group.list", group_list, MS_METHOD_READS)                                   \
	X(GROUP_SHOW, "group.show", group_show, MS_METHOD_READS)                                   \
	X(GROUP_MODE, "group.mode", group_mode, MS_METHOD_CHANGES)                                 \
	X(POLICY_DIFF, "policy.diff", policy_diff, MS_METHOD_LARGE)                                \
	X(POLICY_APPLY, "policy.apply", policy_apply, MS_METHOD_CHANGES | MS_METHOD_LARGE)         \
	X(POLICY_SHOW, "policy.show", policy_show, MS_METHOD_STREAMS)                              \
	X(RULE_LIST, "rule.list", rule_list, MS_METHOD_STREAMS)                                    \
	X(RULE_SHOW, "rule.show", rule_show, MS_METHOD_READS)                                      \
	X(RULE_ADD, "rule.add", rule_add, MS_METHOD_CHANGES)                                       \
	X(RULE_DEL, "rule.del", rule_del, MS_METHOD_CHANGES)                                       \
	X(RULE_IMPORT, "rule.import", rule_import, MS_METHOD_CHANGES | MS_METHOD_LARGE)            \
	X(SET_LIST, "set.list", set_list, MS_METHOD_READS)                                         \
	X(SET_SHOW, "set.show", set_show, MS_METHOD_STREAMS)                                       \
	X(SET_ADD, "set.add", set_add, MS_METHOD_CHANGES | MS_METHOD_LARGE)                        \
	X(SET_DEL, "set.del", set_del, MS_METHOD_CHANGES | MS_METHOD_LARGE)                        \
	X(PLUGIN_LIST, "plugin.list", plugin_list, MS_METHOD_READS)                                \
	X(PLUGIN_SHOW, "plugin.show", plugin_show, MS_METHOD_READS)                                \
	X(PLUGIN_LOAD, "plugin.load", plugin_load, MS_METHOD_CHANGES)                              \
	X(PLUGIN_RELOAD, "plugin.reload", plugin_reload, MS_METHOD_CHANGES)                        \
	X(PLUGIN_UNLOAD, "plugin.unload", plugin_unload, MS_METHOD_CHANGES)                        \
	X(SOURCE_LIST, "source.list", source_list, MS_METHOD_READS)                                \
	X(SOURCE_SHOW, "source.show", source_show, MS_METHOD_READS)                                \
	X(SESSION_LIST, "session.list", session_list, MS_METHOD_STREAMS)                           \
	X(SESSION_TOP, "session.top", session_top, MS_METHOD_READS)                                \
	X(SESSION_FLUSH, "session.flush", session_flush, MS_METHOD_CHANGES)                        \
	X(OBSERVE, "observe", observe, MS_METHOD_STREAMS)                                          \
	X(TRACE, "trace", trace, MS_METHOD_READS)

enum ms_method {
#define MS_METHOD_ENUM(name, text, handler, flags) MS_METHOD_##name,
	MS_METHODS(MS_METHOD_ENUM)
#undef MS_METHOD_ENUM
		MS_METHOD__COUNT,
};

const char *ms_method_name(enum ms_method method);
unsigned int ms_method_flags(enum ms_method method);
/* False = no such method; `ret_method` untouched. */
bool ms_method_find(const char *name, enum ms_method *ret_method);

/*
 * Who may: anybody whom the socket's file permissions let in may read, uid 0 may change. The
 * kernel's overflow uid is nobody in particular (a peer of another user namespace) and may nothing.
 */
bool ms_method_is_allowed(enum ms_method method, uid_t uid, uid_t overflow_uid);

/*
 * The method at the front of a frame of which only the first bytes have arrived, so that a long
 * frame can be refused before it is stored: the text must begin {"method":"NAME". False = it does
 * not, or not enough is there.
 */
bool ms_method_peek(const char *text, size_t length, enum ms_method *ret_method);

#endif
