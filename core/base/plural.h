/* SPDX-License-Identifier: GPL-2.0-or-later */
/* "1 rule", "2 rules": what a number is of, for people. */
#ifndef MS_CORE_BASE_PLURAL_H
#define MS_CORE_BASE_PLURAL_H

/* "s", or "" behind the noun of one: printf("%d rule%s", count, ms_plural(count)). */
static inline const char *ms_plural(long long count)
{
	return count == 1 ? "" : "s";
}

#endif
