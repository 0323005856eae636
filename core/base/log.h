/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The process's own log: stderr, one line a message, with journald's <N> priority prefix when
 * stderr is the journal. Who may log: manager, control, plugin host, daemon_main. Everything below
 * returns codes instead and at most says ms_log_debug.
 *
 * The module tag is the room's name ("netlink", "policy"). Single-threaded.
 */
#ifndef MS_CORE_BASE_LOG_H
#define MS_CORE_BASE_LOG_H

#include <stdarg.h>
#include <stdbool.h>

enum ms_log_level {
	MS_LOG_ERROR,
	MS_LOG_WARN,
	MS_LOG_NOTICE,
	MS_LOG_INFO,
	MS_LOG_DEBUG,
	MS_LOG__COUNT,
};

void ms_log_set_level(enum ms_log_level level);
enum ms_log_level ms_log_level(void);

/* "error", "warn", "notice", "info", "debug"; false if `name` is none of them. */
bool ms_log_level_parse(const char *name, enum ms_log_level *ret_level);
const char *ms_log_level_name(enum ms_log_level level);

void ms_log_write(enum ms_log_level level, const char *module, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
void ms_log_vwrite(enum ms_log_level level, const char *module, const char *format, va_list args);

#define ms_log_error(module, ...) ms_log_write(MS_LOG_ERROR, module, __VA_ARGS__)
#define ms_log_warn(module, ...) ms_log_write(MS_LOG_WARN, module, __VA_ARGS__)
#define ms_log_notice(module, ...) ms_log_write(MS_LOG_NOTICE, module, __VA_ARGS__)
#define ms_log_info(module, ...) ms_log_write(MS_LOG_INFO, module, __VA_ARGS__)
#define ms_log_debug(module, ...) ms_log_write(MS_LOG_DEBUG, module, __VA_ARGS__)

#endif
