#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Runs as a service of the guest that service.sh boots, with systemd as process 1: the unit as
# installed, its sandbox, restart, upgrade, stop and removal.
set -u

scratch=$(mktemp -d)
# shellcheck source=tests/package/expect.sh
. /test/expect.sh
export PATH=/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive LC_ALL=C
echo "guest: up, kernel $(uname -r)"

is() {
  [ "$(systemctl show -P "$1" microsegd.service)" = "$2" ]
}

pid() {
  systemctl show --value -p MainPID microsegd.service
}

attached_in() {
  tc filter show dev "$1" ingress | grep -q 'ms_ingress'
}

attached() {
  attached_in "$1" &&
    tc filter show dev "$1" egress | grep -q 'ms_egress'
}

log_says() {
  journalctl -u microsegd.service -o cat --no-pager | grep -q -- "$1"
}

# When the flow that talks.pl keeps up began, in ms since 1970: not before and not after, since asking takes
# its time on an emulated processor.
began() {
  local age from to
  from=$(date +%s%3N)
  age=$(microsegctl -o json session list --to 127.0.0.1 --dport 7000 --proto tcp |
    grep -oE '"age_ms": *[0-9]+' | grep -oE '[0-9]+$' | head -n 1)
  to=$(date +%s%3N)
  [ -n "$age" ] && echo $((from - age)) $((to - age))
}

# A connection over the loopback from this address, within 3 s.
reaches() {
  perl -MIO::Socket::INET -e '
    my $server = IO::Socket::INET->new(LocalAddr => "127.0.0.1", LocalPort => 7001, Listen => 1,
      ReuseAddr => 1) or die "listen: $!";
    IO::Socket::INET->new(PeerAddr => "127.0.0.1", PeerPort => 7001, LocalAddr => $ARGV[0],
      Timeout => 3) or die "connect: $!"' "$1"
}

# meets PORT OUTCOME: a connection over the loopback to who listens there: connected, or an errno's name.
meets() {
  local outcome
  outcome=$(perl -MErrno -MIO::Socket::INET -e '
    my $server = IO::Socket::INET->new(LocalAddr => "127.0.0.1", LocalPort => $ARGV[0], Listen => 1,
      ReuseAddr => 1) or die "listen: $!";
    my $is = IO::Socket::INET->new(PeerAddr => "127.0.0.1", PeerPort => $ARGV[0], Timeout => 3);
    print $is ? "connected" : (grep { $!{$_} } keys %!)[0]' "$1")
  echo "$outcome"
  [ "$outcome" = "$2" ]
}

# The line of a metric, from who scrapes.
scraped() {
  exec 3<>/dev/tcp/127.0.0.1/9477 && printf 'GET /metrics HTTP/1.0\r\n\r\n' >&3 && grep "^$1" <&3
}

# has SET ADDRESS
has() {
  microsegctl set show "$1" | grep -qF "$2"
}

denies() {
  microsegctl -o json rule show "$1" | grep -qE '"packets": *[1-9]'
}

# journal_has FIELD=VALUE...: an entry with all of them.
journal_has() {
  journalctl --quiet --no-pager -o cat "$@" | grep -q .
}

source_pid() {
  microsegctl -o json source show "$1" | grep -oE '"pid": *[0-9]+' | grep -oE '[0-9]+$'
}

asks_in_vain() {
  microsegctl source show "$1" | grep -i 'connect'
}

# is_scheduled PID POLICY: as sched_getscheduler(2) says, by its number on x86-64; SCHED_RR is 2, with
# SCHED_RESET_ON_FORK 0x40000000
is_scheduled() {
  [ "$(perl -e 'print syscall(145, $ARGV[0] + 0)' "$1")" = "$2" ]
}

has_no_capability() {
  local source
  source=$(source_pid "$1")
  [ -n "$source" ] && grep -qE '^CapBnd:\s0+$' "/proc/$source/status" &&
    grep -qE '^Seccomp:\s2$' "/proc/$source/status"
}

is_socket_of_group() {
  [ "$(stat -c '%U:%G %a' /run/microseg/control.sock)" = 'root:microseg 660' ]
}

expect 'is not running after installation' is ActiveState inactive
expect 'starts, and says READY itself' systemctl enable --now microsegd.service
systemctl status --no-pager microsegd.service >"$scratch/status" 2>&1
expect 'is active' is ActiveState active
is ActiveState active || journalctl -u microsegd.service --no-pager | tail -n 20
expect 'is watched' eventually is WatchdogUSec 30s
expect 'its pins are seen outside of its sandbox' test -d /sys/fs/bpf/microseg
expect 'the socket is for the group' is_socket_of_group
expect 'the loopback is protected' eventually attached_in lo
ip link add veth1a2b type veth peer name inside
ip link set veth1a2b up
ip link set inside up
expect 'an interface that appears is protected' eventually attached veth1a2b
expect 'nobody else may read' never setpriv --reuid 1234 --clear-groups microsegctl status
expect 'the group may' setpriv --reuid 1234 --regid 1234 --groups "$(getent group microseg |
  cut -d: -f3)" microsegctl status
expect 'but change nothing' never setpriv --reuid 1234 --regid 1234 --groups "$(getent group \
  microseg | cut -d: -f3)" microsegctl rule add --to 127.0.0.1 --dport 9 --proto tcp deny
expect 'a rule is taken' microsegctl rule add --id test/nine --to 127.0.0.1 --dport 9 --proto tcp deny
expect 'reloads' systemctl reload microsegd.service
# A reload that is still going on has a state of its own.
expect 'is active again' eventually is ActiveState active

