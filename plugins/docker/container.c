/* SPDX-License-Identifier: GPL-2.0-or-later */
#define _GNU_SOURCE
#include "plugins/docker/container.h"

#include <arpa/inet.h>
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define NS_PER_S 1000000000ULL

static const char *text_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "";
}

void ms_docker_container_free(struct ms_docker_container *container)
{
	if (!container)
		return;
	free(container->name);
	free(container->addresses);
	free(container->group);
	free(container->sets);
	free(container->rules);
	free(container->project);
	free(container->service);
	free(container->unknown);
	free(container);
}

bool ms_docker_container_is_alive(const struct ms_docker_container *container)
{
	return container->pid != 0 || container->is_new;
}

/* ---- network ---- */

static int add_address(struct ms_docker_container *container, const char *text)
{
	struct ms_plugin_cidr cidr = { .family = strchr(text, ':') ? 6 : 4 };
	struct ms_plugin_cidr *grown;

	cidr.len = cidr.family == 6 ? 128 : 32;
	if (inet_pton(cidr.family == 6 ? AF_INET6 : AF_INET, text, cidr.addr) != 1)
		return 0; /* "" = it has none */
	for (size_t i = 0; i < container->address_count; i++)
		if (memcmp(&container->addresses[i], &cidr, sizeof(cidr)) == 0)
			return 0;
	grown = realloc(container->addresses, (container->address_count + 1) * sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	container->addresses = grown;
	grown[container->address_count++] = cidr;
	return 0;
}

static uint64_t parse_mac(const char *text)
{
	unsigned int part[6];
	uint64_t mac = 0;

	if (sscanf(text, "%2x:%2x:%2x:%2x:%2x:%2x", &part[0], &part[1], &part[2], &part[3],
		   &part[4], &part[5]) != 6)
		return 0;
	for (size_t i = 0; i < 6; i++)
		mac = mac << 8 | part[i];
	return mac;
}

/* One network that the container is in. What was asked for (IPAMConfig) is known before it starts,
 * what it got only then. */
static int take_network(struct ms_docker_container *container, const json_t *network)
{
	const json_t *asked = json_object_get(network, "IPAMConfig");
	const char *four = text_of(network, "IPAddress");
	const char *six = text_of(network, "GlobalIPv6Address");
	int r = add_address(container, *four ? four : text_of(asked, "IPv4Address"));

	if (r == 0)
		r = add_address(container, *six ? six : text_of(asked, "IPv6Address"));
	container->network_count++;
	if (container->mac == 0)
		container->mac = parse_mac(text_of(network, "MacAddress"));
	return r;
}

static int take_networks(struct ms_docker_container *container, const json_t *root)
{
	const json_t *settings = json_object_get(root, "NetworkSettings");
	const char *mode = text_of(json_object_get(root, "HostConfig"), "NetworkMode");
	json_t *network;
	const char *name;
	int r = 0;

	if (strcmp(mode, "host") == 0)
		container->network = MS_DOCKER_CONTAINER_NETWORK_HOST;
	else if (strncmp(mode, "container:", 10) == 0 || strncmp(mode, "ns:", 3) == 0)
		container->network = MS_DOCKER_CONTAINER_NETWORK_SHARED;
	json_object_foreach (json_object_get(settings, "Networks"), name, network)
		if (r == 0)
			r = take_network(container, network);
	if (container->mac == 0)
		container->mac = parse_mac(text_of(json_object_get(root, "Config"), "MacAddress"));
	return r;
}

/* ---- labels and state ---- */

/* Copies the first of the labels that is there. */
static int take_label(const json_t *labels, const char *key, const char *other, char **to)
{
	const char *text = json_string_value(json_object_get(labels, key));

	if (!text && other)
		text = json_string_value(json_object_get(labels, other));
	if (text)
		*to = strdup(text);
	return text && !*to ? -ENOMEM : 0;
}

/* A slip of the pen must not leave open what its label was to close. */
static int find_unknown(json_t *labels, char **ret_name)
{
	static const char *const known[] = { "microseg.group", "microseg.set", "microseg.rules" };
	const char *name;
	json_t *value;

	json_object_foreach (labels, name, value) {
		bool is_known = strncmp(name, "microseg.", strlen("microseg.")) != 0;

		for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
			is_known |= strcmp(name, known[i]) == 0;
		if (!is_known && !*ret_name) {
			*ret_name = strdup(name);
			if (!*ret_name)
				return -ENOMEM;
		}
	}
	return 0;
}

static int take_labels(struct ms_docker_container *container, json_t *labels)
{
	int r = take_label(labels, "microseg.group", NULL, &container->group);

	if (r == 0)
		r = take_label(labels, "microseg.set", NULL, &container->sets);
	if (r == 0)
		r = take_label(labels, "microseg.rules", NULL, &container->rules);
	if (r == 0)
		r = take_label(labels, "com.docker.compose.project", "io.podman.compose.project",
			       &container->project);
	if (r == 0)
		r = take_label(labels, "com.docker.compose.service", "io.podman.compose.service",
			       &container->service);
	return r == 0 ? find_unknown(labels, &container->unknown) : r;
}

/* "2026-11-28T19:46:08.685524688Z", with a zone in place of Z in some versions; the year 1 is how
 * the engines write "never". */
static uint64_t parse_time(const char *text)
{
	struct tm tm = { 0 };
	const char *rest = strptime(text, "%Y-%m-%dT%H:%M:%S", &tm);
	uint64_t ns = 0, unit = NS_PER_S / 10;
	int hours, minutes, offset_s = 0;
	time_t seconds;

	if (!rest || tm.tm_year < 70)
		return 0;
	if (*rest == '.')
		for (rest++; *rest >= '0' && *rest <= '9'; rest++, unit /= 10)
			ns += (uint64_t)(*rest - '0') * unit;
	if ((*rest == '+' || *rest == '-') && sscanf(rest + 1, "%2d:%2d", &hours, &minutes) == 2)
		offset_s = (hours * 60 + minutes) * (*rest == '+' ? 60 : -60);
	seconds = timegm(&tm) - offset_s;
	return (uint64_t)seconds * NS_PER_S + ns;
}

static void take_state(struct ms_docker_container *container, const json_t *state)
{
	json_int_t pid = json_integer_value(json_object_get(state, "Pid"));
	const char *status = text_of(state, "Status");

	container->pid = pid > 0 ? (uint64_t)pid : 0;
	container->started_ns = parse_time(text_of(state, "StartedAt"));
	/* In Podman also after `podman init`: then there are links and a process that waits. */
	container->is_new = strcmp(status, "created") == 0;
}

static bool is_id(const char *id)
{
	size_t length = strspn(id, "0123456789abcdef");

	return length >= 12 && length <= MS_DOCKER_CONTAINER_ID_MAX && id[length] == '\0';
}

static int take_container(struct ms_docker_container *container, const json_t *root)
{
	const char *id = text_of(root, "Id"), *name = text_of(root, "Name");
	int r;

	if (!is_id(id) || !json_is_object(json_object_get(root, "State")) ||
	    !json_is_object(json_object_get(root, "Config")))
		return -EINVAL;
	snprintf(container->id, sizeof(container->id), "%s", id);
	name += *name == '/';
	container->name = *name ? strdup(name) : strndup(id, 12);
	if (!container->name)
		return -ENOMEM;
	take_state(container, json_object_get(root, "State"));
	r = take_labels(container, json_object_get(json_object_get(root, "Config"), "Labels"));
	return r < 0 ? r : take_networks(container, root);
}

int ms_docker_container_parse(const char *json, size_t size,
			      struct ms_docker_container **ret_container)
{
	struct ms_docker_container *container;
	json_t *root = json_loadb(json, size, 0, NULL);
	int r;

	if (!root)
		return -EINVAL;
	container = calloc(1, sizeof(*container));
	r = container ? take_container(container, root) : -ENOMEM;
	json_decref(root);
	if (r < 0)
		ms_docker_container_free(container);
	else
		*ret_container = container;
	return r;
}

int ms_docker_container_list(const char *json, size_t size, int (*each)(void *user, const char *id),
			     void *user)
{
	json_t *root = json_loadb(json, size, 0, NULL), *item;
	int r = json_is_array(root) ? 0 : -EINVAL;
	size_t i;

	if (r == 0)
		json_array_foreach (root, i, item)
			if (r == 0)
				r = is_id(text_of(item, "Id")) ? each(user, text_of(item, "Id"))
							       : -EINVAL;
	json_decref(root);
	return r;
}
