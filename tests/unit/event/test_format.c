/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <time.h>

#include "core/base/addr.h"
#include "core/event/event.h"
#include "tests/harness/ms_check.h"

static void set_addr(uint8_t *bytes, const char *text)
{
	struct ms_addr addr;

	ck_assert(ms_addr_parse(text, &addr));
	memcpy(bytes, addr.bytes, 16);
}

/* The design's example but for what a case changes. */
static struct ms_event_record example(uint8_t family, const char *src, const char *dst)
{
	struct ms_event_record record = {
		.number = 1,
		.time_ns = (14 * 3600 + 53 * 60 + 14) * 1000000000ll + 652999999,
		.raw = { .generation = 41,
			 .length = 60,
			 .verdict = MS_VERDICT_DENY,
			 .reason = MS_REASON_RULE,
			 .dir = MS_DIR_IN,
			 .family = family,
			 .proto = IPPROTO_TCP,
			 .tcp_flags = 2,
			 .ifindex = 9,
			 .ethertype = family == 6 ? 0x86dd : 0x0800,
			 .sport = htons(41234),
			 .dport = htons(5432) },
		.iface = "veth1a2b",
		.rule = "db/app",
		.origin = "10-db.yaml:14",
		.source = "file",
	};

	set_addr(record.raw.src, src);
	set_addr(record.raw.dst, dst);
	return record;
}

static void expect(const struct ms_event_record *record, const char *line)
{
	char buf[512];

	setenv("TZ", "UTC", 1);
	tzset();
	ck_assert_str_eq(ms_event_format(record, buf, sizeof(buf)), line);
}

START_TEST(the_design_s_line)
{
	struct ms_event_record record = example(4, "10.0.0.5", "10.0.0.9");

	record.raw.suppressed = 3;
	record.since_ns = 1040000000;
	expect(&record,
	       "14:53:14.652 DENY veth1a2b in tcp 10.0.0.5:41234 > 10.0.0.9:5432 SYN len=60 rule=db/app src=10-db.yaml:14 reason=rule gen=41 [+3 in 1.0s]");
	record.since_ns = 0;
	record.raw.suppressed = 0;
	expect(&record,
	       "14:53:14.652 DENY veth1a2b in tcp 10.0.0.5:41234 > 10.0.0.9:5432 SYN len=60 rule=db/app src=10-db.yaml:14 reason=rule gen=41");
	record.raw.suppressed = 12; /* the one before came before this daemon */
	expect(&record,
	       "14:53:14.652 DENY veth1a2b in tcp 10.0.0.5:41234 > 10.0.0.9:5432 SYN len=60 rule=db/app src=10-db.yaml:14 reason=rule gen=41 [+12]");
}
END_TEST

START_TEST(ipv6_brackets_only_with_ports)
{
	struct ms_event_record record = example(6, "2001:db8::5", "2001:db8::9");

	record.raw.tcp_flags = 0x12;
	expect(&record,
	       "14:53:14.652 DENY veth1a2b in tcp [2001:db8::5]:41234 > [2001:db8::9]:5432 SYN,ACK len=60 rule=db/app src=10-db.yaml:14 reason=rule gen=41");
	record.raw.proto = 200;
	record.raw.sport = record.raw.dport = 0;
	expect(&record,
	       "14:53:14.652 DENY veth1a2b in proto 200 2001:db8::5 > 2001:db8::9 len=60 rule=db/app src=10-db.yaml:14 reason=rule gen=41");
}
END_TEST

START_TEST(icmp_by_name_or_number)
{
	struct ms_event_record record = example(4, "10.0.0.5", "10.0.0.9");

	record.raw.proto = IPPROTO_ICMP;
	record.raw.icmp_type = 8;
	expect(&record,
	       "14:53:14.652 DENY veth1a2b in icmp 10.0.0.5 > 10.0.0.9 echo-request len=60 rule=db/app src=10-db.yaml:14 reason=rule gen=41");
	record.raw.icmp_type = 3;
	record.raw.icmp_code = 1;
	expect(&record,
	       "14:53:14.652 DENY veth1a2b in icmp 10.0.0.5 > 10.0.0.9 destination-unreachable/1 len=60 rule=db/app src=10-db.yaml:14 reason=rule gen=41");
	record.raw.icmp_type = 77;
	record.raw.icmp_code = 0;
	expect(&record,
	       "14:53:14.652 DENY veth1a2b in icmp 10.0.0.5 > 10.0.0.9 type=77 len=60 rule=db/app src=10-db.yaml:14 reason=rule gen=41");
}
END_TEST

