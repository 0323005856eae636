/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netlink/abstract.h"

#include <errno.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <string.h>
#include <sys/socket.h>

#include "netlink/request.h"

struct walk {
	ms_abstract_on_name on_name;
	void *user;
};

static void on_answer(void *user, size_t index, struct nlmsghdr *answer)
{
	const struct walk *walk = user;
	const struct unix_diag_msg *about = nlmsg_data(answer);
	const char *name = NULL;
	uint32_t uid = (uint32_t)-1;
	int length = 0, left;
	struct nlattr *attr;

	(void)index;
	if (nlmsg_datalen(answer) < (int)sizeof(*about))
		return;
	/* UNIX_DIAG_NAME is attribute 0, which libnl's own parser does not know. */
	nlmsg_for_each_attr(attr, answer, sizeof(*about), left)
	{
		if (nla_type(attr) == UNIX_DIAG_NAME) {
			name = nla_data(attr);
			length = nla_len(attr);
		} else if (nla_type(attr) == UNIX_DIAG_UID && nla_len(attr) >= (int)sizeof(uid)) {
			memcpy(&uid, nla_data(attr), sizeof(uid));
		}
	}
	if (length > 1 && name[0] == '\0')
		walk->on_name(walk->user, name + 1, (size_t)length - 1, about->udiag_ino, uid);
}

int ms_abstract_foreach(ms_abstract_on_name on_name, void *user)
{
	struct unix_diag_req question = {
		.sdiag_family = AF_UNIX,
		.udiag_states = UINT32_MAX,
		.udiag_show = UDIAG_SHOW_NAME | UDIAG_SHOW_UID,
	};
	struct walk walk = { .on_name = on_name, .user = user };
	struct nl_msg *message = nlmsg_alloc_simple(SOCK_DIAG_BY_FAMILY, 0);
	struct ms_request *request = NULL;
	bool inconsistent;
	int r = message ? ms_request_open(NETLINK_SOCK_DIAG, &request) : -ENOMEM;

	if (r == 0 && nlmsg_append(message, &question, sizeof(question), 0) < 0)
		r = -ENOMEM;
	if (r == 0)
		r = ms_request_dump(request, message, on_answer, &walk, &inconsistent);
	ms_request_close(request);
	if (message)
		nlmsg_free(message);
	return r;
}
