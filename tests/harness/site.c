/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/harness/site.h"

#include <errno.h>
#include <unistd.h>

#include "tests/harness/ctl.h"
#include "tests/harness/ms_check.h"
#include "tests/harness/netns.h"
#include "tests/harness/traffic.h"

const char ms_site_policy[] =
	"version: 1\n"
	"groups:\n"
	"  - { name: work, match: { name: \"veth-*\" }, default: { in: allow, out: allow } }\n"
	"rules:\n"
	"  - { id: shut, dir: in, proto: tcp, dport: 81, action: deny }\n";

void ms_site_setup(struct ms_proc *daemon)
{
	ms_netns_setup();
	ms_netns_add("a");
	ms_netns_veth("veth-a", "a", "10.1.0.", NULL);
	ms_traffic_server("a", 80);
	ms_traffic_server("a", 81);
	ms_proc_init(daemon, "one");
	ms_proc_write_policy(daemon, "10-test.yaml", ms_site_policy);
}

void ms_site_put_crowd(FILE *out, unsigned int count)
{
	fprintf(out, "rules:\n");
	for (unsigned int i = 0; i < count; i++)
		fprintf(out,
			"  - { id: crowd%u, group: work, dir: in, proto: udp, dport: %u, from: "
			"\"set:crowd%u\", action: allow }\n",
			i, 1000 + i, i);
}

int ms_site_reach(uint16_t port, unsigned int ms)
{
	return ms_traffic_reach(NULL, "10.1.0.2", port, ms);
}

void ms_site_expect_denied(const struct ms_proc *daemon, uint16_t port, const char *rule)
{
	json_int_t before = ms_ctl_rule_packets(daemon, rule);
	json_auto_t *event = NULL;

	ck_assert_int_eq(ms_site_reach(port, MS_SITE_GONE), -ETIMEDOUT);
	ck_assert_int_gt(ms_ctl_rule_packets(daemon, rule), before);
	/* What was left of an earlier connection may be denied after it, as its session. */
	event = ms_ctl_event_for(daemon, rule, "deny", "rule");
	ck_assert_str_eq(ms_ctl_text(event, "reason"), "rule");
}

void ms_site_expect_enforced(void)
{
	ck_assert_int_eq(ms_site_reach(81, MS_SITE_GONE), -ETIMEDOUT);
	ck_assert_int_eq(ms_site_reach(80, MS_SITE_SOON), 0);
}