START_TEST(vlans_outer_first)
{
	struct ms_event_record record = example(4, "10.0.0.5", "10.0.0.9");

	record.raw.proto = IPPROTO_UDP;
	record.raw.vlan_outer = 100;
	expect(&record,
	       "14:53:14.652 DENY veth1a2b in udp 10.0.0.5:41234 > 10.0.0.9:5432 vlan=100 len=60 rule=db/app src=10-db.yaml:14 reason=rule gen=41");
	record.raw.vlan_inner = 7;
	expect(&record,
	       "14:53:14.652 DENY veth1a2b in udp 10.0.0.5:41234 > 10.0.0.9:5432 vlan=100.7 len=60 rule=db/app src=10-db.yaml:14 reason=rule gen=41");
}
END_TEST

START_TEST(a_dscp_is_told_by_name_if_it_says_anything)
{
	struct ms_event_record record = example(4, "10.0.0.5", "10.0.0.9");

	record.raw.proto = IPPROTO_UDP;
	record.raw.dscp = 46;
	expect(&record,
	       "14:53:14.652 DENY veth1a2b in udp 10.0.0.5:41234 > 10.0.0.9:5432 dscp=ef len=60 rule=db/app src=10-db.yaml:14 reason=rule gen=41");
	record.raw.dscp = 45;
	expect(&record,
	       "14:53:14.652 DENY veth1a2b in udp 10.0.0.5:41234 > 10.0.0.9:5432 dscp=45 len=60 rule=db/app src=10-db.yaml:14 reason=rule gen=41");
}
END_TEST

START_TEST(no_ip_is_told_by_ethertype)
{
	struct ms_event_record record = example(4, "10.0.0.5", "10.0.0.9");

	record.raw.family = 0;
	record.raw.reason = MS_REASON_NON_IP;
	record.raw.ethertype = 0x0806;
	record.raw.dir = MS_DIR_OUT;
	expect(&record,
	       "14:53:14.652 DENY veth1a2b out arp len=60 rule=db/app src=10-db.yaml:14 reason=non_ip gen=41");
	record.raw.ethertype = 0x88cc;
	expect(&record,
	       "14:53:14.652 DENY veth1a2b out ethertype=0x88cc len=60 rule=db/app src=10-db.yaml:14 reason=non_ip gen=41");
	record.raw.reason = MS_REASON_MALFORMED;
	record.raw.ethertype = 0x0800;
	expect(&record,
	       "14:53:14.652 DENY veth1a2b out ethertype=0x0800 len=60 rule=db/app src=10-db.yaml:14 reason=malformed gen=41");
}
END_TEST

START_TEST(audit_says_what_would_have_been)
{
	struct ms_event_record record = example(4, "10.0.0.5", "10.0.0.9");

	record.raw.verdict = MS_VERDICT_AUDIT;
	expect(&record,
	       "14:53:14.652 AUDIT veth1a2b in tcp 10.0.0.5:41234 > 10.0.0.9:5432 SYN len=60 rule=db/app src=10-db.yaml:14 reason=rule would=DENY gen=41");
}
END_TEST

START_TEST(a_gone_interface_keeps_its_number)
{
	struct ms_event_record record = example(4, "10.0.0.5", "10.0.0.9");

	record.iface[0] = '\0';
	record.raw.verdict = MS_VERDICT_ALLOW;
	record.raw.tcp_flags = 0;
	expect(&record,
	       "14:53:14.652 ALLOW if9 in tcp 10.0.0.5:41234 > 10.0.0.9:5432 len=60 rule=db/app src=10-db.yaml:14 reason=rule gen=41");
}
END_TEST

START_TEST(a_short_buffer_is_cut_not_overrun)
{
	struct ms_event_record record = example(4, "10.0.0.5", "10.0.0.9");
	char buf[32];

	memset(buf, 'x', sizeof(buf));
	ms_event_format(&record, buf, 18);
	ck_assert_str_eq(buf, "14:53:14.652 DENY");
	ck_assert_int_eq(buf[18], 'x');
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("event/format");
	TCase *tcase = tcase_create("format");

	tcase_add_test(tcase, the_design_s_line);
	tcase_add_test(tcase, ipv6_brackets_only_with_ports);
	tcase_add_test(tcase, icmp_by_name_or_number);
	tcase_add_test(tcase, vlans_outer_first);
	tcase_add_test(tcase, a_dscp_is_told_by_name_if_it_says_anything);
	tcase_add_test(tcase, no_ip_is_told_by_ethertype);
	tcase_add_test(tcase, audit_says_what_would_have_been);
	tcase_add_test(tcase, a_gone_interface_keeps_its_number);
	tcase_add_test(tcase, a_short_buffer_is_cut_not_overrun);
	suite_add_tcase(suite, tcase);
	return ms_check_run(suite);
}
