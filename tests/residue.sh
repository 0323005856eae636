#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What a test run could leave behind on the machine, one thing a line. The runner compares the lists
# from before and after.
set -u

ip -o link show | awk -F': ' '{print "interface", $2}'
ip netns list | awk '{print "netns", $1}'
for link in /sys/class/net/*; do
  tc qdisc show dev "${link##*/}" 2>/dev/null | sed "s,^,qdisc ${link##*/} ,"
done
awk '$3 == "bpf" || $3 == "nsfs" || $3 == "overlay" {print "mount", $3, $2}' /proc/self/mounts
find /sys/fs/bpf -mindepth 1 2>/dev/null | sed 's/^/pin /'
ps -eo comm=,args= | awk '$1 ~ /^(microseg|qemu-system|conmon)/ {print "process", $0}'
find /run/microseg /var/lib/microseg /etc/microseg /usr/local/sbin/microsegd \
  /usr/sbin/policy-rc.d 2>/dev/null | sed 's/^/file /'
getent group microseg | sed 's/^/group /'
exit 0
