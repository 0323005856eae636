/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The end of a process in a plugin's callback. */
#ifndef MS_TESTS_PLUGINS_FALLS_H
#define MS_TESTS_PLUGINS_FALLS_H

#include <signal.h>
#include <unistd.h>

/* Does not come back. */
static inline void ms_test_fall(int hangs)
{
	while (hangs)
		pause();
	signal(SIGSEGV, SIG_DFL); /* a sanitizer would make it an exit */
	*(volatile int *)0 = 0;
}

#endif
