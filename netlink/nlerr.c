/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netlink/nlerr.h"

#include <errno.h>
#include <netlink/errno.h>
#include <stddef.h>

#include "core/base/cleanup.h"

/*
 * libnl folds several errnos into one number before we see them; what is given back here is the
 * one that a caller of this house could act upon. An overrun is not among them: libnl calls it
 * NLE_NOMEM, which is why sockets are read directly (netlink/request, netlink/monitor).
 */
static const int errnos[] = {
	[NLE_INTR] = EINTR,           [NLE_BAD_SOCK] = EBADF,
	[NLE_AGAIN] = EAGAIN,         [NLE_NOMEM] = ENOMEM,
	[NLE_EXIST] = EEXIST,         [NLE_INVAL] = EINVAL,
	[NLE_RANGE] = ERANGE,         [NLE_MSGSIZE] = EMSGSIZE,
	[NLE_OPNOTSUPP] = EOPNOTSUPP, [NLE_AF_NOSUPPORT] = EAFNOSUPPORT,
	[NLE_OBJ_NOTFOUND] = ENOENT,  [NLE_NOATTR] = ENODATA,
	[NLE_MISSING_ATTR] = ENODATA, [NLE_MSG_OVERFLOW] = EOVERFLOW,
	[NLE_MSG_TRUNC] = EMSGSIZE,   [NLE_NOACCESS] = EACCES,
	[NLE_PERM] = EPERM,           [NLE_BUSY] = EBUSY,
	[NLE_NODEV] = ENODEV,
};

int ms_nlerr_errno(int error)
{
	if (error >= 0)
		return error;
	if ((size_t)-error < ms_array_size(errnos) && errnos[-error])
		return -errnos[-error];
	return -EIO;
}
