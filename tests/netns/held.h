/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What tests know of a daemon linked with held.c. */
#ifndef MS_TESTS_NETNS_HELD_H
#define MS_TESTS_NETNS_HELD_H

/* With the file `half` prefixes up to here are told what is changed, and others are not. */
#define HELD_PLACE "10.1.128.0"

#endif