# Sources and sinks, in what the unit leaves their processes: one that reads a file, one that asks a
# socket, one that asks by TCP, one that writes to the journal that systemd keeps, one that listens. And an
# action, in what it leaves the daemon.
mkdir /etc/microseg/lists
echo 127.0.0.2 >/etc/microseg/lists/barred
cat >/etc/microseg/policy.d/60-barred.yaml <<'POLICY'
version: 1
sets: { barred: [] }
rules:
  - { id: test/barred, group: loopback, dir: in, proto: tcp, dport: 7001, from: "set:barred", action: deny }
  - { id: test/rejected, group: loopback, dir: in, proto: tcp, dport: 7002, action: [reject, deny] }
POLICY
cat >>/etc/microseg/microseg.yaml <<'CONFIG'
plugins:
  feed: { lists: ["barred=file:///etc/microseg/lists/barred"], interval: 1s }
  docker: { socket: /run/engine.sock, sets: [crew] }
  journal: { to: journald }
  etcd: { endpoints: ["http://127.0.0.1:2379"], hostname: guest }
  exporter: {}
  reject: {}
CONFIG
perl /test/engine.pl /run/engine.sock &
expect 'nobody is barred yet' reaches 127.0.0.2
expect 'nor rejected' meets 7002 connected
expect 'its files are fine' microsegctl policy check --strict
expect 'reloads, with sources' microsegctl reload
expect 'a list in a file arrives' eventually has barred 127.0.0.2
expect 'and the set of a container' eventually has crew 192.0.2.9
expect 'its loop goes first' is_scheduled "$(systemctl show -P MainPID microsegd.service)" 1073741826
expect 'and its sources do not' is_scheduled "$(source_pid feed)" 0
expect 'who is on the list is denied' never reaches 127.0.0.2
expect 'by the rule that names it' eventually denies test/barred
expect 'which the journal has, by its fields' eventually journal_has MICROSEG_RULE=test/barred \
  MICROSEG_VERDICT=deny MICROSEG_FROM=127.0.0.2 MICROSEG_DPORT=7001
expect 'and of nobody else' never journal_has MICROSEG_FROM=127.0.0.3
expect 'who is not is not' reaches 127.0.0.3
expect 'without a capability' has_no_capability feed
expect 'nor has the other' has_no_capability docker
expect 'nor the third' has_no_capability etcd
expect 'which finds nobody there' eventually asks_in_vain etcd
expect 'a sink is scraped' eventually scraped 'microseg_packets_total{'
expect 'an action acts' meets 7002 ECONNREFUSED
expect 'by its rule' eventually denies test/rejected
for action in capture mark mirror quarantine ratelimit; do
  expect "$action is tried and loaded" microsegctl plugin load "$action"
done
echo 127.0.0.3 >/etc/microseg/lists/new
mv /etc/microseg/lists/new /etc/microseg/lists/barred
expect 'another list in its place arrives' eventually has barred 127.0.0.3
expect 'who left it is let in' reaches 127.0.0.2
expect 'and who came is denied' never reaches 127.0.0.3

# A flow that lives through everything below.
perl /test/talks.pl &
expect 'the flow is seen' eventually began
began=$(began)

# The same session, if it began when the first one did; a new one would be younger by the whole time
# that a restart takes here.
same_flow() {
  local first last from to
  read -r first last <<<"$began"
  read -r from to <<<"$(began)"
  [ -n "$to" ] && [ "$from" -le $((last + 100)) ] && [ "$first" -le $((to + 100)) ]
}
expect 'and keeps its beginning' same_flow

# From the next start on; an emulated machine is slow, but its loop goes first.
mkdir -p /run/systemd/system/microsegd.service.d
printf '[Service]\nWatchdogSec=15s\n' >/run/systemd/system/microsegd.service.d/test.conf
systemctl daemon-reload

old=$(pid)
kill -KILL "$old"
expect 'filters while it is dead' attached veth1a2b
restarted() {
  [ "$(pid)" != "$old" ] && [ "$(pid)" != 0 ] && is ActiveState active && microsegctl status
}
expect 'is restarted at once' eventually restarted
expect 'with the same session' same_flow
expect 'and the rule' microsegctl rule show test/nine
expect 'and what a source said' has barred 127.0.0.3

old=$(pid)
kill -STOP "$old"
expect 'one that stands still is ended by the watchdog, and restarted' eventually restarted
expect 'which the journal says' log_says 'Watchdog timeout'
expect 'with the same session, too' same_flow

old=$(pid)
expect 'is upgraded while it runs' dpkg -i /microseg_0.1.1.deb
expect 'and restarted by that' eventually restarted
expect 'still with the same session' same_flow
expect 'one program on each hook' test "$(tc filter show dev veth1a2b ingress | grep -c ms_)" = 1

expect 'stops' systemctl stop microsegd.service
expect 'protection stays' attached veth1a2b
expect 'and the log says how to remove it' log_says 'protection stays in place'

printf 'root=/dev/ram0 microseg=off\n' >/tmp/cmdline
mount --bind /tmp/cmdline /proc/cmdline
expect 'is asked to start where the operator is locked out' systemctl start microsegd.service
expect 'and does not' is ActiveState inactive
umount /proc/cmdline
expect 'starts again otherwise' systemctl start microsegd.service
expect 'with the same session once more' same_flow

expect 'is removed' dpkg --remove microseg
expect 'protection is off' never attached veth1a2b
expect 'also on the loopback' never attached_in lo
expect 'no pin is left' never test -e /sys/fs/bpf/microseg
expect 'the service is gone' never systemctl cat microsegd.service

sum_up
echo "guest: done"
