#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# usage: trial.sh ROOT BUILD
#
# ./setup.sh run the way a newcomer does it, in namespaces with an uplink, a veth and no bpffs: every
# command that the first screen and the README print must exit 0, and after Ctrl-C the machine must
# be as it was.
set -euo pipefail

root=$(readlink -f "$1")
here=$(dirname "$(readlink -f "$0")")
# shellcheck source=tests/package/expect.sh
. "$here/expect.sh"

if [ "${MS_PACKAGE_NAMESPACE:-}" != "$$" ]; then
  MS_PACKAGE_NAMESPACE=$$ exec unshare --mount --net "$0" "$@"
fi
scratch=$(mktemp -d)
trial=
trap '[ -z "$trial" ] || kill -KILL -- "-$trial" 2>/dev/null || :; rm -rf "$scratch"' EXIT

cd "$root"
mount -t tmpfs tmpfs /run
mkdir /run/upper /run/work
mount -t overlay overlay /var/lib -o lowerdir=/var/lib,upperdir=/run/upper,workdir=/run/work
[ ! -d /etc/microseg ] || mount -t tmpfs tmpfs /etc/microseg
while umount /sys/fs/bpf 2>/dev/null; do :; done
ip link set lo up
ip link add veth1a2b type veth peer name inside
ip link set veth1a2b up
ip link set inside up

# What a trial could leave on this machine.
traces() {
  tc qdisc show
  for dev in lo veth1a2b inside; do
    tc filter show dev $dev ingress
    tc filter show dev $dev egress
  done
  find /sys/fs/bpf /run/microseg /var/lib/microseg 2>/dev/null || :
  grep bpf /proc/self/mounts || :
}

# commands FILE: what a person would type, without sudo
screen_commands() {
  sed -n 's/^  sudo //p' "$1"
}

readme_commands() {
  awk '/^```console$/ {on = 1; next} /^```/ {on = 0} on && sub(/^\$ (sudo )?/, "")' README.md
}

# Runs one of them. What runs until Ctrl-C gets one, when it has had time to show something. A person's
# terminal has a type and the command in its foreground; whoever starts this test may have no type to hand
# on, and a shell between that timeout would move the command into the background of, where a live view
# is stopped as soon as it touches the terminal.
try() {
  case $1 in
  *' observe -f'* | *' session watch'*)
    # shellcheck disable=SC2016  # the inner shell's own words
    TERM=xterm SHELL=/bin/sh timeout --signal=KILL 20 \
      script -qec "timeout --foreground --preserve-status -s INT 2 $1" /dev/null
    ;;
  *) timeout 60 bash -c "$1" ;;
  esac
}

before=$(traces)
# A group of its own, so that Ctrl-C can be sent to all of it, as a terminal would.
set -m
./setup.sh run >"$scratch/screen" 2>&1 </dev/null &
trial=$!
set +m
until grep -q '^Ctrl-C stops' "$scratch/screen" || ! kill -0 $trial 2>/dev/null; do
  read -r -t 0.2 <> <(:) || :
done
cat "$scratch/screen"
kill -0 $trial 2>/dev/null || exit 1
expect 'the first screen says what is protected' grep -qE '^Protecting 3 interfaces: .*veth1a2b' \
  "$scratch/screen"
expect 'and that nothing is blocked' grep -q 'Nothing is blocked yet' "$scratch/screen"
expect 'and what Ctrl-C does' grep -q '^Ctrl-C stops and removes everything' "$scratch/screen"
expect 'both ends are attached in both directions' test \
  "$(for dev in veth1a2b inside; do
    tc filter show dev $dev ingress
    tc filter show dev $dev egress
  done | grep -c 'ms_[a-z]*gress')" = 4

mapfile -t commands < <(screen_commands "$scratch/screen")
expect 'the first screen prints commands' test ${#commands[@]} -ge 4
for command in "${commands[@]}"; do
  case $command in
  *microsegctl*) expect "$command" try "$command" ;;
  esac
done

ran=0
while read -r command; do
  case $command in
  build/bin/microsegctl*)
    ran=$((ran + 1))
    expect "README: $command" try "$command"
    ;;
  ./setup.sh* | microsegctl* | systemctl*)
    # Tried by what runs this, and by the tests beside it.
    ;;
  *) expect "README: $command is a command that no test knows" false ;;
  esac
done < <(readme_commands)
expect 'README has commands to run' test $ran -ge 6

kill -INT -- -$trial
status=0
wait $trial || status=$?
trial=
expect 'the trial ends well' test $status = 0
expect 'the machine is as it was' diff <(echo "$before") <(traces)

sum_up
