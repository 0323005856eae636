/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netlink/request.h"

#include <errno.h>
#include <linux/netlink.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <netlink/socket.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "core/base/cleanup.h"
#include "netlink/nlerr.h"

#ifndef SOL_NETLINK
#define SOL_NETLINK 270
#endif

#define RECEIVE_BYTES (64 * 1024)
#define SOCKET_BYTES (4 * 1024 * 1024)
/* Only a lost acknowledgement could make us wait at all; then an error beats a hang. */
#define ANSWER_SECONDS 5

struct ms_request {
	struct nl_sock *socket;
	uint32_t sequence;
	char *buffer;
};

int ms_request_open(int protocol, struct ms_request **ret_request)
{
	const struct timeval patience = { .tv_sec = ANSWER_SECONDS };
	struct ms_request *request = calloc(1, sizeof(*request));
	int bytes = SOCKET_BYTES, one = 1, fd, r;

	if (!request)
		return -ENOMEM;
	request->buffer = malloc(RECEIVE_BYTES);
	request->socket = nl_socket_alloc();
	r = request->buffer && request->socket ? 0 : -ENOMEM;
	if (r == 0)
		r = ms_nlerr_errno(nl_connect(request->socket, protocol));
	if (r < 0) {
		ms_request_close(request);
		return r;
	}

	fd = nl_socket_get_fd(request->socket);
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes)) < 0)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	/* Errors need not quote the message back, and dumps heed the ifindex they are asked for. */
	setsockopt(fd, SOL_NETLINK, NETLINK_CAP_ACK, &one, sizeof(one));
	setsockopt(fd, SOL_NETLINK, NETLINK_GET_STRICT_CHK, &one, sizeof(one));
	*ret_request = request;
	return 0;
}

struct ms_request *ms_request_close(struct ms_request *request)
{
	if (!request)
		return NULL;
	if (request->socket)
		nl_socket_free(request->socket);
	free(request->buffer);
	free(request);
	return NULL;
}

uint32_t ms_request_port(const struct ms_request *request)
{
	return nl_socket_get_local_port(request->socket);
}

static int send_all(struct ms_request *request, struct nl_msg *const *messages, size_t count,
		    int flags)
{
	struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
	struct iovec parts[MS_REQUEST_MAX];
	struct msghdr message = {
		.msg_name = &kernel,
		.msg_namelen = sizeof(kernel),
		.msg_iov = parts,
		.msg_iovlen = count,
	};

	for (size_t i = 0; i < count; i++) {
		struct nlmsghdr *header = nlmsg_hdr(messages[i]);

		header->nlmsg_seq = ++request->sequence;
		header->nlmsg_pid = ms_request_port(request);
		header->nlmsg_flags |= NLM_F_REQUEST | flags;
		parts[i].iov_base = header;
		parts[i].iov_len = NLMSG_ALIGN(header->nlmsg_len);
	}
	for (;;) {
		if (sendmsg(nl_socket_get_fd(request->socket), &message, 0) >= 0)
			return 0;
		if (errno != EINTR)
			return -errno;
	}
}

/* One datagram from the kernel; what other processes send us is not read. */
static int receive(struct ms_request *request, int *ret_bytes)
{
	struct sockaddr_nl from;
	struct iovec part = { .iov_base = request->buffer, .iov_len = RECEIVE_BYTES };
	struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1, .msg_name = &from };

	for (;;) {
		ssize_t n;

		message.msg_namelen = sizeof(from);
		n = recvmsg(nl_socket_get_fd(request->socket), &message, 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN ? -ETIMEDOUT : -errno;
		if (n == 0)
			return -EPIPE;
		if (message.msg_flags & MSG_TRUNC)
			return -EMSGSIZE;
		if (from.nl_pid != 0)
			continue;
		*ret_bytes = (int)n;
		return 0;
	}
}

static int error_of(struct nlmsghdr *header)
{
	const struct nlmsgerr *error = nlmsg_data(header);

	return nlmsg_datalen(header) < (int)sizeof(error->error) ? -EBADMSG : error->error;
}

int ms_request_send(struct ms_request *request, struct nl_msg *const *messages, size_t count,
		    int *results, ms_request_on_answer on_answer, void *user)
{
	const int pending = 1;
	uint32_t first = request->sequence + 1;
	size_t answered = 0;
	int r;

	if (count == 0)
		return 0;
	if (count > MS_REQUEST_MAX)
		return -E2BIG;
	for (size_t i = 0; i < count; i++)
		results[i] = pending;
	r = send_all(request, messages, count, NLM_F_ACK);
	while (r == 0 && answered < count) {
		struct nlmsghdr *header = (struct nlmsghdr *)(void *)request->buffer;
		int left;

		r = receive(request, &left);
		for (; r == 0 && nlmsg_ok(header, left); header = nlmsg_next(header, &left)) {
			uint32_t index = header->nlmsg_seq - first;

			if (index >= count) /* an answer nobody waited for any more */
				continue;
			if (header->nlmsg_type != NLMSG_ERROR) {
				if (on_answer)
					on_answer(user, index, header);
			} else if (results[index] == pending) {
				results[index] = error_of(header);
				answered++;
			}
		}
	}
	for (size_t i = 0; i < count; i++) {
		if (results[i] == pending)
			results[i] = r;
	}
	return r;
}

int ms_request_dump(struct ms_request *request, struct nl_msg *message,
		    ms_request_on_answer on_answer, void *user, bool *ret_inconsistent)
{
	bool inconsistent = false, done = false;
	int r = send_all(request, &message, 1, NLM_F_DUMP);

	while (r == 0 && !done) {
		struct nlmsghdr *header = (struct nlmsghdr *)(void *)request->buffer;
		int left;

		r = receive(request, &left);
		for (; r == 0 && nlmsg_ok(header, left); header = nlmsg_next(header, &left)) {
			if (header->nlmsg_seq != request->sequence)
				continue;
			if (header->nlmsg_flags & NLM_F_DUMP_INTR)
				inconsistent = true;
			if (header->nlmsg_type == NLMSG_DONE) {
				/* carries the error of a dump that broke off */
				r = error_of(header);
				done = true;
			} else if (header->nlmsg_type == NLMSG_ERROR) {
				r = error_of(header);
				done = true;
			} else {
				on_answer(user, 0, header);
			}
		}
	}
	if (r == 0)
		*ret_inconsistent = inconsistent;
	return r;
}
