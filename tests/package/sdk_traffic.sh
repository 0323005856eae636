# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# shellcheck disable=SC2154
#
# Sourced by sdk.sh, whose $prefix and $scratch it uses: the plugins that were built there from the
# teaching ones and the tutorial, in the daemon of that prefix, under packets. Each thing they do has a twin
# in which they do not.

patience_s=20

ctl() {
  outside microsegctl --socket "$scratch/run/control.sock" "$@"
}

# Started by env alone, so that its number is the daemon's.
start_daemon() {
  env -i PATH="$PATH" "$prefix/sbin/microsegd" --config "$scratch/microseg.yaml" --policy "$scratch/policy.d" \
    --bpffs "$scratch/bpf/microseg" --run-dir "$scratch/run" --state-dir "$scratch/state" \
    >>"$scratch/daemon.log" 2>&1 </dev/null &
  daemon=$!
  eventually ctl status || ! cat "$scratch/daemon.log"
}

# A link to a namespace "a", over which only what the plugins let through passes in.
make_world() {
  mount -t tmpfs tmpfs /run
  mkdir "$scratch/bpf" "$scratch/policy.d"
  mount -t bpf bpf "$scratch/bpf"
  ip link set lo up
  ip netns add a
  ip link add veth-a type veth peer name eth0 netns a
  ip addr add 10.1.0.1/24 dev veth-a
  ip addr add 10.1.0.8/24 dev veth-a
  ip addr add 10.1.0.9/24 dev veth-a
  ip -n a addr add 10.1.0.2/24 dev eth0
  ip link set veth-a up
  ip -n a link set eth0 up
  echo 'web 192.0.2.9' >"$scratch/names"
  echo 'nameserver 192.0.2.53' >"$scratch/resolv.conf"
  cat >"$scratch/microseg.yaml" <<CONFIG
plugins:
  example_count: {}
  ttl_guard: {}
  max_length: {}
  example_static: { file: $scratch/names, every: 200ms }
  resolvers: { file: $scratch/resolv.conf }
CONFIG
  cat >"$scratch/policy.d/10-taught.yaml" <<'POLICY'
version: 1
groups:
  - { name: work, match: { name: "veth-*" }, default: { in: deny, out: allow } }
sets: { web: [], resolvers: [] }
rules:
  - { id: taught/web, dir: in, from: "set:web", proto: icmp, action: deny }
  - { id: taught/resolvers, dir: in, from: "set:resolvers", proto: icmp, action: deny }
  - { id: taught/actions, dir: in, proto: icmp, fallback: deny,
      action: [{ ttl_guard: 10 }, { max_length: 1042 }, { count: { over: 500 } }, allow] }
POLICY
}

# answered FROM TTL BYTES: an echo request of so many bytes behind its headers, and its answer.
answered() {
  ping -q -c 1 -W 1 -I "$1" -t "$2" -s "$3" 10.1.0.2
}

# counted PLUGIN NAME: what the plugin counts under that name for the rule of the actions.
counted() {
  ctl -o json plugin show "$1" |
    jq -s "[.[].stats[]? | select(.name == \"$2\" and .rule == \"taught/actions\") | .value] | add"
}

counts() {
  local is
  is=$(counted "$1" "$2")
  echo "it is $is"
  [ "$is" = "$3" ]
}

denied_by() {
  [ "$(ctl -o json rule show "$1" | jq -s '[.. | .packets? | numbers] | max')" -gt 0 ]
}

# put FILE TEXT: at once, as its readers want it.
put() {
  echo "$2" >"$1.new"
  mv "$1.new" "$1"
}

actions_act() {
  expect 'the actions let through what they shall' answered 10.1.0.1 64 400
  expect 'what came a long way is denied' never answered 10.1.0.1 9 400
  expect 'and what is long' never answered 10.1.0.1 64 1100
}

run_taught() {
  make_world
  daemon=
  trap '[ -z "$daemon" ] || kill -KILL "$daemon" 2>/dev/null || :' EXIT
  expect 'the daemon of the prefix starts with them' start_daemon
  expect 'and has all five' test "$(ctl -o json plugin list | jq -s '[.[].plugins[]? |
    select(.state == "loaded")] | length')" = 5
  expect 'the link is protected' eventually sh -c 'tc filter show dev veth-a egress | grep -q ms_egress'
  actions_act
  expect 'a long one is counted' answered 10.1.0.1 64 900
  expect 'count: each packet that came so far' counts example_count packets 4
  expect 'count: of them the long ones' counts example_count large 2
  # A sender that is told of a drop tries again.
  expect 'ttl_guard: what it denied' test "$(counted ttl_guard low)" -ge 1

  expect 'nobody is in the set of the file' answered 10.1.0.9 64 100
  put "$scratch/names" 'web 10.1.0.9'
  expect 'who is written into it is denied' eventually never answered 10.1.0.9 64 100
  expect 'by the rule that names the set' denied_by taught/web
  expect 'nor is anybody a resolver' answered 10.1.0.8 64 100
  put "$scratch/resolv.conf" 'nameserver 10.1.0.8'
  expect 'until it is one' eventually never answered 10.1.0.8 64 100
  expect 'by the rule that names that set' denied_by taught/resolvers
  expect 'and nobody else is denied' answered 10.1.0.1 64 100

  before=$(counted example_count packets)
  kill -KILL "$daemon"
  wait "$daemon" 2>/dev/null || :
  actions_act
  expect 'what sources said holds without the daemon' never answered 10.1.0.9 64 100
  expect 'the next daemon starts with them' start_daemon
  expect 'count goes on where it was' counts example_count packets $((before + 2))
  actions_act
  kill -TERM "$daemon"
  expect 'it stops' wait "$daemon"
  daemon=
  expect 'and is cleaned up' outside "$prefix/sbin/microsegd" --cleanup --bpffs "$scratch/bpf/microseg" \
    --run-dir "$scratch/run" --state-dir "$scratch/state"
  expect 'with what they pinned' never test -e "$scratch/bpf/microseg"
}
