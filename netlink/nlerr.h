/* SPDX-License-Identifier: GPL-2.0-or-later */
/* libnl's error numbers as ours. */
#ifndef MS_NETLINK_NLERR_H
#define MS_NETLINK_NLERR_H

/* `error` is what a libnl function returned: 0 or more is passed on, -NLE_X becomes -errno. */
int ms_nlerr_errno(int error);

#endif
